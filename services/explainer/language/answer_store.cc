#include "services/explainer/language/answer_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

using Json = nlohmann::json;

std::string Encoded(const StoredAnswer& answer) {
  return Json({{"text", answer.text},
               {"tokens", answer.tokens},
               {"time", answer.unix_seconds},
               {"job", answer.job}})
      .dump(-1, ' ', false, Json::error_handler_t::replace);
}

absl::StatusOr<StoredAnswer> Decoded(const std::string& bytes) {
  const Json json = Json::parse(bytes, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) {
    return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                 "an answer of the language model cannot be read; remove the explainer's folder "
                 "'answers' to ask again");
  }
  return StoredAnswer{json.value("text", ""), json.value("tokens", int64_t{0}),
                      json.value("time", int64_t{0}), json.value("job", "")};
}

}  // namespace

absl::StatusOr<std::unique_ptr<AnswerStore>> AnswerStore::Open(const std::string& path,
                                                               int64_t max_bytes,
                                                               const Environment& environment) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<PaidStore> store,
                          PaidStore::Open(path, "explainer-answers", max_bytes, environment));
  return std::unique_ptr<AnswerStore>(new AnswerStore(std::move(store)));
}

absl::StatusOr<std::optional<StoredAnswer>> AnswerStore::Find(absl::string_view key) const {
  RECSAE_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, store_->Find(key));
  if (!bytes) return std::nullopt;
  RECSAE_ASSIGN_OR_RETURN(StoredAnswer answer, Decoded(*bytes));
  return answer;
}

absl::Status AnswerStore::Add(absl::string_view key, const StoredAnswer& answer) {
  const std::pair<std::string, std::string> entry(key, Encoded(answer));
  return store_->Add({&entry, 1});
}

}  // namespace recsae::explainer
