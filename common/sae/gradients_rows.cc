// The part of BatchGradients that goes row by row: from codes to errors, and what they mean for
// each pre-activation.
#include <algorithm>

#include "common/sae/gradients.h"

namespace recsae::sae {

void BatchGradients::WalkBack(const SaeWeights& weights, const LossConfig& config, int block) {
  Block& b = blocks_[static_cast<size_t>(block)];
  const auto latents = static_cast<size_t>(weights.latents);
  const bool jump = weights.architecture == Architecture::kJumpRelu;
  b.active_delta.resize(b.codes.active.entries.size());
  b.dead_delta.resize(b.codes.dead.entries.size());
  b.next.assign(latents, 0);
  b.pre_bias.assign(static_cast<size_t>(dim_), 0.0f);
  b.threshold.assign(jump ? latents : 0, 0.0f);
  b.in_band.assign(jump ? latents : 0, 0.0f);
  b.squared_error = b.prefix_error = b.aux_squared_error = b.l1 = b.active = 0.0;
  for (int64_t row = 0; row < b.rows; ++row) {
    const float squared_error = RowGradients(weights, row, b);
    b.squared_error += double{RowWeight(b.begin + row)} * squared_error;
    squared_errors_[static_cast<size_t>(b.begin + row)] = squared_error;
    if (!encode_.dead.empty()) WalkBackDead(weights, row, b);
    if (jump) WalkBackBand(weights, config, row, b);
  }
  if (dead_products_) {
    b.aux_squared_error = dead_.Reconstruct(RowsForDead(b.begin, b.rows), aux_factor_);
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

// The error of every prefix, from the shortest to all latents, and ∂loss/∂(decoderᵀ z) in its slot:
// a prefix's own latents are part of it and of all longer ones. Returns ‖x − x̂‖².
float BatchGradients::RowGradients(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.active.Row(row);
  const int64_t at = block.begin + row;
  const float weight = RowWeight(at);
  float* slots = &residuals_[static_cast<size_t>(at * slots_ * dim_)];
  float* delta = block.active_delta.data() + block.codes.active.Begin(row);
  const auto prefixes = static_cast<int>(prefixes_.size());
  block.ends.assign(prefixes_.size(), 0);
  for (size_t p = 0; p + 1 < prefixes_.size(); ++p) {
    for (const LatentActivation& entry : code) block.ends[p] += entry.latent < prefixes_[p] ? 1 : 0;
  }
  block.ends.back() = static_cast<int>(code.size());
  float* error = aux_ ? slots + int64_t{prefixes} * dim_ : nullptr;
  const math::PrefixErrors errors =
      math::ResidualGradients(&centred_[static_cast<size_t>(at * dim_)], weights.decoder.data(),
                              code.data(), block.ends.data(), prefixes, dim_, weight * factor_,
                              slots, delta, block.pre_bias.data(), error);
  block.prefix_error += double{weight} * errors.all / prefixes;
  if (l1_slope_ != 0.0f) {
    for (size_t c = 0; c < code.size(); ++c) delta[c] += weight * l1_slope_;
  }
  return errors.last;
}

// What the dead latents leave of the error of all others, e − ê, and its gradients. The error lies
// where the gradients go.
void BatchGradients::WalkBackDead(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.dead.Row(row);
  const auto count = static_cast<int>(code.size());
  float* missing =
      &residuals_[static_cast<size_t>(((block.begin + row) * slots_ + slots_ - 1) * dim_)];
  const float weight = RowWeight(block.begin + row);
  const math::PrefixErrors errors = math::ResidualGradients(
      missing, weights.decoder.data(), code.data(), &count, 1, dim_, weight * aux_factor_, missing,
      block.dead_delta.data() + block.codes.dead.Begin(row), nullptr, nullptr);
  block.aux_squared_error += double{weight} * errors.last;
}

DeadLatents::Rows BatchGradients::RowsForDead(int64_t begin, int64_t count) {
  return {begin,
          static_cast<int>(count),
          &centred_[static_cast<size_t>(begin * dim_)],
          &residuals_[static_cast<size_t>((begin * slots_ + slots_ - 1) * dim_)],
          int64_t{slots_} * dim_,
          row_weights_ != nullptr ? row_weights_ + begin : nullptr};
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
