// The tables of the study of first blocks (first_block.h).
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_FIRST_BLOCK_TABLES_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_FIRST_BLOCK_TABLES_H_

#include <vector>

#include "clients/cli/reproduce/result_table.h"
#include "clients/cli/reproduce/series.h"

namespace recsae::cli {

// Reconstruction, and the mean over genres of what single latents tell.
ResultTable FirstBlockTable(const std::vector<Series>& all);

// Latent by genre: a row for each recommender, SAE and genre.
ResultTable FirstBlockGenres(const std::vector<Series>& all);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_FIRST_BLOCK_TABLES_H_
