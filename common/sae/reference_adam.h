// A training step's update of the parameters, written out plainly (see reference.h).
#ifndef RECSAE_COMMON_SAE_REFERENCE_ADAM_H_
#define RECSAE_COMMON_SAE_REFERENCE_ADAM_H_

#include <cmath>
#include <cstddef>
#include <vector>

#include "common/sae/reference.h"

namespace recsae::sae::reference {

template <typename T>
struct AdamConfig {
  T learning_rate = 0;
  T beta1 = 0;
  T beta2 = 0;
  T epsilon = 0;
  T clip_norm = 0;  // 0 = never
  bool unit_norm_decoder = true;
};

// First and second moments; empty before the first step.
template <typename T>
struct AdamState {
  Parameters<T> first;
  Parameters<T> second;
  int steps = 0;
};

// g −= ⟨g, w⟩ w for each decoder row, of unit norm: what would only change its length.
template <typename T>
void ProjectDecoderGradient(const std::vector<T>& decoder, size_t dim, std::vector<T>& gradient) {
  for (size_t row = 0; row < decoder.size(); row += dim) {
    T along = 0;
    for (size_t i = row; i < row + dim; ++i) along += gradient[i] * decoder[i];
    for (size_t i = row; i < row + dim; ++i) gradient[i] -= along * decoder[i];
  }
}

// Rows to unit norm; a zero row stays.
template <typename T>
void NormaliseDecoder(size_t dim, std::vector<T>& decoder) {
  for (size_t row = 0; row < decoder.size(); row += dim) {
    T squared = 0;
    for (size_t i = row; i < row + dim; ++i) squared += decoder[i] * decoder[i];
    for (size_t i = row; squared > T(0) && i < row + dim; ++i) decoder[i] /= std::sqrt(squared);
  }
}

// Kingma & Ba (2015), algorithm 1, on one array; the state's steps count this one already.
template <typename T>
void ApplyAdam(const AdamConfig<T>& config, int steps, const std::vector<T>& gradient,
               std::vector<T>& first, std::vector<T>& second, std::vector<T>& parameter) {
  first.resize(gradient.size(), T(0));
  second.resize(gradient.size(), T(0));
  for (size_t i = 0; i < gradient.size(); ++i) {
    first[i] = config.beta1 * first[i] + (T(1) - config.beta1) * gradient[i];
    second[i] = config.beta2 * second[i] + (T(1) - config.beta2) * gradient[i] * gradient[i];
    const T mean = first[i] / (T(1) - std::pow(config.beta1, T(steps)));
    const T square = second[i] / (T(1) - std::pow(config.beta2, T(steps)));
    parameter[i] -= config.learning_rate * mean / (std::sqrt(square) + config.epsilon);
  }
}

// One update of p, in this order: the decoder's gradient projected, θ's turned into that of log θ,
// all scaled down to clip_norm together, Adam, decoder rows back to unit norm. An array whose
// gradient is empty stays. Returns the norm of the gradients before they are clipped.
template <typename T>
T Step(const AdamConfig<T>& config, Parameters<T> gradient, AdamState<T>& state, Parameters<T>& p) {
  const size_t dim = p.pre_bias.size();
  if (config.unit_norm_decoder) ProjectDecoderGradient(p.decoder, dim, gradient.decoder);
  std::vector<T> log_threshold;
  for (size_t j = 0; j < gradient.threshold.size(); ++j) {
    gradient.threshold[j] *= p.threshold[j];
    log_threshold.push_back(std::log(p.threshold[j]));
  }
  const T norm = std::sqrt(SquaredNorm(gradient.encoder) + SquaredNorm(gradient.encoder_bias) +
                           SquaredNorm(gradient.decoder) + SquaredNorm(gradient.pre_bias) +
                           SquaredNorm(gradient.threshold));
  const bool clip = config.clip_norm > T(0) && norm > config.clip_norm;
  ++state.steps;
  const auto update = [&](std::vector<T> Parameters<T>::*array, std::vector<T>& parameter) {
    for (T& value : gradient.*array) value *= clip ? config.clip_norm / norm : T(1);
    ApplyAdam(config, state.steps, gradient.*array, state.first.*array, state.second.*array,
              parameter);
  };
  update(&Parameters<T>::encoder, p.encoder);
  update(&Parameters<T>::encoder_bias, p.encoder_bias);
  update(&Parameters<T>::decoder, p.decoder);
  update(&Parameters<T>::pre_bias, p.pre_bias);
  update(&Parameters<T>::threshold, log_threshold);
  for (size_t j = 0; j < log_threshold.size(); ++j) p.threshold[j] = std::exp(log_threshold[j]);
  if (config.unit_norm_decoder) NormaliseDecoder(dim, p.decoder);
  return norm;
}

}  // namespace recsae::sae::reference

#endif  // RECSAE_COMMON_SAE_REFERENCE_ADAM_H_
