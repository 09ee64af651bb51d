// Variables of the environment that were meant to be another.
#ifndef RECSAE_COMMON_BASE_ENVIRONMENT_H_
#define RECSAE_COMMON_BASE_ENVIRONMENT_H_

#include <string>
#include <utility>
#include <vector>

namespace recsae {

// Of the variables that begin with RECSAE_ those that are nearly, but not, one of `known`: with the
// one that they are like. "RECSAE_LISTN", "RECSAE_LISTEN". Those that Kubernetes makes of services
// are passed over.
std::vector<std::pair<std::string, std::string>> MisspeltVariables(
    const std::vector<std::string>& variables, const std::vector<std::string>& known);

// A sentence for each of those in the environment, where this program reads `known`. What other
// programs of the suite read is no doubt either.
std::vector<std::string> DoubtfulVariables(std::vector<std::string> known);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_ENVIRONMENT_H_
