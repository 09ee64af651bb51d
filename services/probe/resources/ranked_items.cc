#include "services/probe/resources/ranked_items.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/base/status.h"
#include "common/math/gemm.h"
#include "common/math/simd/top_k.h"

namespace recsae::probe {
namespace {

// Scores of as many rows as fit are computed by one matrix product.
constexpr int64_t kScores = int64_t{1} << 20;

void RankRow(absl::Span<float> scores, absl::Span<const int32_t> withheld, int n,
             std::vector<math::LatentActivation>& best, StoredCase& stored) {
  const float masked = -std::numeric_limits<float>::infinity();  // never selected
  for (const auto* items : {&stored.history, &stored.excluded}) {
    for (const int32_t item : *items) {
      // The catalogue may have grown since the head was uploaded.
      if (item < static_cast<int64_t>(scores.size())) scores[item] = masked;
    }
  }
  for (const int32_t item : withheld) scores[item] = masked;
  const int found = math::SelectTopK(scores.data(), static_cast<int>(scores.size()), n,
                                     /*positive_only=*/false, best.data());
  for (int i = 0; i < found; ++i) stored.ranked.push_back({best[i].latent, best[i].value});
}

}  // namespace

absl::Status FillRankedItems(const PredictionHead& head, const MatrixView& activations, int n,
                             absl::FunctionRef<absl::Status()> alive,
                             absl::Span<StoredCase> cases) {
  const int64_t items = head.items();
  const int64_t dim = head.dim;
  const int64_t block =
      std::max<int64_t>(1, std::min<int64_t>(256, kScores / std::max<int64_t>(1, items)));
  std::vector<int64_t> wanted;
  for (int64_t i = 0; i < activations.rows; ++i) {
    if (cases[i].ranked.empty()) wanted.push_back(i);
  }
  std::vector<float> rows(block * dim);
  std::vector<float> scores(block * items);
  std::vector<math::LatentActivation> best(std::min<int64_t>(n, items));
  for (size_t at = 0; at < wanted.size(); at += block) {
    RECSAE_RETURN_IF_ERROR(alive());
    const int64_t count = std::min<int64_t>(block, static_cast<int64_t>(wanted.size() - at));
    for (int64_t i = 0; i < count; ++i) {
      std::copy_n(activations.data + wanted[at + i] * dim, dim, rows.data() + i * dim);
      if (!head.biases.empty()) {
        std::copy(head.biases.begin(), head.biases.end(), scores.begin() + i * items);
      }
    }
    math::Sgemm(math::Transpose::kNo, math::Transpose::kYes, count, items, dim, rows.data(),
                head.vectors.data(), head.biases.empty() ? 0.0F : 1.0F, scores.data());
    for (int64_t i = 0; i < count; ++i) {
      RankRow(absl::MakeSpan(scores).subspan(i * items, items), head.withheld, n, best,
              cases[wanted[at + i]]);
    }
  }
  return absl::OkStatus();
}

}  // namespace recsae::probe
