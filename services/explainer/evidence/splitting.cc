#include "services/explainer/evidence/splitting.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/linear.h"
#include "common/math/matrix.h"
#include "services/explainer/evidence/detection.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

// What is left of a variance after others are known counts as none below this part of it.
constexpr double kLeastVariance = 1e-6;

// Codes by latent: the rows on which each is active.
class Columns {
 public:
  Columns(const sae::SparseCodes& codes, int latents) : begin_(static_cast<size_t>(latents) + 1) {
    for (int64_t row = 0; row < codes.rows(); ++row) {
      for (const auto& active : codes.Row(row)) ++begin_[static_cast<size_t>(active.latent) + 1];
    }
    for (size_t latent = 0; latent + 1 < begin_.size(); ++latent) {
      begin_[latent + 1] += begin_[latent];
    }
    entries_.resize(begin_.back());
    std::vector<size_t> next(begin_.begin(), begin_.end() - 1);
    for (int64_t row = 0; row < codes.rows(); ++row) {
      for (const auto& [latent, value] : codes.Row(row)) {
        entries_[next[static_cast<size_t>(latent)]++] = {static_cast<int32_t>(row), value};
      }
    }
  }

  struct Entry {
    int32_t row;
    float value;
  };
  std::span<const Entry> Of(int32_t latent) const {
    const auto l = static_cast<size_t>(latent);
    return {entries_.data() + begin_[l], begin_[l + 1] - begin_[l]};
  }

 private:
  std::vector<size_t> begin_;
  std::vector<Entry> entries_;
};

// The latents that go best with an attribute, best first.
std::vector<int32_t> Candidates(const Association& association, int32_t set, bool is_signed) {
  std::vector<std::pair<double, int32_t>> found;
  for (int latent = 0; latent < association.latents; ++latent) {
    const double r = association.Correlation(latent, set);
    const double fit = is_signed ? std::abs(r) : r;
    if (fit > 0) found.emplace_back(-fit, latent);
  }
  const size_t count = std::min(found.size(), kSplitCandidates);
  std::partial_sort(found.begin(), found.begin() + static_cast<std::ptrdiff_t>(count), found.end());
  std::vector<int32_t> latents;
  for (size_t i = 0; i < count; ++i) latents.push_back(found[i].second);
  return latents;
}

// Sums of products over the describing rows, of codes less their means with each other and with the
// attribute's share of the recommended items that speak. (The latter are those of the rows in which
// one does, which nearly all are, as if of all.)
struct Moments {
  size_t size = 0;
  std::vector<double> gram;   // [size, size]
  std::vector<double> cross;  // [size]
};

Moments MomentsOf(const Columns& columns, int64_t row_count, const Association& association,
                  int32_t set, std::span<const int32_t> latents) {
  const size_t size = latents.size();
  const auto rows = static_cast<size_t>(row_count);
  std::vector<float> codes(size * rows);
  std::vector<double> sums(size);
  Moments moments{size, {}, std::vector<double>(size)};
  for (size_t i = 0; i < size; ++i) {
    for (const auto& [row, value] : columns.Of(latents[i])) {
      codes[i * rows + static_cast<size_t>(row)] = value;
      sums[i] += value;
    }
    moments.cross[i] = association.Covariance(latents[i], set) * static_cast<double>(rows);
  }
  std::vector<float> gram(size * size);
  const auto n = static_cast<int64_t>(size);
  math::Sgemm(Transpose::kNo, Transpose::kYes, n, n, row_count, codes.data(), codes.data(), 0.0f,
              gram.data());
  moments.gram.assign(gram.begin(), gram.end());
  for (size_t a = 0; a < size; ++a) {
    for (size_t b = 0; b < size; ++b) {
      moments.gram[a * size + b] -= sums[a] * sums[b] / static_cast<double>(rows);
    }
  }
  return moments;
}

