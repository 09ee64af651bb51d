// Spans as OpenTelemetry's protocol writes them in JSON: what POST /v1/traces takes.
#ifndef RECSAE_COMMON_PROCESS_OTLP_JSON_H_
#define RECSAE_COMMON_PROCESS_OTLP_JSON_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/rpc/spans.h"

namespace recsae {

// Whose spans they are.
struct SpanSource {
  std::string service;   // "recsae-probe"
  std::string version;   // of the program
  std::string instance;  // of the process: another one at each start
};

// An ExportTraceServiceRequest. Bytes that are not UTF-8 are replaced.
std::string OtlpJson(const SpanSource& source, const std::vector<Span>& spans);

// How many spans a collector that answered with success did not take all the same; 0 where the
// answer, an ExportTraceServiceResponse, does not say.
int64_t RejectedSpans(const std::string& answer);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_OTLP_JSON_H_
