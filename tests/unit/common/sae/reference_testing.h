// The weights of an SAE as the parameters of the reference.
#ifndef RECSAE_TESTS_UNIT_COMMON_SAE_REFERENCE_TESTING_H_
#define RECSAE_TESTS_UNIT_COMMON_SAE_REFERENCE_TESTING_H_

#include <vector>

#include "common/sae/model.h"
#include "common/sae/reference.h"

namespace recsae::sae {

template <typename T>
std::vector<T> As(const std::vector<float>& values) {
  return {values.begin(), values.end()};
}

template <typename T>
reference::Parameters<T> ParametersOf(const SaeWeights& weights) {
  return {As<T>(weights.encoder), As<T>(weights.encoder_bias), As<T>(weights.decoder),
          As<T>(weights.pre_bias), As<T>(weights.threshold)};
}

}  // namespace recsae::sae

#endif  // RECSAE_TESTS_UNIT_COMMON_SAE_REFERENCE_TESTING_H_
