#include "services/explainer/evidence/dictionary.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "common/base/random.h"
#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/linear.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

constexpr int64_t kBlockRows = 512;
// Least squares over latents that hardly fire must stay solvable.
constexpr double kRidge = 1e-3;
constexpr uint64_t kRandomStream = 21;
constexpr uint64_t kExemplarStream = 22;

std::vector<float> MeanOf(std::span<const float> rows, int dim) {
  std::vector<double> sums(static_cast<size_t>(dim));
  for (size_t i = 0; i < rows.size(); ++i) sums[i % sums.size()] += rows[i];
  const double n = std::max(1.0, static_cast<double>(rows.size()) / dim);
  std::vector<float> mean;
  mean.reserve(sums.size());
  for (const double sum : sums) mean.push_back(static_cast<float>(sum / n));
  return mean;
}

// directions · (x − mean) for rows of x, [n, latents].
std::vector<float> Products(const float* rows, int64_t n, int dim, std::span<const float> mean,
                            std::span<const float> directions) {
  const int64_t latents = static_cast<int64_t>(directions.size()) / dim;
  std::vector<float> centred(rows, rows + n * dim);
  for (size_t i = 0; i < centred.size(); ++i) centred[i] -= mean[i % mean.size()];
  std::vector<float> products(static_cast<size_t>(n * latents));
  math::Sgemm(Transpose::kNo, Transpose::kYes, n, latents, dim, centred.data(), directions.data(),
              0.0f, products.data());
  return products;
}

class Trained : public Dictionary {
 public:
  explicit Trained(const sae::SaeModel& model)
      : Dictionary(DictionaryKind::kTrained, model.dim(), model.k(),
                   !sae::IsPositive(model.weights().architecture)),
        model_(model) {
    for (int latent = 0; latent < model.latents(); ++latent) {
      const std::span<const float> direction = model.Direction(latent);
      decoder_.insert(decoder_.end(), direction.begin(), direction.end());
    }
    offset_.assign(model.Bias().begin(), model.Bias().end());
  }

  absl::StatusOr<sae::SparseCodes> Encode(const float* rows, int64_t n,
                                          Alive alive) const override {
    return model_.EncodeBatch(rows, n, alive);
  }

 private:
  const sae::SaeModel& model_;
};

// An orthonormal basis: every row has every latent.
class Dense : public Dictionary {
 public:
  Dense(DictionaryKind kind, int dim, std::vector<float> basis, std::vector<float> mean)
      : Dictionary(kind, dim, static_cast<int>(basis.size()) / dim, true) {
    decoder_ = std::move(basis);
    offset_ = std::move(mean);
  }

  absl::StatusOr<sae::SparseCodes> Encode(const float* rows, int64_t n,
                                          Alive alive) const override {
    sae::SparseCodes codes;
    codes.Reserve(n, n * latents());
    std::vector<sae::LatentActivation> code(static_cast<size_t>(latents()));
    for (int64_t begin = 0; begin < n; begin += kBlockRows) {
      RECSAE_RETURN_IF_ERROR(alive());
      const int64_t count = std::min(kBlockRows, n - begin);
      const std::vector<float> products =
          Products(rows + begin * dim(), count, dim(), offset_, decoder_);
      for (int64_t row = 0; row < count; ++row) {
        for (int latent = 0; latent < latents(); ++latent) {
          code[static_cast<size_t>(latent)] = {
              latent, products[static_cast<size_t>(row * latents() + latent)]};
        }
        codes.Append(code);
      }
    }
    return codes;
  }
};

// The k largest products with directions that nobody trained.
class Untrained : public Dictionary {
 public:
  Untrained(DictionaryKind kind, int dim, int k, std::vector<float> directions,
            std::vector<float> mean)
      : Dictionary(kind, dim, k, false), directions_(std::move(directions)) {
    decoder_ = directions_;
    offset_ = std::move(mean);
  }

