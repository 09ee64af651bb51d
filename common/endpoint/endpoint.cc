#include "common/endpoint/endpoint.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/time/clock.h"
#include "common/base/caller.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/endpoint/exchange.h"
#include "common/endpoint/key_file.h"

namespace recsae {
namespace {

using Json = nlohmann::json;

constexpr size_t kShownBytes = 200;
// No answer of the API is nested deeper; what is, is dropped before it is walked over.
constexpr int kMaxDepth = 32;
// A shorter key is a word that a local endpoint is content with ("none"): it stays in what a model
// writes, which would be spoiled without it.
constexpr size_t kMinSecretBytes = 8;
constexpr absl::Duration kWaitPoll = absl::Milliseconds(20);

// What must not be told of one call, in any text.
class Secrets {
 public:
  Secrets(std::string key, std::string password) {
    for (std::string* secret : {&key, &password}) {
      if (!secret->empty()) replacements_.emplace_back(std::move(*secret), "[key]");
    }
  }

  std::string Redacted(absl::string_view text) const {
    return absl::StrReplaceAll(text, replacements_);
  }

  // In all texts of an answer that is taken.
  void Redact(Json& value) const {
    for (const auto& [secret, _] : replacements_) {
      if (secret.size() >= kMinSecretBytes) RedactOne(secret, value);
    }
  }

 private:
  static void RedactOne(const std::string& secret, Json& value) {
    if (value.is_string()) {
      auto& text = value.get_ref<std::string&>();
      text = absl::StrReplaceAll(text, {{secret, "[key]"}});
    } else if (value.is_structured()) {
      for (Json& element : value) RedactOne(secret, element);
    }
  }

  std::vector<std::pair<std::string, std::string>> replacements_;
};

// A JSON text, or a discarded value.
Json Parsed(const std::string& text) {
  const auto shallow = [](int depth, Json::parse_event_t, Json&) { return depth <= kMaxDepth; };
  return Json::parse(text, shallow, /*allow_exceptions=*/false);
}

// What an answer says, for people: the message of an error where it has the form of the API, or how
// it begins.
std::string Shown(const std::string& body, const Secrets& secrets) {
  if (body.empty()) return "an empty answer";
  Json parsed = Parsed(body);
  std::string text = body;
  if (parsed.is_object() && parsed.contains("error")) {
    const Json& error = parsed["error"];
    if (error.is_string()) text = error.get<std::string>();
    if (error.is_object() && error.contains("message") && error["message"].is_string()) {
      text = error["message"].get<std::string>();
    }
  }
  return absl::StrCat("'", ShortenedUtf8(secrets.Redacted(ValidUtf8(text)), kShownBytes), "'");
}

}  // namespace

struct Endpoint::Impl {
  explicit Impl(EndpointOptions given)
      : options(std::move(given)),
        shown(TellableUrl(options.url)),
        password(PasswordOf(options.url)),
        key(options.key_file) {}

  // The error of an answer that is none, and whether another attempt may bring a better one.
  struct Verdict {
    absl::Status status;
    bool again = false;
  };

  absl::Status Failed(absl::StatusCode code, absl::string_view reason, const std::string& where,
                      absl::string_view what) const {
    return Error(code, reason, absl::StrCat(where, ": ", what), {{"url", where}});
  }

  Verdict Judge(const HttpAnswer& answer, const std::string& where, const Secrets& secrets) const {
    if (answer.too_large) {
      return {
          Failed(absl::StatusCode::kResourceExhausted, "ENDPOINT_ANSWER_TOO_LARGE", where,
                 absl::StrCat("its answer is longer than ", FormatBytes(options.max_answer_bytes),
                              "; is it an endpoint of this API?"))};
    }
    if (answer.timed_out) {
      return {Failed(absl::StatusCode::kDeadlineExceeded, "ENDPOINT_TIMEOUT", where,
                     absl::StrCat("no answer within ", absl::FormatDuration(options.timeout))),
              true};
    }
    if (answer.status == 0) {
      return {Failed(absl::StatusCode::kUnavailable, "ENDPOINT_UNREACHABLE", where,
                     secrets.Redacted(answer.failure)),
              answer.passing};
    }
    const auto status = [&] {
      return absl::StrCat("HTTP status ", answer.status, ", ", Shown(answer.body, secrets));
    };
    if (answer.status == 429) {
      return {Failed(absl::StatusCode::kResourceExhausted, "ENDPOINT_BUSY", where, status()), true};
    }
    if (answer.status >= 500) {
      return {Failed(absl::StatusCode::kUnavailable, "ENDPOINT_FAILED", where, status()), true};
    }
    if (answer.status / 100 != 2) {
      return {Failed(absl::StatusCode::kFailedPrecondition, "ENDPOINT_REFUSED", where, status())};
    }
    return {};
  }

