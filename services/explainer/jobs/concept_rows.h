// The rows that concepts are built from, read once.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_ROWS_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_ROWS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "common/jobs/job_runner.h"
#include "services/explainer/attribution/personal.h"
#include "services/explainer/caches/sae_cache.h"
#include "services/explainer/evidence/sample.h"
#include "services/explainer/jobs/case_reader.h"
#include "services/explainer/labeling/case_table.h"

namespace recsae::explainer {

// Rows of the first capture that dictionaries which nobody trained go through the paper's protocol
// on.
inline constexpr int64_t kPaperControlRows = 5'000;

// Bytes of the activations that erasures are fitted to.
inline constexpr int64_t kErasureRowBytes = int64_t{64} << 20;

// Rows, evenly spread over all, with their activations.
struct ErasureRows {
  std::vector<float> activations;  // [rows, d]
  std::vector<int32_t> cases;      // where each is in the table
};

struct ConceptRows {
  CaseTable table;            // all rows with what they activate
  Sample sample;              // of all rows, by role, with their activations
  SampledRows paper_control;  // the first rows of the first source
  int64_t without_user = 0;   // rows that do not say whose they are
  BaselineMeans baseline;     // over all rows
  ErasureRows erasure;        // as many as kErasureRowBytes hold
};

// Reads and encodes all rows of the sources. Progress is told in latents, of which `sae` has so
// many.
absl::StatusOr<ConceptRows> ReadConceptRows(Backend& backend, const Caller& caller, JobContext& job,
                                            const std::vector<Source>& sources,
                                            const LoadedSae& sae,
                                            const LoadedRecommender& recommender, uint64_t seed);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_ROWS_H_
