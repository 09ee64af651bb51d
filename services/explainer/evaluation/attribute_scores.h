// How well single latents, and single dimensions of the raw activation, tell attributes of the
// recommended item apart: ROC AUC, without any description.
#ifndef RECSAE_SERVICES_EXPLAINER_EVALUATION_ATTRIBUTE_SCORES_H_
#define RECSAE_SERVICES_EXPLAINER_EVALUATION_ATTRIBUTE_SCORES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/sae/codes.h"

namespace recsae::explainer {

// Rows of a capture, and which attributes their first recommended items have.
struct AttributeTable {
  int dim = 0;
  int latents = 0;
  std::vector<float> activations;                         // [rows, dim]
  std::vector<std::vector<sae::LatentActivation>> codes;  // [rows]
  // Numbers of the attributes in 0..attributes-1, no repeats in a row.
  int attributes = 0;
  std::vector<std::vector<int32_t>> row_attributes;  // [rows]

  int64_t rows() const { return static_cast<int64_t>(codes.size()); }
};

// The best latent and the best raw dimension for one attribute.
struct AttributeAuc {
  int32_t attribute = 0;
  int64_t positives = 0;
  int32_t latent = 0;
  double latent_auc = 0;
  // A dimension may tell by either sign, so at least 0.5.
  int32_t dimension = 0;
  double dimension_auc = 0;
};

// For every attribute with at least `min_positives` rows that have it and one that has not, in the
// order of their numbers. AUC = P(score of a row that has it > of one that has not) + P(equal) / 2;
// a latent's score is its activation, 0 where it is not active. Equal AUCs: the lower number.
// `interrupted` is asked every few milliseconds; what it returns unless it is OK ends the work.
absl::StatusOr<std::vector<AttributeAuc>> ScoreAttributes(
    const AttributeTable& table, int64_t min_positives,
    const std::function<absl::Status()>& interrupted);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_EVALUATION_ATTRIBUTE_SCORES_H_
