#include "services/explainer/verification/causal_test.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "common/base/random.h"
#include "common/base/status.h"
#include "common/math/gemm.h"
#include "services/explainer/verification/statistics.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

constexpr uint64_t kItemsStream = 41;
constexpr size_t kShown = 10;
constexpr size_t kMostMovedUsers = 200;
constexpr size_t kFewestMovedUsers = 20;
constexpr size_t kMostItems = 20'000;
constexpr size_t kFewestItemsRanked = 1'000;
constexpr double kMostScores = 4e9;
// Latents that are raised in a latent's place: of so many that fire about as often, those that move
// about as far.
constexpr size_t kLikeInFrequency = 12;
constexpr size_t kControls = 4;
// Rows on which a latent fires that it is removed from.
constexpr size_t kMostRemovals = 50;
constexpr double kLevelQuantile = 0.9;

using TopTen = std::array<int32_t, kShown>;  // places in Mover's items; -1 after the last

// Scores of a few users over some items, and what becomes of their first ten.
class Mover {
 public:
  explicit Mover(const CausalInputs& inputs)
      : in_(inputs), dim_(static_cast<size_t>(inputs.head.dim)) {
    ChooseItems();
    ChooseUsers();
  }

  size_t users() const { return users_.size(); }
  int64_t row(size_t user) const { return users_[user]; }
  int32_t item(int32_t place) const { return items_[static_cast<size_t>(place)]; }

  // What one unit of a latent adds to the score of each item.
  std::vector<float> EffectOf(int32_t latent) const {
    std::vector<float> effect(items_.size());
    math::Sgemm(Transpose::kNo, Transpose::kYes, 1, static_cast<int64_t>(items_.size()),
                static_cast<int64_t>(dim_),
                in_.dictionary.decoder().data() + static_cast<size_t>(latent) * dim_,
                vectors_.data(), 0.0f, effect.data());
    return effect;
  }

  // Scores of any row, items of its history at the bottom.
  std::vector<float> ScoresOf(int64_t row) const {
    const auto at = static_cast<size_t>(row);
    std::vector<float> scores(items_.size());
    for (size_t i = 0; i < items_.size(); ++i) scores[i] = in_.head.Bias(items_[i]);
    math::Sgemm(Transpose::kNo, Transpose::kYes, 1, static_cast<int64_t>(items_.size()),
                static_cast<int64_t>(dim_), in_.rows.activations.data() + at * dim_,
                vectors_.data(), 1.0f, scores.data());
    for (const int32_t item : in_.rows.cases[at].history) {
      const auto place = place_of_.find(item);
      if (place != place_of_.end()) {
        scores[static_cast<size_t>(place->second)] = std::numeric_limits<float>::lowest();
      }
    }
    return scores;
  }
  const std::vector<float>& scores(size_t user) const { return scores_[user]; }

  // The first ten of scores + by * effect.
  TopTen Top(const std::vector<float>& scores, float by, const std::vector<float>& effect) const {
    std::array<float, kShown> best;
    best.fill(std::numeric_limits<float>::lowest());
    TopTen top;
    top.fill(-1);
    for (size_t i = 0; i < scores.size(); ++i) {
      const float score = scores[i] + by * effect[i];
      if (!(score > best.back())) continue;
      size_t place = kShown - 1;
      for (; place > 0 && best[place - 1] < score; --place) {
        best[place] = best[place - 1];
        top[place] = top[place - 1];
      }
      best[place] = score;
      top[place] = static_cast<int32_t>(i);
    }
    return top;
  }

