// The directions that training begins with.
#ifndef RECSAE_COMMON_SAE_INITIAL_DECODER_H_
#define RECSAE_COMMON_SAE_INITIAL_DECODER_H_

#include <cstdint>
#include <vector>

#include "common/sae/train_config.h"

namespace recsae::sae {

// Fills `decoder` [F, dim] with rows of unit norm, as `config` wants them (InitialDecoder), by its
// seed. `sample` [sample_rows, dim], of any scale; `centre` [dim] in the same one.
void FillInitialDecoder(const TrainConfig& config, const float* sample, int64_t sample_rows,
                        const std::vector<float>& centre, std::vector<float>& decoder);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_INITIAL_DECODER_H_
