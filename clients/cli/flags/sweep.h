// The SAEs that flags with several values ask for: one for each combination.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_SWEEP_H_
#define RECSAE_CLIENTS_CLI_FLAGS_SWEEP_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

// One variant for each combination of the lists in `flags` and `seeds` (none = seed 0), the last
// list changing fastest. A single one is called `sae_id`; of several each id goes on with what
// varies: "movies-k8-seed1". With several architectures, flags that only some of them have are left
// out for the others. A usage error for more than 64, for a value that comes twice and for ids that
// get too long; else errors as MakeTrainingConfig.
absl::StatusOr<trainer::v1::TrainSaesRequest> MakeSweep(const std::string& sae_id,
                                                        const std::string& capture,
                                                        const SaeFlags& flags,
                                                        const std::vector<uint64_t>& seeds);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_SWEEP_H_
