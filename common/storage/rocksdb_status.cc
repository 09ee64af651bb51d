#include "common/storage/rocksdb_status.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

absl::StatusCode CodeOf(const rocksdb::Status& status) {
  if (status.IsNotFound()) return absl::StatusCode::kNotFound;
  if (status.subcode() == rocksdb::Status::kNoSpace ||
      status.subcode() == rocksdb::Status::kSpaceLimit)
    return absl::StatusCode::kResourceExhausted;
  if (status.IsCorruption()) return absl::StatusCode::kDataLoss;
  if (status.IsBusy() || status.IsTryAgain() || status.IsTimedOut() || status.IsIncomplete() ||
      status.IsShutdownInProgress()) {
    return absl::StatusCode::kUnavailable;
  }
  return absl::StatusCode::kInternal;
}

absl::string_view ReasonOf(absl::StatusCode code) {
  switch (code) {
    case absl::StatusCode::kNotFound:
      return "KEY_NOT_FOUND";
    case absl::StatusCode::kResourceExhausted:
      return "STORE_FULL";
    case absl::StatusCode::kDataLoss:
      return "STORE_CORRUPT";
    case absl::StatusCode::kUnavailable:
      return "STORE_BUSY";
    default:
      return "STORE_ERROR";
  }
}

}  // namespace

absl::Status FromRocksDb(const rocksdb::Status& status, absl::string_view what) {
  if (status.ok()) return absl::OkStatus();
  const absl::StatusCode code = CodeOf(status);
  return Error(code, ReasonOf(code), absl::StrCat(what, ": ", status.ToString()));
}

}  // namespace recsae
