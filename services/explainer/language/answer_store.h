// What a language model answered, by what it was asked: on disk, so that no answer is paid twice.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_ANSWER_STORE_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_ANSWER_STORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/explainer/language/paid_store.h"

namespace recsae::explainer {

struct StoredAnswer {
  std::string text;
  int64_t tokens = 0;
  int64_t unix_seconds = 0;  // when it came
  std::string job;           // that paid for it
};

// Thread-safe. Holds at most so many bytes of answers; beyond that the oldest go.
class AnswerStore {
 public:
  // Errors: Database::Open.
  static absl::StatusOr<std::unique_ptr<AnswerStore>> Open(const std::string& path,
                                                           int64_t max_bytes,
                                                           const Environment& environment);

  // Nothing, where nobody asked that.
  absl::StatusOr<std::optional<StoredAnswer>> Find(absl::string_view key) const;
  // On disk when it returns. A key that is there stays as it is.
  absl::Status Add(absl::string_view key, const StoredAnswer& answer);

  int64_t bytes() const { return store_->bytes(); }

 private:
  explicit AnswerStore(std::unique_ptr<PaidStore> store) : store_(std::move(store)) {}

  const std::unique_ptr<PaidStore> store_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_ANSWER_STORE_H_
