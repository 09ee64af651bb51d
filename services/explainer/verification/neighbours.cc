#include "services/explainer/verification/neighbours.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <span>
#include <utility>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/simd/kernels.h"
#include "services/explainer/evidence/described.h"

namespace recsae::explainer {
namespace {

using math::Transpose;

constexpr size_t kBlockLatents = 64;

// The rows on which each latent fires, with its activation.
struct Firings {
  std::vector<std::vector<std::pair<int64_t, float>>> rows;  // by latent
  std::vector<MomentSums> moments;                           // by latent
};

Firings FiringsOf(const sae::SparseCodes& codes, size_t latents) {
  Firings firings{std::vector<std::vector<std::pair<int64_t, float>>>(latents),
                  std::vector<MomentSums>(latents)};
  for (int64_t row = 0; row < codes.rows(); ++row) {
    for (const auto& [latent, value] : codes.Row(row)) {
      const auto l = static_cast<size_t>(latent);
      firings.rows[l].emplace_back(row, value);
      firings.moments[l].sum += value;
      firings.moments[l].squares += double{value} * value;
    }
  }
  return firings;
}

// Correlations of one latent with all.
std::vector<float> Together(const Firings& firings, const sae::SparseCodes& codes, size_t latent) {
  std::vector<double> products(firings.rows.size());
  for (const auto& [row, value] : firings.rows[latent]) {
    for (const auto& [other, of_other] : codes.Row(row)) {
      products[static_cast<size_t>(other)] += double{value} * of_other;
    }
  }
  const auto n = static_cast<double>(codes.rows());
  std::vector<float> together(products.size());
  for (size_t i = 0; i < products.size(); ++i) {
    together[i] =
        static_cast<float>(Pearson(n, firings.moments[latent], firings.moments[i], products[i]));
  }
  return together;
}

// Adds the numbers of the `most` largest worths, `own` left out; lower numbers first where equal.
void AddLargest(std::span<const float> worth, size_t own, int most, bool is_signed,
                std::vector<int32_t>& found) {
  const auto of = [&](int32_t i) {
    const float value = worth[static_cast<size_t>(i)];
    return is_signed ? std::abs(value) : value;
  };
  std::vector<int32_t> order;
  for (size_t i = 0; i < worth.size(); ++i) {
    if (i != own) order.push_back(static_cast<int32_t>(i));
  }
  const size_t kept = std::min(order.size(), static_cast<size_t>(most));
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept), order.end(),
                    [&](int32_t a, int32_t b) { return of(a) != of(b) ? of(a) > of(b) : a < b; });
  found.insert(found.end(), order.begin(), order.begin() + static_cast<std::ptrdiff_t>(kept));
}

}  // namespace

absl::StatusOr<std::vector<std::vector<Neighbour>>> FindNeighbours(const Dictionary& dictionary,
                                                                   const sae::SparseCodes& codes,
                                                                   int most, Alive alive) {
  const auto latents = static_cast<size_t>(dictionary.latents());
  const auto dim = static_cast<size_t>(dictionary.dim());
  std::vector<float> directions(dictionary.decoder().begin(), dictionary.decoder().end());
  math::NormaliseRows(directions.data(), dictionary.latents(), dictionary.dim());
  const Firings firings = FiringsOf(codes, latents);
  std::vector<std::vector<Neighbour>> neighbours(latents);
  std::vector<float> cosines(kBlockLatents * latents);
  for (size_t begin = 0; begin < latents; begin += kBlockLatents) {
    const size_t count = std::min(kBlockLatents, latents - begin);
    math::Sgemm(Transpose::kNo, Transpose::kYes, static_cast<int64_t>(count), dictionary.latents(),
                dictionary.dim(), directions.data() + begin * dim, directions.data(), 0.0f,
                cosines.data());
    for (size_t i = 0; i < count; ++i) {
      RECSAE_RETURN_IF_ERROR(alive());
      const size_t latent = begin + i;
      const std::span<const float> cosine(cosines.data() + i * latents, latents);
      const std::vector<float> together = Together(firings, codes, latent);
      std::vector<int32_t> found;
      AddLargest(cosine, latent, most, dictionary.is_signed(), found);
      AddLargest(together, latent, most, dictionary.is_signed(), found);
      std::sort(found.begin(), found.end());
      found.erase(std::unique(found.begin(), found.end()), found.end());
      for (const int32_t other : found) {
        const auto at = static_cast<size_t>(other);
        neighbours[latent].push_back({other, cosine[at], together[at]});
      }
    }
  }
  return neighbours;
}

}  // namespace recsae::explainer
