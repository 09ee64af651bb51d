#include "common/sae/dead_latents.h"

#include <algorithm>

#include "common/math/simd/kernels.h"
#include "common/math/simd/small_product.h"
#include "common/math/simd/top_k.h"

namespace recsae::sae {
namespace {

// Rows that are summed at a time, so that they stay in the first-level cache.
constexpr int64_t kRowsPerSum = 64;
// What the widest vector holds.
constexpr double kMostVector = 16;

}  // namespace

double DeadLatents::MostBytes(double latents, double dim, double aux_k, double rows) {
  const double most = std::min(latents, static_cast<double>(kMostPerActive) * aux_k) + kMostVector;
  return sizeof(float) * most * (5 * dim + 2 * rows);
}

void DeadLatents::Prepare(const SaeWeights& weights, const std::vector<int32_t>& dead, int aux_k,
                          int64_t n) {
  const int lanes = math::VectorFloats();
  latents_ = dead;
  dim_ = weights.dim;
  count_ = static_cast<int>(dead.size());
  width_ = (count_ + lanes - 1) / lanes * lanes;
  aux_k_ = aux_k;
  const auto width = static_cast<size_t>(width_);
  encoder_columns_.assign(Offset(width_), 0.0f);
  decoder_columns_.assign(Offset(width_), 0.0f);
  minus_decoder_.resize(Offset(count_));
  encoder_bias_.assign(width, 0.0f);
  for (int i = 0; i < count_; ++i) {
    const auto latent = static_cast<size_t>(dead[static_cast<size_t>(i)]);
    const float* encoder = &weights.encoder[latent * static_cast<size_t>(dim_)];
    const float* decoder = &weights.decoder[latent * static_cast<size_t>(dim_)];
    for (int at = 0; at < dim_; ++at) {
      const size_t column = static_cast<size_t>(at) * width + static_cast<size_t>(i);
      encoder_columns_[column] = encoder[at];
      decoder_columns_[column] = decoder[at];
      minus_decoder_[Offset(i) + static_cast<size_t>(at)] = -decoder[at];
    }
    if (!weights.encoder_bias.empty()) {
      encoder_bias_[static_cast<size_t>(i)] = weights.encoder_bias[latent];
    }
  }
  codes_.resize(static_cast<size_t>(n) * width);
  deltas_.resize(codes_.size());
  encoder_.resize(Offset(count_));
  decoder_.resize(Offset(count_));
  bias_.resize(width);
  active_.resize(width);
}

double DeadLatents::Reconstruct(const Rows& rows, float factor) {
  Encode(rows);
  const auto begin = static_cast<size_t>(rows.begin) * static_cast<size_t>(width_);
  const int64_t values = int64_t{rows.count} * width_;
  math::AddProduct({&codes_[begin], width_}, rows.count, count_, minus_decoder_.data(), dim_, dim_,
                   rows.errors, rows.stride);
  double squared_error = 0.0;
  for (int row = 0; row < rows.count; ++row) {
    float* missing = rows.errors + row * rows.stride;
    const float weight = rows.weights != nullptr ? rows.weights[row] : 1.0f;
    squared_error += double{weight} * math::SquaredNorm(missing, dim_);
    math::Scale(weight * factor, dim_, missing);
  }
  std::fill_n(&deltas_[begin], values, 0.0f);
  math::AddProduct({rows.errors, rows.stride}, rows.count, dim_, decoder_columns_.data(), width_,
                   width_, &deltas_[begin], width_);
  math::KeepActive(&codes_[begin], values, &deltas_[begin]);
  return squared_error;
}

void DeadLatents::Encode(const Rows& rows) {
  float* codes = &codes_[static_cast<size_t>(rows.begin) * static_cast<size_t>(width_)];
  for (int row = 0; row < rows.count; ++row) {
    std::copy(encoder_bias_.begin(), encoder_bias_.end(), codes + int64_t{row} * width_);
  }
  math::AddProduct({rows.centred, dim_}, rows.count, dim_, encoder_columns_.data(), width_, width_,
                   codes, width_);
  for (int row = 0; row < rows.count; ++row) {
    float* code = codes + int64_t{row} * width_;
    if (math::KeepPositive(width_, aux_k_, code) > aux_k_) KeepLargest(code);
  }
}

// Of more than k_aux values above 0, of which some may tie.
void DeadLatents::KeepLargest(float* code) const {
  thread_local std::vector<LatentActivation> list;
  list.resize(static_cast<size_t>(count_) + static_cast<size_t>(aux_k_));
  const int kept =
      math::OfferTopK({code, count_, 0}, aux_k_, /*positive_only=*/true, list.data(), 0);
  std::fill_n(code, width_, 0.0f);
  for (int c = 0; c < kept; ++c)
    code[list[static_cast<size_t>(c)].latent] = list[static_cast<size_t>(c)].value;
}

void DeadLatents::Sum(int task, const Rows& all) {
  const int first = task * kLatentsPerSum;
  const int some = std::min(kLatentsPerSum, count_ - first);
  float* encoder = &encoder_[Offset(first)];
  float* decoder = &decoder_[Offset(first)];
  std::fill_n(encoder, Offset(some), 0.0f);
  std::fill_n(decoder, Offset(some), 0.0f);
  std::fill_n(&bias_[static_cast<size_t>(first)], some, 0.0f);
  std::fill_n(&active_[static_cast<size_t>(first)], some, uint8_t{0});
  for (int64_t begin = 0; begin < all.count; begin += kRowsPerSum) {
    const auto rows = static_cast<int>(std::min(kRowsPerSum, all.count - begin));
    const size_t at =
        static_cast<size_t>(begin) * static_cast<size_t>(width_) + static_cast<size_t>(first);
    const float* codes = &codes_[at];
    const float* deltas = &deltas_[at];
    math::AddProduct({codes, 1, width_}, some, rows, all.errors + begin * all.stride, all.stride,
                     dim_, decoder, dim_);
    math::AddProduct({deltas, 1, width_}, some, rows, all.centred + begin * dim_, dim_, dim_,
                     encoder, dim_);
    for (int row = 0; row < rows; ++row, codes += width_, deltas += width_) {
      for (int i = 0; i < some; ++i) {
        const size_t latent = static_cast<size_t>(first) + static_cast<size_t>(i);
        bias_[latent] += deltas[i];
        active_[latent] |= codes[i] > 0.0f ? 1 : 0;
      }
    }
  }
}

}  // namespace recsae::sae