  const EndpointOptions options;
  const std::string shown;
  const std::string password;
  KeyFile key;
  HttpConnections connections;
  std::atomic<int64_t> requests = 0;
  std::atomic<int64_t> retries = 0;
  std::atomic<int64_t> failures = 0;
};

namespace {

absl::Status Sleep(absl::Duration wait) {
  const absl::Time end = absl::Now() + wait;
  while (true) {
    RECSAE_RETURN_IF_ERROR(CheckCaller());
    const absl::Duration left = end - absl::Now();
    if (left <= absl::ZeroDuration()) return absl::OkStatus();
    absl::SleepFor(std::min(left, kWaitPoll));
  }
}

}  // namespace

Endpoint::Endpoint(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Endpoint::~Endpoint() = default;

absl::StatusOr<std::unique_ptr<Endpoint>> Endpoint::Create(EndpointOptions options) {
  if (TellableUrl(options.url).empty()) {
    return Error(absl::StatusCode::kInvalidArgument, "ENDPOINT_URL_INVALID",
                 "the URL of an endpoint is http://HOST:PORT/v1 or https://HOST/v1; what was given "
                 "is neither (it is not repeated here: it may hold a secret)");
  }
  if (!options.key_file.empty()) RECSAE_RETURN_IF_ERROR(ReadKey(options.key_file).status());
  return std::unique_ptr<Endpoint>(new Endpoint(std::make_unique<Impl>(std::move(options))));
}

absl::StatusOr<Json> Endpoint::Post(absl::string_view path, const Json& body) const {
  Impl& impl = *impl_;
  const EndpointOptions& options = impl.options;
  const std::string where = absl::StrCat(impl.shown, path);
  HttpRequest request{WithPath(options.url, std::string(path)),
                      body.dump(-1, ' ', false, Json::error_handler_t::replace), impl.key.Key(),
                      options.timeout, options.max_answer_bytes};
  absl::BitGen random;
  absl::Duration longest = options.first_wait;
  for (int attempt = 1;; ++attempt) {
    const Secrets secrets(request.key, impl.password);
    ++impl.requests;
    if (attempt > 1) ++impl.retries;
    RECSAE_ASSIGN_OR_RETURN(const HttpAnswer answer, impl.connections.Post(request));
    const Impl::Verdict verdict = impl.Judge(answer, where, secrets);
    if (verdict.status.ok()) {
      Json parsed = Parsed(answer.body);
      if (parsed.is_object()) {
        secrets.Redact(parsed);
        return parsed;
      }
      ++impl.failures;
      return Unusable(path,
                      absl::StrCat("what came is no JSON object: ", Shown(answer.body, secrets)));
    }
    if (!verdict.again || attempt >= options.attempts ||
        answer.retry_after > options.longest_retry_after) {
      ++impl.failures;
      return Annotate(verdict.status, absl::StrCat("attempt ", attempt));
    }
    RECSAE_RETURN_IF_ERROR(
        Sleep(std::max(answer.retry_after, longest * absl::Uniform(random, 0.5, 1.0))));
    longest = std::min(longest * 2, options.longest_wait);
    request.key = impl.key.Key();
  }
}

absl::Status Endpoint::Unusable(absl::string_view path, absl::string_view problem) const {
  const std::string where = absl::StrCat(impl_->shown, path);
  return Error(absl::StatusCode::kDataLoss, "ENDPOINT_ANSWER_INVALID",
               absl::StrCat(where, ": ", problem), {{"url", where}});
}

const std::string& Endpoint::url() const { return impl_->shown; }
const std::string& Endpoint::model() const { return impl_->options.model; }

EndpointUse Endpoint::use() const { return {impl_->requests, impl_->retries, impl_->failures}; }

}  // namespace recsae
