// The autograd functions against libtorch's own operations, values and gradients.
#include "services/torch-host/models/torch_ops.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "common/base/random.h"
#include "common/math/worker_pool.h"

namespace recsae::probe {
namespace {

using torch::Tensor;

Tensor Leaf(torch::IntArrayRef shape) { return torch::randn(shape).requires_grad_(); }

void ExpectClose(const Tensor& actual, const Tensor& expected, double tolerance) {
  ASSERT_EQ(actual.sizes(), expected.sizes());
  EXPECT_LE((actual - expected).abs().max().item<double>(), tolerance);
}

class TorchOpsTest : public testing::TestWithParam<int> {
 protected:
  TorchOpsTest() : pool_(GetParam()) { torch::manual_seed(7); }
  math::WorkerPool pool_;
};

TEST_P(TorchOpsTest, LinearIsTorchLinear) {
  const Tensor x = Leaf({37, 12}), weight = Leaf({9, 12}), bias = Leaf({9}),
               up = torch::randn({37, 9});
  const Tensor y = Linear(x, weight, bias, &pool_);
  (y * up).sum().backward();
  const Tensor x2 = x.detach().clone().requires_grad_(),
               w2 = weight.detach().clone().requires_grad_(),
               b2 = bias.detach().clone().requires_grad_();
  const Tensor expected = torch::linear(x2, w2, b2);
  (expected * up).sum().backward();
  ExpectClose(y, expected, 1e-4);
  ExpectClose(x.grad(), x2.grad(), 1e-4);
  ExpectClose(weight.grad(), w2.grad(), 1e-4);
  ExpectClose(bias.grad(), b2.grad(), 1e-4);
}

// One row of a bias laid out over rows is the bias itself: nothing may be added to it.
TEST_P(TorchOpsTest, LinearLeavesItsOperandsAsTheyAre) {
  const torch::NoGradGuard no_gradients;
  for (const int rows : {1, 2, 37}) {
    const Tensor x = torch::randn({rows, 12}), weight = torch::randn({9, 12}),
                 bias = torch::randn({9});
    const Tensor x2 = x.clone(), w2 = weight.clone(), b2 = bias.clone();
    ExpectClose(Linear(x, weight, bias, &pool_), torch::linear(x2, w2, b2), 1e-4);
    EXPECT_TRUE(torch::equal(x, x2) && torch::equal(weight, w2) && torch::equal(bias, b2)) << rows;
  }
}

TEST_P(TorchOpsTest, SoftmaxLossIsCrossEntropy) {
  // More rows than one block holds, and a number that divides into nothing.
  const Tensor hidden = Leaf({1009, 16}), items = Leaf({53, 16});
  const Tensor targets = torch::randint(53, {1009}, torch::kInt64);
  const Tensor loss = SoftmaxLoss(hidden, items, targets, {}, 0, &pool_);
  (loss * 3).backward();
  const Tensor h2 = hidden.detach().clone().requires_grad_(),
               i2 = items.detach().clone().requires_grad_();
  const Tensor expected = torch::nn::functional::cross_entropy(torch::matmul(h2, i2.t()), targets);
  (expected * 3).backward();
  ExpectClose(loss, expected, 1e-4);
  ExpectClose(hidden.grad(), h2.grad(), 1e-6);
  ExpectClose(items.grad(), i2.grad(), 1e-4);
}

TEST_P(TorchOpsTest, SoftmaxLossLeavesOutWhatIsMaskedButTheTarget) {
  const Tensor hidden = Leaf({2, 4}), items = Leaf({5, 4});
  const Tensor targets = torch::tensor({1, 3}, torch::kInt64);
  const std::vector<int32_t> first = {0, 1, 4}, second = {};
  const Tensor loss = SoftmaxLoss(hidden, items, targets, {first, second}, 0, &pool_);
  loss.backward();
  const Tensor h2 = hidden.detach().clone().requires_grad_(),
               i2 = items.detach().clone().requires_grad_();
  const Tensor mask = torch::tensor({1, 0, 0, 0, 1, 0, 0, 0, 0, 0}, torch::kBool).view({2, 5});
  const Tensor expected = torch::nn::functional::cross_entropy(
      torch::matmul(h2, i2.t()).masked_fill(mask, -1e9), targets);
  expected.backward();
  ExpectClose(loss, expected, 1e-5);
  ExpectClose(hidden.grad(), h2.grad(), 1e-5);
  ExpectClose(items.grad(), i2.grad(), 1e-5);
}

TEST_P(TorchOpsTest, SoftmaxLossSpreadsASmoothedLabelOverWhatIsNotMasked) {
  const Tensor hidden = Leaf({2, 4}), items = Leaf({5, 4});
  const Tensor targets = torch::tensor({1, 3}, torch::kInt64);
  const std::vector<int32_t> first = {0, 1, 4, 4}, second = {};
  const Tensor loss = SoftmaxLoss(hidden, items, targets, {first, second}, 0.2, &pool_);
  loss.backward();
  const Tensor h2 = hidden.detach().clone().requires_grad_(),
               i2 = items.detach().clone().requires_grad_();
  const Tensor mask = torch::tensor({1, 0, 0, 0, 1, 0, 0, 0, 0, 0}, torch::kBool).view({2, 5});
  // 0.8 at the target and 0.2 over 3 and 5 items.
  const Tensor labels = torch::tensor(
      {0.0, 0.8 + 0.2 / 3, 0.2 / 3, 0.2 / 3, 0.0, 0.04, 0.04, 0.04, 0.84, 0.04}, torch::kFloat);
  const Tensor scores = torch::matmul(h2, i2.t()).masked_fill(mask, -1e9);
  const Tensor expected = -(labels.view({2, 5}) * torch::log_softmax(scores, 1)).sum() / 2;
  expected.backward();
  ExpectClose(loss, expected, 1e-5);
  ExpectClose(hidden.grad(), h2.grad(), 1e-5);
  ExpectClose(items.grad(), i2.grad(), 1e-5);
}

TEST_P(TorchOpsTest, SoftmaxLossOfFewerRowsThanThreads) {
  const Tensor hidden = Leaf({1, 4}), items = Leaf({3, 4});
  const Tensor targets = torch::tensor({2}, torch::kInt64);
  const Tensor expected = torch::nn::functional::cross_entropy(
      torch::matmul(hidden.detach(), items.detach().t()), targets);
  ExpectClose(SoftmaxLoss(hidden, items, targets, {}, 0, &pool_), expected, 1e-5);
}

// torch's way: scores of every pair, then the mask.
Tensor PlainAttention(const Tensor& qkv, const Tensor& padding, int64_t heads, bool causal) {
  const int64_t windows = qkv.size(0), length = qkv.size(1), d = qkv.size(2) / 3;
  const auto split = [&](int64_t part) {
    return qkv.slice(2, part * d, (part + 1) * d)
        .view({windows, length, heads, d / heads})
        .transpose(1, 2);
  };
  const Tensor position = torch::arange(length);
  const Tensor before = position.unsqueeze(0) <= position.unsqueeze(1);  // [query, key]
  const Tensor seen = causal ? before : torch::ones_like(before);
  const Tensor real = position.unsqueeze(0) >= padding.unsqueeze(1);  // [window, key]
  const Tensor allowed = seen.unsqueeze(0).logical_and(real.unsqueeze(1)).unsqueeze(1);
  const Tensor scores =
      torch::matmul(split(0), split(1).transpose(2, 3)) / std::sqrt(static_cast<double>(d / heads));
  const Tensor weights = torch::softmax(scores.masked_fill(allowed.logical_not(), -1e9), 3);
  const Tensor out = torch::matmul(weights, split(2)).transpose(1, 2).reshape({windows, length, d});
  return out * real.unsqueeze(2);
}

TEST_P(TorchOpsTest, AttentionIsMaskedSoftmaxAttention) {
  for (const auto& [heads, causal] : {std::pair(1, true), {2, true}, {1, false}, {2, false}}) {
    const Tensor qkv = Leaf({5, 6, 24}), up = torch::randn({5, 6, 8});
    const Tensor padding = torch::tensor({0, 1, 3, 5, 0}, torch::kInt32);
    const Tensor out = Attention(qkv, padding, heads, causal, &pool_);
    (out * up).sum().backward();
    const Tensor qkv2 = qkv.detach().clone().requires_grad_();
    const Tensor expected = PlainAttention(qkv2, padding, heads, causal);
    (expected * up).sum().backward();
    ExpectClose(out, expected, 1e-5);
    ExpectClose(qkv.grad(), qkv2.grad(), 1e-5);
  }
}

TEST_P(TorchOpsTest, DropoutKeepsTheMeanAndFollowsTheSeed) {
  const Tensor ones = torch::ones({1000, 64});
  Random a(1), b(1), c(2);
  const Tensor dropped = Dropout(ones, 0.25, &a, &pool_);
  EXPECT_TRUE(torch::equal(dropped, Dropout(ones, 0.25, &b, &pool_)));
  EXPECT_FALSE(torch::equal(dropped, Dropout(ones, 0.25, &c, &pool_)));
  EXPECT_NEAR(dropped.mean().item<double>(), 1, 5 * std::sqrt(0.25 / 0.75 / 64000));
}

INSTANTIATE_TEST_SUITE_P(Threads, TorchOpsTest, testing::Values(1, 2, 3));

}  // namespace
}  // namespace recsae::probe
