// The part of BatchGradients that goes row by row: from codes to errors, and what they mean for
// each pre-activation.
#include <algorithm>

#include "common/sae/gradients.h"

namespace recsae::sae {

void BatchGradients::WalkBack(const SaeWeights& weights, const LossConfig& config, int block) {
  Block& b = blocks_[static_cast<size_t>(block)];
  const auto latents = static_cast<size_t>(weights.latents);
  const bool jump = weights.architecture == Architecture::kJumpRelu;
  const bool plain = slots_ == 1 && l1_slope_ == 0.0f;
  b.active_delta.resize(b.codes.active.entries.size());
  b.dead_delta.resize(b.codes.dead.entries.size());
  b.next.assign(latents, 0);
  b.pre_bias.assign(static_cast<size_t>(dim_), 0.0f);
  b.threshold.assign(jump ? latents : 0, 0.0f);
  b.in_band.assign(jump ? latents : 0, 0.0f);
  b.squared_error = b.prefix_error = b.aux_squared_error = b.l1 = b.active = 0.0;
  for (int64_t row = 0; row < b.rows; ++row) {
    const double squared_error = plain ? PlainRow(weights, row, b) : RowErrors(weights, row, b);
    b.squared_error += RowWeight(b.begin + row) * squared_error;
    squared_errors_[static_cast<size_t>(b.begin + row)] = static_cast<float>(squared_error);
    if (!encode_.dead.empty()) WalkBackDead(weights, row, b);
    if (!plain) RowGradients(weights, row, b);
    if (jump) WalkBackBand(weights, config, row, b);
  }
  CountEntries(b);
}

void BatchGradients::CountEntries(Block& block) const {
  for (int64_t row = 0; row < block.rows; ++row) {
    const double weight = RowWeight(block.begin + row);
    const std::span<const LatentActivation> code = block.codes.active.Row(row);
    block.active += weight * static_cast<double>(code.size());
    for (const LatentActivation& entry : code) {
      ++block.next[static_cast<size_t>(entry.latent)];
      block.l1 += weight * entry.value;
    }
  }
  for (const LatentActivation& entry : block.codes.dead.entries) {
    ++block.next[static_cast<size_t>(entry.latent)];
  }
}

// RowErrors and RowGradients at once, for rows with nothing but the reconstruction of all latents.
double BatchGradients::PlainRow(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.active.Row(row);
  const int64_t at = (block.begin + row) * dim_;
  const float weight = RowWeight(block.begin + row);
  const float squared_error = math::ResidualGradient(
      &centred_[static_cast<size_t>(at)], weights.decoder.data(), code.data(),
      static_cast<int>(code.size()), dim_, weight * factor_, &residuals_[static_cast<size_t>(at)],
      block.active_delta.data() + block.codes.active.Begin(row), block.pre_bias.data());
  block.prefix_error += double{weight} * squared_error;
  return squared_error;
}

// The error of every prefix into its slot, from the shortest to all latents. Returns ‖x − x̂‖².
double BatchGradients::RowErrors(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.active.Row(row);
  const int64_t at = block.begin + row;
  const float* target = &centred_[static_cast<size_t>(at * dim_)];
  float* error = &residuals_[static_cast<size_t>(at * slots_ * dim_)];
  block.ends.clear();
  double squared_error = 0.0;
  double sum = 0.0;
  int begin = 0;
  for (const int prefix : prefixes_) {
    int end = prefix == weights.latents ? static_cast<int>(code.size()) : begin;
    while (end < static_cast<int>(code.size()) && code[static_cast<size_t>(end)].latent < prefix) {
      ++end;
    }
    squared_error = math::Residual(target, weights.decoder.data(), code.data() + begin, end - begin,
                                   dim_, error);
    sum += squared_error;
    block.ends.push_back(end);
    target = error;
    error += dim_;
    begin = end;
  }
  block.prefix_error += RowWeight(at) * (sum / static_cast<double>(prefixes_.size()));
  return squared_error;
}

// From errors to ∂loss/∂(decoderᵀ z): a prefix's own latents are part of it and of all longer ones.
void BatchGradients::RowGradients(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.active.Row(row);
  float* delta = block.active_delta.data() + block.codes.active.Begin(row);
  const int groups = static_cast<int>(prefixes_.size());
  const float weight = RowWeight(block.begin + row);
  float* slots = &residuals_[static_cast<size_t>((block.begin + row) * slots_ * dim_)];
  for (int g = groups - 1; g >= 0; --g) {
    float* gradient = slots + static_cast<int64_t>(g) * dim_;
    math::Scale(weight * factor_, dim_, gradient);
    if (g + 1 < groups) math::AddScaled(1.0f, gradient + dim_, dim_, gradient);
    const int begin = g == 0 ? 0 : block.ends[static_cast<size_t>(g - 1)];
    math::Dots(gradient, weights.decoder.data(), code.data() + begin,
               block.ends[static_cast<size_t>(g)] - begin, dim_, delta + begin);
  }
  if (l1_slope_ != 0.0f) {
    for (size_t c = 0; c < code.size(); ++c) delta[c] += weight * l1_slope_;
  }
  math::AddScaled(1.0f, slots, dim_, block.pre_bias.data());
}

// What the dead latents leave of the error of all others, e − ê, and its gradients.
void BatchGradients::WalkBackDead(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.dead.Row(row);
  const int count = static_cast<int>(code.size());
  float* slots = &residuals_[static_cast<size_t>((block.begin + row) * slots_ * dim_)];
  const float* error = slots + static_cast<int64_t>(slots_ - 2) * dim_;
  float* missing = slots + static_cast<int64_t>(slots_ - 1) * dim_;
  const float weight = RowWeight(block.begin + row);
  block.aux_squared_error += double{weight} * math::Residual(error, weights.decoder.data(),
                                                             code.data(), count, dim_, missing);
  math::Scale(weight * aux_factor_, dim_, missing);
  math::Dots(missing, weights.decoder.data(), code.data(), count, dim_,
             block.dead_delta.data() + block.codes.dead.Begin(row));
}

void BatchGradients::WalkBackBand(const SaeWeights& weights, const LossConfig& config, int64_t row,
                                  Block& block) {
  const std::span<const LatentActivation> band = block.codes.band.Row(row);
  const float* gradient = &residuals_[static_cast<size_t>((block.begin + row) * slots_ * dim_)];
  block.dots.resize(std::max(block.dots.size(), band.size()));
  math::Dots(gradient, weights.decoder.data(), band.data(), static_cast<int>(band.size()), dim_,
             block.dots.data());
  const auto per_bandwidth = static_cast<float>(1.0 / config.bandwidth);
  for (size_t c = 0; c < band.size(); ++c) {
    const auto j = static_cast<size_t>(band[c].latent);
    block.threshold[j] -= block.dots[c] * weights.threshold[j] * per_bandwidth;
    block.in_band[j] += RowWeight(block.begin + row);
  }
}

}  // namespace recsae::sae
