// The probe without libarchive (RECSAE_DOWNLOAD=OFF): data sets are put into its
// folders.
#include "common/base/status.h"
#include "services/probe/datasets/download.h"

namespace recsae::probe {
namespace {

absl::Status Unavailable() {
  return Error(absl::StatusCode::kUnimplemented, "DOWNLOAD_UNAVAILABLE",
               "this probe was built without downloads (RECSAE_DOWNLOAD=OFF)");
}

}  // namespace

absl::Status Download(const std::string&, const std::string&, int, const DownloadCallback&) {
  return Unavailable();
}

absl::Status Unpack(const std::string&, const std::string&, int64_t, const DownloadCallback&) {
  return Unavailable();
}

}  // namespace recsae::probe
