#include "common/endpoint/chat.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/base/whole_number.h"

namespace recsae {
namespace {

using Json = nlohmann::json;

constexpr char kPath[] = "/chat/completions";
constexpr int64_t kBytesPerToken = 4;
constexpr size_t kShownBytes = 200;

// A count that an answer may leave out; -1 if it does.
int64_t Count(const Json& usage, const char* name) {
  if (!usage.is_object() || !usage.contains(name)) return -1;
  return std::max<int64_t>(WholeNumber<int64_t>(usage[name]).value_or(-1), -1);
}

int64_t TokensOf(size_t bytes) {
  return (static_cast<int64_t>(bytes) + kBytesPerToken - 1) / kBytesPerToken;
}

// The text of the first choice, or null.
const Json* Content(const Json& answer) {
  if (!answer.contains("choices")) return nullptr;
  const Json& choices = answer["choices"];
  if (!choices.is_array() || choices.empty() || !choices[0].is_object()) return nullptr;
  const Json& choice = choices[0];
  if (!choice.contains("message") || !choice["message"].is_object()) return nullptr;
  const Json& message = choice["message"];
  if (!message.contains("content") || !message["content"].is_string()) return nullptr;
  return &message["content"];
}

}  // namespace

Json ChatBody(const Endpoint& endpoint, const ChatRequest& request) {
  Json messages = Json::array();
  for (const ChatMessage& message : request.messages) {
    messages.push_back({{"role", message.role}, {"content", ValidUtf8(message.content)}});
  }
  return {{"model", endpoint.model()},
          {"messages", std::move(messages)},
          {"temperature", request.temperature},
          {"seed", request.seed},
          {"max_tokens", request.max_tokens}};
}

absl::StatusOr<ChatAnswer> Chat(const Endpoint& endpoint, const ChatRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(const Json json, endpoint.Post(kPath, ChatBody(endpoint, request)));
  const Json* content = Content(json);
  if (content == nullptr) {
    return endpoint.Unusable(
        kPath, absl::StrCat("the answer has no choices[0].message.content: '",
                            ShortenedUtf8(json.dump(-1, ' ', false, Json::error_handler_t::replace),
                                          kShownBytes),
                            "'"));
  }
  ChatAnswer answer;
  answer.text = ValidUtf8(content->get<std::string>());
  const Json usage = json.value("usage", Json());
  answer.prompt_tokens = Count(usage, "prompt_tokens");
  answer.completion_tokens = Count(usage, "completion_tokens");
  if (answer.prompt_tokens < 0) {
    size_t bytes = 0;
    for (const ChatMessage& message : request.messages) bytes += message.content.size();
    answer.prompt_tokens = TokensOf(bytes);
  }
  if (answer.completion_tokens < 0) answer.completion_tokens = TokensOf(answer.text.size());
  return answer;
}

}  // namespace recsae
