// The part of building concepts in which a language model is asked.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_LANGUAGE_STAGE_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_LANGUAGE_STAGE_H_

#include <vector>

#include "absl/status/status.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/caches/recommender_cache.h"
#include "services/explainer/jobs/latent_result.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// Adds what is wrong with the options of a request.
void CheckLanguageOptions(const v1::LanguageModelOptions& options, BadRequest& bad);

// FAILED_PRECONDITION (NO_LANGUAGE_MODEL) where the request wants one and there is none.
absl::Status CheckLanguageModel(const Backend& backend, const v1::BuildConceptsRequest& request);

// With the defaults of this version in the place of what is 0.
void FillIn(v1::LanguageModelOptions& options);

// What is asked about; all of it outlives the call.
struct LanguageInputs {
  const v1::BuildConceptsRequest& request;
  const CaseTable& cases;
  const ItemFeatures& features;
  const ItemSets& sets;
  const LoadedRecommender& recommender;
};

// Asks about each latent that the statistics described, and reports. Does nothing where the request
// does not want it.
absl::Status AskLanguageModel(Backend& backend, JobContext& job, const LanguageInputs& inputs,
                              std::vector<LatentResult>& results, v1::ConceptReport& report);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_LANGUAGE_STAGE_H_
