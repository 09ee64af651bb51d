// Finds a data set by name on this machine, or fetches it from its publisher.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_LOCATE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_LOCATE_H_

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae::probe {

// Bytes fetched and expected (0: unknown). Returns false to cancel.
using DownloadCallback = std::function<bool(int64_t done, int64_t total)>;

// What a file of a published archive is: its path below the data set's folder and its SHA-256.
struct PublishedFile {
  std::string path;
  std::string sha256;
};

struct LocateOptions {
  std::vector<std::string> data_dirs = {};  // looked in first, in this order (--data)
  std::string env_dir = {};                 // then here ($RECSAE_DATA_DIR); empty: not
  std::string cache_dir = {};               // then here, where downloads go too; empty: neither
  std::string base_url = {};                // publisher's folder of archives; empty: no download
  // What archives must hold, by data set; those of a data set that is not named are taken as they
  // come.
  std::map<std::string, std::vector<PublishedFile>> published = {};
  int connect_timeout_seconds = 5;
  DownloadCallback progress = {};
};

// $RECSAE_DATA_DIR, ${XDG_CACHE_HOME:-~/.cache}/recsae, and GroupLens, where downloads are allowed.
LocateOptions DefaultLocateOptions(std::vector<std::string> data_dirs, bool allow_downloads);

// What a caller calls a data set, as the name of one folder: without slashes at its end; of a path
// that lies in one of the data folders (also with "~" for the home folder) the last part.
// INVALID_ARGUMENT (DATASET_NAME_INVALID) says for another path how to have it read.
absl::StatusOr<std::string> DatasetName(const std::string& name, const LocateOptions& options);

// The folder of the data set `name`: the first <dir>/<name> there is. ml-1m and ml-100k are
// downloaded into the cache when they are nowhere, and taken only if their files are what was
// published; a broken download leaves nothing behind, and two
// processes may do it at once. Thread-safe.
// INVALID_ARGUMENT (DATASET_NAME_INVALID): not a single folder name. NOT_FOUND (DATASET_NOT_FOUND):
// lists where it looked, why the download failed, and what to do. CANCELLED by the callback.
absl::StatusOr<std::string> LocateDataset(const std::string& name, const LocateOptions& options);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_LOCATE_H_
