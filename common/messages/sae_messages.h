// The weights of an SAE to and from the messages of the concept-store.
#ifndef RECSAE_COMMON_MESSAGES_SAE_MESSAGES_H_
#define RECSAE_COMMON_MESSAGES_SAE_MESSAGES_H_

#include <cstddef>
#include <memory>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sae/model.h"

namespace recsae::concept_store::v1 {
class Sae;
class SaeWeights;
}  // namespace recsae::concept_store::v1

namespace recsae {

// Sets what an Sae says of its weights: activation_dim, latents, k, architecture, scale.
void DescribeWeights(const sae::SaeWeights& weights, concept_store::v1::Sae* sae);

// Calls `write` with every row of every array, about 1 MiB at a time, in the order in which the
// store hashes them; a model without encoder bias has one of zeros. `write` may take the message
// apart. False as soon as it returns false.
bool WriteWeights(const sae::SaeWeights& weights,
                  absl::FunctionRef<bool(concept_store::v1::SaeWeights& piece)> write);

// Puts the pieces of ReadSaeWeights together. Not thread-safe.
class WeightAssembler {
 public:
  // For the weights of `sae`, which is described by the store. FAILED_PRECONDITION
  // (SAE_ARCHITECTURE_UNKNOWN) for an architecture that this program does not know.
  static absl::StatusOr<WeightAssembler> Create(const concept_store::v1::Sae& sae);
  WeightAssembler(WeightAssembler&&) noexcept;
  ~WeightAssembler();

  // DATA_LOSS (WEIGHTS_INCOMPLETE) for an array that the SAE does not have or rows beyond it;
  // INVALID_ARGUMENT as ReadMatrix.
  absl::Status Add(const concept_store::v1::SaeWeights& piece);

  // The whole, once. DATA_LOSS (WEIGHTS_INCOMPLETE) when rows did not come.
  absl::StatusOr<sae::SaeWeights> Finish();

 private:
  explicit WeightAssembler(const concept_store::v1::Sae& sae);

  std::unique_ptr<concept_store::v1::Sae> sae_;
  sae::SaeWeights weights_;
  size_t missing_ = 0;  // values that have not come yet
};

}  // namespace recsae

#endif  // RECSAE_COMMON_MESSAGES_SAE_MESSAGES_H_
