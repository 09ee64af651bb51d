#include "services/explainer/jobs/latent_result.h"

#include <algorithm>

namespace recsae::explainer {

bool IsStable(const LatentResult& result) {
  return std::all_of(result.matches.begin(), result.matches.end(),
                     [](const StableMatch& match) { return match.cosine >= kStableCosine; });
}

bool LatentResult::Verified() const {
  return tests.has_value() && tests->Passed() && IsStable(*this);
}

bool LatentResult::ShowsModels() const {
  return !language.judged.empty() && language.judged.front().by_model && !Verified();
}

}  // namespace recsae::explainer
