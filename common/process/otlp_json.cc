#include "common/process/otlp_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/whole_number.h"

namespace recsae {
namespace {

using Json = nlohmann::json;

constexpr int kStatusError = 2;

Json Text(const std::string& key, const std::string& value) {
  return {{"key", key}, {"value", {{"stringValue", value}}}};
}

// Protobuf's JSON has 64 bits as text.
Json Number(const std::string& key, int64_t value) {
  return {{"key", key}, {"value", {{"intValue", absl::StrCat(value)}}}};
}

std::string UnixNanos(absl::Time time) { return absl::StrCat(absl::ToUnixNanos(time)); }

Json ToJson(const Span& span) {
  Json attributes = Json::array();
  for (const auto& [key, value] : span.attributes) attributes.push_back(Text(key, value));
  for (const auto& [key, value] : span.numbers) attributes.push_back(Number(key, value));
  Json json = {{"traceId", TraceIdText(span.context)},
               {"spanId", SpanIdText(span.context.span_id)},
               {"name", span.name},
               {"kind", static_cast<int>(span.kind)},
               {"flags", span.context.flags},
               {"startTimeUnixNano", UnixNanos(span.start)},
               {"endTimeUnixNano", UnixNanos(span.end)},
               {"attributes", std::move(attributes)},
               {"status", Json::object()}};
  if (span.parent_id != 0) json["parentSpanId"] = SpanIdText(span.parent_id);
  if (span.failed) json["status"] = {{"code", kStatusError}, {"message", span.error}};
  return json;
}

}  // namespace

std::string OtlpJson(const SpanSource& source, const std::vector<Span>& spans) {
  Json list = Json::array();
  for (const Span& span : spans) list.push_back(ToJson(span));
  const Json resource = {
      {"attributes",
       {Text("service.name", source.service), Text("service.version", source.version),
        Text("service.instance.id", source.instance)}}};
  const Json scope = {{"scope", {{"name", "recsae"}, {"version", source.version}}},
                      {"spans", std::move(list)}};
  const Json request = {{"resourceSpans", Json::array({{{"resource", resource},
                                                        {"scopeSpans", Json::array({scope})}}})}};
  return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

int64_t RejectedSpans(const std::string& answer) {
  const Json json = Json::parse(answer, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("partialSuccess")) return 0;
  const Json& partial = json["partialSuccess"];
  if (!partial.is_object() || !partial.contains("rejectedSpans")) return 0;
  const Json& rejected = partial["rejectedSpans"];
  int64_t count = WholeNumber<int64_t>(rejected).value_or(0);
  // Protobuf's JSON has 64 bits as text.
  if (rejected.is_string() && !absl::SimpleAtoi(rejected.get<std::string>(), &count)) return 0;
  return std::max<int64_t>(count, 0);
}

}  // namespace recsae
