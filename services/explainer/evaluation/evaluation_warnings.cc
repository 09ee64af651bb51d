#include "services/explainer/evaluation/evaluation_warnings.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "common/ranking/ranking.h"

namespace recsae::explainer {
namespace {

// Rows that raise a mean are worth a word from one in so many.
constexpr int64_t kShareOfWord = 20;

std::string Of(int64_t part, int64_t rows) {
  return absl::StrCat(part, " of ", rows, rows == 1 ? " row" : " rows");
}

// "10, 20 and 50".
std::string Listed(const std::vector<int>& numbers) {
  if (numbers.size() < 2) return absl::StrJoin(numbers, "");
  const std::vector<int> all_but_last(numbers.begin(), numbers.end() - 1);
  return absl::StrCat(absl::StrJoin(all_but_last, ", "), " and ", numbers.back());
}

std::string Candidates(const CandidateCounts& candidates) {
  if (candidates.fewest() == candidates.most()) return absl::StrCat(candidates.most());
  return absl::StrCat(candidates.fewest(), " to ", candidates.most());
}

std::string NotMeasured(const CandidateCounts& candidates, const std::vector<int>& cutoffs) {
  return absl::StrCat("HR and NDCG at ", Listed(cutoffs), " are not measured: ",
                      Of(candidates.AtMost(cutoffs.front()), candidates.cases()), " have at most ",
                      cutoffs.front(), " items to choose from (in all ", Candidates(candidates),
                      "), all others being the user's own, so that whatever is recommended has "
                      "the held-out item in its list");
}

}  // namespace

std::vector<std::string> RankingWarnings(const CandidateCounts& candidates, int64_t seen) {
  const int64_t rows = candidates.cases();
  if (rows == 0) {
    return {
        "no row has a held-out item: nothing is ranked, and HR, NDCG and the overlap of the lists "
        "are not measured"};
  }
  std::vector<std::string> warnings;
  std::vector<int> unmeasured;
  int raised = 0;
  for (const int k : RankingMetrics::kCutoffs) {
    if (!candidates.Measures(k)) {
      unmeasured.push_back(k);
    } else if (candidates.AtMost(k) * kShareOfWord > rows) {
      raised = k;
    }
  }
  if (!unmeasured.empty()) warnings.push_back(NotMeasured(candidates, unmeasured));
  if (raised > 0) {
    warnings.push_back(absl::StrCat(Of(candidates.AtMost(raised), rows), " have at most ", raised,
                                    " items to choose from: their HR@", raised,
                                    " is 1 whatever is recommended, which raises the mean"));
  }
  if (seen * kShareOfWord > rows) {
    warnings.push_back(absl::StrCat(Of(seen, rows),
                                    " ask for an item of the user's own history: easier than "
                                    "others, and a recommender that repeats it looks good"));
  }
  return warnings;
}

std::vector<std::string> ReconstructionWarnings(double fvu, int latents, int dead) {
  std::vector<std::string> warnings;
  if (latents > 0 && dead == latents) {
    warnings.push_back("no latent of the SAE fires on any row: it says nothing of them");
  } else if (fvu >= 1) {
    warnings.push_back(
        absl::StrFormat("FVU is %.2f: the mean of the activations is nearer to them than what the "
                        "SAE makes of them, so that its latents do not explain these rows",
                        fvu));
  }
  return warnings;
}

}  // namespace recsae::explainer
