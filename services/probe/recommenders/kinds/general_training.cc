// Epochs and steps of general recommenders. The gradient of all embeddings is dense: with it, Adam
// is one pass over some megabytes.
#include "services/probe/recommenders/kinds/general_training.h"

#include <algorithm>
#include <cmath>

#include "common/math/simd/kernels.h"

namespace recsae::probe {
namespace {

// Of LightGCN, whose steps are few and large: without it, dev NDCG moves by a tenth from one epoch
// to the next. An epoch has about 70 steps.
constexpr double kMeanDecay = 0.995;

}  // namespace

GeneralTraining::GeneralTraining(const RecommenderOptions& options, const Dataset& dataset)
    : options_(options),
      dataset_(dataset),
      users_(static_cast<int64_t>(dataset.users.size())),
      items_(static_cast<int64_t>(dataset.items.size())),
      random_(options.seed),
      negatives_(dataset),
      pool_(ThreadCount(options.threads)),
      adam_((users_ + items_) * options.dim) {
  if (options.kind == RecommenderKind::kLightgcn) {
    graph_.emplace(dataset);
    mean_.emplace(kMeanDecay);
  }
  for (int32_t u = 0; u < users_; ++u) {
    user_items_.push_back(absl::MakeConstSpan(dataset.sequences[u]).first(dataset.train_length[u]));
    if (!user_items_[u].empty()) active_users_.push_back(u);
    for (const int32_t item : user_items_[u]) interactions_.push_back({u, item});
  }
  Initialise();
  gradient_.resize(embeddings_.size());
  if (graph_) {
    vectors_.resize(embeddings_.size());
    propagated_.resize(embeddings_.size());
  }
}

void GeneralTraining::Initialise() {
  embeddings_.resize((users_ + items_) * options_.dim);
  const auto fill = [&](int64_t begin, int64_t rows) {
    // Glorot & Bengio 2010.
    const double bound = std::sqrt(6.0 / static_cast<double>(rows + options_.dim));
    for (int64_t i = begin * options_.dim; i < (begin + rows) * options_.dim; ++i) {
      embeddings_[i] = static_cast<float>(graph_ ? bound * (2 * random_.Uniform() - 1)
                                                 : kInitialDeviation * random_.Normal());
    }
  };
  fill(0, users_);
  fill(users_, items_);
}

NodeVectors GeneralTraining::Forward(const float* embeddings) {
  const float* values = embeddings;
  if (graph_) {
    graph_->Propagate(values, options_.dim, options_.layers, &pool_, vectors_.data());
    values = vectors_.data();
  }
  return {values, users_, items_, options_.dim};
}

absl::Span<const float> GeneralTraining::Vectors() {
  const NodeVectors vectors =
      Forward(mean_ && !mean_->values().empty() ? mean_->values().data() : embeddings_.data());
  return {vectors.values, static_cast<size_t>(vectors.size())};
}

void GeneralTraining::Update(double rate) {
  absl::Span<float> gradient = absl::MakeSpan(gradient_);
  if (graph_) {
    graph_->Propagate(gradient.data(), options_.dim, options_.layers, &pool_, propagated_.data());
    gradient = absl::MakeSpan(propagated_);
  }
  adam_.Step(rate, options_.l2, gradient, absl::MakeSpan(embeddings_), &pool_);
  if (mean_) mean_->Add(embeddings_);
}

double GeneralTraining::Epoch(int epoch, const EpochTick& tick) {
  return options_.loss == Loss::kBpr ? BprEpoch(tick) : SoftmaxEpoch(epoch, tick);
}

double GeneralTraining::BprEpoch(const EpochTick& tick) {
  const int batch = BatchSize(options_, static_cast<int64_t>(interactions_.size()));
  return ShuffledEpoch(batch, &random_, &interactions_, tick,
                       [&](absl::Span<const Interaction> some) { return BprStep(some); });
}

double GeneralTraining::BprStep(absl::Span<const Interaction> interactions) {
  const auto first_item = static_cast<int32_t>(users_);
  std::vector<Triple> triples;
  triples.reserve(interactions.size());
  for (const Interaction& x : interactions) {
    triples.push_back(
        {x.user, first_item + x.item, first_item + negatives_.Draw(x.user, &random_)});
  }
  const double loss = BprLoss(Forward(embeddings_.data()), triples, &pool_, gradient_.data());
  Update(options_.learning_rate);
  return loss;
}

double GeneralTraining::SoftmaxEpoch(int epoch, const EpochTick& tick) {
  random_.Shuffle(&active_users_);
  const auto total = static_cast<double>(interactions_.size());
  const int64_t batch = BatchSize(options_, static_cast<int64_t>(interactions_.size()));
  double loss = 0, done = 0;
  for (size_t begin = 0; begin < active_users_.size();) {
    size_t end = begin;
    int64_t rows = 0;
    while (end < active_users_.size() && rows < batch) {
      rows += static_cast<int64_t>(user_items_[active_users_[end++]].size());
    }
    const double progress = (epoch - 1 + done / total) / options_.max_epochs;
    loss += SoftmaxStep(absl::MakeConstSpan(active_users_).subspan(begin, end - begin),
                        options_.learning_rate * CosineSchedule(progress)) *
            static_cast<double>(rows);
    done += static_cast<double>(rows);
    begin = end;
    if (!tick(done / total, loss / done)) break;
  }
  return loss / std::max(1.0, done);
}

double GeneralTraining::SoftmaxStep(absl::Span<const int32_t> users, double rate) {
  const double loss =
      SoftmaxLoss(Forward(embeddings_.data()), users, user_items_, &pool_, gradient_.data());
  Update(rate);
  return loss;
}

}  // namespace recsae::probe
