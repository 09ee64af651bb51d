// Resource names such as "saes/{sae}/concepts/{latent}": their syntax, checked in one place.
#ifndef RECSAE_COMMON_BASE_NAMES_H_
#define RECSAE_COMMON_BASE_NAMES_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// An ID that a caller chose: [a-z0-9][a-z0-9._-]{0,62}. INVALID_ARGUMENT (reason
// RESOURCE_ID_INVALID) otherwise; `what` names it in the message, for example "sae_id".
absl::Status ValidateId(absl::string_view id, absl::string_view what);

// The IDs of a name, in the order of the pattern's {placeholders}:
//   ParseName("saes/ml/concepts/7", "saes/{sae}/concepts/{latent}") -> {"ml", "7"}
// INVALID_ARGUMENT (reason RESOURCE_NAME_INVALID) if the name does not follow the pattern or an ID
// is not valid.
absl::StatusOr<std::vector<std::string>> ParseName(absl::string_view name,
                                                   absl::string_view pattern);

// A number that stands as an ID in a name ({latent}): decimal, no sign, no leading zeros.
// INVALID_ARGUMENT (reason RESOURCE_NAME_INVALID) otherwise.
absl::StatusOr<int64_t> ParseNumericId(absl::string_view id, absl::string_view what);

// A 64-bit fingerprint that stays the same across processes and versions (FNV-1a). For telling
// requests and filters apart, not against an adversary.
uint64_t Fingerprint(absl::string_view bytes);

// The same of bytes that come in pieces.
class Fingerprinter {
 public:
  void Add(absl::string_view bytes);
  // A text and its end: "ab", "c" is not "a", "bc".
  void AddText(absl::string_view text);
  void AddNumber(int64_t number);
  uint64_t value() const { return value_; }

 private:
  uint64_t value_ = 0xcbf29ce484222325;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_NAMES_H_
