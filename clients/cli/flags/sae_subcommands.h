// Commands of the group `recsae saes` that have files of their own.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_SAE_SUBCOMMANDS_H_
#define RECSAE_CLIENTS_CLI_FLAGS_SAE_SUBCOMMANDS_H_

#include "clients/cli/flags/command_line.h"

namespace recsae::cli {

// export and import.
void AddSaeExchange(CommandLine& line, Command& group);
// compare.
void AddSaeComparison(CommandLine& line, Command& group);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_SAE_SUBCOMMANDS_H_
