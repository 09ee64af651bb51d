#include "services/explainer/evidence/dictionary.h"

#include <algorithm>
#include <utility>

#include "common/base/random.h"
#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/linear.h"
#include "common/math/simd/kernels.h"
#include "common/sae/metrics.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

constexpr int64_t kBlockRows = 512;
// Least squares over latents that hardly fire must stay solvable.
constexpr double kRidge = 1e-3;
constexpr uint64_t kRandomStream = 21;
constexpr uint64_t kExemplarStream = 22;

std::vector<float> Centred(std::span<const float> rows, std::span<const float> mean) {
  std::vector<float> centred(rows.begin(), rows.end());
  for (size_t i = 0; i < centred.size(); ++i) centred[i] -= mean[i % mean.size()];
  return centred;
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
      const std::vector<float> centred =
          Centred({rows + begin * dim(), static_cast<size_t>(count * dim())}, offset_);
      std::vector<float> products(static_cast<size_t>(count * latents()));
      math::Sgemm(Transpose::kNo, Transpose::kYes, count, latents(), dim(), centred.data(),
                  decoder_.data(), 0.0f, products.data());
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

// A TopK SAE whose encoder nobody trained: `encoder` has the directions, and as its bias the mean.
class Untrained : public Dictionary {
 public:
  Untrained(DictionaryKind kind, sae::SaeModel encoder)
      : Dictionary(kind, encoder.dim(), encoder.k(), false), encoder_(std::move(encoder)) {
    decoder_ = encoder_.weights().decoder;
    offset_ = encoder_.weights().pre_bias;
  }

  absl::StatusOr<sae::SparseCodes> Encode(const float* rows, int64_t n,
                                          Alive alive) const override {
    return encoder_.EncodeBatch(rows, n, alive);
  }

  // Least squares of rows less their mean on their codes less theirs.
  absl::Status Fit(std::span<const float> rows, Alive alive) {
    const int64_t n = static_cast<int64_t>(rows.size()) / dim();
    RECSAE_ASSIGN_OR_RETURN(const sae::SparseCodes codes, Encode(rows.data(), n, alive));
    const std::vector<float>& mean = encoder_.weights().pre_bias;
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
          cross[at * width + i] += double{a.value} * (x[i] - mean[i]);
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
      offset_[i] = static_cast<float>(mean[i] - shift);
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

  sae::SaeModel encoder_;
};

absl::StatusOr<std::unique_ptr<Dictionary>> Fitted(DictionaryKind kind, std::span<const float> rows,
                                                   int dim, int k, std::vector<float> directions,
                                                   std::vector<float> mean, Alive alive) {
  sae::SaeWeights weights;
  weights.dim = dim;
  weights.latents = static_cast<int>(directions.size()) / dim;
  weights.k = k;
  math::NormaliseRows(directions.data(), weights.latents, dim);
  weights.encoder = std::move(directions);
  weights.decoder = weights.encoder;
  weights.pre_bias = std::move(mean);
  RECSAE_ASSIGN_OR_RETURN(sae::SaeModel encoder, sae::SaeModel::Create(std::move(weights)));
  auto dictionary = std::make_unique<Untrained>(kind, std::move(encoder));
  RECSAE_RETURN_IF_ERROR(dictionary->Fit(rows, alive));
  return dictionary;
}

}  // namespace

std::vector<float> MeanOf(std::span<const float> rows, int dim) {
  sae::VarianceAccumulator rows_seen(dim);
  for (size_t begin = 0; begin < rows.size(); begin += static_cast<size_t>(dim)) {
    rows_seen.Add(rows.data() + begin);
  }
  const std::vector<double> mean = rows_seen.Mean();
  return {mean.begin(), mean.end()};
}

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
  const std::vector<float> centred = Centred(rows, mean);
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
