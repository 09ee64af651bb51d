// The directions that training begins with.
#ifndef RECSAE_COMMON_SAE_INITIAL_DECODER_H_
#define RECSAE_COMMON_SAE_INITIAL_DECODER_H_

#include <cstdint>
#include <vector>

#include "common/sae/train_config.h"

namespace recsae::sae {

// Decoder rows [F, dim] of unit norm, as `config` wants them (InitialDecoder), by its seed.
// `sample` [sample_rows, dim], of any scale; `centre` [dim] in the same one.
std::vector<float> MakeInitialDecoder(const TrainConfig& config, int dim, const float* sample,
                                      int64_t sample_rows, const std::vector<float>& centre);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_INITIAL_DECODER_H_
