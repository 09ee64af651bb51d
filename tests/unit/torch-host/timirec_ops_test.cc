// TiMiRec's operations against libtorch's own, and the kernels' gradients against differences.
#include "services/torch-host/models/timirec_ops.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <functional>
#include <vector>

#include "common/math/worker_pool.h"

namespace recsae::probe {
namespace {

using torch::Tensor;

constexpr int64_t kWindows = 11, kLength = 7, kDim = 5, kHeads = 3;

Tensor Leaf(torch::IntArrayRef shape) { return torch::randn(shape).requires_grad_(); }
Tensor Copy(const Tensor& leaf) { return leaf.detach().clone().requires_grad_(); }

// Every number of items from none missing to one left.
Tensor SomePadding() { return torch::arange(kWindows).remainder(kLength).to(torch::kInt32); }

void ExpectClose(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance);
}

// loss(leaf)'s derivative along a random direction, by central differences, against its gradient.
void ExpectGradient(const std::function<Tensor(const Tensor&)>& loss, const Tensor& at) {
  const Tensor leaf = Copy(at);
  loss(leaf).backward();
  const Tensor direction = torch::randn_like(at);
  constexpr double kStep = 1e-2;
  const torch::NoGradGuard no_gradients;
  const double up = loss(at.detach() + kStep * direction).item<double>();
  const double down = loss(at.detach() - kStep * direction).item<double>();
  const double expected = (leaf.grad() * direction).sum().item<double>();
  EXPECT_NEAR((up - down) / (2 * kStep), expected, 5e-3 * std::max(1.0, std::abs(expected)));
}

class TimirecOpsTest : public testing::TestWithParam<int> {
 protected:
  TimirecOpsTest() : pool_(GetParam()) { torch::manual_seed(11); }
  math::WorkerPool pool_;
};

// A masked softmax over every prefix.
Tensor PlainPool(const Tensor& h, const Tensor& scores, const Tensor& padding) {
  const Tensor position = torch::arange(kLength);
  const Tensor causal = position.unsqueeze(0) <= position.unsqueeze(1);  // [prefix, position]
  const Tensor real = position.unsqueeze(0) >= padding.unsqueeze(1);     // [window, position]
  const Tensor allowed = causal.unsqueeze(0).logical_and(real.unsqueeze(1)).unsqueeze(3);
  const Tensor weights =
      torch::softmax(scores.unsqueeze(1).masked_fill(allowed.logical_not(), -1e9), 2);
  return torch::einsum("wpth,wtd->wphd", {weights, h}) * real.unsqueeze(2).unsqueeze(3);
}

TEST_P(TimirecOpsTest, PoolPrefixesIsAttentionOverEachPrefix) {
  const Tensor h = Leaf({kWindows, kLength, kDim}), scores = Leaf({kWindows, kLength, kHeads});
  const Tensor up = torch::randn({kWindows, kLength, kHeads, kDim}), padding = SomePadding();
  const Tensor pooled = PoolPrefixes(h, scores, padding, &pool_);
  (pooled * up).sum().backward();
  const Tensor h2 = Copy(h), scores2 = Copy(scores);
  const Tensor expected = PlainPool(h2, scores2, padding);
  (expected * up).sum().backward();
  ExpectClose(pooled, expected, 1e-5);
  ExpectClose(h.grad(), h2.grad(), 1e-4);
  ExpectClose(scores.grad(), scores2.grad(), 1e-4);
}

TEST_P(TimirecOpsTest, PoolPrefixesHasItsGradients) {
  const Tensor h = torch::randn({kWindows, kLength, kDim});
  const Tensor scores = torch::randn({kWindows, kLength, kHeads}), padding = SomePadding();
  const Tensor up = torch::randn({kWindows, kLength, kHeads, kDim});
  ExpectGradient(
      [&](const Tensor& x) { return (PoolPrefixes(x, scores, padding, &pool_) * up).sum(); }, h);
  ExpectGradient([&](const Tensor& x) { return (PoolPrefixes(h, x, padding, &pool_) * up).sum(); },
                 scores);
}

// Scores far apart, both ways: weights of 0 and 1 without overflow.
TEST_P(TimirecOpsTest, PoolPrefixesOfExtremeScores) {
  const Tensor h = torch::randn({1, 3, 2});
  const Tensor scores = torch::tensor({-1e4f, 1e4f, 0.0f}).view({1, 3, 1});
  const Tensor pooled =
      PoolPrefixes(h, scores, torch::zeros({1}, torch::kInt32), &pool_).view({3, 2});
  ExpectClose(pooled, h[0].index({torch::tensor({0, 1, 1}, torch::kInt64)}), 1e-6);
}

// libtorch's GRU cell, one window after the other.
Tensor PlainGru(const Tensor& x, const Tensor& weight, const Tensor& bias, const Tensor& padding) {
  std::vector<Tensor> windows;
  for (int64_t w = 0; w < x.size(0); ++w) {
    Tensor state = torch::zeros({1, kDim});
    std::vector<Tensor> states;
    for (int64_t t = 0; t < kLength; ++t) {
      if (t >= padding[w].item<int>()) {
        state = torch::gru_cell(x[w][t].unsqueeze(0), state, torch::eye(3 * kDim), weight,
                                torch::zeros({3 * kDim}), bias);
      }
      states.push_back(state);
    }
    windows.push_back(torch::cat(states));
  }
  return torch::stack(windows);
}

TEST_P(TimirecOpsTest, GruIsTorchGru) {
  const Tensor x = Leaf({kWindows, kLength, 3 * kDim}), weight = Leaf({3 * kDim, kDim}),
               bias = Leaf({3 * kDim});
  const Tensor up = torch::randn({kWindows, kLength, kDim}), padding = SomePadding();
  const Tensor states = Gru(x, weight, bias, padding, &pool_);
  (states * up).sum().backward();
  const Tensor x2 = Copy(x), weight2 = Copy(weight), bias2 = Copy(bias);
  const Tensor expected = PlainGru(x2, weight2, bias2, padding);
  (expected * up).sum().backward();
  ExpectClose(states, expected, 1e-5);
  ExpectClose(x.grad(), x2.grad(), 1e-4);
  ExpectClose(weight.grad(), weight2.grad(), 1e-3);
  ExpectClose(bias.grad(), bias2.grad(), 1e-3);
}

TEST_P(TimirecOpsTest, GruHasItsGradients) {
  const Tensor x = torch::randn({kWindows, kLength, 3 * kDim});
  const Tensor weight = torch::randn({3 * kDim, kDim}), bias = torch::randn({3 * kDim});
  const Tensor up = torch::randn({kWindows, kLength, kDim}), padding = SomePadding();
  const auto loss = [&](const Tensor& a, const Tensor& b, const Tensor& c) {
    return (Gru(a, b, c, padding, &pool_) * up).sum();
  };
  ExpectGradient([&](const Tensor& v) { return loss(v, weight, bias); }, x);
  ExpectGradient([&](const Tensor& v) { return loss(x, v, bias); }, weight);
  ExpectGradient([&](const Tensor& v) { return loss(x, weight, v); }, bias);
}

INSTANTIATE_TEST_SUITE_P(Threads, TimirecOpsTest, testing::Values(1, 3));

}  // namespace
}  // namespace recsae::probe
