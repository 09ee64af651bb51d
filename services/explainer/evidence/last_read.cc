#include "services/explainer/evidence/last_read.h"

#include <cmath>
#include <cstddef>
#include <utility>

#include "common/base/status.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/evidence/detection.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kRowsBetweenChecks = 256;
constexpr Speaking kLast = {Speaking::Items::kLastRead, 0};

// The latent that goes best with a set, and whether by high activations (1) or low ones (-1).
std::pair<int32_t, double> BestLatent(const Association& association, int32_t set, bool is_signed) {
  std::pair<int32_t, double> best = {-1, 1};
  double most = 0;
  for (int32_t latent = 0; latent < association.latents; ++latent) {
    const double r = association.Correlation(latent, set);
    if ((is_signed ? std::abs(r) : r) <= most) continue;
    most = std::abs(r);
    best = {latent, r < 0 ? -1.0 : 1.0};
  }
  return best;
}

// One latent's activations, turned so that high ones tell, and whether the last item has it.
struct Column {
  std::vector<double> scores;
  std::vector<bool> has;
};

// One for each attribute, over the rows of a role that have a history.
absl::StatusOr<std::vector<Column>> Columns(const CodedSample& coded, Role role, int latents,
                                            const ItemSets& sets,
                                            std::span<const int32_t> attributes,
                                            std::span<const std::pair<int32_t, double>> best,
                                            Alive alive) {
  std::vector<Column> columns(attributes.size());
  std::vector<float> code(static_cast<size_t>(latents));
  for (int64_t row = 0; row < coded.rows(role).rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    const Case& from = coded.rows(role).cases[static_cast<size_t>(row)];
    if (from.history.empty()) continue;
    const auto fill = [&](bool with_values) {
      for (const auto& [latent, value] : coded.of(role).Row(row)) {
        code[static_cast<size_t>(latent)] = with_values ? value : 0;
      }
    };
    fill(true);
    for (size_t a = 0; a < attributes.size(); ++a) {
      const auto [latent, sign] = best[a];
      columns[a].scores.push_back(latent < 0 ? 0 : sign * code[static_cast<size_t>(latent)]);
      columns[a].has.push_back(sets.Holds(attributes[a], from.history.back()));
    }
    fill(false);
  }
  return columns;
}

double Correlation(const Column& column) {
  MomentSums score;
  MomentSums has;
  double products = 0;
  for (size_t i = 0; i < column.scores.size(); ++i) {
    const double y = column.has[i] ? 1 : 0;
    score.sum += column.scores[i];
    score.squares += column.scores[i] * column.scores[i];
    has.sum += y;
    has.squares += y;
    products += y * column.scores[i];
  }
  return Pearson(static_cast<double>(column.scores.size()), score, has, products);
}

LastRead Measure(int32_t latent, const Column& set_on, const Column& measured) {
  LastRead fit;
  const auto rows = static_cast<double>(measured.scores.size());
  if (rows == 0) return fit;
  const Detection detection =
      Detect(measured.scores, measured.has, BestThreshold(set_on.scores, set_on.has));
  fit.prevalence = static_cast<double>(detection.have) / rows;
  fit.latent = latent;
  if (latent < 0) return fit;
  fit.correlation = Correlation(measured);
  fit.auc = RocAuc(measured.scores, measured.has);
  fit.precision = detection.Precision();
  double fired = 0;
  for (const double score : measured.scores) fired += score != 0 ? 1 : 0;
  fit.fired_share = fired / rows;
  return fit;
}

}  // namespace

absl::StatusOr<std::vector<LastRead>> FitLastRead(const CodedSample& coded, int latents,
                                                  bool is_signed, const ItemSets& sets,
                                                  std::span<const int32_t> attributes,
                                                  Alive alive) {
  RECSAE_ASSIGN_OR_RETURN(const Association association,
                          Associate(coded.rows(Role::kDescribe), coded.of(Role::kDescribe), latents,
                                    sets, kLast, alive));
  if (association.rows == 0) return std::vector<LastRead>();
  std::vector<std::pair<int32_t, double>> best;
  best.reserve(attributes.size());
  for (const int32_t attribute : attributes) {
    best.push_back(BestLatent(association, attribute, is_signed));
  }
  RECSAE_ASSIGN_OR_RETURN(const std::vector<Column> set_on,
                          Columns(coded, Role::kThreshold, latents, sets, attributes, best, alive));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<Column> measured,
                          Columns(coded, Role::kMeasure, latents, sets, attributes, best, alive));
  std::vector<LastRead> fits;
  fits.reserve(attributes.size());
  for (size_t a = 0; a < attributes.size(); ++a) {
    RECSAE_RETURN_IF_ERROR(alive());
    fits.push_back(Measure(best[a].first, set_on[a], measured[a]));
  }
  return fits;
}

std::vector<int32_t> AttributesReadLast(const Sample& sample, const ItemSets& sets, int64_t rows) {
  std::vector<int64_t> counts(static_cast<size_t>(sets.size()));
  for (const Case& from : sample.Of(Role::kMeasure).cases) {
    if (from.history.empty()) continue;
    for (const int32_t set : sets.Of(from.history.back())) ++counts[static_cast<size_t>(set)];
  }
  std::vector<int32_t> attributes;
  for (const int32_t attribute : sets.Attributes()) {
    if (counts[static_cast<size_t>(attribute)] >= rows) attributes.push_back(attribute);
  }
  return attributes;
}

}  // namespace recsae::explainer
