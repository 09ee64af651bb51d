// ECF: libtorch forms the gradients; there is one pass over the users for each member and epoch.
#include "services/torch-host/models/ecf.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <tuple>
#include <utility>

#include "common/base/random.h"
#include "services/torch-host/models/single_thread.h"
#include "services/torch-host/models/torch_training.h"

namespace recsae::probe {
namespace {

constexpr int kEmbeddingDim = 64;
constexpr int kClustersOfItem = 20;  // marked by the mask; a third of the clusters if that is less
constexpr int kClustersOfUser = 20;
constexpr int kTypicalTags = 4;
constexpr double kSteepness = 4;          // κ
constexpr double kScoreScale = 10;        // scores are below 1 or so: BPR would see no difference
constexpr double kMaskTemperature = 0.1;  // of the softmax behind the masks, and of independence
constexpr double kTagWeight = 0.1;
constexpr double kIndependenceWeight = 0.1;
constexpr double kTiny = 1e-9;

// Lists of row numbers, one after another, as embedding_bag wants them.
struct Bags {
  torch::Tensor rows;     // int64 [all]
  torch::Tensor offsets;  // int64 [bags], where each begins
};

template <typename Lists>
Bags MakeBags(const Lists& lists) {
  std::vector<int64_t> rows, offsets;
  for (const auto& list : lists) {
    offsets.push_back(static_cast<int64_t>(rows.size()));
    rows.insert(rows.end(), list.begin(), list.end());
  }
  return {torch::tensor(rows, torch::kInt64), torch::tensor(offsets, torch::kInt64)};
}

enum BagMode { kSum = 0, kMean = 1 };

torch::Tensor BagRows(const torch::Tensor& table, const Bags& bags, BagMode mode) {
  return std::get<0>(torch::embedding_bag(table, bags.rows, bags.offsets, false, mode));
}

torch::Tensor UnitRows(const torch::Tensor& x) { return x / x.norm(2, 1, true).clamp_min(kTiny); }

// Which of each row's values are among its `count` largest, as 0 and 1; its gradient is that of a
// softmax over the row.
torch::Tensor LargestMask(const torch::Tensor& x, int64_t count) {
  const torch::Tensor soft = torch::softmax(x / kMaskTemperature, 1);
  const torch::Tensor fixed = x.detach();
  const torch::Tensor least = std::get<0>(fixed.topk(count, 1, true, false)).amin(1, true);
  return (fixed >= least).to(torch::kFloat) - soft.detach() + soft;
}

// The items of each attribute value that more than one item has.
std::vector<std::vector<int32_t>> ItemsOfTags(const Dataset& dataset) {
  std::map<std::pair<std::string, std::string>, std::vector<int32_t>> by_tag;
  for (size_t i = 0; i < dataset.items.size(); ++i) {
    for (const Attribute& attribute : dataset.items[i].attributes) {
      by_tag[{attribute.key, attribute.value}].push_back(static_cast<int32_t>(i));
    }
  }
  std::vector<std::vector<int32_t>> items;
  for (auto& [tag, of_tag] : by_tag) {
    if (of_tag.size() > 1) items.push_back(std::move(of_tag));
  }
  return items;
}

struct Network : torch::nn::Module {
  Network(int64_t item_count, int64_t cluster_count, Random* random) {
    items = register_parameter("items", NormalTensor({item_count, kEmbeddingDim}, random));
    clusters = register_parameter("clusters", NormalTensor({cluster_count, kEmbeddingDim}, random));
  }
  torch::Tensor items;     // [items, kEmbeddingDim]
  torch::Tensor clusters;  // [clusters, kEmbeddingDim]
};

}  // namespace

class EcfTraining::Member {
 public:
  Member(const RecommenderOptions& options, const Dataset& dataset,
         const NegativeSampler& negatives, int number)
      : options_(options),
        dataset_(dataset),
        random_(options.seed, number),
        negatives_(negatives),
        network_(static_cast<int64_t>(dataset.items.size()), options.clusters, &random_),
        optimizer_(MakeAdam(options, network_)) {
    for (int32_t u = 0; u < static_cast<int32_t>(dataset.users.size()); ++u) {
      if (dataset.train_length[u] > 0) users_.push_back(u);
      interactions_ += dataset.train_length[u];
    }
    const auto tags = ItemsOfTags(dataset);
    if (tags.empty()) return;
    tag_items_ = MakeBags(tags);
    std::vector<float> rarity;
    for (const auto& items : tags) {
      rarity.push_back(static_cast<float>(
          std::log(static_cast<double>(dataset.items.size()) / static_cast<double>(items.size()))));
    }
    tag_rarity_ = torch::tensor(rarity).unsqueeze(1);
  }

  double Epoch(const EpochTick& tick) {
    random_.Shuffle(&users_);
    const int64_t batch = BatchSize(options_, interactions_);
    double loss = 0;
    int64_t done = 0;
    for (size_t begin = 0; begin < users_.size();) {
      size_t end = begin;
      int64_t rows = 0;
      while (end < users_.size() && rows < batch) rows += dataset_.train_length[users_[end++]];
      loss +=
          Step(absl::MakeConstSpan(users_).subspan(begin, end - begin)) * static_cast<double>(rows);
      begin = end;
      done += rows;
      if (!tick(static_cast<double>(done) / static_cast<double>(interactions_),
                loss / static_cast<double>(done))) {
        break;
      }
    }
    return loss / static_cast<double>(std::max<int64_t>(1, done));
  }

