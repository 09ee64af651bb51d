#include "common/storage/store_group.h"

#include <algorithm>

namespace recsae {

absl::Status StoreGroup::WithAll(
    absl::FunctionRef<absl::Status(const std::vector<Database*>&)> work) {
  const absl::MutexLock lock(&members_mutex_);
  return work(members_);
}

void StoreGroup::Join(Database* database) {
  const absl::MutexLock lock(&members_mutex_);
  members_.push_back(database);
}

void StoreGroup::Leave(Database* database) {
  const absl::MutexLock lock(&members_mutex_);
  members_.erase(std::remove(members_.begin(), members_.end(), database), members_.end());
}

}  // namespace recsae
