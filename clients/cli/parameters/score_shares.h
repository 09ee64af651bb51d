// What the differences between scores come from: shares of their variance.
#ifndef RECSAE_CLIENTS_CLI_PARAMETERS_SCORE_SHARES_H_
#define RECSAE_CLIENTS_CLI_PARAMETERS_SCORE_SHARES_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace recsae::cli {

// One item's score for one user, in parts that add up to it.
struct ScoreParts {
  double score = 0;
  double everyone = 0;
  // By the lead latent of each active group.
  std::map<int32_t, double> groups;
  double absent = 0;
  double unexplained = 0;
};

// Scores of several users, each for the same items in the same order.
using ScoreTable = std::vector<std::vector<ScoreParts>>;

// Of the variance of scores between one user's items, which alone decides their order. A part's
// share is its covariance with the score over the score's variance, so that all of them add up
// to 1.
struct ScoreShares {
  int64_t users = 0;
  int64_t items = 0;
  double everyone = 0;
  double groups = 0;  // all of them
  double absent = 0;
  double unexplained = 0;
  // Of single groups, largest first.
  std::vector<std::pair<int32_t, double>> by_group;
  // The control: the personal parts (all but everyone) of the next user in place of the user's own.
  double personal_of_another = 0;
};

// Shares of 0 where scores do not vary.
ScoreShares SharesOf(const ScoreTable& table);

// Squared correlation, within each user's items, of the score with the log of the items' training
// counts plus 1; and what 95 % of 20 draws with the counts dealt out anew stay at or below.
struct PopularityShare {
  double share = 0;
  double dealt_anew = 0;
};
PopularityShare PopularityShareOf(const ScoreTable& table, const std::vector<int64_t>& counts);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_PARAMETERS_SCORE_SHARES_H_
