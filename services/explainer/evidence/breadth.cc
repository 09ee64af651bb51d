#include "services/explainer/evidence/breadth.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <utility>

#include "common/base/status.h"
#include "common/math/linear.h"
#include "services/explainer/evidence/detection.h"

namespace recsae::explainer {
namespace {

constexpr size_t kProbed = 5;
constexpr std::array<size_t, 3> kProbes = {1, 2, 5};
constexpr int64_t kRowsBetweenChecks = 256;

// What probes of one attribute need: its share and the codes of the latents that go best with it,
// row by row.
struct Table {
  std::vector<double> share;
  std::vector<bool> first_has;                     // whether the first recommended item has it
  std::vector<std::array<double, kProbed>> codes;  // of latents, best first
};

// Of the share with the best latent.
double Correlation(const Table& table) {
  MomentSums share;
  MomentSums code;
  double products = 0;
  for (size_t i = 0; i < table.share.size(); ++i) {
    const double y = table.share[i];
    const double z = table.codes[i][0];
    share.sum += y;
    share.squares += y * y;
    code.sum += z;
    code.squares += z * z;
    products += y * z;
  }
  return Pearson(static_cast<double>(table.share.size()), share, code, products);
}

// R2 on `measure` of a least-squares fit of the share to the first `latents` codes on `fit`.
double ProbeR2(const Table& fit, const Table& measure, size_t latents) {
  const size_t size = latents + 1;
  std::vector<double> gram(size * size);
  std::vector<double> cross(size);
  std::vector<double> row(size, 1.0);  // a constant, then the codes
  const auto load = [&](const Table& table, size_t i) {
    std::copy_n(table.codes[i].begin(), latents, row.begin() + 1);
  };
  double trace = 0;
  for (size_t i = 0; i < fit.share.size(); ++i) {
    load(fit, i);
    for (size_t a = 0; a < size; ++a) {
      for (size_t b = 0; b < size; ++b) gram[a * size + b] += row[a] * row[b];
      cross[a] += row[a] * fit.share[i];
      trace += row[a] * row[a];
    }
  }
  for (size_t a = 0; a < size; ++a) gram[a * size + a] += 1e-9 * std::max(trace, 1e-9);
  const std::vector<double> weights = math::SolveSymmetric(gram, cross, static_cast<int>(size), 1);
  double mean = 0;
  for (const double share : measure.share) {
    mean += share / static_cast<double>(measure.share.size());
  }
  double missing = 0;
  double all = 0;
  for (size_t i = 0; i < measure.share.size(); ++i) {
    load(measure, i);
    const double told = std::inner_product(row.begin(), row.end(), weights.begin(), 0.0);
    missing += std::pow(measure.share[i] - told, 2);
    all += std::pow(measure.share[i] - mean, 2);
  }
  return all > 0 ? 1 - missing / all : 0;
}

// The best latent's codes, turned so that high ones tell.
std::vector<double> Scores(const Table& table, double sign) {
  std::vector<double> scores;
  scores.reserve(table.codes.size());
  for (const auto& codes : table.codes) scores.push_back(sign * codes[0]);
  return scores;
}

// The latents that go best with a set, best first.
std::array<int32_t, kProbed> BestLatents(const Association& association, int32_t set,
                                         bool is_signed) {
  std::array<std::pair<double, int32_t>, kProbed> best;
  best.fill({-1.0, -1});
  for (int latent = 0; latent < association.latents; ++latent) {
    const double r = association.Correlation(latent, set);
    const std::pair<double, int32_t> found(is_signed ? std::abs(r) : r, latent);
    if (found.first <= best.back().first) continue;
    best.back() = found;
    for (size_t i = kProbed - 1; i > 0 && best[i].first > best[i - 1].first; --i) {
      std::swap(best[i], best[i - 1]);
    }
  }
  std::array<int32_t, kProbed> latents;
  for (size_t i = 0; i < kProbed; ++i) latents[i] = best[i].second;
  return latents;
}

// Tables of all attributes over the rows of one role, filled in one pass.
absl::StatusOr<std::vector<Table>> Tables(const CodedSample& coded, Role role, int latents,
                                          const ItemSets& sets, std::span<const int32_t> attributes,
                                          std::span<const std::array<int32_t, kProbed>> best,
                                          Alive alive) {
  const SampledRows& rows = coded.rows(role);
  std::vector<Table> tables(attributes.size());
  SetShares shares(sets);
  std::vector<float> code(static_cast<size_t>(latents) + 1);  // the last: of no latent
  for (int64_t row = 0; row < rows.rows(); ++row) {
    if (row % kRowsBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    const Case& from = rows.cases[static_cast<size_t>(row)];
    shares.Of(from);
    const std::span<const int32_t> of_first = sets.Of(from.ranked[0]);
    for (const auto& [latent, value] : coded.of(role).Row(row))
      code[static_cast<size_t>(latent)] = value;
    for (size_t a = 0; a < attributes.size(); ++a) {
      tables[a].share.push_back(shares.share(attributes[a]));
      tables[a].first_has.push_back(
          std::binary_search(of_first.begin(), of_first.end(), attributes[a]));
      std::array<double, kProbed> codes;
      for (size_t j = 0; j < kProbed; ++j) {
        codes[j] = code[best[a][j] < 0 ? code.size() - 1 : static_cast<size_t>(best[a][j])];
      }
      tables[a].codes.push_back(codes);
    }
    for (const auto& [latent, value] : coded.of(role).Row(row))
      code[static_cast<size_t>(latent)] = 0;
  }
  return tables;
}

}  // namespace

absl::StatusOr<std::vector<AttributeFit>> FitAttributes(const CodedSample& coded,
                                                        const Association& association,
                                                        bool is_signed, const ItemSets& sets,
                                                        std::span<const int32_t> attributes,
                                                        Alive alive) {
  std::vector<std::array<int32_t, kProbed>> best;
  for (const int32_t attribute : attributes) {
    best.push_back(BestLatents(association, attribute, is_signed));
  }
  std::array<std::vector<Table>, kRoles> tables;
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    RECSAE_ASSIGN_OR_RETURN(
        tables[static_cast<size_t>(role)],
        Tables(coded, role, association.latents, sets, attributes, best, alive));
  }
  std::vector<AttributeFit> scores;
  for (size_t a = 0; a < attributes.size(); ++a) {
    RECSAE_RETURN_IF_ERROR(alive());
    const Table& fit = tables[static_cast<size_t>(Role::kDescribe)][a];
    const Table& measure = tables[static_cast<size_t>(Role::kMeasure)][a];
    AttributeFit& score = scores.emplace_back();
    score.set = attributes[a];
    score.latent = best[a][0];
    if (score.latent < 0 || measure.share.empty()) continue;
    const double sign = association.Correlation(score.latent, score.set) < 0 ? -1 : 1;
    score.correlation = sign * Correlation(measure);
    const Table& set_on = tables[static_cast<size_t>(Role::kThreshold)][a];
    const double threshold = BestThreshold(Scores(set_on, sign), set_on.first_has);
    const Detection detection = Detect(Scores(measure, sign), measure.first_has, threshold);
    score.f1 = detection.F1();
    score.precision = detection.Precision();
    score.prevalence =
        static_cast<double>(detection.have) / static_cast<double>(measure.share.size());
    for (size_t p = 0; p < kProbes.size(); ++p) {
      score.probe_r2[p] = ProbeR2(fit, measure, kProbes[p]);
    }
  }
  return scores;
}

absl::Status FitRead(const CodedSample& coded, int latents, bool is_signed, const ItemSets& sets,
                     std::vector<AttributeFit>& fits, Alive alive) {
  const auto associate = [&](Role role) {
    return Associate(coded.rows(role), coded.of(role), latents, sets, {Speaking::Items::kRead, 0},
                     alive);
  };
  RECSAE_ASSIGN_OR_RETURN(const Association chosen, associate(Role::kDescribe));
  if (chosen.rows == 0) return absl::OkStatus();
  for (AttributeFit& fit : fits) fit.read_latent = BestLatents(chosen, fit.set, is_signed)[0];
  std::vector<double> signs;
  signs.reserve(fits.size());
  for (const AttributeFit& fit : fits) {
    const bool against = fit.read_latent >= 0 && chosen.Correlation(fit.read_latent, fit.set) < 0;
    signs.push_back(against ? -1 : 1);
  }
  RECSAE_ASSIGN_OR_RETURN(const Association measured, associate(Role::kMeasure));
  for (size_t i = 0; i < fits.size(); ++i) {
    if (fits[i].read_latent < 0) continue;
    fits[i].read_correlation = signs[i] * measured.Correlation(fits[i].read_latent, fits[i].set);
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