// Which latents least squares would take, each the one that leaves the least error beside those
// before it. Places in the moments.
std::vector<size_t> SelectForward(Moments left, size_t most) {
  const size_t size = left.size;
  std::vector<double> least(size);
  for (size_t i = 0; i < size; ++i) least[i] = kLeastVariance * left.gram[i * size + i];
  std::vector<size_t> selected;
  while (selected.size() < std::min(most, size)) {
    size_t best = size;
    double gain = 0;
    for (size_t i = 0; i < size; ++i) {
      const double variance = left.gram[i * size + i];
      if (variance <= least[i]) continue;  // told by those selected, or itself one of them
      const double explained = left.cross[i] * left.cross[i] / variance;
      if (explained > gain) {
        gain = explained;
        best = i;
      }
    }
    if (best == size) break;
    selected.push_back(best);
    // What the new one does not tell of the others.
    const double variance = left.gram[best * size + best];
    std::vector<double> with(size);
    for (size_t i = 0; i < size; ++i) with[i] = left.gram[i * size + best] / variance;
    const double cross = left.cross[best];
    const std::vector<double> row(
        left.gram.begin() + static_cast<std::ptrdiff_t>(best * size),
        left.gram.begin() + static_cast<std::ptrdiff_t>((best + 1) * size));
    for (size_t i = 0; i < size; ++i) {
      left.cross[i] -= with[i] * cross;
      for (size_t j = 0; j < size; ++j) left.gram[i * size + j] -= with[i] * row[j];
    }
  }
  return selected;
}

// Least squares on the first latents that were selected.
std::vector<double> WeightsOf(const Moments& moments, std::span<const size_t> selected) {
  std::vector<double> gram;
  std::vector<double> cross;
  for (const size_t a : selected) {
    for (const size_t b : selected) gram.push_back(moments.gram[a * moments.size + b]);
    cross.push_back(moments.cross[a]);
  }
  return math::SolveSymmetric(gram, cross, static_cast<int>(selected.size()), 1);
}

class Splitter {
 public:
  Splitter(const CodedSample& coded, const Dictionary& dictionary, const Association& association,
           const AttributeProbes& probes)
      : coded_(coded),
        dictionary_(dictionary),
        association_(association),
        probes_(probes),
        norms_(math::RowNorms(dictionary.decoder(), dictionary.dim())) {
    for (int r = 0; r < kRoles; ++r) {
      columns_.emplace_back(coded.of(static_cast<Role>(r)), dictionary.latents());
    }
  }

  AttributeSplit Measure(int attribute) const {
    AttributeSplit split;
    split.set = probes_.sets[static_cast<size_t>(attribute)];
    ChooseLatents(attribute, split);
    CountRows(attribute, split);
    return split;
  }

 private:
  const Columns& Of(Role role) const { return columns_[static_cast<size_t>(role)]; }

  // Grows the probe until F1 stops rising.
  void ChooseLatents(int attribute, AttributeSplit& split) const {
    const std::vector<int32_t> candidates =
        Candidates(association_, split.set, dictionary_.is_signed());
    if (candidates.empty()) return;
    const Moments moments = MomentsOf(Of(Role::kDescribe), coded_.rows(Role::kDescribe).rows(),
                                      association_, split.set, candidates);
    const std::vector<size_t> selected = SelectForward(moments, kMostSplits);
    std::vector<int32_t> latents;
    for (const size_t place : selected) {
      latents.push_back(candidates[place]);
      const std::vector<double> weights =
          WeightsOf(moments, std::span(selected).first(latents.size()));
      const double f1 = ProbeF1(attribute, latents, weights);
      if (!split.latents.empty() && f1 <= split.f1 + kSplitRise) return;
      split.latents = latents;
      split.f1 = f1;
    }
  }

  double ProbeF1(int attribute, std::span<const int32_t> latents,
                 std::span<const double> weights) const {
    const auto scores = [&](Role role) {
      std::vector<double> sums(static_cast<size_t>(coded_.rows(role).rows()));
      for (size_t i = 0; i < latents.size(); ++i) {
        for (const auto& [row, value] : Of(role).Of(latents[i])) {
          sums[static_cast<size_t>(row)] += weights[i] * value;
        }
      }
      return sums;
    };
    const auto has = [&](Role role) {
      std::vector<bool> rows(static_cast<size_t>(coded_.rows(role).rows()));
      for (const int32_t row : probes_.RowsWith(role, attribute)) {
        rows[static_cast<size_t>(row)] = true;
      }
      return rows;
    };
    const double threshold = BestThreshold(scores(Role::kThreshold), has(Role::kThreshold));
    return Detect(scores(Role::kMeasure), has(Role::kMeasure), threshold).F1();
  }

