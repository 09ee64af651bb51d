// The directions that an evaluation of steering compares.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_METHODS_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_METHODS_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/calls/concept_choice.h"
#include "services/explainer/jobs/steering_rows.h"
#include "services/explainer/steered/attributes.h"
#include "services/explainer/steered/fitted_latents.h"
#include "services/explainer/steered/list_moments.h"

namespace recsae::explainer {

// A way to move activations: along a direction of length 1.
struct SteeringDirection {
  v1::SteeringMethod method = v1::STEERING_METHOD_UNSPECIFIED;
  std::vector<double> direction;
  std::vector<LatentWeight> latents;  // for a change of length 1; empty without an SAE
};

// What the describing users show of latents and attributes. Immutable, thread-safe.
class LatentKnowledge {
 public:
  // `chosen`: the attributes asked about.
  static absl::StatusOr<LatentKnowledge> Learn(const SteeringInputs& inputs,
                                               const SteeredRows& describing,
                                               const Attributes& attributes,
                                               std::vector<int32_t> chosen, sae::Alive alive);

  const std::vector<int32_t>& chosen() const { return chosen_; }
  // Root mean square of |x - mean|.
  double spread() const { return spread_; }
  // The latent whose activation goes best with the share of chosen()[place]; -1 where none does.
  int32_t BestLatent(size_t place) const { return best_latents_[place]; }
  // Latents that fire now and then.
  const std::vector<int32_t>& alive() const { return alive_; }
  const ListMoments& moments() const { return moments_; }
  // Mean activation of the rows with more of chosen()[place] than the mean, less that of the
  // others.
  const std::vector<double>& ActivationMean(size_t place) const { return activation_means_[place]; }
  // For each of `latents` one drawn from those that fire about as often, with its weight.
  std::vector<LatentWeight> DrawLike(const std::vector<LatentWeight>& latents,
                                     Random& random) const;

 private:
  void MeasureActivations(const SteeredRows& rows, const Attributes& attributes);
  void MeasureLatents(const sae::SaeModel& sae, const sae::SparseCodes& codes,
                      const SteeredRows& rows, const Attributes& attributes);

  std::vector<int32_t> chosen_;
  double spread_ = 0;
  std::vector<int32_t> best_latents_;
  std::vector<int32_t> alive_;  // by how often they fire
  std::vector<std::vector<double>> activation_means_;
  ListMoments moments_;
};

// All that there are for chosen()[place]; `group`: what Steer takes for the attribute's words,
// empty where nothing is described so. The controls that are drawn are not among them.
std::vector<SteeringDirection> MakeDirections(const SteeringInputs& inputs,
                                              const Attributes& attributes,
                                              const LatentKnowledge& knowledge, size_t place,
                                              absl::Span<const NamedLatent> group);

// Of length 1; empty for a vector without length.
std::vector<double> Unit(std::vector<double> vector);

// Of latents: their sum at length 1, weights and all.
SteeringDirection AlongLatents(v1::SteeringMethod method, const sae::SaeModel& sae,
                               std::vector<LatentWeight> latents);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_METHODS_H_
