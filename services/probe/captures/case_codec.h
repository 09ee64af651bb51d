// A captured row's context as it is stored: items are positions in the recommender's catalogue.
#ifndef RECSAE_SERVICES_PROBE_CAPTURES_CASE_CODEC_H_
#define RECSAE_SERVICES_PROBE_CAPTURES_CASE_CODEC_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/ranking/ranking.h"

namespace recsae::probe {

// See recsae.probe.v1.Case.
struct StoredCase {
  std::string user_id;
  std::vector<int32_t> history;    // oldest first
  std::vector<ScoredItem> ranked;  // best first
  int32_t target = -1;             // -1 = none
  std::vector<int32_t> excluded;   // ascending
  bool operator==(const StoredCase&) const = default;
};

// Varints; `excluded` as differences, so that it must be ascending.
std::string EncodeCase(const StoredCase& stored);
// DATA_LOSS (CASE_CORRUPT) if they are not the bytes of a case.
absl::StatusOr<StoredCase> DecodeCase(absl::string_view bytes);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_CAPTURES_CASE_CODEC_H_
