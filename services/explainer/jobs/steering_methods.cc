#include "services/explainer/jobs/steering_methods.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "common/base/status.h"
#include "common/math/linear.h"
#include "services/explainer/steering/group_direction.h"

namespace recsae::explainer {
namespace {

// On fewer rows nothing can be told of a latent.
constexpr int64_t kFewestFirings = 20;
// Latents to either side in the order of how often they fire.
constexpr size_t kLikeInFrequency = 12;

double LengthOf(const std::vector<double>& vector) {
  return std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
}

// The mean vector of an attribute's items less that of all.
std::vector<double> ItemMean(const PredictionHead& head, const std::vector<int32_t>& items) {
  std::vector<double> mean(static_cast<size_t>(head.dim));
  const auto add = [&](int item, double by) {
    const absl::Span<const float> v = head.Vector(item);
    for (size_t i = 0; i < mean.size(); ++i) mean[i] += by * v[i];
  };
  for (const int32_t item : items) add(item, 1 / static_cast<double>(items.size()));
  for (int item = 0; item < head.items(); ++item) add(item, -1.0 / head.items());
  return mean;
}

}  // namespace

std::vector<double> Unit(std::vector<double> vector) {
  const double length = LengthOf(vector);
  if (!(length > 0)) return {};
  for (double& value : vector) value /= length;
  return vector;
}

SteeringDirection AlongLatents(v1::SteeringMethod method, const sae::SaeModel& sae,
                               std::vector<LatentWeight> latents) {
  const std::vector<double> sum = DirectionOf(sae, latents);
  const double length = LengthOf(sum);
  for (LatentWeight& latent : latents) latent.weight /= length > 0 ? length : 1;
  return {method, Unit(sum), std::move(latents)};
}

absl::StatusOr<LatentKnowledge> LatentKnowledge::Learn(const SteeringInputs& inputs,
                                                       const SteeredRows& describing,
                                                       const Attributes& attributes,
                                                       std::vector<int32_t> chosen,
                                                       sae::Alive alive) {
  LatentKnowledge knowledge;
  knowledge.chosen_ = std::move(chosen);
  knowledge.MeasureActivations(describing, attributes);
  RECSAE_ASSIGN_OR_RETURN(
      const sae::SparseCodes codes,
      inputs.sae->model.EncodeBatch(describing.activations.data(), describing.rows(), alive));
  knowledge.MeasureLatents(inputs.sae->model, codes, describing, attributes);
  if (inputs.at_inner_site()) {
    RECSAE_ASSIGN_OR_RETURN(knowledge.moments_,
                            MomentsOfActivations(describing, attributes, knowledge.chosen_, alive));
  } else {
    RECSAE_ASSIGN_OR_RETURN(
        knowledge.moments_,
        MomentsOfScores(inputs.head(), describing, attributes, knowledge.chosen_, alive));
  }
  return knowledge;
}

void LatentKnowledge::MeasureActivations(const SteeredRows& rows, const Attributes& attributes) {
  const auto dim = static_cast<size_t>(rows.dim);
  const auto count = static_cast<double>(rows.rows());
  const std::vector<double> mean = math::ColumnMeans(rows.activations, rows.dim);
  double squares = 0;
  for (size_t i = 0; i < rows.activations.size(); ++i) {
    squares += std::pow(rows.activations[i] - mean[i % dim], 2);
  }
  spread_ = std::sqrt(squares / count);
  for (const int32_t attribute : chosen_) {
    std::vector<double> shares;
    for (const SteeredCase& row : rows.cases) {
      shares.push_back(attributes.ShareOf(row.ranked, attribute));
    }
    const double middle = std::accumulate(shares.begin(), shares.end(), 0.0) / count;
    const auto more = static_cast<double>(
        std::count_if(shares.begin(), shares.end(), [&](double share) { return share > middle; }));
    std::vector<double>& difference = activation_means_.emplace_back(dim);
    if (more == 0 || more == count) continue;
    for (int64_t row = 0; row < rows.rows(); ++row) {
      const double by = shares[static_cast<size_t>(row)] > middle ? 1 / more : -1 / (count - more);
      const std::span<const float> x = rows.Row(row);
      for (size_t i = 0; i < dim; ++i) difference[i] += by * x[i];
    }
  }
}

void LatentKnowledge::MeasureLatents(const sae::SaeModel& sae, const sae::SparseCodes& codes,
                                     const SteeredRows& rows, const Attributes& attributes) {
  const auto latents = static_cast<size_t>(sae.latents());
  const auto count = static_cast<double>(rows.rows());
  std::vector<int64_t> firings(latents);
  std::vector<double> sum(latents);
  std::vector<double> squares(latents);
  std::vector<double> products(latents * chosen_.size());
  std::vector<double> share_sum(chosen_.size());
  std::vector<double> shares(chosen_.size());
  for (int64_t row = 0; row < rows.rows(); ++row) {
    for (size_t a = 0; a < chosen_.size(); ++a) {
      shares[a] = attributes.ShareOf(rows.cases[static_cast<size_t>(row)].ranked, chosen_[a]);
      share_sum[a] += shares[a];
    }
    for (const auto& [latent, value] : codes.Row(row)) {
      const auto j = static_cast<size_t>(latent);
      ++firings[j];
      sum[j] += value;
      squares[j] += double{value} * value;
      for (size_t a = 0; a < chosen_.size(); ++a) {
        products[j * chosen_.size() + a] += value * shares[a];
      }
    }
  }
  for (size_t j = 0; j < latents; ++j) {
    if (firings[j] >= kFewestFirings) alive_.push_back(static_cast<int32_t>(j));
  }
  std::stable_sort(alive_.begin(), alive_.end(), [&](int32_t a, int32_t b) {
    return firings[static_cast<size_t>(a)] > firings[static_cast<size_t>(b)];
  });
  for (size_t a = 0; a < chosen_.size(); ++a) {
    // The attribute's own variance is the same for all latents.
    int32_t best = -1;
    double most = 0;
    for (const int32_t latent : alive_) {
      const auto j = static_cast<size_t>(latent);
      const double variance = squares[j] - sum[j] * sum[j] / count;
      const double covariance = products[j * chosen_.size() + a] - sum[j] * share_sum[a] / count;
      if (!(variance > 0) || covariance / std::sqrt(variance) <= most) continue;
      most = covariance / std::sqrt(variance);
      best = latent;
    }
    best_latents_.push_back(best);
  }
}

std::vector<LatentWeight> LatentKnowledge::DrawLike(const std::vector<LatentWeight>& latents,
                                                    Random& random) const {
  std::vector<LatentWeight> drawn;
  const auto is_in = [](const std::vector<LatentWeight>& list, int32_t latent) {
    return std::any_of(list.begin(), list.end(),
                       [&](const LatentWeight& in) { return in.latent == latent; });
  };
  for (const LatentWeight& latent : latents) {
    const auto place = static_cast<size_t>(std::find(alive_.begin(), alive_.end(), latent.latent) -
                                           alive_.begin());
    const size_t begin = place - std::min(place, kLikeInFrequency);
    const size_t end = std::min(alive_.size(), place + kLikeInFrequency + 1);
    std::vector<int32_t> like;
    for (size_t i = begin; i < end; ++i) {
      if (!is_in(latents, alive_[i]) && !is_in(drawn, alive_[i])) like.push_back(alive_[i]);
    }
    if (like.empty()) continue;
    drawn.push_back({like[random.Below(like.size())], latent.weight});
  }
  return drawn;
}

std::vector<SteeringDirection> MakeDirections(const SteeringInputs& inputs,
                                              const Attributes& attributes,
                                              const LatentKnowledge& knowledge, size_t place,
                                              absl::Span<const NamedLatent> group) {
  const sae::SaeModel& sae = inputs.sae->model;
  std::vector<SteeringDirection> made;
  std::vector<LatentWeight> along_group;
  for (const LatentEdit& edit : AddAlongGroup(FiringOfGroup(group), 1)) {
    along_group.push_back({edit.latent, edit.value});
  }
  made.push_back(AlongLatents(v1::STEERING_METHOD_CONCEPT, sae, std::move(along_group)));
  if (const int32_t best = knowledge.BestLatent(place); best >= 0) {
    made.push_back(AlongLatents(v1::STEERING_METHOD_LATENT, sae, {{best, 1}}));
  }
  made.push_back(AlongLatents(v1::STEERING_METHOD_FITTED, sae,
                              FitLatents(sae, knowledge.alive(), knowledge.moments(), place)));
  if (!inputs.at_inner_site()) {
    const auto& items = attributes.ItemsWith(knowledge.chosen()[place]);
    made.push_back({v1::STEERING_METHOD_ITEM_MEAN, Unit(ItemMean(inputs.head(), items)), {}});
  }
  made.push_back({v1::STEERING_METHOD_ACTIVATION_MEAN, Unit(knowledge.ActivationMean(place)), {}});
  made.erase(std::remove_if(made.begin(), made.end(),
                            [](const SteeringDirection& way) { return way.direction.empty(); }),
             made.end());
  return made;
}

}  // namespace recsae::explainer
