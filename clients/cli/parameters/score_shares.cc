#include "clients/cli/parameters/score_shares.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <utility>

#include "common/base/random.h"

namespace recsae::cli {
namespace {

constexpr int kDraws = 20;

using PartOf = std::function<double(const ScoreParts&)>;

// Values of a row of items, less their mean.
std::vector<double> Centred(const std::vector<ScoreParts>& row, const PartOf& part) {
  std::vector<double> values;
  double sum = 0;
  for (const ScoreParts& parts : row) {
    values.push_back(part(parts));
    sum += values.back();
  }
  const double mean = row.empty() ? 0 : sum / static_cast<double>(row.size());
  for (double& value : values) value -= mean;
  return values;
}

double Product(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (size_t i = 0; i < std::min(a.size(), b.size()); ++i) sum += a[i] * b[i];
  return sum;
}

double ScoreOf(const ScoreParts& parts) { return parts.score; }

double GroupsOf(const ScoreParts& parts) {
  double sum = 0;
  for (const auto& [lead, value] : parts.groups) sum += value;
  return sum;
}

// Sums of products with the score, over all users.
class Covariances {
 public:
  explicit Covariances(const ScoreTable& table) : table_(table) {
    for (const auto& row : table) {
      scores_.push_back(Centred(row, ScoreOf));
      variance_ += Product(scores_.back(), scores_.back());
    }
  }

  // Of a part of each user's scores; of the scores of the user `ahead` places on.
  double Share(const PartOf& part, size_t ahead = 0) const {
    double sum = 0;
    for (size_t user = 0; user < table_.size(); ++user) {
      const auto& row = table_[(user + ahead) % table_.size()];
      sum += Product(scores_[user], Centred(row, part));
    }
    return variance_ > 0 ? sum / variance_ : 0;
  }

 private:
  const ScoreTable& table_;
  std::vector<std::vector<double>> scores_;
  double variance_ = 0;
};

double SquaredCorrelation(const std::vector<std::vector<double>>& scores,
                          const std::vector<double>& logs) {
  double products = 0, squares = 0;
  double mean = 0;
  for (const double value : logs) mean += value / static_cast<double>(logs.size());
  std::vector<double> centred = logs;
  for (double& value : centred) value -= mean;
  for (const auto& row : scores) {
    products += Product(row, centred);
    squares += Product(row, row);
  }
  const double scale = squares * Product(centred, centred) * static_cast<double>(scores.size());
  return scale > 0 ? products * products / scale : 0;
}

}  // namespace

ScoreShares SharesOf(const ScoreTable& table) {
  ScoreShares shares;
  shares.users = static_cast<int64_t>(table.size());
  shares.items = table.empty() ? 0 : static_cast<int64_t>(table[0].size());
  const Covariances with(table);
  shares.everyone = with.Share([](const ScoreParts& parts) { return parts.everyone; });
  shares.groups = with.Share(GroupsOf);
  shares.absent = with.Share([](const ScoreParts& parts) { return parts.absent; });
  shares.unexplained = with.Share([](const ScoreParts& parts) { return parts.unexplained; });
  if (table.size() > 1) {
    shares.personal_of_another = with.Share(
        [](const ScoreParts& parts) { return parts.score - parts.everyone; }, /*ahead=*/1);
  }
  std::map<int32_t, int> leads;
  for (const auto& row : table) {
    for (const ScoreParts& parts : row) {
      for (const auto& [lead, value] : parts.groups) ++leads[lead];
    }
  }
  for (const auto& [lead, count] : leads) {
    shares.by_group.emplace_back(lead, with.Share([lead = lead](const ScoreParts& parts) {
      const auto found = parts.groups.find(lead);
      return found == parts.groups.end() ? 0 : found->second;
    }));
  }
  std::stable_sort(shares.by_group.begin(), shares.by_group.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  return shares;
}

PopularityShare PopularityShareOf(const ScoreTable& table, const std::vector<int64_t>& counts) {
  std::vector<std::vector<double>> scores;
  for (const auto& row : table) scores.push_back(Centred(row, ScoreOf));
  std::vector<double> logs;
  logs.reserve(counts.size());
  for (const int64_t count : counts) logs.push_back(std::log1p(static_cast<double>(count)));
  PopularityShare share;
  share.share = SquaredCorrelation(scores, logs);
  std::vector<double> draws;
  Random random(7);
  for (int draw = 0; draw < kDraws; ++draw) {
    random.Shuffle(&logs);
    draws.push_back(SquaredCorrelation(scores, logs));
  }
  std::sort(draws.begin(), draws.end());
  share.dealt_anew = draws[static_cast<size_t>(kDraws * 95 / 100) - 1];
  return share;
}

}  // namespace recsae::cli
