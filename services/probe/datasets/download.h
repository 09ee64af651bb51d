// Fetches a file over HTTP and unpacks archives.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_DOWNLOAD_H_
#define RECSAE_SERVICES_PROBE_DATASETS_DOWNLOAD_H_

#include <string>

#include "absl/status/status.h"
#include "services/probe/datasets/locate.h"

namespace recsae::probe {

// Fetches `url` (http or https) into the new file `path`. UNAVAILABLE (DOWNLOAD_FAILED) with the
// reason; gives up when a connection takes longer than the timeout or nothing comes for 30 seconds.
absl::Status Download(const std::string& url, const std::string& path, int connect_timeout_seconds,
                      const DownloadCallback& progress);

// Unpacks the regular files of an archive below `folder`. DATA_LOSS (DOWNLOAD_CORRUPT) if it is
// damaged or names a place outside.
absl::Status Unpack(const std::string& archive, const std::string& folder);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_DOWNLOAD_H_
