// Tells whether a revision that somebody remembers is one of this store's history.
#ifndef RECSAE_COMMON_STORAGE_EPOCHS_H_
#define RECSAE_COMMON_STORAGE_EPOCHS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/storage/database.h"

namespace recsae {

// Where a database keeps them, in its default family. One that is restored from a backup has none,
// so that whoever followed it takes a snapshot.
inline constexpr char kEpochsKey[] = "epochs";

// A store that counts its changes in revisions begins an epoch, under a fresh id, each time it is
// opened. A revision known with its epoch then stands for one state: a store that was wiped has
// other epochs, and one that was restored from a copy and goes on differently begins its own where
// the copy ended. Immutable, so thread-safe.
class Epochs {
 public:
  // Begins one at `revision`, the last one so far; durable on return. The 64 newest are kept.
  static absl::StatusOr<Epochs> Begin(Database& database, int64_t revision);

  const std::string& current() const { return epochs_.back().id; }

  // OK if this store had the state `revision` of `epoch` (empty = of whichever), `last` being its
  // last revision now. OUT_OF_RANGE: STORE_CHANGED, or REVISION_UNKNOWN above `last`.
  absl::Status Check(absl::string_view epoch, int64_t revision, int64_t last) const;

 private:
  struct Epoch {
    int64_t start = 0;  // last revision before it
    std::string id;
  };
  std::vector<Epoch> epochs_;  // oldest first
};

// OUT_OF_RANGE (STORE_CHANGED): `epoch` is not of this store.
absl::Status StoreChanged(absl::string_view epoch);
// OUT_OF_RANGE (REVISION_UNKNOWN): the store has not come as far as `revision`.
absl::Status RevisionUnknown(int64_t revision, int64_t last);
// OUT_OF_RANGE (REVISION_COMPACTED): the changes after `revision` are kept from `floor` on only.
absl::Status RevisionCompacted(int64_t revision, int64_t floor);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_EPOCHS_H_