  absl::StatusOr<sae::SparseCodes> Encode(const float* rows, int64_t n,
                                          Alive alive) const override {
    sae::SparseCodes codes;
    codes.Reserve(n, n * k());
    for (int64_t begin = 0; begin < n; begin += kBlockRows) {
      RECSAE_RETURN_IF_ERROR(alive());
      const int64_t count = std::min(kBlockRows, n - begin);
      const std::vector<float> products =
          Products(rows + begin * dim(), count, dim(), mean_of_fit_, directions_);
      for (int64_t row = 0; row < count; ++row) {
        codes.Append(Largest(products.data() + row * latents()));
      }
    }
    return codes;
  }

  void SetMean(std::vector<float> mean) { mean_of_fit_ = std::move(mean); }

  // Least squares of rows less their mean on their codes less theirs.
  absl::Status Fit(std::span<const float> rows, Alive alive) {
    const int64_t n = static_cast<int64_t>(rows.size()) / dim();
    RECSAE_ASSIGN_OR_RETURN(const sae::SparseCodes codes, Encode(rows.data(), n, alive));
    const auto width = static_cast<size_t>(dim());
    const auto count = static_cast<size_t>(latents());
    std::vector<double> gram(count * count);
    std::vector<double> cross(count * width);
    std::vector<double> sums(count);
    for (int64_t row = 0; row < n; ++row) {
      const float* x = rows.data() + static_cast<size_t>(row) * width;
      for (const sae::LatentActivation& a : codes.Row(row)) {
        const auto at = static_cast<size_t>(a.latent);
        sums[at] += a.value;
        for (const sae::LatentActivation& b : codes.Row(row)) {
          gram[at * count + static_cast<size_t>(b.latent)] += double{a.value} * b.value;
        }
        for (size_t i = 0; i < width; ++i) {
          cross[at * width + i] += double{a.value} * (x[i] - mean_of_fit_[i]);
        }
      }
    }
    RECSAE_RETURN_IF_ERROR(alive());
    Centre(sums, static_cast<double>(n), gram);
    const std::vector<double> decoder = math::SolveSymmetric(gram, cross, latents(), dim());
    decoder_.assign(decoder.begin(), decoder.end());
    for (size_t i = 0; i < width; ++i) {
      double shift = 0;
      for (size_t latent = 0; latent < count; ++latent) {
        shift += decoder[latent * width + i] * sums[latent] / static_cast<double>(n);
      }
      offset_[i] = static_cast<float>(mean_of_fit_[i] - shift);
    }
    return absl::OkStatus();
  }

 private:
  // From products of codes to those of codes less their means, with a ridge.
  static void Centre(const std::vector<double>& sums, double n, std::vector<double>& gram) {
    const size_t count = sums.size();
    double trace = 0;
    for (size_t a = 0; a < count; ++a) {
      for (size_t b = 0; b < count; ++b) gram[a * count + b] -= sums[a] * sums[b] / n;
      trace += gram[a * count + a];
    }
    const double ridge = kRidge * trace / static_cast<double>(count) + 1e-12;
    for (size_t a = 0; a < count; ++a) gram[a * count + a] += ridge;
  }

  std::vector<sae::LatentActivation> Largest(const float* products) const {
    std::vector<sae::LatentActivation> all;
    for (int latent = 0; latent < latents(); ++latent) {
      if (products[latent] > 0) all.push_back({latent, products[latent]});
    }
    const auto kept = std::min<std::ptrdiff_t>(k(), std::ssize(all));
    std::partial_sort(all.begin(), all.begin() + kept, all.end(), [](const auto& a, const auto& b) {
      return a.value != b.value ? a.value > b.value : a.latent < b.latent;
    });
    all.resize(static_cast<size_t>(kept));
    return all;
  }

  std::vector<float> directions_;   // [latents, dim]
  std::vector<float> mean_of_fit_;  // [dim]
};

