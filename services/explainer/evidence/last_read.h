// How well single latents tell that the item which was read last has an attribute: chosen on some
// users, measured on others.
#ifndef SERVICES_EXPLAINER_EVIDENCE_LAST_READ_H_
#define SERVICES_EXPLAINER_EVIDENCE_LAST_READ_H_

#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/coded_sample.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {

// See LastRead in explainer.proto.
struct LastRead {
  int32_t latent = -1;
  double correlation = 0;
  double auc = 0.5;
  double precision = 0;
  double fired_share = 0;
  double prevalence = 0;
};

// One for each of `attributes`; none where no row has a history.
absl::StatusOr<std::vector<LastRead>> FitLastRead(const CodedSample& coded, int latents,
                                                  bool is_signed, const ItemSets& sets,
                                                  std::span<const int32_t> attributes, Alive alive);

// Those of the sets that are attributes which the last item of at least `rows` of the measured
// users' histories has.
std::vector<int32_t> AttributesReadLast(const Sample& sample, const ItemSets& sets, int64_t rows);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_LAST_READ_H_
