// A client of an endpoint that speaks the HTTP API of OpenAI: chat.h and embeddings.h say what is
// asked of it.
#ifndef RECSAE_COMMON_ENDPOINT_ENDPOINT_H_
#define RECSAE_COMMON_ENDPOINT_ENDPOINT_H_

#include <cstdint>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/budget/bytes.h"

namespace recsae {

// Longer answers are refused while they come in. A batch of embeddings is the longest that is
// asked for.
inline constexpr int64_t kMaxAnswerBytes = 4 * kMib;

struct EndpointOptions {
  // What paths are appended to: "http://127.0.0.1:8080/v1". "user:password@" before the host and a
  // query after the path are sent and never told.
  std::string url;
  std::string model;
  // Its first line is sent as a bearer token; "" sends none. Read again when it has changed; where
  // it cannot be read then, the last key goes on being sent.
  std::string key_file;
  // Of one attempt.
  absl::Duration timeout = absl::Minutes(2);
  int64_t max_answer_bytes = kMaxAnswerBytes;
  // In all, of a call that fails for a passing reason. The wait before the next one doubles from
  // first_wait to longest_wait and is taken at random between half and all of itself; an endpoint
  // that asks for a longer one by Retry-After gets it, up to longest_retry_after.
  int attempts = 6;
  absl::Duration first_wait = absl::Milliseconds(500);
  absl::Duration longest_wait = absl::Seconds(20);
  absl::Duration longest_retry_after = absl::Minutes(2);
};

// What was sent and came back since the endpoint was made.
struct EndpointUse {
  int64_t requests = 0;  // attempts, each of which may cost
  int64_t retries = 0;   // those of them that were not the first of their call
  int64_t failures = 0;  // calls that ended without an answer that could be used
};

// Thread-safe: calls of several threads go over connections of their own, which are kept open. The
// key stands in no error, and where the endpoint says it in an answer, "[key]" does.
class Endpoint {
 public:
  // INVALID_ARGUMENT (ENDPOINT_URL_INVALID) for a URL that is none of http:// or https://;
  // FAILED_PRECONDITION (ENDPOINT_KEY_UNREADABLE) if the key file has no key. Calls nobody.
  static absl::StatusOr<std::unique_ptr<Endpoint>> Create(EndpointOptions options);
  ~Endpoint();
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;

  // The answer to `body` at `path` ("/chat/completions"): a JSON object. Ends early, with what
  // CheckCaller (common/base/caller.h) says, when nobody waits for it any more.
  //
  // Called again after 429, 5xx, a connection that fails or breaks, and a timeout. In the end:
  // UNAVAILABLE (ENDPOINT_UNREACHABLE: no answer; ENDPOINT_FAILED: 5xx), RESOURCE_EXHAUSTED
  // (ENDPOINT_BUSY: 429; ENDPOINT_ANSWER_TOO_LARGE), DEADLINE_EXCEEDED (ENDPOINT_TIMEOUT),
  // FAILED_PRECONDITION (ENDPOINT_REFUSED: any other status than 2xx), DATA_LOSS
  // (ENDPOINT_ANSWER_INVALID: no JSON object). Each names the URL and what came.
  absl::StatusOr<nlohmann::json> Post(absl::string_view path, const nlohmann::json& body) const;

  // Without what is secret in it.
  const std::string& url() const;
  const std::string& model() const;
  EndpointUse use() const;

  // ENDPOINT_ANSWER_INVALID for an answer of `path` that is JSON, but not what was asked for.
  absl::Status Unusable(absl::string_view path, absl::string_view problem) const;

 private:
  struct Impl;
  explicit Endpoint(std::unique_ptr<Impl> impl);
  const std::unique_ptr<Impl> impl_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_ENDPOINT_ENDPOINT_H_
