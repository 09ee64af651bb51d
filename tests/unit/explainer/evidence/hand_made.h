// A dictionary whose directions and codes are made by hand.
#ifndef TESTS_UNIT_EXPLAINER_EVIDENCE_HAND_MADE_H_
#define TESTS_UNIT_EXPLAINER_EVIDENCE_HAND_MADE_H_

#include <functional>
#include <utility>
#include <vector>

#include "services/explainer/evidence/dictionary.h"

namespace recsae::explainer {

using Code = std::vector<sae::LatentActivation>;

// `encode`: the code of one row [dim].
class HandMade : public Dictionary {
 public:
  HandMade(const std::vector<std::vector<float>>& directions,
           std::function<Code(const float*)> encode, bool is_signed = false)
      : Dictionary(DictionaryKind::kTrained, static_cast<int>(directions[0].size()), 2, is_signed),
        encode_(std::move(encode)) {
    for (const auto& direction : directions) {
      decoder_.insert(decoder_.end(), direction.begin(), direction.end());
    }
    offset_.resize(static_cast<size_t>(dim_));
  }

  absl::StatusOr<sae::SparseCodes> Encode(const float* rows, int64_t n,
                                          Alive /*alive*/) const override {
    sae::SparseCodes codes;
    for (int64_t row = 0; row < n; ++row) codes.Append(encode_(rows + row * dim_));
    return codes;
  }

 private:
  std::function<Code(const float*)> encode_;
};

}  // namespace recsae::explainer

#endif  // TESTS_UNIT_EXPLAINER_EVIDENCE_HAND_MADE_H_
