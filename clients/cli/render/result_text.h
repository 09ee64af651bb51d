// What sweeps, concept building and evaluation found, as tables.
#ifndef RECSAE_CLIENTS_CLI_RENDER_RESULT_TEXT_H_
#define RECSAE_CLIENTS_CLI_RENDER_RESULT_TEXT_H_

#include <string>

#include "clients/cli/text/table.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {

// HR and NDCG of the recommender, of the reconstruction, and the share that is kept.
Table RankingTable(const explainer::v1::Evaluation& evaluation);

// Coverage, Gini index, long tail, novelty and diversity of the first ten; empty without lists.
Table ListQualityTable(const explainer::v1::Evaluation& evaluation);

// The `shown` latents that go best with popularity; empty where there are none.
Table PopularityTable(const explainer::v1::Evaluation& evaluation, int shown);

// What that table shows, with its control; or why there is none.
std::string PopularityNote(const explainer::v1::Evaluation& evaluation);

// Overlap, FVU, L0, similarity.
Table EvaluationDetails(const explainer::v1::Evaluation& evaluation);

// The SAEs of a sweep, a line each.
Table SweepTable(const trainer::v1::TrainSaesResult& result);

// The `count` attribute values that a single latent tells best.
Table AttributeTable(const explainer::v1::Evaluation& evaluation, int count);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_RESULT_TEXT_H_
