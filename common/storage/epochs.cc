#include "common/storage/epochs.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/id.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae {
namespace {

constexpr size_t kKept = 64;
// An id, as NewId makes them, behind the epoch's start (8 bytes).
constexpr size_t kIdBytes = 26;
constexpr size_t kEntryBytes = 8 + kIdBytes;

}  // namespace

absl::StatusOr<Epochs> Epochs::Begin(Database& database, int64_t revision) {
  Epochs epochs;
  const absl::StatusOr<std::string> stored = database.Get(kDefaultFamily, kEpochsKey);
  if (!stored.ok() && !absl::IsNotFound(stored.status())) return stored.status();
  if (stored.ok()) {
    if (stored->size() % kEntryBytes != 0) {
      return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                   absl::StrCat("the stored epochs have ", stored->size(),
                                " bytes; restore the data directory from a backup"));
    }
    for (absl::string_view rest = *stored; !rest.empty(); rest.remove_prefix(kEntryBytes)) {
      epochs.epochs_.push_back(
          {static_cast<int64_t>(ReadBigEndian64(rest)), std::string(rest.substr(8, kIdBytes))});
    }
  }
  epochs.epochs_.push_back({revision, NewId()});
  if (epochs.epochs_.size() > kKept) epochs.epochs_.erase(epochs.epochs_.begin());
  std::string bytes;
  for (const Epoch& epoch : epochs.epochs_) {
    absl::StrAppend(&bytes, BigEndian64(static_cast<uint64_t>(epoch.start)), epoch.id);
  }
  // A server starts on a full disk, too.
  WriteBatch batch = database.NewBatch();
  batch.UseReserve();
  batch.Put(kDefaultFamily, kEpochsKey, bytes);
  RECSAE_RETURN_IF_ERROR(database.Write(std::move(batch)));
  return epochs;
}

absl::Status Epochs::Check(absl::string_view epoch, int64_t revision, int64_t last) const {
  if (revision > last) return epoch.empty() ? RevisionUnknown(revision, last) : StoreChanged(epoch);
  if (epoch.empty()) return absl::OkStatus();
  for (size_t i = 0; i < epochs_.size(); ++i) {
    if (epochs_[i].id != epoch) continue;
    const int64_t end = i + 1 < epochs_.size() ? epochs_[i + 1].start : last;
    if (revision <= end) return absl::OkStatus();
  }
  return StoreChanged(epoch);
}

absl::Status StoreChanged(absl::string_view epoch) {
  return Error(absl::StatusCode::kOutOfRange, "STORE_CHANGED",
               absl::StrCat("the revision is of epoch \"", epoch,
                            "\", which is not one of this store: it was wiped, restored, or is "
                            "another one; drop what you have and watch without since_revision"),
               {{"epoch", std::string(epoch)}});
}

absl::Status RevisionUnknown(int64_t revision, int64_t last) {
  return Error(absl::StatusCode::kOutOfRange, "REVISION_UNKNOWN",
               absl::StrCat("revision ", revision, " is above the last one, ", last,
                            ": it is from another store; drop what you have and watch without "
                            "since_revision"),
               {{"revision", absl::StrCat(last)}});
}

absl::Status RevisionCompacted(int64_t revision, int64_t floor) {
  return Error(absl::StatusCode::kOutOfRange, "REVISION_COMPACTED",
               absl::StrCat("the changes after revision ", revision,
                            " are no longer kept, only "
                            "those after ",
                            floor, "; drop what you have and watch without since_revision"),
               {{"floor", absl::StrCat(floor)}});
}

}  // namespace recsae
