#include "services/explainer/attribution/personal.h"

#include <cmath>
#include <cstddef>
#include <numeric>
#include <span>
#include <unordered_map>

#include "services/explainer/attribution/directions.h"

namespace recsae::explainer {

PersonalParts<std::vector<double>> SplitActivation(const sae::SaeModel& sae,
                                                   absl::Span<const float> x,
                                                   absl::Span<const sae::LatentActivation> code,
                                                   absl::Span<const LatentGroup> groups,
                                                   const BaselineMeans& baseline) {
  const auto dim = static_cast<size_t>(sae.dim());
  std::unordered_map<int32_t, double> active;
  for (const sae::LatentActivation& latent : code) active[latent.latent] = latent.value;

  PersonalParts<std::vector<double>> parts;
  parts.everyone.assign(baseline.activation.begin(), baseline.activation.end());
  // What the groups' latents make of the mean reconstruction; the others make the rest.
  Direction of_groups(dim);
  for (const LatentGroup& group : groups) {
    Direction& personal = parts.groups.emplace_back(dim);
    for (const auto& [latent, mean] : group) {
      const auto found = active.find(latent);
      const double z = found == active.end() ? 0 : found->second;
      AddTimes(z - mean, sae.Direction(latent), personal);
      AddTimes(mean, sae.Direction(latent), of_groups);
    }
  }
  Direction reconstruction(sae.Bias().begin(), sae.Bias().end());
  for (const sae::LatentActivation& latent : code) {
    AddTimes(latent.value, sae.Direction(latent.latent), reconstruction);
  }
  parts.absent.resize(dim);
  parts.unexplained.resize(dim);
  for (size_t i = 0; i < dim; ++i) {
    const double mean = baseline.reconstruction[i];
    parts.absent[i] = static_cast<double>(sae.Bias()[i]) + of_groups[i] - mean;
    parts.unexplained[i] = (x[i] - reconstruction[i]) - (baseline.activation[i] - mean);
  }
  return parts;
}

PersonalParts<double> SplitScore(const PersonalParts<std::vector<double>>& activation,
                                 const PredictionHead& head, int32_t item) {
  const absl::Span<const float> vector = head.Vector(item);
  PersonalParts<double> parts;
  parts.everyone = Dot(activation.everyone, vector) + head.Bias(item);
  parts.groups.reserve(activation.groups.size());
  for (const Direction& group : activation.groups) parts.groups.push_back(Dot(group, vector));
  parts.absent = Dot(activation.absent, vector);
  parts.unexplained = Dot(activation.unexplained, vector);
  return parts;
}

double Own(const PersonalParts<double>& score) {
  return std::accumulate(score.groups.begin(), score.groups.end(),
                         score.absent + score.unexplained);
}

double ConceptShare(const PersonalParts<double>& score) {
  const double concepts =
      std::abs(std::accumulate(score.groups.begin(), score.groups.end(), score.absent));
  const double all = concepts + std::abs(score.unexplained);
  return all > 0 ? concepts / all : 0;
}

PersonalParts<double> Difference(const PersonalParts<double>& a, const PersonalParts<double>& b) {
  PersonalParts<double> parts;
  parts.everyone = a.everyone - b.everyone;
  for (size_t i = 0; i < a.groups.size(); ++i) parts.groups.push_back(a.groups[i] - b.groups[i]);
  parts.absent = a.absent - b.absent;
  parts.unexplained = a.unexplained - b.unexplained;
  return parts;
}

}  // namespace recsae::explainer
