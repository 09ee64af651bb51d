// All that building concepts finds out about one latent.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_LATENT_RESULT_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_LATENT_RESULT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "services/explainer/language/protocol.h"
#include "services/explainer/verification/concept_tests.h"
#include "services/explainer/verification/firing.h"
#include "services/explainer/verification/paper_protocol.h"

namespace recsae::explainer {

// The latent of another SAE that is closest by direction.
struct StableMatch {
  std::string sae;
  int32_t latent = -1;
  double cosine = 0;
};

struct LatentResult {
  enum class Outcome { kDescribed, kTooRare, kDead };
  Outcome outcome = Outcome::kDead;
  FiringStatistics statistics;
  std::vector<ActiveCase> evidence;  // strongest first
  PaperResult paper;                 // no cases where the latent fires too rarely for it

  SetDescription description;        // no set where none goes with the latent
  std::optional<LatentTests> tests;  // of that
  LanguageResult language;           // nothing where no language model was asked
  std::vector<StableMatch> matches;  // empty where no other SAEs were given
  int32_t group = 0;                 // the lead latent of its group, and
  int group_size = 1;

  // Every test that is there was passed.
  bool Verified() const;
  // Whether the language model's description is shown: it was judged best, and the statistical one
  // did not pass its tests. Those are of many users' rows, a judgement of a few cases.
  bool ShowsModels() const;
};

// Cosine from which on a latent counts as found again.
inline constexpr double kStableCosine = 0.7;
bool IsStable(const LatentResult& result);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_LATENT_RESULT_H_
