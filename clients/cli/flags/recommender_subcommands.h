// Commands of the group `recsae recommenders` that have files of their own.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_RECOMMENDER_SUBCOMMANDS_H_
#define RECSAE_CLIENTS_CLI_FLAGS_RECOMMENDER_SUBCOMMANDS_H_

#include "clients/cli/flags/command_line.h"

namespace recsae::cli {

// import.
void AddRecommenderImport(CommandLine& line, Command& group);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_RECOMMENDER_SUBCOMMANDS_H_
