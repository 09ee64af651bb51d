// The databases of one process, and the gate that all their writes go through, so that a backup
// can take them at one moment.
#ifndef RECSAE_COMMON_STORAGE_STORE_GROUP_H_
#define RECSAE_COMMON_STORAGE_STORE_GROUP_H_

#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/synchronization/mutex.h"

namespace recsae {

class Database;

// Thread-safe. Databases that are given it (Environment) join while they are open.
class StoreGroup {
 public:
  StoreGroup() = default;
  StoreGroup(const StoreGroup&) = delete;
  StoreGroup& operator=(const StoreGroup&) = delete;

  // Held shared by each write, and exclusively while no store may change.
  absl::Mutex& gate() ABSL_LOCK_RETURNED(gate_) { return gate_; }

  // Runs `work` with the databases that are open; none of them closes meanwhile.
  absl::Status WithAll(absl::FunctionRef<absl::Status(const std::vector<Database*>&)> work);

  // For Database. Leave waits for a WithAll that is running.
  void Join(Database* database);
  void Leave(Database* database);

 private:
  absl::Mutex gate_;
  absl::Mutex members_mutex_;
  std::vector<Database*> members_ ABSL_GUARDED_BY(members_mutex_);
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_STORE_GROUP_H_
