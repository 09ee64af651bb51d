// The training step and encoding, timed against the bare product of the encoder at the same shape.
#ifndef RECSAE_BENCHMARKS_SAE_STEP_TIMING_H_
#define RECSAE_BENCHMARKS_SAE_STEP_TIMING_H_

#include <nlohmann/json.hpp>

#include "absl/status/statusor.h"

namespace recsae::sae {

struct StepShape {
  int dim = 64;        // d
  int latents = 1024;  // F
  int k = 8;
  int rows = 1024;          // a step
  double dead_share = 0.0;  // of the latents, held dead for the auxiliary loss to work on
  bool top_k = false;       // TopK without prefixes, instead of Matryoshka BatchTopK
  int threads = 2;
};

// Rounds of step and product in turn, for about so many seconds: their medians in microseconds,
// ratio = step / product, the share of the step's parts, and how much faster the step is than on
// one thread. A part is timed by calling the engine's functions at the same shape:
//   pack       the encoder rearranged, or brought to 8 bits, for what follows
//   encode     BlockEncoder::Encode: product and selection (of BatchTopK by the bound that the
//              runs of the other parts left; what cuts a batch's candidates counts as gradients)
//   gradients  BatchGradients::Compute less these: decoding, errors, gradients
//   auxiliary  what Compute takes longer with the dead latents
//   adam       ApplyAdam on all parameters and NormaliseRows on the decoder
//   other      what is left of the step
absl::StatusOr<nlohmann::json> TimeStep(const StepShape& shape, double seconds);

// SaeModel on one thread: the rate of EncodeBatch as a share of the bare product's, microseconds of
// Encode.
absl::StatusOr<nlohmann::json> TimeEncoding(const StepShape& shape, double seconds);

// Trains a few steps: peak memory of this process, rows and program included, as a multiple of the
// parameters' bytes. To be called in a fresh process.
absl::StatusOr<nlohmann::json> MeasureMemory(const StepShape& shape);

// Lets this process, the engine and the products that it is held against, use AVX2 at most. To be
// called before anything else.
void StayWithAvx2();

}  // namespace recsae::sae

#endif  // RECSAE_BENCHMARKS_SAE_STEP_TIMING_H_
