// Evaluation against plain references in double.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <random>
#include <set>

#include "common/base/status.h"
#include "services/explainer/evaluation/attribute_scores.h"
#include "services/explainer/evaluation/latent_use.h"
#include "services/explainer/evaluation/rank_biased_overlap.h"
#include "services/explainer/evaluation/reconstruction.h"
#include "services/explainer/evaluation/similarity.h"
#include "tests/unit/explainer/random_model.h"

namespace recsae::explainer {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// ---- rank-biased overlap

double NaiveOverlap(const std::vector<int32_t>& a, const std::vector<int32_t>& b, double p) {
  const auto shared = [&](size_t depth) {
    const std::set<int32_t> head(a.begin(), a.begin() + depth);
    return std::count_if(b.begin(), b.begin() + depth, [&](int32_t i) { return head.contains(i); });
  };
  const size_t k = a.size();
  double sum = 0;
  for (size_t d = 1; d <= k; ++d) sum += static_cast<double>(shared(d)) / d * std::pow(p, d);
  return static_cast<double>(shared(k)) / k * std::pow(p, k) + (1 - p) / p * sum;
}

TEST(RankBiasedOverlap, MatchesItsFormula) {
  std::mt19937_64 random(1);
  std::vector<int32_t> items(20);
  for (int i = 0; i < 20; ++i) items[i] = i;
  for (int round = 0; round < 50; ++round) {
    std::shuffle(items.begin(), items.end(), random);
    const std::vector<int32_t> a(items.begin(), items.begin() + 10);
    std::shuffle(items.begin(), items.end(), random);
    const std::vector<int32_t> b(items.begin(), items.begin() + 10);
    EXPECT_NEAR(RankBiasedOverlap(a, b, 0.9), NaiveOverlap(a, b, 0.9), 1e-12);
  }
}

TEST(RankBiasedOverlap, IsOneForEqualAndZeroForDisjointLists) {
  EXPECT_NEAR(RankBiasedOverlap({1, 2, 3}, {1, 2, 3}, 0.9), 1, 1e-12);
  EXPECT_EQ(RankBiasedOverlap({1, 2, 3}, {4, 5, 6}, 0.9), 0);
  EXPECT_EQ(RankBiasedOverlap({}, {}, 0.9), 1);
  EXPECT_EQ(RankBiasedOverlap({1}, {}, 0.9), 0);
}

TEST(RankBiasedOverlap, HeadsCountMost) {
  EXPECT_GT(RankBiasedOverlap({1, 2, 3, 4}, {1, 2, 4, 5}, 0.9),
            RankBiasedOverlap({1, 2, 3, 4}, {5, 4, 2, 1}, 0.9));
}

// ---- reconstruction

// Of items of which nothing is known; kept, as an evaluation refers to it.
const ItemPopularity& Unpopular(const PredictionHead& head) {
  static auto* const known = new std::map<int, ItemPopularity>();
  const std::vector<int64_t> counts(static_cast<size_t>(head.items()));
  return known->try_emplace(head.items(), counts).first->second;
}

const std::vector<std::vector<int32_t>>& Plain(const PredictionHead& head) {
  static auto* const known = new std::map<int, std::vector<std::vector<int32_t>>>();
  return known->try_emplace(head.items(), head.items()).first->second;
}

TEST(ReconstructionEvaluation, MatchesPlainComputation) {
  std::mt19937_64 random(9);
  const sae::SaeModel sae = RandomModel(8, 32, 3, 1.5f, random);
  const PredictionHead head = RandomHead(8, 120, true, random);
  ReconstructionEvaluation evaluation(sae, head, Unpopular(head), Plain(head));

  constexpr int kRows = 200;
  std::vector<std::vector<float>> rows;
  double error = 0;
  double l0 = 0;
  double hits[2] = {};
  double gain[2] = {};
  double overlap = 0;
  int cases = 0;
  std::set<int32_t> shown[2];
  for (int r = 0; r < kRows; ++r) {
    std::vector<float> x = RandomVector(8, random);
    for (float& value : x) value += 100;  // far from 0, where a careless variance loses digits
    const int32_t target = r % 5 == 0 ? -1 : static_cast<int32_t>(random() % 120);
    std::vector<int32_t> excluded = {static_cast<int32_t>(random() % 120),
                                     static_cast<int32_t>(random() % 120)};
    if (r % 7 == 0 && target >= 0) excluded.push_back(target);
    const auto code = sae.Encode(x.data());
    std::vector<float> reconstruction(8);
    sae.Decode(code, reconstruction.data());
    for (int i = 0; i < 8; ++i) error += std::pow(double{x[i]} - reconstruction[i], 2);
    l0 += static_cast<double>(code.size()) / kRows;
    evaluation.Add(x, code, target, excluded);
    rows.push_back(x);
    if (target < 0) continue;
    ++cases;
    std::vector<int32_t> masked = excluded;
    masked.erase(std::remove(masked.begin(), masked.end(), target), masked.end());
    std::vector<int32_t> lists[2];
    for (int side = 0; side < 2; ++side) {
      const std::vector<float>& activation = side == 0 ? x : reconstruction;
      const auto order = RankedItems(head, activation, masked);
      const auto rank = std::find(order.begin(), order.end(), target) - order.begin() + 1;
      if (rank <= 10) {
        hits[side] += 1;
        gain[side] += 1 / std::log2(rank + 1.0);
      }
      lists[side] = RankedItems(head, activation, excluded);
      lists[side].resize(10);
    }
    overlap += NaiveOverlap(lists[0], lists[1], 0.9);
    shown[0].insert(lists[0].begin(), lists[0].end());
    shown[1].insert(lists[1].begin(), lists[1].end());
  }
  double variance = 0;
  for (int i = 0; i < 8; ++i) {
    double mean = 0;
    for (const auto& x : rows) mean += x[i] / static_cast<double>(kRows);
    for (const auto& x : rows) variance += std::pow(x[i] - mean, 2);
  }
  EXPECT_EQ(evaluation.recommender().cases(), cases);
  EXPECT_NEAR(evaluation.recommender().hr(10), hits[0] / cases, 1e-12);
  EXPECT_NEAR(evaluation.recommender().ndcg(10), gain[0] / cases, 1e-12);
  EXPECT_NEAR(evaluation.reconstructed().hr(10), hits[1] / cases, 1e-12);
  EXPECT_NEAR(evaluation.reconstructed().ndcg(10), gain[1] / cases, 1e-12);
  EXPECT_NEAR(evaluation.rbo(), overlap / cases, 1e-12);
  EXPECT_EQ(evaluation.recommender_lists().lists(), cases);
  EXPECT_NEAR(evaluation.recommender_lists().coverage(), shown[0].size() / 120.0, 1e-12);
  EXPECT_NEAR(evaluation.reconstructed_lists().coverage(), shown[1].size() / 120.0, 1e-12);
  EXPECT_NEAR(evaluation.metrics().fvu, error / variance, 1e-6 * error / variance);
  EXPECT_NEAR(evaluation.metrics().l0, l0, 1e-9);
}

TEST(ReconstructionEvaluation, AtAnInnerSiteRanksWhatItLeadsTo) {
  std::mt19937_64 random(3);
  const sae::SaeModel sae = RandomModel(8, 32, 3, 1, random);
  const PredictionHead head = RandomHead(5, 60, true, random);
  ReconstructionEvaluation inner(sae, head, Unpopular(head), Plain(head));
  // The same ranking by an SAE that reads the vector itself.
  const sae::SaeModel user_sae = RandomModel(5, 16, 2, 1, random);
  ReconstructionEvaluation user_alone(user_sae, head, Unpopular(head), Plain(head));
  const PredictionHead wide = RandomHead(8, 60, true, random);
  ReconstructionEvaluation site_alone(sae, wide, Unpopular(wide), Plain(wide));
  for (int r = 0; r < 50; ++r) {
    const std::vector<float> x = RandomVector(8, random), user = RandomVector(5, random);
    const auto code = sae.Encode(x.data()), user_code = user_sae.Encode(user.data());
    std::vector<float> led_to(5);
    user_sae.Decode(user_code, led_to.data());
    const auto target = static_cast<int32_t>(random() % 60);
    inner.AddInner(x, code, user, led_to, target, {});
    user_alone.Add(user, user_code, target, {});
    site_alone.Add(x, code, -1, {});
  }
  EXPECT_EQ(inner.recommender().ndcg(10), user_alone.recommender().ndcg(10));
  EXPECT_EQ(inner.reconstructed().ndcg(10), user_alone.reconstructed().ndcg(10));
  EXPECT_EQ(inner.rbo(), user_alone.rbo());
  EXPECT_EQ(inner.metrics().fvu, site_alone.metrics().fvu);
  EXPECT_EQ(inner.metrics().l0, site_alone.metrics().l0);
}

// One definition, that of common/sae/metrics.h, also where rows do not vary: an error that there is
// no variance to be a share of is no perfect reconstruction.
TEST(ReconstructionEvaluation, RowsThatDoNotVaryHaveNoFiniteFvu) {
  std::mt19937_64 random(2);
  const sae::SaeModel sae = RandomModel(2, 4, 1, 1, random);
  const PredictionHead head = RandomHead(2, 3, false, random);
  const std::vector<float> x = {3, -1};
  ReconstructionEvaluation evaluation(sae, head, Unpopular(head), Plain(head));
  sae::MetricsAccumulator expected(2, 4);
  for (int r = 0; r < 5; ++r) {
    evaluation.Add(x, sae.Encode(x.data()), -1, {});
    expected.Add(sae, x.data(), 1);
  }
  EXPECT_EQ(evaluation.metrics().fvu, std::numeric_limits<double>::infinity());
  EXPECT_EQ(evaluation.metrics().fvu, expected.Result().fvu);
  EXPECT_EQ(evaluation.metrics().l0, expected.Result().l0);
}

TEST(ReconstructionEvaluation, TiesCountAgainstTheTarget) {
  std::mt19937_64 random(2);
  const sae::SaeModel sae = RandomModel(2, 4, 1, 1, random);
  PredictionHead head;
  head.dim = 2;
  head.vectors.assign(20, 1.0f);  // ten items, all alike
  ReconstructionEvaluation evaluation(sae, head, Unpopular(head), Plain(head));
  const std::vector<float> x = {1, 1};
  evaluation.Add(x, sae.Encode(x.data()), 0, {});
  EXPECT_EQ(evaluation.recommender().hr(5), 0);
  EXPECT_EQ(evaluation.recommender().hr(10), 1);
}

TEST(ReconstructionEvaluation, NoRowsGiveZeros) {
  std::mt19937_64 random(2);
  const sae::SaeModel sae = RandomModel(2, 4, 1, 1, random);
  const PredictionHead head = RandomHead(2, 3, false, random);
  const ReconstructionEvaluation evaluation(sae, head, Unpopular(head), Plain(head));
  EXPECT_EQ(evaluation.metrics().fvu, 0);
  EXPECT_EQ(evaluation.metrics().l0, 0);
  EXPECT_EQ(evaluation.rbo(), 0);
}

// ---- similarity

double Cosine(const PredictionHead& head, int a, int b) {
  double dot = 0;
  double norm_a = 0;
  double norm_b = 0;
  for (int i = 0; i < head.dim; ++i) {
    const double x = head.Vector(a)[i];
    const double y = head.Vector(b)[i];
    dot += x * y;
    norm_a += x * x;
    norm_b += y * y;
  }
  return dot / std::sqrt(norm_a * norm_b);
}

TEST(MostActivatedItems, KeepsTheTwoItemsOfTheStrongestCases) {
  MostActivatedItems items(3);
  items.Add({{0, 1.0f}, {1, 5.0f}}, 10);
  items.Add({{0, 3.0f}}, 11);
  items.Add({{0, 2.0f}}, 12);
  items.Add({{0, 3.0f}}, 13);  // as strong as the first: the earlier row stays first
  EXPECT_THAT(items.Items(0), ElementsAre(11, 13));
  EXPECT_THAT(items.Items(1), ElementsAre(10));
  EXPECT_THAT(items.Items(2), IsEmpty());
}

TEST(MostActivatedItems, AnItemStandsForItselfOnce) {
  MostActivatedItems items(2);
  items.Add({{0, 4.0f}}, 10);
  items.Add({{0, 3.0f}}, 10);
  EXPECT_THAT(items.Items(0), ElementsAre(10));
  items.Add({{0, 1.0f}}, 11);
  items.Add({{0, 5.0f}}, 10);
  items.Add({{0, 2.0f}}, 12);
  EXPECT_THAT(items.Items(0), ElementsAre(10, 12));
  items.Add({{0, 9.0f}}, 12);
  EXPECT_THAT(items.Items(0), ElementsAre(12, 10));
}

TEST(MostActivatedItems, MatchesAllCases) {
  std::mt19937_64 random(6);
  for (int round = 0; round < 50; ++round) {
    MostActivatedItems items(1);
    std::map<int32_t, float> strongest;
    for (int row = 0; row < 40; ++row) {
      const auto item = static_cast<int32_t>(random() % 5);
      const auto activation = std::uniform_real_distribution<float>(0.1f, 9)(random);
      items.Add({{0, activation}}, item);
      strongest[item] = std::max(strongest[item], activation);
    }
    std::vector<std::pair<float, int32_t>> expected;
    for (const auto& [item, activation] : strongest) expected.emplace_back(-activation, item);
    std::sort(expected.begin(), expected.end());
    EXPECT_THAT(items.Items(0), ElementsAre(expected[0].second, expected[1].second));
  }
}

TEST(Similarity, MatchesAllPairs) {
  std::mt19937_64 random(4);
  const PredictionHead head = RandomHead(6, 50, false, random);
  MostActivatedItems items(30);
  for (int r = 0; r < 100; ++r) {
    // Latent 28 fires once, latent 29 never.
    items.Add({{static_cast<int32_t>(random() % 28), static_cast<float>(random() % 1000)}},
              static_cast<int32_t>(random() % 50));
  }
  items.Add({{28, 1.0f}}, 7);
  const std::vector<int32_t> latents = {0, 3, 4, 9, 12, 28, 29};
  double intra = 0;
  int within = 0;
  double inter = 0;
  int pairs = 0;
  int present = 0;
  for (size_t a = 0; a < latents.size(); ++a) {
    const auto first = items.Items(latents[a]);
    if (first.empty()) continue;
    ++present;
    if (first.size() == 2) {
      intra += Cosine(head, first[0], first[1]);
      ++within;
    }
    for (size_t b = a + 1; b < latents.size(); ++b) {
      const auto second = items.Items(latents[b]);
      if (second.empty()) continue;
      inter += Cosine(head, first[0], second[0]);
      ++pairs;
    }
  }
  const ConceptSimilarity similarity = MeasureSimilarity(items, head, latents);
  EXPECT_EQ(similarity.concepts, present);
  EXPECT_NEAR(similarity.intra, intra / within, 1e-9);
  EXPECT_NEAR(similarity.inter, inter / pairs, 1e-9);
}

TEST(Similarity, NothingToCompareGivesZeros) {
  std::mt19937_64 random(4);
  const PredictionHead head = RandomHead(6, 5, false, random);
  const ConceptSimilarity similarity = MeasureSimilarity(MostActivatedItems(4), head, {0, 1});
  EXPECT_EQ(similarity.concepts, 0);
  EXPECT_EQ(similarity.intra, 0);
  EXPECT_EQ(similarity.inter, 0);
}

// ---- use of latents

TEST(LatentUse, MatchesPlainCounts) {
  std::mt19937_64 random(5);
  LatentUseCounts counts(40);
  constexpr int kRows = 200;
  std::vector<int> fired(40);
  for (int row = 0; row < kRows; ++row) {
    std::vector<sae::LatentActivation> code;
    // Latent j fires on about j / 40 of the rows; latents 0 and 1 are only ever kept at zero.
    for (int32_t latent = 0; latent < 40; ++latent) {
      const bool fires = latent > 1 && static_cast<int>(random() % 40) < latent;
      if (fires || latent < 2) code.push_back({latent, fires ? 1.0f : 0.0f});
      fired[latent] += fires ? 1 : 0;
    }
    counts.Add(code);
  }
  const auto above = [&](double share) {
    return std::count_if(fired.begin(), fired.end(), [&](int n) { return n > share * kRows; });
  };
  const LatentUse use = counts.Result();
  EXPECT_EQ(use.rows, kRows);
  EXPECT_EQ(use.latents, 40);
  EXPECT_EQ(use.dead, std::count(fired.begin(), fired.end(), 0));
  EXPECT_EQ(use.dense, above(0.1));
  EXPECT_EQ(use.over_half, above(0.5));
  EXPECT_GE(use.dead, 2);
}

TEST(LatentUse, ExactlyATenthIsNotDenseAndWithoutRowsAllAreDead) {
  LatentUseCounts counts(3);
  EXPECT_EQ(counts.Result().dead, 3);
  EXPECT_EQ(counts.Result().dense, 0);
  for (int row = 0; row < 10; ++row) {
    std::vector<sae::LatentActivation> code = {{1, -2.0f}};
    if (row == 0) code.push_back({0, 1.0f});
    counts.Add(code);
  }
  const LatentUse use = counts.Result();
  EXPECT_EQ(use.dead, 1);
  EXPECT_EQ(use.dense, 1);
  EXPECT_EQ(use.over_half, 1);
}

// ---- attribute scores

absl::Status Never() { return absl::OkStatus(); }

// P(positive > negative) + P(equal) / 2 over all pairs.
double NaiveAuc(const std::vector<double>& scores, const std::vector<bool>& positive) {
  double wins = 0;
  double pairs = 0;
  for (size_t a = 0; a < scores.size(); ++a) {
    for (size_t b = 0; b < scores.size(); ++b) {
      if (!positive[a] || positive[b]) continue;
      pairs += 1;
      wins += scores[a] > scores[b] ? 1 : scores[a] == scores[b] ? 0.5 : 0;
    }
  }
  return wins / pairs;
}

AttributeTable RandomTable(std::mt19937_64& random) {
  AttributeTable table;
  table.dim = 5;
  table.latents = 12;
  table.attributes = 6;
  for (int row = 0; row < 150; ++row) {
    for (int i = 0; i < 5; ++i) {
      // Few different values, of both signs, so that there are ties and zeros.
      table.activations.push_back(static_cast<float>(random() % 9) - 4);
    }
    std::set<int32_t> latents;
    while (latents.size() < 3) latents.insert(static_cast<int32_t>(random() % 12));
    table.codes.emplace_back();
    for (const int32_t latent : latents) {
      table.codes.back().push_back({latent, static_cast<float>(random() % 5) - 1});
    }
    table.row_attributes.emplace_back();
    for (int32_t a = 0; a < 4; ++a) {
      if (random() % (a + 2) == 0) table.row_attributes.back().push_back(a);
    }
    table.row_attributes.back().push_back(4);               // every row has it
    if (row < 3) table.row_attributes.back().push_back(5);  // too few
  }
  return table;
}

TEST(AttributeScores, MatchAllPairs) {
  std::mt19937_64 random(8);
  const AttributeTable table = RandomTable(random);
  const auto results = ScoreAttributes(table, 20, Never);
  ASSERT_TRUE(results.ok()) << results.status();
  ASSERT_EQ(results->size(), 4u);
  for (int32_t a = 0; a < 4; ++a) {
    std::vector<bool> positive;
    for (const auto& attributes : table.row_attributes) {
      positive.push_back(std::count(attributes.begin(), attributes.end(), a) > 0);
    }
    double best_latent = 0;
    for (int32_t latent = 0; latent < table.latents; ++latent) {
      std::vector<double> scores(150);
      for (int row = 0; row < 150; ++row) {
        for (const auto& active : table.codes[row]) {
          if (active.latent == latent) scores[row] = active.value;
        }
      }
      best_latent = std::max(best_latent, NaiveAuc(scores, positive));
      if (latent == (*results)[a].latent) {
        EXPECT_NEAR((*results)[a].latent_auc, NaiveAuc(scores, positive), 1e-12);
      }
    }
    double best_dimension = 0;
    for (int dimension = 0; dimension < table.dim; ++dimension) {
      std::vector<double> scores(150);
      for (int row = 0; row < 150; ++row) scores[row] = table.activations[row * 5 + dimension];
      const double auc = NaiveAuc(scores, positive);
      best_dimension = std::max({best_dimension, auc, 1 - auc});
    }
    EXPECT_EQ((*results)[a].attribute, a);
    EXPECT_EQ((*results)[a].positives, std::count(positive.begin(), positive.end(), true));
    EXPECT_NEAR((*results)[a].latent_auc, best_latent, 1e-12);
    EXPECT_NEAR((*results)[a].dimension_auc, best_dimension, 1e-12);
  }
}

TEST(AttributeScores, StopWhenInterrupted) {
  std::mt19937_64 random(8);
  int asked = 0;
  const auto results = ScoreAttributes(RandomTable(random), 20, [&] {
    return ++asked < 5 ? absl::OkStatus() : absl::CancelledError("enough");
  });
  EXPECT_EQ(results.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(asked, 5);
}

}  // namespace
}  // namespace recsae::explainer
