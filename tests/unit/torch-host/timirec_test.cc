// TiMiRec's network: interests are sums over the history alone, and the activation one over them.
#include "services/torch-host/models/timirec.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "services/probe/datasets/readers.h"
#include "services/torch-host/models/timirec_network.h"

namespace recsae::probe {
namespace {

using torch::Tensor;

RecommenderOptions SmallOptions() {
  RecommenderOptions options = DefaultOptions(RecommenderKind::kTimirec);
  options.dim = 8;
  options.history = 6;
  options.interests = 3;
  options.attention_dim = 4;
  options.threads = 1;
  return options;
}

class TimirecNetworkTest : public testing::Test {
 protected:
  TimirecNetworkTest() : random_(3), network_(SmallOptions(), 20, &random_), pool_(1) {
    // Larger weights than the initial ones, which make all interests much the same.
    torch::manual_seed(5);
    const torch::NoGradGuard no_gradients;
    for (Tensor& parameter : network_.parameters())
      parameter.add_(0.5 * torch::randn_like(parameter));
  }

  // [length of the history, interests, dim]
  Tensor InterestsOf(const std::vector<int32_t>& history) {
    const torch::NoGradGuard no_gradients;
    const SequenceInputs inputs = MakeInputs({{-1, history}}, SmallOptions().history);
    const int64_t padding = inputs.padding[0].item<int>();
    return network_.Interests(inputs, nullptr, &pool_).slice(0, padding);
  }

  Random random_;
  TimirecNetwork network_;
  math::WorkerPool pool_;
};

TEST_F(TimirecNetworkTest, InterestsDiffer) {
  const Tensor interests = InterestsOf({1, 2, 3, 4})[3];
  EXPECT_GT((interests[0] - interests[1]).abs().max().item<double>(), 1e-3);
  EXPECT_GT((interests[0] - interests[2]).abs().max().item<double>(), 1e-3);
}

// With one item, every interest is that item's vector.
TEST_F(TimirecNetworkTest, WeightsAddUpToOne) {
  const Tensor interests = InterestsOf({7})[0];
  for (int k = 1; k < 3; ++k) {
    EXPECT_LE((interests[k] - interests[0]).abs().max().item<double>(), 1e-6);
  }
}

// What training at all positions at once relies on.
TEST_F(TimirecNetworkTest, LaterItemsChangeNothing) {
  const std::vector<int32_t> history = {5, 9, 1, 0, 2, 8};
  std::vector<int32_t> other = history;
  other.back() = 3;
  const Tensor a = InterestsOf(history), b = InterestsOf(other);
  EXPECT_TRUE(torch::equal(a.slice(0, 0, 5), b.slice(0, 0, 5)));
  EXPECT_FALSE(torch::equal(a[5], b[5]));
}

TEST_F(TimirecNetworkTest, PaddingIsIgnored) {
  SequenceInputs inputs = MakeInputs({{-1, std::vector<int32_t>{4, 5, 6}}}, SmallOptions().history);
  const torch::NoGradGuard no_gradients;
  const Tensor interests = network_.Interests(inputs, nullptr, &pool_).slice(0, 3);
  const Tensor logits = network_.Logits(inputs, nullptr, &pool_).slice(0, 3);
  inputs.items.slice(1, 0, 3).fill_(17);
  EXPECT_TRUE(torch::equal(network_.Interests(inputs, nullptr, &pool_).slice(0, 3), interests));
  EXPECT_TRUE(torch::equal(network_.Logits(inputs, nullptr, &pool_).slice(0, 3), logits));
}

TEST_F(TimirecNetworkTest, CombineWeighsInterestsBySoftmax) {
  const Tensor interests = torch::tensor({1.0f, 0.0f, 0.0f, 1.0f}).view({1, 2, 2});
  const Tensor logits = torch::tensor({0.0f, std::log(3.0f)}).view({1, 2});
  const Tensor user = TimirecNetwork::Combine(interests, logits)[0];
  EXPECT_NEAR(user[0].item<float>(), 0.25, 1e-6);
  EXPECT_NEAR(user[1].item<float>(), 0.75, 1e-6);
}

// Epochs and their bound go on through both stages; the report is of both.
TEST(TimirecTest, TellsOfBothStages) {
  const auto dataset =
      GeneratePlanted({.users = 40, .items = 120, .concepts = 4, .max_length = 30});
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  RecommenderOptions options = SmallOptions();
  options.pretrain_epochs = 2;
  options.max_epochs = 3;
  Timirec model(options);
  std::vector<int> done;
  const auto report = model.Train(*dataset, [&](const TrainProgress& progress) {
    EXPECT_EQ(progress.max_epochs, 5);
    if (progress.epoch_done) done.push_back(progress.epoch);
    return true;
  });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(done, (std::vector<int>{1, 2, 3, 4, 5}));
  EXPECT_EQ(report->epochs, 5);
  EXPECT_GT(report->best_epoch, 2);
}

}  // namespace
}  // namespace recsae::probe
