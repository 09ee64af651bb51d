// What was paid for, by what was asked: on disk, so that nothing is paid twice.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_PAID_STORE_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_PAID_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/storage/database.h"

namespace recsae::explainer {

// Thread-safe. Holds at most so many bytes; beyond that the oldest go. Backups leave it out: what
// is in it can be had again.
class PaidStore {
 public:
  // `service` names it in errors and logs. Errors: Database::Open.
  static absl::StatusOr<std::unique_ptr<PaidStore>> Open(const std::string& path,
                                                         const std::string& service,
                                                         int64_t max_bytes,
                                                         const Environment& environment);

  // Nothing, where nobody asked that.
  absl::StatusOr<std::optional<std::string>> Find(absl::string_view key) const;
  // Keys and values, no key twice; on disk when it returns. A key that is there stays as it is.
  absl::Status Add(std::span<const std::pair<std::string, std::string>> entries);

  int64_t bytes() const;

 private:
  PaidStore(std::unique_ptr<Database> database, int64_t max_bytes)
      : database_(std::move(database)), max_bytes_(max_bytes) {}
  absl::Status CountWhatIsThere();
  // Adds to `batch` that the oldest go until `bytes_` fits.
  absl::Status DropOldest(WriteBatch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::unique_ptr<Database> database_;
  const int64_t max_bytes_;
  mutable absl::Mutex mutex_;
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  uint64_t next_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_PAID_STORE_H_