void Normalise(std::span<float> direction) {
  double squared = 0;
  for (const float value : direction) squared += double{value} * value;
  const auto scale = static_cast<float>(1 / std::max(std::sqrt(squared), 1e-12));
  for (float& value : direction) value *= scale;
}

absl::StatusOr<std::unique_ptr<Dictionary>> Fitted(DictionaryKind kind, std::span<const float> rows,
                                                   int dim, int k, std::vector<float> directions,
                                                   std::vector<float> mean, Alive alive) {
  for (size_t begin = 0; begin < directions.size(); begin += static_cast<size_t>(dim)) {
    Normalise(std::span<float>(directions).subspan(begin, static_cast<size_t>(dim)));
  }
  auto dictionary = std::make_unique<Untrained>(kind, dim, k, std::move(directions), mean);
  dictionary->SetMean(std::move(mean));
  RECSAE_RETURN_IF_ERROR(dictionary->Fit(rows, alive));
  return dictionary;
}

}  // namespace

std::unique_ptr<Dictionary> TrainedDictionary(const sae::SaeModel& model) {
  return std::make_unique<Trained>(model);
}

std::unique_ptr<Dictionary> RawDictionary(std::span<const float> rows, int dim) {
  std::vector<float> identity(static_cast<size_t>(dim) * static_cast<size_t>(dim));
  for (size_t i = 0; i < static_cast<size_t>(dim); ++i)
    identity[i * static_cast<size_t>(dim) + i] = 1;
  return std::make_unique<Dense>(DictionaryKind::kRaw, dim, std::move(identity), MeanOf(rows, dim));
}

std::unique_ptr<Dictionary> ComponentsDictionary(std::span<const float> rows, int dim) {
  std::vector<float> mean = MeanOf(rows, dim);
  const int64_t n = static_cast<int64_t>(rows.size()) / dim;
  std::vector<float> centred(rows.begin(), rows.end());
  for (size_t i = 0; i < centred.size(); ++i) centred[i] -= mean[i % mean.size()];
  std::vector<float> covariance(static_cast<size_t>(dim) * static_cast<size_t>(dim));
  math::Sgemm(Transpose::kYes, Transpose::kNo, dim, dim, n, centred.data(), centred.data(), 0.0f,
              covariance.data());
  const std::vector<double> symmetric(covariance.begin(), covariance.end());
  const std::vector<double> components = math::Eigenvectors(symmetric, dim);
  std::vector<float> basis(components.begin(), components.end());
  return std::make_unique<Dense>(DictionaryKind::kComponents, dim, std::move(basis),
                                 std::move(mean));
}

absl::StatusOr<std::unique_ptr<Dictionary>> RandomDictionary(std::span<const float> rows, int dim,
                                                             int latents, int k, uint64_t seed,
                                                             Alive alive) {
  Random random(seed, kRandomStream);
  std::vector<float> directions(static_cast<size_t>(latents) * static_cast<size_t>(dim));
  for (float& value : directions) value = static_cast<float>(random.Normal());
  return Fitted(DictionaryKind::kRandom, rows, dim, k, std::move(directions), MeanOf(rows, dim),
                alive);
}

absl::StatusOr<std::unique_ptr<Dictionary>> ExemplarDictionary(std::span<const float> rows, int dim,
                                                               int latents, int k, uint64_t seed,
                                                               Alive alive) {
  Random random(seed, kExemplarStream);
  std::vector<float> mean = MeanOf(rows, dim);
  const uint64_t n = rows.size() / static_cast<size_t>(dim);
  std::vector<float> directions;
  for (int latent = 0; latent < latents; ++latent) {
    const size_t row = random.Below(n);
    for (size_t i = 0; i < static_cast<size_t>(dim); ++i) {
      directions.push_back(rows[row * static_cast<size_t>(dim) + i] - mean[i]);
    }
  }
  return Fitted(DictionaryKind::kExemplars, rows, dim, k, std::move(directions), std::move(mean),
                alive);
}

}  // namespace recsae::explainer