  void CountRows(int attribute, AttributeSplit& split) const {
    const std::vector<float> along = Along(attribute);
    for (const int32_t row : probes_.ToldRows(attribute)) {
      ++split.told;
      const std::span<const sae::LatentActivation> code = coded_.of(Role::kMeasure).Row(row);
      const bool fires = std::any_of(code.begin(), code.end(), [&](const auto& active) {
        return active.value != 0 && std::find(split.latents.begin(), split.latents.end(),
                                              active.latent) != split.latents.end();
      });
      if (fires) continue;
      ++split.missed;
      if (IsAbsorbed(code, along, probes_.Projection(row, attribute))) ++split.absorbed;
    }
  }

  // <w_j, d> of every latent.
  std::vector<float> Along(int attribute) const {
    const auto dim = static_cast<size_t>(dictionary_.dim());
    std::vector<float> along(static_cast<size_t>(dictionary_.latents()));
    math::Sgemm(Transpose::kNo, Transpose::kNo, dictionary_.latents(), 1, dictionary_.dim(),
                dictionary_.decoder().data(),
                probes_.directions.data() + static_cast<size_t>(attribute) * dim, 0.0f,
                along.data());
    return along;
  }

  bool IsAbsorbed(std::span<const sae::LatentActivation> code, std::span<const float> along,
                  double projection) const {
    double most = 0;
    size_t latent = 0;
    for (const sae::LatentActivation& active : code) {
      const auto j = static_cast<size_t>(active.latent);
      const double contribution = double{active.value} * along[j];
      if (contribution <= most) continue;
      most = contribution;
      latent = j;
    }
    return most >= kAbsorbingPart * projection &&
           std::abs(double{along[latent]}) >= kAbsorbingCosine * norms_[latent];
  }

  const CodedSample& coded_;
  const Dictionary& dictionary_;
  const Association& association_;
  const AttributeProbes& probes_;
  std::vector<double> norms_;     // of the directions
  std::vector<Columns> columns_;  // by role
};

double MeanOver(const std::vector<AttributeSplit>& attributes,
                const std::function<double(const AttributeSplit&)>& value) {
  double sum = 0;
  for (const AttributeSplit& attribute : attributes) sum += value(attribute);
  return attributes.empty() ? 0 : sum / static_cast<double>(attributes.size());
}

double Share(int64_t part, int64_t all) {
  return all == 0 ? 0 : static_cast<double>(part) / static_cast<double>(all);
}

}  // namespace

double Splitting::LatentsPerAttribute() const {
  return MeanOver(attributes,
                  [](const auto& split) { return static_cast<double>(split.latents.size()); });
}

double Splitting::MissedShare() const {
  return MeanOver(attributes, [](const auto& split) { return Share(split.missed, split.told); });
}

double Splitting::AbsorptionRate() const {
  return MeanOver(attributes, [](const auto& split) { return Share(split.absorbed, split.told); });
}

double Splitting::AbsorbedShare() const {
  int64_t missed = 0;
  int64_t absorbed = 0;
  for (const AttributeSplit& split : attributes) {
    missed += split.missed;
    absorbed += split.absorbed;
  }
  return Share(absorbed, missed);
}

absl::StatusOr<Splitting> MeasureSplitting(const CodedSample& coded, const Dictionary& dictionary,
                                           const Association& association,
                                           const AttributeProbes& probes, Alive alive) {
  const Splitter splitter(coded, dictionary, association, probes);
  Splitting splitting;
  for (int attribute = 0; attribute < probes.attributes(); ++attribute) {
    RECSAE_RETURN_IF_ERROR(alive());
    splitting.attributes.push_back(splitter.Measure(attribute));
  }
  return splitting;
}

}  // namespace recsae::explainer
