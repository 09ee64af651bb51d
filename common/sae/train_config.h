// Everything that decides what an SAE becomes, beside its data.
#ifndef RECSAE_COMMON_SAE_TRAIN_CONFIG_H_
#define RECSAE_COMMON_SAE_TRAIN_CONFIG_H_

#include <cstdint>
#include <string>
#include <vector>

#include "common/sae/model.h"

namespace recsae::sae {

// What is done about latents that no longer fire.
enum class Revival : int32_t {
  // Auxiliary loss: dead latents learn to reconstruct what the others leave over (RecSAE, eq. 2).
  kAuxLoss = 1,
  // They start anew at rows that are reconstructed badly (Bricken et al. 2023).
  kResample = 2,
  kNone = 3,
};

// The decoder rows that training begins with; encoder rows begin as these.
enum class InitialDecoder : int32_t {
  kRandom = 1,  // directions drawn evenly
  // Those of rows of the sample from its middle, each once; random ones where there are more
  // latents than rows. On synthetic rows with many features fewer latents die so
  // (docs/known-truth.md).
  kRows = 2,
};

enum class DecayShape : int32_t { kLinear = 1, kCosine = 2 };

struct TrainConfig {
  Architecture architecture = Architecture::kTopK;
  int latents = 1024;  // F >= 1
  int k = 8;           // active latents per row, 1..F; what the others than TopK aim at on average
  // What selects k (all but kJumpRelu and kRelu): training begins with so many times k, from 1 to
  // kMostAnneal, and comes down to k evenly over this share of its steps, in [0, 1]. A latent that
  // has not found a feature yet fires often enough to find one only while the least value kept is
  // small. 1 or a share of 0: k throughout.
  double k_anneal_from = 1.0;
  double k_anneal_fraction = 0.0;
  // Matryoshka (Bussmann et al. 2025): each prefix of the latents reconstructs by itself, and the
  // loss is the mean over the prefixes. Rising, 1..F; F itself always takes part. Empty = only F.
  // Not for kJumpRelu and kRelu.
  std::vector<int> matryoshka_prefixes;
  bool encoder_bias = true;
  // Scales the inputs so that their mean squared norm is d.
  bool normalise_inputs = true;
  InitialDecoder initial_decoder = InitialDecoder::kRandom;
  // Decoder rows of unit norm after every step; the gradient's component along each row is removed
  // first.
  bool unit_norm_decoder = true;

  // kRelu: weight of the L1 norm of the code in the loss; 0 = adapted so that L0 settles at k.
  // kJumpRelu: weight of (L0 / k − 1)²; > 0 there.
  double sparsity_weight = 0.0;
  // kJumpRelu: width ε > 0 of the kernel through which rows near the threshold move it, and the
  // threshold at the start, > 0.
  double bandwidth = 0.1;
  double initial_threshold = 0.1;

  // A latent that so many rows > 0 in a row did not fire counts as dead.
  int64_t dead_after_rows = 300'000;
  Revival revival = Revival::kAuxLoss;
  // Auxiliary loss: weight α >= 0 (0 = off), k_aux >= 0 (0 = d/2).
  double aux_weight = 1.0 / 32.0;
  int aux_k = 0;
  // Resampling: rows >= 1 from one to the next.
  int64_t resample_every_rows = 1'000'000;

  // Adam; learning rate > 0, betas in [0, 1), epsilon > 0.
  double learning_rate = 1e-3;
  // The decoder's learning rate in that of all else, in (0, kMostDecoderRate].
  double decoder_rate = 1.0;
  double beta1 = 0.9;
  double beta2 = 0.999;
  double epsilon = 6.25e-10;
  // Shares of all steps, each in [0, 1], sum at most 1: linear rise from 0 at the start, fall to 0
  // at the end.
  double warmup_fraction = 0.05;
  double decay_fraction = 0.2;
  DecayShape decay_shape = DecayShape::kLinear;
  // Gradients are scaled down to this norm over all parameters; 0 = never.
  double clip_norm = 1.0;

  // Rows per step, >= 1; times MostLatentsPerRow at most kMaxContributions.
  int batch_rows = 1024;
  uint64_t seed = 1;  // of the initial weights and of resampling

  friend bool operator==(const TrainConfig&, const TrainConfig&) = default;
};

// What a recipe begins with: TopK with F = 16 d. (The trainer's default recipe is in
// services/trainer/run/training_config.cc.)
TrainConfig DefaultConfig(int dim);

// A latent takes about so many different rows to learn a concept from rather than single rows.
inline constexpr int64_t kRowsPerLatent = 16;

// The default number of latents for activations of `dim` values, of which so many are distinct: the
// largest power of two that is at most 8 dim and distinct_rows / kRowsPerLatent, but at least 32.
int DefaultLatents(int dim, int64_t distinct_rows);

// The default Matryoshka prefixes of F latents, broad first and specific after: F / 64, F / 16 and
// F / 4, those of at least 4. Rising, none twice.
std::vector<int> DefaultPrefixes(int latents);

// The equations and hyper-parameters of the RecSAE paper: F = 16 d, k = 8, no ReLU, no
// normalisation, learning rate 1e-4 throughout, no clipping, 16 rows a step.
TrainConfig PaperConfig(int dim);

// A step numbers the contributions of latents to its rows in 32 bits.
inline constexpr int64_t kMaxContributions = (int64_t{1} << 31) - 1;

// Active latents per row in a step of so many, counted from 0, and the most of any step.
int AnnealedK(const TrainConfig& config, int64_t step, int64_t total_steps);
int MostK(const TrainConfig& config);

// Whether training adds the auxiliary loss of dead latents.
bool HasAuxLoss(const TrainConfig& config);

// k_anneal_from and decoder_rate at most: more is a slip of the finger.
inline constexpr double kMostAnneal = 1'000;
inline constexpr double kMostDecoderRate = 1'000;

// How many latents may contribute for one row at most: its code (of all latents, before a threshold
// has made it sparse), and the dead ones of the auxiliary loss. At least the errors that a row has,
// which are numbered likewise: one for each Matryoshka prefix, for all latents and for the dead.
int64_t MostLatentsPerRow(const TrainConfig& config);

// One thing wrong with a configuration.
struct ConfigViolation {
  std::string field;  // name of the TrainConfig member
  std::string description;
};

// All that is wrong; empty when it can be trained.
std::vector<ConfigViolation> FindViolations(const TrainConfig& config);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_TRAIN_CONFIG_H_
