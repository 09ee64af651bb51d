// The stored form of a recommender: options and named float arrays as bytes.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_WEIGHTS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_WEIGHTS_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/recommenders/recommender.h"

namespace recsae::probe {

// Layout, integers little-endian: "RECSAEW1", uint32 length of a JSON text {"options": {...},
// "tensors": [{"name", "shape"}, ...]}, the text, then the tensors' float32 values in that order.
std::string PackWeights(const RecommenderOptions& options, const NamedTensors& tensors);

// DATA_LOSS (RECOMMENDER_CORRUPT) unless the bytes are exactly such a packet.
absl::Status UnpackWeights(absl::string_view bytes, RecommenderOptions* options,
                           NamedTensors* tensors);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_WEIGHTS_H_
