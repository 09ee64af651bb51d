#include "services/explainer/language/answer_store.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "common/base/status.h"
#include "common/base/whole_number.h"

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
  const auto text = [&json](const char* name) {
    return json.contains(name) && json[name].is_string() ? json[name].get<std::string>() : "";
  };
  const auto number = [&json](const char* name) {
    return json.contains(name) ? WholeNumber<int64_t>(json[name]).value_or(0) : 0;
  };
  if (!json.is_object() || !json.contains("text") || !json["text"].is_string()) {
    return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
                 "an answer of the language model cannot be read; remove the explainer's folder "
                 "'answers' to ask again");
  }
  return StoredAnswer{text("text"), number("tokens"), number("time"), text("job")};
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
