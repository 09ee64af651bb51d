// DistillEmb: each side's gradient is that of BPR with slopes shifted towards the other side.
#include "services/probe/recommenders/kinds/distillemb.h"

#include <algorithm>
#include <cmath>

namespace recsae::probe {
namespace {

constexpr int kNeighbours = 100;
constexpr double kDistillation = 1;  // λ
constexpr double kPathRate = 5;  // the path model's learning rate: so many times the embeddings'
constexpr int kParts = 16;

// −log σ(Δ) where 1 − σ(Δ) is `slope`.
double MarginLoss(float slope) {
  return -std::log(std::max(1e-12, 1 - static_cast<double>(slope)));
}

}  // namespace

DistillembTraining::DistillembTraining(const RecommenderOptions& options, const Dataset& dataset)
    : options_(options),
      dataset_(dataset),
      users_(static_cast<int64_t>(dataset.users.size())),
      items_(static_cast<int64_t>(dataset.items.size())),
      random_(options.seed),
      negatives_(dataset),
      pool_(ThreadCount(options.threads)),
      paths_(dataset, kNeighbours),
      cases_(TrainCases(dataset, 0)),
      embeddings_((users_ + items_) * options.dim),
      gradient_(embeddings_.size()),
      path_gradient_(paths_.weights().size()),
      adam_(embeddings_.size()),
      path_adam_(path_gradient_.size()) {
  for (float& value : embeddings_) value = static_cast<float>(kInitialDeviation * random_.Normal());
}

double DistillembTraining::Epoch(int /*epoch*/, const EpochTick& tick) {
  const int batch = BatchSize(options_, static_cast<int64_t>(cases_.size()));
  return ShuffledEpoch(batch, &random_, &cases_, tick,
                       [&](absl::Span<const Case> some) { return Step(some); });
}

double DistillembTraining::Step(absl::Span<const Case> cases) {
  const auto first_item = static_cast<int32_t>(users_);
  const auto draw = [&](int32_t user) { return first_item + negatives_.Draw(user, &random_); };
  std::vector<Triple> triples;
  triples.reserve(2 * cases.size());
  for (const Case& c : cases) {
    triples.push_back({c.user, first_item + Target(dataset_, c), draw(c.user)});
  }
  for (const Case& c : cases) {
    const int32_t one = draw(c.user);
    triples.push_back({c.user, one, draw(c.user)});
  }
  const NodeVectors vectors{embeddings_.data(), users_, items_, options_.dim};
  std::vector<float> embedded(triples.size()), by_paths = PathSlopes(triples);
  BprSlopes(vectors.values, vectors.dim, triples.data(), static_cast<int64_t>(triples.size()), 1,
            embedded.data());
  double loss = 0;
  const auto scale = 1 / static_cast<float>(cases.size());
  for (size_t t = 0; t < triples.size(); ++t) {
    const bool labelled = t < cases.size();
    if (labelled) loss += MarginLoss(embedded[t]) + MarginLoss(by_paths[t]);
    const float apart = static_cast<float>(kDistillation) * (embedded[t] - by_paths[t]);
    embedded[t] = scale * ((labelled ? embedded[t] : 0) + apart);
    by_paths[t] = scale * ((labelled ? by_paths[t] : 0) - apart);
  }
  BprGradient(vectors, triples, embedded, &pool_, gradient_.data());
  adam_.Step(options_.learning_rate, options_.l2, absl::MakeSpan(gradient_),
             absl::MakeSpan(embeddings_), &pool_);
  UpdatePaths(triples, by_paths);
  return loss / static_cast<double>(cases.size());
}

std::vector<float> DistillembTraining::PathSlopes(absl::Span<const Triple> triples) {
  const auto first_item = static_cast<int32_t>(users_);
  std::vector<float> slopes(triples.size());
  pool_.Run(kParts, [&](int part, int) {
    const size_t begin = part * triples.size() / kParts;
    const size_t end = (part + 1) * triples.size() / kParts;
    for (size_t i = begin; i < end; ++i) {
      const Triple& t = triples[i];
      const double margin = paths_.Score(t.user, t.positive - first_item) -
                            paths_.Score(t.user, t.negative - first_item);
      slopes[i] = static_cast<float>(1 / (1 + std::exp(margin)));
    }
  });
  return slopes;
}

void DistillembTraining::UpdatePaths(absl::Span<const Triple> triples,
                                     absl::Span<const float> slopes) {
  const auto first_item = static_cast<int32_t>(users_);
  std::fill(path_gradient_.begin(), path_gradient_.end(), 0.0F);
  for (size_t i = 0; i < triples.size(); ++i) {
    const Triple& t = triples[i];
    paths_.AddGradient(t.user, t.positive - first_item, -slopes[i], absl::MakeSpan(path_gradient_));
    paths_.AddGradient(t.user, t.negative - first_item, slopes[i], absl::MakeSpan(path_gradient_));
  }
  path_adam_.Step(kPathRate * options_.learning_rate, 0, absl::MakeSpan(path_gradient_),
                  absl::MakeSpan(paths_.weights()), &pool_);
  paths_.Refresh();
}

}  // namespace recsae::probe
