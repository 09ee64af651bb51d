// How well single latents, and few together, tell attributes of what is recommended: chosen on some
// users, measured on others.
#ifndef SERVICES_EXPLAINER_EVIDENCE_BREADTH_H_
#define SERVICES_EXPLAINER_EVIDENCE_BREADTH_H_

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/coded_sample.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/evidence/last_read.h"

namespace recsae::explainer {

// See AttributeFit in explainer.proto.
struct AttributeFit {
  int32_t set = 0;  // of ItemSets::Attributes
  int32_t latent = -1;
  double correlation = 0;
  double prevalence = 0;
  double f1 = 0;
  double precision = 0;
  std::array<double, 3> probe_r2 = {};  // with 1, 2 and 5 latents
  // By the items read in place of those recommended; where that was asked for.
  int32_t read_latent = -1;
  double read_correlation = 0;
  // By the item read last; where that was asked for and there are histories.
  std::optional<LastRead> last_read = std::nullopt;
};

// One for each of `attributes`. `association`: of the users who describe.
absl::StatusOr<std::vector<AttributeFit>> FitAttributes(const CodedSample& coded,
                                                        const Association& association,
                                                        bool is_signed, const ItemSets& sets,
                                                        std::span<const int32_t> attributes,
                                                        Alive alive);

// Fills in read_latent and read_correlation of `fits`: the latent that goes best with the
// attribute's share of the last items of the history for the users who describe, and its
// correlation for those who are measured. Without histories there is no such latent.
absl::Status FitRead(const CodedSample& coded, int latents, bool is_signed, const ItemSets& sets,
                     std::vector<AttributeFit>& fits, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_BREADTH_H_
