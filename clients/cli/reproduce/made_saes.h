// SAEs that are not trained: the raw dimensions of a recommender, as an SAE.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_MADE_SAES_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_MADE_SAES_H_

#include "common/sae/model.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

// d latents, of which latent j is max(x_j, 0): the dimensions of the activation as they are, so
// that the whole concept pipeline can judge them like latents (the paper's BaseModel rows). ReLU
// and not TopK with k = d, which gives the same codes: nothing competes here, each dimension fires
// by itself. Negative values do not fire, as the paper's levels 1 to 10 have no place for them.
// `k`, as for any ReLU SAE, is what is active on average; d / 2 for activations about 0.
sae::SaeWeights RawDimensions(int dim);

// The training that leaves the SAE as it was initialised: the decoder random directions, the
// encoder its transpose, the bias at the data's geometric median, inputs normalised as in
// `config`'s own training. One pass at a learning rate that moves no float.
trainer::v1::TrainingConfig WithoutTraining(trainer::v1::TrainingConfig config);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_MADE_SAES_H_
