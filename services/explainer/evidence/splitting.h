// Whether one latent stands for one attribute, or several share it (splitting), or others swallow
// parts of it (absorption): Chanin et al. 2024, "A is for Absorption: Studying Feature Splitting
// and Absorption in Sparse Autoencoders"; absorption by projections, as SAEBench (Karvonen et al.
// 2025) measures it.
#ifndef SERVICES_EXPLAINER_EVIDENCE_SPLITTING_H_
#define SERVICES_EXPLAINER_EVIDENCE_SPLITTING_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/attribute_probes.h"
#include "services/explainer/evidence/breadth.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/evidence/dictionary.h"

namespace recsae::explainer {

// A latent belongs to an attribute if with it the probe's F1 rises by more than this.
inline constexpr double kSplitRise = 0.03;
// A latent absorbs if its direction has at least this cosine with the attribute's, and it
// contributes at least this part of the activation's projection on that.
inline constexpr double kAbsorbingCosine = 0.025;
inline constexpr double kAbsorbingPart = 0.4;

// Of one attribute. A k-sparse probe is, as in AttributeFit, least squares of the attribute's share
// of the recommended ten on the codes of k latents; it tells that the first item has the attribute
// by the threshold of the best F1. Latents, weights and threshold are of the users who describe and
// set thresholds, everything else of those who are measured.
struct AttributeSplit {
  int32_t set = 0;
  // Of the probe, in the order of forward selection among the kSplitCandidates latents whose codes
  // go best with the attribute: the first, and each further one with which F1 rises by more than
  // kSplitRise; the first that raises it less ends it. Empty where no latent goes with it.
  std::vector<int32_t> latents;
  double f1 = 0;  // of the probe with these
  // Rows whose first item has the attribute, and whose activation tells so to a linear probe
  // (AttributeProbes::ToldRows).
  int64_t told = 0;
  // Of these: on which none of `latents` fires.
  int64_t missed = 0;
  // Of these: on which the active latent whose contribution z_j <w_j, d> to the projection
  // <x - mean, d> on the attribute's direction d is largest absorbs it: |cos(w_j, d)| >=
  // kAbsorbingCosine, contribution >= kAbsorbingPart of the projection.
  int64_t absorbed = 0;
};

inline constexpr size_t kSplitCandidates = 20;
inline constexpr size_t kMostSplits = 10;

// Of a dictionary; 0 where there is no attribute. See Splitting in explainer.proto.
struct Splitting {
  std::vector<AttributeSplit> attributes;

  // Means over attributes.
  double LatentsPerAttribute() const;
  double MissedShare() const;     // missed / told
  double AbsorptionRate() const;  // absorbed / told
  // Of the missed rows of all attributes together.
  double AbsorbedShare() const;
};

// One for each attribute of `probes`. `association`: of the users who describe. Holds the codes
// once more, and kSplitCandidates floats for each describing row.
absl::StatusOr<Splitting> MeasureSplitting(const CodedSample& coded, const Dictionary& dictionary,
                                           const Association& association,
                                           const AttributeProbes& probes, Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_SPLITTING_H_