 private:
  void ChooseItems() {
    const auto all = static_cast<size_t>(in_.head.items());
    const double each = static_cast<double>(in_.dictionary.latents()) * kFewestMovedUsers;
    const auto most = static_cast<size_t>(
        std::clamp(kMostScores / each, double{kFewestItemsRanked}, double{kMostItems}));
    if (all <= most) {
      items_.resize(all);
      std::iota(items_.begin(), items_.end(), 0);
    } else {
      Random random(in_.seed, kItemsStream);
      std::unordered_set<int32_t> chosen;
      while (chosen.size() < most) chosen.insert(static_cast<int32_t>(random.Below(all)));
      items_.assign(chosen.begin(), chosen.end());
      std::sort(items_.begin(), items_.end());
    }
    for (size_t i = 0; i < items_.size(); ++i) {
      const absl::Span<const float> vector = in_.head.Vector(items_[i]);
      vectors_.insert(vectors_.end(), vector.begin(), vector.end());
      place_of_.emplace(items_[i], static_cast<int32_t>(i));
    }
  }

  void ChooseUsers() {
    const double each =
        static_cast<double>(in_.dictionary.latents()) * static_cast<double>(items_.size());
    const auto most = static_cast<size_t>(
        std::clamp(kMostScores / each, double{kFewestMovedUsers}, double{kMostMovedUsers}));
    std::unordered_set<int32_t> seen;
    for (int64_t row = 0; row < in_.rows.rows() && users_.size() < most; ++row) {
      if (!seen.insert(in_.rows.cases[static_cast<size_t>(row)].user).second) continue;
      users_.push_back(row);
      scores_.push_back(ScoresOf(row));
    }
  }

  const CausalInputs& in_;
  size_t dim_;
  std::vector<int32_t> items_;
  std::vector<float> vectors_;  // [items, dim]
  std::unordered_map<int32_t, int32_t> place_of_;
  std::vector<int64_t> users_;              // a row of each
  std::vector<std::vector<float>> scores_;  // [users][items]
};

float ActivationOf(const sae::SparseCodes& codes, int64_t row, int32_t latent) {
  for (const auto& [active, value] : codes.Row(row)) {
    if (active == latent) return value;
  }
  return 0;
}

class CausalTester {
 public:
  explicit CausalTester(const CausalInputs& inputs)
      : in_(inputs), mover_(inputs), latents_(inputs.descriptions.size()) {
    by_frequency_.resize(latents_);
    std::iota(by_frequency_.begin(), by_frequency_.end(), size_t{0});
    std::stable_sort(by_frequency_.begin(), by_frequency_.end(),
                     [&](size_t a, size_t b) { return in_.firings[a] < in_.firings[b]; });
    place_.resize(latents_);
    for (size_t i = 0; i < latents_; ++i) place_[by_frequency_[i]] = i;
  }

  absl::StatusOr<std::vector<CausalResult>> Run(Alive alive) {
    const std::vector<float> none(mover_.users() == 0 ? 0 : mover_.scores(0).size());
    for (size_t user = 0; user < mover_.users(); ++user) {
      before_.push_back(mover_.Top(mover_.scores(user), 0, none));
    }
    raised_.resize(latents_);
    distance_.resize(latents_);
    for (size_t latent = 0; latent < latents_; ++latent) {
      RECSAE_RETURN_IF_ERROR(alive());
      Raise(latent);
    }
    std::vector<CausalResult> results(latents_);
    for (size_t latent = 0; latent < latents_; ++latent) {
      if (in_.descriptions[latent].set < 0 || in_.levels[latent] == 0) continue;
      RECSAE_RETURN_IF_ERROR(alive());
      results[latent] = Test(latent);
    }
    return results;
  }

 private:
  double ShareIn(const TopTen& top, int32_t set) const {
    int held = 0;
    int shown = 0;
    for (const int32_t place : top) {
      if (place < 0) break;
      ++shown;
      held += in_.sets.Holds(set, mover_.item(place));
    }
    return shown == 0 ? 0 : static_cast<double>(held) / shown;
  }

  // How far a row's latent is from its level.
  float Missing(int64_t row, size_t latent) const {
    const float level = in_.levels[latent];
    const float activation = ActivationOf(in_.codes, row, static_cast<int32_t>(latent));
    return level > 0 ? std::max(level - activation, 0.0f) : std::min(level - activation, 0.0f);
  }

