// The language model of an explainer: an endpoint, its prompts, and what it has answered.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_LANGUAGE_MODEL_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_LANGUAGE_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/endpoint/chat.h"
#include "common/endpoint/endpoint.h"
#include "common/rpc/metrics.h"
#include "common/storage/environment.h"
#include "services/explainer/language/answer_store.h"
#include "services/explainer/language/prompts.h"

namespace recsae::explainer {

struct LanguageModelSettings {
  EndpointOptions endpoint;
  std::string prompts;  // folder; "" = our own
  std::string store;    // folder of the answers
  int64_t store_bytes = 0;
  int concurrency = 1;  // calls at a time
  Environment environment;
};

// What one job may pay for, and has. Thread-safe. An answer that the job paid for before it was
// taken up again counts once more when it is used again, so that a budget holds over restarts.
class LanguageBudget {
 public:
  struct Spent {
    int64_t calls = 0;
    int64_t tokens = 0;
    int64_t remembered = 0;  // answers that others paid for
  };

  // `paid` is called after each answer that was paid for now, and is on disk.
  LanguageBudget(std::string job, int64_t max_calls, int64_t max_tokens,
                 std::function<absl::Status()> paid)
      : job_(std::move(job)),
        max_calls_(max_calls),
        max_tokens_(max_tokens),
        paid_(std::move(paid)) {}

  Spent spent() const;

 private:
  friend class LanguageModel;
  // Before a call. RESOURCE_EXHAUSTED (LANGUAGE_BUDGET_SPENT).
  absl::Status Reserve();
  void Release();  // the call brought nothing
  void Settle(uint64_t key, int64_t tokens);
  void Use(uint64_t key, const StoredAnswer& answer);

  const std::string job_;
  const int64_t max_calls_;
  const int64_t max_tokens_;
  const std::function<absl::Status()> paid_;
  mutable absl::Mutex mutex_;
  Spent spent_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<uint64_t> counted_ ABSL_GUARDED_BY(mutex_);
};

// Thread-safe.
class LanguageModel {
 public:
  // Calls nobody. Errors: Endpoint::Create, LoadPrompts, AnswerStore::Open.
  static absl::StatusOr<std::unique_ptr<LanguageModel>> Open(LanguageModelSettings settings,
                                                             MetricsRegistry& metrics);

  // From what is stored, or from the endpoint and then stored. One thread asks a question, others
  // with the same one wait for its answer. Errors: those of Chat, AnswerStore and
  // LANGUAGE_BUDGET_SPENT.
  absl::StatusOr<StoredAnswer> Ask(const ChatRequest& request, LanguageBudget& budget);

  const Prompts& prompts() const { return prompts_; }
  const std::string& model() const { return endpoint_->model(); }
  int concurrency() const { return concurrency_; }

 private:
  LanguageModel(std::unique_ptr<Endpoint> endpoint, Prompts prompts,
                std::unique_ptr<AnswerStore> store, int concurrency, MetricsRegistry& metrics);
  absl::StatusOr<StoredAnswer> AskNow(const ChatRequest& request, const std::string& key,
                                      LanguageBudget& budget);
  absl::Status Enter(const std::string& key);
  void Leave(const std::string& key);

  const std::unique_ptr<Endpoint> endpoint_;
  const Prompts prompts_;
  const std::unique_ptr<AnswerStore> store_;
  const int concurrency_;
  const Counter paid_;
  const Counter remembered_;
  const Counter failed_;
  const Counter tokens_;
  absl::Mutex mutex_;
  absl::flat_hash_set<std::string> asking_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_LANGUAGE_MODEL_H_
