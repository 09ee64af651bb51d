// What a training needs and says, as messages.
#ifndef RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_TRAINING_MESSAGES_H_
#define RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_TRAINING_MESSAGES_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "recsae/torch_host/v1/torch_host.pb.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Gives what training reads of the data set to `send`, about 1 MiB at a time; titles, ids and test
// cases are not among it. Ends with the first error.
absl::Status SendDataset(
    const Dataset& dataset,
    absl::FunctionRef<absl::Status(const torch_host::v1::DatasetPart& part)> send);

// The reverse: adds a part. INVALID_ARGUMENT (DATASET_INVALID) for numbers that are none.
absl::Status AddPart(const torch_host::v1::DatasetPart& part, Dataset* dataset);
absl::Status CheckComplete(const Dataset& dataset);

torch_host::v1::Progress ToMessage(const TrainProgress& progress);
TrainProgress FromMessage(const torch_host::v1::Progress& message);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_TORCH_PROTOCOL_TRAINING_MESSAGES_H_
