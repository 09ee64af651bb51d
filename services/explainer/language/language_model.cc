#include "services/explainer/language/language_model.h"

#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/caller.h"
#include "common/base/names.h"
#include "common/base/sha256.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr absl::Duration kWaitPoll = absl::Milliseconds(50);

Counter Answers(MetricsRegistry& metrics, const char* how) {
  return metrics.GetCounter("recsae_explainer_language_answers_total",
                            "What came of asking the language model: paid, remembered, failed.",
                            {{"how", how}});
}

}  // namespace

LanguageBudget::Spent LanguageBudget::spent() const {
  const absl::MutexLock lock(&mutex_);
  return spent_;
}

absl::Status LanguageBudget::Reserve() {
  const absl::MutexLock lock(&mutex_);
  std::string what;
  if (spent_.calls >= max_calls_) what = absl::StrCat(max_calls_, " calls");
  if (spent_.tokens >= max_tokens_) what = absl::StrCat(max_tokens_, " tokens");
  if (!what.empty()) {
    return Error(absl::StatusCode::kResourceExhausted, "LANGUAGE_BUDGET_SPENT",
                 absl::StrCat("the budget of ", what, " is spent"));
  }
  ++spent_.calls;
  return absl::OkStatus();
}

void LanguageBudget::Release() {
  const absl::MutexLock lock(&mutex_);
  --spent_.calls;
}

void LanguageBudget::Settle(uint64_t key, int64_t tokens) {
  const absl::MutexLock lock(&mutex_);
  spent_.tokens += tokens;
  counted_.insert(key);
}

void LanguageBudget::Use(uint64_t key, const StoredAnswer& answer) {
  const absl::MutexLock lock(&mutex_);
  if (!counted_.insert(key).second) return;
  if (answer.job != job_) {
    ++spent_.remembered;
    return;
  }
  ++spent_.calls;
  spent_.tokens += answer.tokens;
}

absl::StatusOr<std::unique_ptr<LanguageModel>> LanguageModel::Open(LanguageModelSettings settings,
                                                                   MetricsRegistry& metrics) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Endpoint> endpoint,
                          Endpoint::Create(std::move(settings.endpoint)));
  RECSAE_ASSIGN_OR_RETURN(Prompts prompts, LoadPrompts(settings.prompts));
  RECSAE_ASSIGN_OR_RETURN(
      std::unique_ptr<AnswerStore> store,
      AnswerStore::Open(settings.store, settings.store_bytes, settings.environment));
  return std::unique_ptr<LanguageModel>(new LanguageModel(
      std::move(endpoint), std::move(prompts), std::move(store), settings.concurrency, metrics));
}

LanguageModel::LanguageModel(std::unique_ptr<Endpoint> endpoint, Prompts prompts,
                             std::unique_ptr<AnswerStore> store, int concurrency,
                             MetricsRegistry& metrics)
    : endpoint_(std::move(endpoint)),
      prompts_(std::move(prompts)),
      store_(std::move(store)),
      concurrency_(concurrency),
      paid_(Answers(metrics, "paid")),
      remembered_(Answers(metrics, "remembered")),
      failed_(Answers(metrics, "failed")),
      tokens_(metrics.GetCounter("recsae_explainer_language_tokens_total",
                                 "Tokens of the language model's prompts and answers.")) {}

absl::StatusOr<StoredAnswer> LanguageModel::Ask(const ChatRequest& request,
                                                LanguageBudget& budget) {
  // What is asked of whom; where the model runs is no part of it.
  const std::string key = Sha256Hex(ChatBody(*endpoint_, request).dump());
  RECSAE_RETURN_IF_ERROR(Enter(key));
  const absl::Cleanup leave = [&] { Leave(key); };
  RECSAE_ASSIGN_OR_RETURN(std::optional<StoredAnswer> stored, store_->Find(key));
  if (!stored) return AskNow(request, key, budget);
  budget.Use(Fingerprint(key), *stored);
  remembered_.Increment();
  return *std::move(stored);
}

absl::StatusOr<StoredAnswer> LanguageModel::AskNow(const ChatRequest& request,
                                                   const std::string& key, LanguageBudget& budget) {
  RECSAE_RETURN_IF_ERROR(budget.Reserve());
  absl::StatusOr<ChatAnswer> answer = Chat(*endpoint_, request);
  if (!answer.ok()) {
    budget.Release();
    failed_.Increment();
    return answer.status();
  }
  StoredAnswer stored{std::move(answer->text), answer->prompt_tokens + answer->completion_tokens,
                      absl::ToUnixSeconds(absl::Now()), budget.job_};
  paid_.Increment();
  tokens_.Increment(static_cast<double>(stored.tokens));
  budget.Settle(Fingerprint(key), stored.tokens);
  RECSAE_RETURN_IF_ERROR(store_->Add(key, stored));
  if (budget.paid_) RECSAE_RETURN_IF_ERROR(budget.paid_());
  return stored;
}

absl::Status LanguageModel::Enter(const std::string& key) {
  const absl::MutexLock lock(&mutex_);
  const auto free = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !asking_.contains(key); };
  while (!mutex_.AwaitWithTimeout(absl::Condition(&free), kWaitPoll)) {
    RECSAE_RETURN_IF_ERROR(CheckCaller());
  }
  asking_.insert(key);
  return absl::OkStatus();
}

void LanguageModel::Leave(const std::string& key) {
  const absl::MutexLock lock(&mutex_);
  asking_.erase(key);
}

}  // namespace recsae::explainer
