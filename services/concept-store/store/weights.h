// The shape of an SAE's weight arrays, and which rows of them an upload has brought so far.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_WEIGHTS_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_WEIGHTS_H_

#include <cstdint>
#include <map>
#include <optional>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace recsae::concept_store::v1 {
class Sae;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

// Numbered as recsae.concept_store.v1.SaeWeights.Array, in the order in which they are hashed.
enum class WeightArray : uint8_t {
  kEncoder = 1,
  kEncoderBias = 2,
  kDecoder = 3,
  kPreBias = 4,
  kThreshold = 5,
};

// The arrays that an SAE has by its architecture, in that order.
absl::Span<const WeightArray> WeightArraysOf(const v1::Sae& sae);

// "W_ENC", as in the contract.
absl::string_view WeightArrayName(WeightArray array);

// Nothing for a number that names no array of the SAE.
std::optional<WeightArray> ToWeightArray(const v1::Sae& sae, int number);

struct WeightShape {
  int64_t rows = 0;
  // Values of a row: d for matrices, 1 for vectors.
  int64_t cols = 0;
  bool is_matrix = false;
};

WeightShape ShapeOf(WeightArray array, const v1::Sae& sae);

// Which of the rows [0, n) are there; each may be added once.
class RowCoverage {
 public:
  // False, and nothing changes, if a row of [start, start + count) is there already.
  bool Add(int64_t start, int64_t count);
  // Whether exactly the rows [0, rows) are there.
  bool IsComplete(int64_t rows) const;
  // The first row that is not there.
  int64_t FirstMissing() const;
  // About so many that it holds: more the less the rows come in their order.
  int64_t bytes() const;

 private:
  std::map<int64_t, int64_t> ranges_;  // start to end (exclusive), disjoint and not touching
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_WEIGHTS_H_
