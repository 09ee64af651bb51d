// The stored form of a recommender: options, named float arrays and named files as bytes.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_WEIGHTS_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_WEIGHTS_H_

#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Bytes in formats of their own.
using NamedFiles = std::map<std::string, std::string>;

// Layout, integers little-endian: "RECSAEW1", uint32 length of a JSON text {"options": {...},
// "tensors": [{"name", "shape"}, ...], "files": [{"name", "bytes"}, ...]}, the text, then the
// tensors' float32 values and the files' bytes in that order. "files" may be missing.
std::string PackWeights(const RecommenderOptions& options, const NamedTensors& tensors,
                        const NamedFiles& files = {});

// DATA_LOSS (RECOMMENDER_CORRUPT) unless the bytes are exactly such a packet.
absl::Status UnpackWeights(absl::string_view bytes, RecommenderOptions* options,
                           NamedTensors* tensors, NamedFiles* files);

// The options alone; what follows them is not looked at. The same error.
absl::StatusOr<RecommenderOptions> UnpackOptions(absl::string_view bytes);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_WEIGHTS_H_
