// Encodes one activation with an SAE of two latents, and says so in the contract's words.
#include <iostream>

#include "common/base/version.h"
#include "common/sae/model.h"
#include "recsae/tensor/v1/tensor.pb.h"

int main() {
  recsae::sae::SaeWeights weights;
  weights.dim = weights.latents = 2;
  weights.k = 1;
  weights.encoder = weights.decoder = {1, 0, 0, 1};
  weights.encoder_bias = weights.pre_bias = {0, 0};
  const auto model = recsae::sae::SaeModel::Create(weights);
  if (!model.ok()) {
    std::cerr << model.status() << "\n";
    return 1;
  }
  const float activation[] = {1, 3};
  recsae::tensor::v1::Tensor tensor;
  for (const auto& [latent, value] : model->Encode(activation)) tensor.add_shape(latent);
  std::cout << recsae::Version() << " " << tensor.ShortDebugString() << "\n";
  return tensor.shape_size() == 1 && tensor.shape(0) == 1 ? 0 : 1;
}
