#include "services/explainer/attribution/counterfactual.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "common/base/status.h"

namespace recsae::explainer {
namespace {

// Candidates of which all sets of two and three are tried.
constexpr int kExhausted = 20;
constexpr int kExhaustedSize = 3;

// All sets of `size` of the first `count` of `order`, each ascending.
std::vector<CandidateSet> SetsOf(const std::vector<int>& order, int count, int size) {
  std::vector<CandidateSet> sets;
  std::vector<int> places(static_cast<size_t>(size));
  std::iota(places.begin(), places.end(), 0);
  while (places.back() < count) {
    CandidateSet& set = sets.emplace_back();
    for (const int place : places) set.push_back(order[static_cast<size_t>(place)]);
    std::sort(set.begin(), set.end());
    // The next combination: the last place that can move does, those behind it follow on.
    int moved = size - 1;
    while (moved > 0 && places[static_cast<size_t>(moved)] == count - size + moved) --moved;
    const int start = places[static_cast<size_t>(moved)] + 1;
    for (int i = moved; i < size; ++i) places[static_cast<size_t>(i)] = start + i - moved;
  }
  return sets;
}

class Search {
 public:
  Search(const CounterfactualOptions& options, TrySets try_sets)
      : options_(options), try_sets_(try_sets) {}

  absl::StatusOr<Counterfactual> Run() {
    RECSAE_RETURN_IF_ERROR(TrySingles());
    const int count = std::min(options_.candidates, kExhausted);
    const int largest = std::min({options_.max_size, kExhaustedSize, count});
    for (int size = 2; !best_.found && size <= largest; ++size) {
      std::vector<CandidateSet> sets = SetsOf(order_, count, size);
      if (!Affords(sets.size())) break;
      RECSAE_RETURN_IF_ERROR(Try(std::move(sets)));
      if (options_.candidates <= kExhausted) all_up_to_ = size;
    }
    if (!best_.found) RECSAE_RETURN_IF_ERROR(Grow());
    best_.smallest = best_.found && static_cast<int>(best_.set.size()) <= all_up_to_ + 1;
    return best_;
  }

 private:
  bool Affords(size_t sets) const {
    return best_.tried + static_cast<int64_t>(sets) <= options_.budget;
  }

  absl::StatusOr<std::vector<Outcome>> Outcomes(const std::vector<CandidateSet>& sets) {
    best_.tried += static_cast<int64_t>(sets.size());
    return try_sets_(sets);
  }

  // Keeps the best of the sets: one that drops the item, else the lowest score.
  absl::Status Try(std::vector<CandidateSet> sets) {
    RECSAE_ASSIGN_OR_RETURN(const std::vector<Outcome> outcomes, Outcomes(sets));
    for (size_t i = 0; i < sets.size(); ++i) Consider(std::move(sets[i]), outcomes[i]);
    return absl::OkStatus();
  }

  void Consider(CandidateSet set, const Outcome& outcome) {
    const bool drops = outcome.rank > options_.top;
    if (best_.found && !drops) return;
    const bool first = best_.set.empty() || (drops && !best_.found);
    if (!first && outcome.score >= best_.outcome.score) return;
    best_.found = drops;
    best_.set = std::move(set);
    best_.outcome = outcome;
  }

  absl::Status TrySingles() {
    std::vector<CandidateSet> sets;
    for (int i = 0; i < options_.candidates; ++i) sets.push_back({i});
    RECSAE_ASSIGN_OR_RETURN(const std::vector<Outcome> outcomes, Outcomes(sets));
    order_.resize(sets.size());
    std::iota(order_.begin(), order_.end(), 0);
    std::stable_sort(order_.begin(), order_.end(), [&](int a, int b) {
      return outcomes[static_cast<size_t>(a)].score < outcomes[static_cast<size_t>(b)].score;
    });
    for (size_t i = 0; i < sets.size(); ++i) Consider(std::move(sets[i]), outcomes[i]);
    return absl::OkStatus();
  }

  // From the best set so far, one candidate more at a time.
  absl::Status Grow() {
    CandidateSet set = best_.set;
    while (static_cast<int>(set.size()) < options_.max_size) {
      std::vector<CandidateSet> wider;
      for (int i = 0; i < options_.candidates; ++i) {
        if (std::find(set.begin(), set.end(), i) != set.end()) continue;
        CandidateSet& with = wider.emplace_back(set);
        with.insert(std::upper_bound(with.begin(), with.end(), i), i);
      }
      if (wider.empty() || !Affords(wider.size())) break;
      RECSAE_ASSIGN_OR_RETURN(const std::vector<Outcome> outcomes, Outcomes(wider));
      const auto lowest =
          std::min_element(outcomes.begin(), outcomes.end(),
                           [](const Outcome& a, const Outcome& b) { return a.score < b.score; });
      set = wider[static_cast<size_t>(lowest - outcomes.begin())];
      for (size_t i = 0; i < wider.size(); ++i) Consider(std::move(wider[i]), outcomes[i]);
      if (best_.found) return Shrink();
    }
    return absl::OkStatus();
  }

  // Leaves out what is needless.
  absl::Status Shrink() {
    for (size_t i = 0; i < best_.set.size() && best_.set.size() > 1;) {
      CandidateSet fewer = best_.set;
      fewer.erase(fewer.begin() + static_cast<std::ptrdiff_t>(i));
      RECSAE_ASSIGN_OR_RETURN(const std::vector<Outcome> outcomes, Outcomes({fewer}));
      if (outcomes[0].rank > options_.top) {
        best_.set = std::move(fewer);
        best_.outcome = outcomes[0];
        i = 0;
      } else {
        ++i;
      }
    }
    return absl::OkStatus();
  }

  const CounterfactualOptions& options_;
  TrySets try_sets_;
  std::vector<int> order_;  // candidates, those first without which alone the score is lowest
  int all_up_to_ = 1;       // all sets of so many candidates were tried
  Counterfactual best_;
};

}  // namespace

absl::StatusOr<Counterfactual> FindCounterfactual(const CounterfactualOptions& options,
                                                  TrySets try_sets) {
  return Search(options, try_sets).Run();
}

}  // namespace recsae::explainer
