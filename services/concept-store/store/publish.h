// The publication of one SAE: its weights come in pieces and lie unseen until all of them are
// there.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_PUBLISH_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_PUBLISH_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/concept-store/store/weights.h"

namespace recsae::concept_store::v1 {
class PublishSaeRequest_Header;
class Sae;
class SaeWeights;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

class Store;

// Made by Store::BeginPublish; used by one thread; must not outlive the store. What was staged is
// removed by the destructor unless Finish has published it, and by Store::Open if the process ends
// before.
class SaeUpload {
 public:
  ~SaeUpload();
  SaeUpload(const SaeUpload&) = delete;
  SaeUpload& operator=(const SaeUpload&) = delete;

  // Stages some rows. INVALID_ARGUMENT: TENSOR_* (as ReadMatrix; TENSOR_NEGATIVE for a
  // threshold below 0), WEIGHTS_ARRAY_UNKNOWN (also for one that the architecture does not have),
  // WEIGHTS_OUT_OF_RANGE (rows beyond the array), WEIGHTS_OVERLAP (a row came twice).
  absl::Status Add(const v1::SaeWeights& chunk);

  // About so many that it holds of what was staged; the rows themselves are in the store.
  int64_t bytes() const;

  // Publishes, durable on return. INVALID_ARGUMENT (WEIGHTS_INCOMPLETE) if rows are missing,
  // ALREADY_EXISTS (SAE_EXISTS), and as RequestLog::Begin.
  absl::StatusOr<v1::Sae> Finish();

 private:
  friend class Store;
  SaeUpload(Store& store, const v1::PublishSaeRequest_Header& header, uint64_t number);

  absl::Status CheckComplete() const;
  absl::StatusOr<std::string> HashWeights() const;

  Store& store_;
  const std::unique_ptr<v1::PublishSaeRequest_Header> header_;
  const uint64_t number_;
  std::map<WeightArray, RowCoverage> coverage_;
  bool published_ = false;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_PUBLISH_H_
