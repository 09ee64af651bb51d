// Fetches a file over HTTP and unpacks archives.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_DOWNLOAD_H_
#define RECSAE_SERVICES_PROBE_DATASETS_DOWNLOAD_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "services/probe/datasets/locate.h"

namespace recsae::probe {

// What an archive may be, and what it may unpack to.
inline constexpr int64_t kMaxDownloadBytes = int64_t{1} << 30;
inline constexpr int64_t kMaxUnpackedBytes = int64_t{4} << 30;

// Fetches `url` (http or https) into the new file `path`. UNAVAILABLE (DOWNLOAD_FAILED) with the
// reason; gives up when a connection takes longer than the timeout or nothing comes for 30 seconds;
// the file may have kMaxDownloadBytes.
absl::Status Download(const std::string& url, const std::string& path, int connect_timeout_seconds,
                      const DownloadCallback& progress);

// Unpacks the regular files of an archive below `folder`. `progress` is told the bytes so far.
//   DATA_LOSS           DOWNLOAD_CORRUPT   it is damaged or names a place outside
//   RESOURCE_EXHAUSTED  ARCHIVE_TOO_LARGE  more than `max_bytes` in all, or more than 10,000 files
//   CANCELLED           CANCELLED          by the callback
absl::Status Unpack(const std::string& archive, const std::string& folder, int64_t max_bytes,
                    const DownloadCallback& progress);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_DOWNLOAD_H_
