// A hosted recommender with its prediction head and catalogue: stored unseen, then made to appear
// as a whole.
#ifndef RECSAE_SERVICES_PROBE_MODELS_STAGED_RECOMMENDER_H_
#define RECSAE_SERVICES_PROBE_MODELS_STAGED_RECOMMENDER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {

// Whether the catalogue that `recommender` names is there with exactly the items of `dataset`.
// ALREADY_EXISTS (CATALOG_EXISTS) if it is there with others.
absl::StatusOr<bool> HasCatalogOf(Resources& resources, const v1::Recommender& recommender,
                                  const Dataset& dataset);

// Used by one thread. What was staged is removed unless Done was called.
class StagedRecommender {
 public:
  // What the resource says of itself, but for what follows from `model`, and the job that makes it.
  struct About {
    v1::Recommender message;
    std::string origin;
  };
  // `dataset`: gives users and the catalogue; null where the catalogue is there already, its first
  // items being those of the model.
  static absl::StatusOr<std::unique_ptr<StagedRecommender>> Stage(Resources& resources,
                                                                  const Recommender& model,
                                                                  const Dataset* dataset,
                                                                  About about);

  // Adds all that makes it appear to a batch of a caller that holds Store::mutex(), and returns the
  // resource. ALREADY_EXISTS (RECOMMENDER_EXISTS, CATALOG_EXISTS), NOT_FOUND (CATALOG_NOT_FOUND).
  absl::StatusOr<v1::Recommender> Add(WriteBatch& batch);
  // The batch was written.
  void Done();

 private:
  StagedRecommender(Resources& resources, const Dataset* dataset, About about);
  absl::Status StageContents(const Recommender& model);
  absl::Status StageCatalog();
  absl::Status StageHead(const Recommender& model, const std::vector<std::string>& ids);
  absl::Status AddCatalog(WriteBatch& batch);

  Resources& resources_;
  const Dataset* const dataset_;
  About about_;
  std::unique_ptr<Staging> catalog_;  // null where the catalogue is there
  std::unique_ptr<Staging> model_;
  std::unique_ptr<HeadWriter> head_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_MODELS_STAGED_RECOMMENDER_H_
