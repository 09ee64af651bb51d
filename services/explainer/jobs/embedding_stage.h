// The part of building concepts in which embeddings judge descriptions.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_EMBEDDING_STAGE_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_EMBEDDING_STAGE_H_

#include <vector>

#include "absl/status/status.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/jobs/language_stage.h"
#include "services/explainer/jobs/latent_result.h"

namespace recsae::explainer {

// Adds what is wrong with the options of a request.
void CheckEmbeddingOptions(const v1::EmbeddingJudgeOptions& options, BadRequest& bad);

// FAILED_PRECONDITION (NO_EMBEDDINGS) where the request wants a judge and there is no endpoint.
absl::Status CheckEmbeddingJudge(const Backend& backend, const v1::BuildConceptsRequest& request);

// With the defaults of this version in the place of what is 0.
void FillIn(v1::EmbeddingJudgeOptions& options);

// Judges the descriptions of each latent, those of the statistics and, where it was asked before,
// of the language model, and reports; chooses none. Does nothing where the request does not want
// it.
absl::Status JudgeByEmbeddings(Backend& backend, JobContext& job, const LanguageInputs& inputs,
                               const std::vector<LatentResult>& results, v1::ConceptReport& report);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_EMBEDDING_STAGE_H_
