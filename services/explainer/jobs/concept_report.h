// Counts of a ConceptReport.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_REPORT_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_REPORT_H_

#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/verification/paper_protocol.h"

namespace recsae::explainer {

// Counts one latent by its confidence; nothing where no case was judged.
inline void CountConfidence(const Tally& tally, v1::ConfidenceCounts* counts) {
  if (tally.cases() == 0) return;
  const double confidence = tally.Confidence();
  counts->set_total_count(counts->total_count() + 1);
  counts->set_confidence_80_count(counts->confidence_80_count() + (confidence >= 0.8));
  counts->set_confidence_90_count(counts->confidence_90_count() + (confidence >= 0.9));
  counts->set_confidence_100_count(counts->confidence_100_count() + (confidence == 1));
}

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_CONCEPT_REPORT_H_
