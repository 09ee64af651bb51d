// An SAE's dictionary beside dictionaries that nobody trained, by what their descriptions tell.
#ifndef SERVICES_EXPLAINER_EVIDENCE_COMPARE_H_
#define SERVICES_EXPLAINER_EVIDENCE_COMPARE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/explainer/evidence/breadth.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/evidence/splitting.h"

namespace recsae::explainer {

// Rows that a sample for CompareDictionaries keeps, by role: enough for latents that fire on one
// row of a thousand, and few enough for the largest dictionaries.
inline constexpr std::array<int64_t, kRoles> kSampledRows = {20'000, 5'000, 4'000};
// The same for CompareLastRead, whose rows cost little: rare attributes need many.
inline constexpr std::array<int64_t, kRoles> kLastReadRows = {40'000, 10'000, 20'000};
// Fewer rows of any role decide nothing.
inline constexpr int64_t kFewestSampledRows = 50;
// Components take a matrix of dim x dim apart; above this they are left out.
inline constexpr int kLargestComponents = 2048;
// The largest untrained dictionary that a decoder is fitted to.
inline constexpr int kLargestControl = 1024;
// Attributes that dictionaries are asked for, the most frequent: cost and tables stay bounded.
inline constexpr size_t kMostAttributes = 200;

struct DictionaryScore {
  DictionaryKind kind = DictionaryKind::kTrained;
  int latents = 0;
  int k = 0;
  // Nothing at inner probe sites.
  std::optional<DescribedScores> described;
  double breadth = 0;
  double fvu = 0;
  int active = 0;  // latents that fire for those who are measured
  int described_latents = 0;
  std::vector<AttributeFit> attributes;
  // Of sparse dictionaries; where every latent is active everywhere, none can be missed.
  Splitting splitting;

  // Described R2@3.
  double Shown() const { return described ? described->shown[1] : 0; }
  double RandomItems() const { return described ? described->random[1] : 0; }
};

// Whether the trained dictionary does better than a control by more than 5 %; and, with no control,
// whether it tells anything worth telling.
struct Verdict {
  enum class Measure { kShown, kRandomItems, kBreadth };
  bool against_control = true;  // else: against kLeastDescribed
  DictionaryKind control = DictionaryKind::kRaw;
  Measure measure = Measure::kShown;
  double trained = 0;
  double reference = 0;
  bool beaten = false;
  std::string reason;  // where it is not
};

// Described R2@3 of the items shown below which a dictionary tells nothing: an untrained
// recommender reaches .04.
inline constexpr double kLeastDescribed = 0.1;

struct Comparison {
  // Why there is none, else empty.
  std::string missing;
  std::vector<DictionaryScore> dictionaries;  // the trained one first
  std::vector<Verdict> verdicts;
  int sets = 0;
  int attributes = 0;
};

struct CompareOptions {
  uint64_t seed = 0;
  int random_items = 400;
  int64_t min_attribute_rows = 20;
};

// `sample`: of rows that `model` reads, whose scores follow from `head`. Descriptions are fitted on
// one role's users, and everything reported is of another's. A function of its arguments alone.
absl::StatusOr<Comparison> CompareDictionaries(const Sample& sample, const ItemSets& sets,
                                               const PredictionHead& head,
                                               const sae::SaeModel& model,
                                               const CompareOptions& options, Alive alive);

// The same of an SAE of an inner probe site, whose latents no score is a sum over: what its latents
// tell of the item that was read last, beside the raw dimensions and random directions of its size.
// The first 200 attributes at most.
absl::StatusOr<Comparison> CompareLastRead(const Sample& sample, const ItemSets& sets,
                                           const sae::SaeModel& model,
                                           const CompareOptions& options, Alive alive);

// What the verdicts are, from the scores alone. `distinct`: activations that differ.
std::vector<Verdict> Judge(const std::vector<DictionaryScore>& dictionaries, int64_t distinct);

// How often each item stands in the histories of a sample's users: what popularity bands are made
// of. Empty when no case has a history.
std::vector<double> PopularityOf(const Sample& sample, int items);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_COMPARE_H_