  // [users + items, clusters].
  torch::Tensor Vectors() const {
    const torch::NoGradGuard no_gradients;
    const torch::Tensor items = Items();
    std::vector<int32_t> everyone(dataset_.users.size());
    for (size_t u = 0; u < everyone.size(); ++u) everyone[u] = static_cast<int32_t>(u);
    return torch::cat({Users(items, everyone), items}).contiguous();
  }

 private:
  absl::Span<const int32_t> ItemsOf(int32_t user) const {
    return absl::MakeConstSpan(dataset_.sequences[user]).first(dataset_.train_length[user]);
  }

  int64_t Marked(int64_t most) const {
    return std::min<int64_t>(most, (options_.clusters + 2) / 3);
  }

  // x [items, clusters].
  torch::Tensor Items() const {
    const torch::Tensor similarity =
        UnitRows(network_.items).matmul(UnitRows(network_.clusters).t());
    return torch::sigmoid(kSteepness * similarity) *
           LargestMask(similarity, Marked(kClustersOfItem));
  }

  // a [users, clusters]; 0 for a user without training items.
  torch::Tensor Users(const torch::Tensor& items, absl::Span<const int32_t> users) const {
    std::vector<absl::Span<const int32_t>> lists;
    for (const int32_t user : users) lists.push_back(ItemsOf(user));
    const torch::Tensor means = BagRows(items, MakeBags(lists), kMean);
    return means * LargestMask(means, Marked(kClustersOfUser));
  }

  torch::Tensor ScoreLoss(const torch::Tensor& items, absl::Span<const int32_t> users) {
    std::vector<int64_t> row, positive, negative;
    for (size_t r = 0; r < users.size(); ++r) {
      for (const int32_t item : ItemsOf(users[r])) {
        row.push_back(static_cast<int64_t>(r));
        positive.push_back(item);
        negative.push_back(negatives_.Draw(users[r], &random_));
      }
    }
    const torch::Tensor own = torch::embedding(Users(items, users), torch::tensor(row));
    return BprLoss(kScoreScale * own, items, torch::tensor(positive), torch::tensor(negative));
  }

  torch::Tensor TagLoss(const torch::Tensor& items) const {
    const torch::Tensor weights = BagRows(items, tag_items_, kSum) * tag_rarity_;
    const torch::Tensor shares = weights / weights.sum(0, true).clamp_min(kTiny);
    const int64_t typical = std::min<int64_t>(kTypicalTags, shares.size(0));
    return -std::get<0>(shares.topk(typical, 0)).sum(0).clamp_min(kTiny).log().mean();
  }

  torch::Tensor IndependenceLoss() const {
    const torch::Tensor clusters = UnitRows(network_.clusters);
    return -torch::log_softmax(clusters.matmul(clusters.t()) / kMaskTemperature, 1)
                .diagonal()
                .mean();
  }

  double Step(absl::Span<const int32_t> users) {
    optimizer_->zero_grad();
    const torch::Tensor items = Items();
    torch::Tensor loss = ScoreLoss(items, users) + kIndependenceWeight * IndependenceLoss();
    if (tag_rarity_.defined()) loss = loss + kTagWeight * TagLoss(items);
    loss.backward();
    optimizer_->step();
    return loss.item<double>();
  }

  const RecommenderOptions& options_;
  const Dataset& dataset_;
  Random random_;
  const NegativeSampler& negatives_;
  Network network_;
  std::unique_ptr<torch::optim::Adam> optimizer_;
  std::vector<int32_t> users_;  // with training items, shuffled
  int64_t interactions_ = 0;
  Bags tag_items_;
  torch::Tensor tag_rarity_;  // [tags, 1]; undefined without any
};

EcfTraining::EcfTraining(const RecommenderOptions& options, const Dataset& dataset)
    : options_(options), negatives_(dataset) {
  for (int m = 0; m < options.members; ++m) {
    members_.push_back(std::make_unique<Member>(options_, dataset, negatives_, m));
  }
}

EcfTraining::~EcfTraining() = default;

double EcfTraining::Epoch(int /*epoch*/, const EpochTick& tick) {
  const SingleThreadedTorch single_threaded;
  double loss = 0;
  bool go_on = true;
  for (int m = 0; m < options_.members && go_on; ++m) {
    loss += members_[m]->Epoch([&](double fraction, double mean) {
      go_on = tick((m + fraction) / options_.members, mean);
      return go_on;
    });
  }
  return loss / options_.members;
}

absl::Span<const float> EcfTraining::Vectors() {
  const SingleThreadedTorch single_threaded;
  std::vector<torch::Tensor> parts;
  for (const auto& member : members_) parts.push_back(member->Vectors());
  const torch::Tensor all = torch::cat(parts, 1).contiguous();
  const auto* values = all.data_ptr<float>();
  vectors_.assign(values, values + all.numel());
  return vectors_;
}

}  // namespace recsae::probe