  void Raise(size_t latent) {
    const std::vector<float> effect = mover_.EffectOf(static_cast<int32_t>(latent));
    const double length = LengthOf(latent);
    for (size_t user = 0; user < mover_.users(); ++user) {
      const float by = Missing(mover_.row(user), latent);
      raised_[latent].push_back(mover_.Top(mover_.scores(user), by, effect));
      distance_[latent] += std::abs(by) * length / static_cast<double>(mover_.users());
    }
  }

  bool SayTheSame(size_t a, size_t b) const { return in_.groups[a] == in_.groups[b]; }

  // Latents that fire about as often and are raised about as far.
  std::vector<size_t> ControlsOf(size_t latent) const {
    std::vector<size_t> like;
    const size_t place = place_[latent];
    const size_t begin = place - std::min(place, kLikeInFrequency / 2);
    const size_t end = std::min(latents_, begin + kLikeInFrequency + 1);
    for (size_t i = begin; i < end; ++i) {
      if (!SayTheSame(by_frequency_[i], latent)) like.push_back(by_frequency_[i]);
    }
    std::stable_sort(like.begin(), like.end(), [&](size_t a, size_t b) {
      return std::abs(distance_[a] - distance_[latent]) <
             std::abs(distance_[b] - distance_[latent]);
    });
    like.resize(std::min(like.size(), kControls));
    return like;
  }

  CausalResult Test(size_t latent) const {
    CausalResult result;
    const int32_t set = in_.descriptions[latent].set;
    const std::vector<size_t> controls = ControlsOf(latent);
    const size_t users = mover_.users();
    if (users < 2 || controls.empty()) return result;
    std::vector<double> effects;
    for (size_t user = 0; user < users; ++user) {
      double control = 0;
      for (const size_t other : controls) {
        control += ShareIn(raised_[other][user], set) / static_cast<double>(controls.size());
      }
      const double raised = ShareIn(raised_[latent][user], set);
      result.share += ShareIn(before_[user], set) / static_cast<double>(users);
      result.raised_share += raised / static_cast<double>(users);
      result.control_share += control / static_cast<double>(users);
      effects.push_back(raised - control);
    }
    result.users = static_cast<int>(users);
    result.effect_low = LowerEnd(effects);
    Remove(latent, result);
    AskPairs(latent, result);
    const bool raises =
        result.effect_low > 0 && result.raised_share - result.control_share >= kLeastEffect;
    const bool lowers = result.removal_low > 0 &&
                        result.removed_control_share - result.removed_share >= kLeastEffect;
    result.passed = (raises || lowers) && RightWay(result);
    return result;
  }

  static bool RightWay(const CausalResult& result) {
    if (result.pairs < kFewestPairs) return true;
    const auto right = static_cast<int>(std::lround(result.pair_share * result.pairs));
    return WilsonInterval(right, result.pairs).second >= 0.5;
  }

  // Of the 95 % interval of the mean.
  static double LowerEnd(std::span<const double> values) {
    const auto n = static_cast<double>(values.size());
    if (values.size() < 2) return 0;
    const double mean = std::accumulate(values.begin(), values.end(), 0.0) / n;
    double squares = 0;
    for (const double value : values) squares += (value - mean) * (value - mean);
    return mean - kZ95 * std::sqrt(squares / (n * (n - 1)));
  }

  double LengthOf(size_t latent) const {
    const auto dim = static_cast<size_t>(in_.dictionary.dim());
    const float* direction = in_.dictionary.decoder().data() + latent * dim;
    return std::sqrt(std::inner_product(direction, direction + dim, direction, 0.0));
  }

  // Another active latent of the row that adds about as much to the activation; (-1, 0) without
  // any.
  sae::LatentActivation InPlaceOf(int64_t row, size_t latent, float activation) const {
    const double own = std::abs(activation) * LengthOf(latent);
    sae::LatentActivation found{-1, 0};
    double best = std::numeric_limits<double>::infinity();
    for (const sae::LatentActivation& other : in_.codes.Row(row)) {
      if (SayTheSame(static_cast<size_t>(other.latent), latent)) continue;
      const double apart =
          std::abs(std::abs(other.value) * LengthOf(static_cast<size_t>(other.latent)) - own);
      if (apart < best) {
        best = apart;
        found = other;
      }
    }
    return found;
  }

