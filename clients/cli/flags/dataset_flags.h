// Flags that name a data set.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_DATASET_FLAGS_H_
#define RECSAE_CLIENTS_CLI_FLAGS_DATASET_FLAGS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/flags/command.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// Reading a data set may mean to download it first.
inline constexpr double kDatasetTimeout = 900;

struct DatasetFlags {
  std::string format;
  std::optional<int> core;
  std::optional<double> positive_threshold;
  std::string split;
  std::optional<uint64_t> split_seed;
  std::vector<std::string> columns;
  std::string repeats;
  std::optional<int> planted_concepts;
  std::optional<int> planted_items;
  std::optional<int> planted_users;
  std::optional<int> planted_interactions;
  std::optional<uint64_t> planted_seed;
};

// --format, --core, --positive-threshold, --split, --split-seed, --columns, --repeats and the
// --planted-... group.
void AddDatasetFlags(Command& command, DatasetFlags& flags);

probe::v1::DatasetRef MakeDatasetRef(const std::string& name, const DatasetFlags& flags);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_DATASET_FLAGS_H_
