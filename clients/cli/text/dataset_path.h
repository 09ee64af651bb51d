// Data sets as people name them.
#ifndef RECSAE_CLIENTS_CLI_TEXT_DATASET_PATH_H_
#define RECSAE_CLIENTS_CLI_TEXT_DATASET_PATH_H_

#include <string>

#include "absl/strings/string_view.h"

namespace recsae::cli {

// What to ask the server for. A name stays, without the slash that completing it adds; a path
// becomes a whole one ("~", ".", "file://" and what is relative to this command's folder), and that
// of a file its folder's: the server knows which of its data folders that is, or says how to make
// it one.
std::string DatasetArgument(absl::string_view text);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_DATASET_PATH_H_