  // What is left of the described items where the latent fires as it is raised, and is removed.
  void Remove(size_t latent, CausalResult& result) const {
    const int32_t set = in_.descriptions[latent].set;
    const std::vector<float> effect = mover_.EffectOf(static_cast<int32_t>(latent));
    std::vector<double> effects;
    std::unordered_set<int32_t> users;
    for (int64_t row = 0; row < in_.rows.rows() && effects.size() < kMostRemovals; ++row) {
      const float activation = ActivationOf(in_.codes, row, static_cast<int32_t>(latent));
      if (activation == 0 || (activation > 0) != (in_.levels[latent] > 0)) continue;
      if (!users.insert(in_.rows.cases[static_cast<size_t>(row)].user).second) continue;
      const std::vector<float> scores = mover_.ScoresOf(row);
      const double before = ShareIn(mover_.Top(scores, 0, effect), set);
      const double removed = ShareIn(mover_.Top(scores, -activation, effect), set);
      const sae::LatentActivation other = InPlaceOf(row, latent, activation);
      const double control =
          other.latent < 0
              ? before
              : ShareIn(mover_.Top(scores, -other.value, mover_.EffectOf(other.latent)), set);
      result.firing_share += before;
      result.removed_share += removed;
      result.removed_control_share += control;
      effects.push_back(control - removed);
    }
    if (effects.empty()) return;
    const auto n = static_cast<double>(effects.size());
    result.firing_share /= n;
    result.removed_share /= n;
    result.removed_control_share /= n;
    result.removal_low = LowerEnd(effects);
  }

  void AskPairs(size_t latent, CausalResult& result) const {
    const float sign = in_.levels[latent] > 0 ? 1.0f : -1.0f;
    int right = 0;
    for (const HistoryPair& pair : in_.pairs.Of(in_.descriptions[latent].set)) {
      const auto l = static_cast<int32_t>(latent);
      const float more = sign * ActivationOf(in_.codes, pair.more, l);
      const float less = sign * ActivationOf(in_.codes, pair.less, l);
      if (more == less) continue;
      ++result.pairs;
      right += more > less;
    }
    if (result.pairs > 0) result.pair_share = static_cast<double>(right) / result.pairs;
  }

  const CausalInputs& in_;
  Mover mover_;
  size_t latents_;
  std::vector<size_t> by_frequency_;         // latents, rarest first,
  std::vector<size_t> place_;                // and where each stands there
  std::vector<TopTen> before_;               // by user
  std::vector<std::vector<TopTen>> raised_;  // by latent and user
  std::vector<double> distance_;             // by latent: how far activations are moved, mean
};

}  // namespace

std::vector<float> RaisedLevels(const sae::SparseCodes& codes,
                                std::span<const SetDescription> descriptions, bool is_signed) {
  std::vector<std::vector<float>> firings(descriptions.size());
  std::vector<float> signs(descriptions.size(), 1.0f);
  for (size_t i = 0; i < descriptions.size(); ++i) {
    if (is_signed && descriptions[i].correlation < 0) signs[i] = -1.0f;
  }
  for (int64_t row = 0; row < codes.rows(); ++row) {
    for (const auto& [latent, value] : codes.Row(row)) {
      const auto l = static_cast<size_t>(latent);
      if (value * signs[l] > 0) firings[l].push_back(value * signs[l]);
    }
  }
  std::vector<float> levels(descriptions.size());
  for (size_t i = 0; i < levels.size(); ++i) {
    std::vector<float>& values = firings[i];
    if (values.empty()) continue;
    const auto place =
        std::min(values.size() - 1,
                 static_cast<size_t>(kLevelQuantile * static_cast<double>(values.size())));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(place),
                     values.end());
    levels[i] = values[place] * signs[i];
  }
  return levels;
}

absl::StatusOr<std::vector<CausalResult>> TestCauses(const CausalInputs& inputs, Alive alive) {
  return CausalTester(inputs).Run(alive);
}

}  // namespace recsae::explainer
