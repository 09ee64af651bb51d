// Reads the weights of a published SAE in pieces of a size that suits the wire.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_WEIGHT_READER_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_WEIGHT_READER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/concept-store/store/weights.h"

namespace recsae::concept_store::v1 {
class Sae;
class SaeWeights;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

class Store;

// About this much is in one piece; always whole rows.
inline constexpr size_t kWeightPieceBytes = size_t{1} << 20;

// Made by Store::ReadWeights; used by one thread; must not outlive the store. Holds no lock and no
// snapshot between calls, so that a slow receiver keeps nothing from being cleaned up.
class WeightReader {
 public:
  ~WeightReader();
  WeightReader(const WeightReader&) = delete;
  WeightReader& operator=(const WeightReader&) = delete;

  // The next rows: W_ENC, B_ENC, W_DEC, B_PRE, THRESHOLD if the SAE has it; each from its first row
  // to its last. False at the end. NOT_FOUND (SAE_NOT_FOUND) if the SAE is deleted meanwhile.
  absl::StatusOr<bool> Next(v1::SaeWeights* piece);

 private:
  friend class Store;
  WeightReader(const Store& store, const v1::Sae& sae, uint64_t upload);

  // Adds stored chunks of the current array to buffer_ until it holds `bytes`.
  absl::Status Fill(size_t bytes);

  const Store& store_;
  const std::unique_ptr<v1::Sae> sae_;
  const uint64_t upload_;
  size_t array_ = 0;      // index in WeightArraysOf(*sae_)
  int64_t row_ = 0;       // first row that was not handed out
  int64_t read_row_ = 0;  // first row that is not in buffer_
  std::string buffer_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_WEIGHT_READER_H_
