// Chat completions.
#ifndef RECSAE_COMMON_ENDPOINT_CHAT_H_
#define RECSAE_COMMON_ENDPOINT_CHAT_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/endpoint/endpoint.h"

namespace recsae {

struct ChatMessage {
  std::string role;  // "system", "user", "assistant"
  std::string content;
};

struct ChatRequest {
  std::vector<ChatMessage> messages;
  double temperature = 0;
  int64_t seed = 0;
  int max_tokens = 256;
};

struct ChatAnswer {
  std::string text;  // valid UTF-8; may be empty
  // What the endpoint says it used; where it says nothing, a token for each 4 bytes of text.
  int64_t prompt_tokens = 0;
  int64_t completion_tokens = 0;
};

// What Chat sends: equal for equal requests, whatever the process.
nlohmann::json ChatBody(const Endpoint& endpoint, const ChatRequest& request);

// The first choice. Errors: those of Endpoint::Post. Thread-safe.
absl::StatusOr<ChatAnswer> Chat(const Endpoint& endpoint, const ChatRequest& request);

}  // namespace recsae

#endif  // RECSAE_COMMON_ENDPOINT_CHAT_H_
