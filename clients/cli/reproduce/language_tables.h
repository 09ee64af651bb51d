// The tables of concepts that a language model described and judged (language.h).
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_LANGUAGE_TABLES_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_LANGUAGE_TABLES_H_

#include <vector>

#include "clients/cli/reproduce/result_table.h"
#include "clients/cli/reproduce/table_columns.h"

namespace recsae::cli {

// Whether a cell of these series was judged by a language model.
bool AnyJudged(const std::vector<SeriesLine>& lines);

// By the paper's protocol, a row for each judge; `lines` are labelled data set, recommender,
// method. Of those that a model judged.
ResultTable JudgesTable(const std::vector<SeriesLine>& lines);

// What the model's judgements are worth and what they cost, with notes where its figures mean
// nothing or are of a part.
ResultTable JudgeTable(const std::vector<SeriesLine>& lines);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_LANGUAGE_TABLES_H_
