// What was wished and what it did, as text.
#ifndef RECSAE_CLIENTS_CLI_RENDER_STEERING_H_
#define RECSAE_CLIENTS_CLI_RENDER_STEERING_H_

#include <string>

#include "clients/cli/text/table.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// Each wish with what was understood: more, less or none of which concepts; or why none.
Table UnderstoodWishes(
    const google::protobuf::RepeatedPtrField<explainer::v1::ResolvedWish>& wishes);

// "The activation changed by 41 % …", and by how much the bound shortened that.
std::string ChangeLine(const explainer::v1::SteerResponse& response);

// What became of how popular the first ten are; the response has it.
std::string PopularityLine(const explainer::v1::SteerResponse& response);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_STEERING_H_
