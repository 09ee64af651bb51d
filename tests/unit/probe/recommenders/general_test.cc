// LightGCN's propagation against dense matrices, the losses' gradients against central differences,
// and nodes without interactions.
#include "services/probe/recommenders/kinds/general.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>

#include "common/base/random.h"
#include "common/math/worker_pool.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/kinds/lightgcn.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/train/user_item_loss.h"
#include "tests/unit/probe/recommenders/no_torch.h"

namespace recsae::probe {
namespace {

// 4 users, 5 items: user 0 has one item twice, user 2 one only in dev, user 3 nothing; item 4 is in
// no training interaction.
Dataset TinyDataset() {
  Dataset dataset;
  dataset.items.resize(5);
  dataset.users = {"a", "b", "c", "d"};
  dataset.sequences = {{0, 1, 0, 2}, {1, 3}, {3, 4}, {}};
  dataset.train_length = {4, 2, 1, 0};
  dataset.dev = {{2, 1}};
  return dataset;
}
constexpr int kUsers = 4, kItems = 5, kNodes = kUsers + kItems;
constexpr int kEdges[][2] = {{0, 0}, {0, 1}, {0, 2}, {1, 1}, {1, 3}, {2, 3}};  // user, item

std::vector<float> RandomRows(int64_t count, uint64_t seed) {
  Random random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(random.Normal());
  return values;
}

// mean of Âˡ x over l = 0..layers, with Â written out.
std::vector<double> DensePropagation(const std::vector<float>& x, int dim, int layers) {
  std::vector<double> adjacency(kNodes * kNodes), degree(kNodes);
  for (const auto& [user, item] : kEdges) {
    adjacency[user * kNodes + kUsers + item] = adjacency[(kUsers + item) * kNodes + user] = 1;
  }
  for (int i = 0; i < kNodes * kNodes; ++i) degree[i / kNodes] += adjacency[i];
  std::vector<double> layer(x.begin(), x.end()), sum = layer;
  for (int l = 0; l < layers; ++l) {
    std::vector<double> next(layer.size());
    for (int i = 0; i < kNodes; ++i) {
      for (int j = 0; j < kNodes; ++j) {
        if (adjacency[i * kNodes + j] == 0) continue;
        const double weight = 1 / std::sqrt(degree[i] * degree[j]);
        for (int c = 0; c < dim; ++c) next[i * dim + c] += weight * layer[j * dim + c];
      }
    }
    layer = next;
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += layer[i];
  }
  for (double& value : sum) value /= layers + 1;
  return sum;
}

std::vector<float> Propagated(const InteractionGraph& graph, const std::vector<float>& x, int dim,
                              int layers, int threads = 1) {
  math::WorkerPool pool(threads);
  std::vector<float> out(x.size());
  graph.Propagate(x.data(), dim, layers, &pool, out.data());
  return out;
}

TEST(InteractionGraphTest, PropagatesAsTheDenseMatrix) {
  const InteractionGraph graph(TinyDataset());
  ASSERT_EQ(graph.nodes(), kNodes);
  for (const int dim : {1, 7, 16, 64, 100}) {
    const std::vector<float> x = RandomRows(kNodes * dim, dim);
    for (const int layers : {0, 1, 3}) {
      const std::vector<double> expected = DensePropagation(x, dim, layers);
      const std::vector<float> out = Propagated(graph, x, dim, layers);
      for (size_t i = 0; i < out.size(); ++i) ASSERT_NEAR(out[i], expected[i], 1e-5);
    }
  }
}

TEST(InteractionGraphTest, ThreadsChangeNothing) {
  const Dataset dataset =
      *GeneratePlanted({.users = 300, .items = 150, .concepts = 4, .max_length = 30});
  const InteractionGraph graph(dataset);
  const std::vector<float> x = RandomRows(graph.nodes() * 24, 1);
  EXPECT_EQ(Propagated(graph, x, 24, 3, 1), Propagated(graph, x, 24, 3, 2));
}

// A loss of final vectors that sets their gradient.
using LossFunction = std::function<double(const NodeVectors&, float* gradient)>;

// Compares the gradient with respect to embeddings that are propagated `layers` times.
void ExpectGradient(const LossFunction& loss, int layers) {
  constexpr int kDim = 6;
  constexpr float kStep = 1e-2f;
  const InteractionGraph graph(TinyDataset());
  std::vector<float> x = RandomRows(kNodes * kDim, 3), gradient(x.size());
  const auto at = [&](const std::vector<float>& embeddings) {
    const std::vector<float> vectors = Propagated(graph, embeddings, kDim, layers);
    return loss({vectors.data(), kUsers, kItems, kDim}, gradient.data());
  };
  at(x);
  const std::vector<float> analytic = Propagated(graph, gradient, kDim, layers);
  for (size_t i = 0; i < x.size(); ++i) {
    const float value = x[i];
    x[i] = value + kStep;
    const double above = at(x);
    x[i] = value - kStep;
    const double below = at(x);
    x[i] = value;
    ASSERT_NEAR(analytic[i], (above - below) / (2 * kStep), 2e-4) << i;
  }
}

TEST(UserItemLossTest, BprGradientIsTheDifferenceQuotient) {
  const std::vector<Triple> triples = {{0, 4, 7}, {0, 5, 8}, {1, 7, 4}, {2, 7, 5}, {0, 4, 8}};
  math::WorkerPool pool(1);
  for (const int layers : {0, 3}) {
    ExpectGradient(
        [&](const NodeVectors& v, float* gradient) { return BprLoss(v, triples, &pool, gradient); },
        layers);
  }
}

TEST(UserItemLossTest, SoftmaxGradientIsTheDifferenceQuotient) {
  const std::vector<int32_t> users = {1, 0};
  const std::vector<int32_t> first = {0, 1, 0, 2}, second = {1, 3};
  const std::vector<absl::Span<const int32_t>> interactions = {first, second, {}, {}};
  math::WorkerPool pool(1);
  for (const int layers : {0, 3}) {
    ExpectGradient(
        [&](const NodeVectors& v, float* gradient) {
          return SoftmaxLoss(v, users, interactions, &pool, gradient);
        },
        layers);
  }
}

TEST(UserItemLossTest, LossesAreThoseOfTheirDefinition) {
  // One user, two items with scores 3 and 1.
  const std::vector<float> values = {1, 3, 1};
  const NodeVectors vectors{values.data(), 1, 2, 1};
  std::vector<float> gradient(3);
  math::WorkerPool pool(1);
  const double expected = std::log1p(std::exp(-2.0));
  EXPECT_NEAR(BprLoss(vectors, {{0, 1, 2}}, &pool, gradient.data()), expected, 1e-6);
  const std::vector<int32_t> targets = {0};
  EXPECT_NEAR(SoftmaxLoss(vectors, {0}, {targets}, &pool, gradient.data()), expected, 1e-6);
  // Far apart, neither overflows.
  const std::vector<float> far = {1, -500, 500};
  EXPECT_NEAR(BprLoss({far.data(), 1, 2, 1}, {{0, 1, 2}}, &pool, gradient.data()), 1000, 1e-3);
}

// More users than one part scores at once.
TEST(UserItemLossTest, ThreadsChangeNothing) {
  const Dataset dataset =
      *GeneratePlanted({.users = 600, .items = 150, .concepts = 4, .max_length = 30});
  std::vector<absl::Span<const int32_t>> interactions;
  std::vector<int32_t> users;
  std::vector<Triple> triples;
  for (int32_t u = 0; u < 600; ++u) {
    users.push_back(u);
    interactions.emplace_back(dataset.sequences[u].data(), dataset.train_length[u]);
    triples.push_back({u, 600 + u % 150, 600 + u % 7});
  }
  const std::vector<float> values = RandomRows(750 * 16, 1);
  const NodeVectors vectors{values.data(), 600, 150, 16};
  const auto run = [&](int threads) {
    math::WorkerPool pool(threads);
    std::vector<float> gradients(2 * values.size());
    BprLoss(vectors, triples, &pool, gradients.data());
    SoftmaxLoss(vectors, users, interactions, &pool, gradients.data() + values.size());
    return gradients;
  };
  EXPECT_EQ(run(1), run(2));
}

class GeneralRecommenderTest : public testing::TestWithParam<std::tuple<RecommenderKind, Loss>> {};

TEST_P(GeneralRecommenderTest, UsersAndItemsWithoutInteractionsHaveVectors) {
  RecommenderOptions options = DefaultOptions(std::get<0>(GetParam()), std::get<1>(GetParam()));
  options.dim = 8;
  options.max_epochs = 3;
  const Dataset dataset = TinyDataset();
  const auto model = NewRecommender(options, NoTorch());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto report = (*model)->Train(dataset, {});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ((*model)->items(), kItems);
  const auto activations = (*model)->Activations({{2, {}}, {3, {}}});
  ASSERT_TRUE(activations.ok()) << activations.status();
  EXPECT_EQ(activations->size(), 16);
  EXPECT_THAT(*activations,
              testing::Each(testing::Truly([](float x) { return std::isfinite(x); })));
  EXPECT_THAT(*activations, testing::Contains(testing::Ne(0)));
}

INSTANTIATE_TEST_SUITE_P(Kinds, GeneralRecommenderTest,
                         testing::Combine(testing::Values(RecommenderKind::kBprmf,
                                                          RecommenderKind::kLightgcn),
                                          testing::Values(Loss::kBpr, Loss::kSoftmax)));

}  // namespace
}  // namespace recsae::probe
