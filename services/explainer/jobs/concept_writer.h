// Stores the results of describing and verifying as concepts.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_WRITER_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_WRITER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/explainer/attribution/personal.h"
#include "services/explainer/caches/recommender_cache.h"
#include "services/explainer/jobs/erasures.h"
#include "services/explainer/jobs/latent_result.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// What the results refer to; all of it must outlive the use.
struct ConceptContext {
  std::string sae;
  // Names, by Case::capture.
  std::vector<std::string> captures;
  const LoadedRecommender& recommender;
  const ItemFeatures& features;
  const ItemSets& sets;
  const CaseTable& cases;
  // Who judged LatentResult::language.
  std::string model = {};
  std::string prompt_hash = {};
  uint64_t seed = 0;
  // Who tested the descriptions, and their rows.
  int32_t measured_users = 0;
  int64_t measured_rows = 0;
};

// What the statistics say of a latent: the set of items that goes best with it, or where there is
// none what the paper's protocol says.
std::string StatisticalDescription(const ItemSets& sets, const LatentResult& result);

// The concept of a latent that was described.
concept_store::v1::Concept MakeConcept(const ConceptContext& context, int32_t latent,
                                       const LatentResult& result);

// Writes the concepts of all described latents, and removes those that earlier
// builds wrote for latents that now have none. Descriptions that a person wrote are kept. Repeated
// with the same job (whose name is no other job's) and results it changes nothing. Returns the
// revision of the last write.
absl::StatusOr<int64_t> WriteConcepts(Peers& peers, const Caller& caller, const std::string& job,
                                      const ConceptContext& context,
                                      const std::vector<LatentResult>& results);

// Stores the means over users, and what is taken out how, for the SAE. Returns the revision.
absl::StatusOr<int64_t> WriteBaseline(Peers& peers, const Caller& caller, const std::string& job,
                                      const std::string& sae, const BaselineMeans& means,
                                      const NamedErasures& erasures, int64_t rows);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_WRITER_H_
