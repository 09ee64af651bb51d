// Rows to codes and errors, block by block; then, latent by latent, the sums over the few rows that
// each was active for. No gradient is ever added up in two places.
#include "common/sae/gradients.h"

#include <algorithm>
#include <limits>
#include <tuple>

namespace recsae::sae {
namespace {

// Rows of a block: enough blocks for a few threads, and more rows where the encoder is so large
// that it is read from memory for each block.
constexpr int64_t kBlocks = 8;
constexpr int64_t kMaxRowsPerBlock = 128;
constexpr int64_t kRowsPerHighBlock = 512;
constexpr int64_t kMaxBlocks = 32;
constexpr int64_t kSmallEncoder = 1 << 18;
// Latents that one task sums.
constexpr int kLatentsPerTask = 128;
// Panels that one task packs.
constexpr int kPanelsPerTask = 4;
// The next batch's candidates for BatchTopK are what exceeds this share of the last one's least.
constexpr float kBoundShare = 0.8f;

int64_t RowsPerBlock(const SaeWeights& weights, int64_t n) {
  const int64_t least = (n + kMaxBlocks - 1) / kMaxBlocks;
  if (int64_t{weights.latents} * weights.dim > kSmallEncoder) {
    return std::max(kRowsPerHighBlock, least);
  }
  // As many as the encoder takes at a time, or a multiple of it.
  const int64_t groups = (n / kBlocks + PackedEncoder::kMaxRows - 1) / PackedEncoder::kMaxRows;
  return std::max(std::clamp<int64_t>(groups * PackedEncoder::kMaxRows, PackedEncoder::kMaxRows,
                                      kMaxRowsPerBlock),
                  least);
}

// Whether bounds save more than they cost to make for so many rows.
bool WorthScreening(const SaeWeights& weights, int64_t rows) {
  constexpr int64_t kMinRows = 64;
  return SelectsTopK(weights.architecture) && rows >= kMinRows &&
         Screening::Pays(weights.latents, weights.dim, weights.k);
}

int TaskCount(int latents) { return (latents + kLatentsPerTask - 1) / kLatentsPerTask; }

}  // namespace

void BatchGradients::Prepare(const SaeWeights& weights, const LossConfig& config, int64_t n,
                             int threads) {
  const auto d = static_cast<size_t>(weights.dim);
  const auto latents = static_cast<size_t>(weights.latents);
  dim_ = weights.dim;
  rows_ = n;
  prefixes_ = config.prefixes;
  if (prefixes_.empty() || prefixes_.back() != weights.latents) {
    prefixes_.push_back(weights.latents);
  }
  const bool aux = !config.dead.empty() && config.aux_weight > 0.0;
  slots_ = static_cast<int>(prefixes_.size()) + (aux ? 1 : 0);
  const double weight = 1.0 / (static_cast<double>(n) * config.variance);
  factor_ = static_cast<float>(-2.0 * weight / static_cast<double>(prefixes_.size()));
  aux_factor_ = static_cast<float>(-2.0 * weight * config.aux_weight);
  l1_slope_ = weights.architecture == Architecture::kRelu
                  ? static_cast<float>(config.sparsity_weight / static_cast<double>(n))
                  : 0.0f;
  encode_.dead = aux ? config.dead : std::vector<int32_t>();
  encode_.aux_k = config.aux_k;
  encode_.bandwidth = static_cast<float>(config.bandwidth);
  encode_.batch_bound = batch_bound_;

  encoders_.resize(static_cast<size_t>(threads));
  const int64_t rows_per_block = RowsPerBlock(weights, n);
  blocks_.resize(static_cast<size_t>((n + rows_per_block - 1) / rows_per_block));
  for (size_t b = 0; b < blocks_.size(); ++b) {
    blocks_[b].begin = static_cast<int64_t>(b) * rows_per_block;
    blocks_[b].rows = std::min(rows_per_block, n - blocks_[b].begin);
  }
  centred_.resize(static_cast<size_t>(n) * d);
  residuals_.resize(static_cast<size_t>(n) * static_cast<size_t>(slots_) * d);
  squared_errors_.resize(static_cast<size_t>(n));
  starts_.resize(latents + 1);
  encoder_.resize(latents * d);
  decoder_.resize(latents * d);
  encoder_bias_.resize(latents);
  pre_bias_.resize(d);
  fired_.resize(latents);
  squared_shares_.resize(static_cast<size_t>(TaskCount(weights.latents)));
  pre_bias_shares_.resize(static_cast<size_t>(TaskCount(weights.latents)) * d);
}

BatchLoss BatchGradients::Compute(const SaeWeights& weights, const LossConfig& config,
                                  const float* rows, int64_t n, WorkerPool& pool) {
  Prepare(weights, config, n, pool.threads());
  PackEncoder(weights, pool);
  const int blocks = static_cast<int>(blocks_.size());
  if (weights.architecture == Architecture::kBatchTopK) {
    SelectBatchTopK(weights, rows, pool);
    pool.Run(blocks, [&](int b, int) { WalkBack(weights, config, b); });
  } else {
    pool.Run(blocks, [&](int b, int worker) {
      EncodeBlock(weights, rows, b, worker);
      WalkBack(weights, config, b);
    });
  }
  CountContributions();
  pool.Run(blocks, [&](int b, int) { ScatterContributions(b); });
  const int tasks = TaskCount(weights.latents);
  pool.Run(tasks, [&](int task, int) {
    const auto at = static_cast<size_t>(task);
    const int begin = task * kLatentsPerTask;
    squared_shares_[at] = SumLatents(weights, config.project_decoder, begin,
                                     std::min(begin + kLatentsPerTask, weights.latents),
                                     &pre_bias_shares_[at * static_cast<size_t>(dim_)]);
  });
  std::fill(pre_bias_.begin(), pre_bias_.end(), 0.0f);
  for (const Block& block : blocks_) AddScaled(1.0f, block.pre_bias.data(), dim_, pre_bias_.data());
  for (int task = 0; task < tasks; ++task) {
    AddScaled(1.0f, &pre_bias_shares_[static_cast<size_t>(task) * static_cast<size_t>(dim_)], dim_,
              pre_bias_.data());
  }
  return SumLoss(weights, config);
}

void BatchGradients::PackEncoder(const SaeWeights& weights, WorkerPool& pool) {
  packed_.screened = WorthScreening(weights, rows_);
  if (packed_.screened) {
    packed_.screening.Resize(weights.latents, weights.dim);
  } else {
    packed_.exact.Resize(weights.latents, weights.dim);
  }
  const float* bias = weights.encoder_bias.empty() ? nullptr : weights.encoder_bias.data();
  const int tasks = (packed_.panels() + kPanelsPerTask - 1) / kPanelsPerTask;
  pool.Run(tasks, [&](int task, int) {
    const int first = task * kPanelsPerTask;
    const int last = std::min(first + kPanelsPerTask, packed_.panels());
    if (packed_.screened) {
      packed_.screening.Pack(weights.encoder.data(), bias, first, last);
    } else {
      packed_.exact.Pack(weights.encoder.data(), bias, first, last);
    }
  });
  if (!encode_.dead.empty()) PackDead(weights);
}

void BatchGradients::PackDead(const SaeWeights& weights) {
  std::vector<float> rows;
  std::vector<float> bias;
  for (const int32_t j : encode_.dead) {
    const float* row = &weights.encoder[static_cast<size_t>(j) * static_cast<size_t>(dim_)];
    rows.insert(rows.end(), row, row + dim_);
    bias.push_back(weights.encoder_bias.empty() ? 0.0f
                                                : weights.encoder_bias[static_cast<size_t>(j)]);
  }
  packed_.dead.Resize(static_cast<int>(encode_.dead.size()), dim_);
  packed_.dead.Pack(rows.data(), bias.data(), 0, packed_.dead.panels());
}

void BatchGradients::EncodeBlock(const SaeWeights& weights, const float* rows, int block,
                                 int worker) {
  Block& b = blocks_[static_cast<size_t>(block)];
  for (int64_t row = b.begin; row < b.begin + b.rows; ++row) {
    ScaleAndCentre(weights.input_scale, rows + row * dim_, weights.pre_bias.data(), dim_,
                   &centred_[static_cast<size_t>(row * dim_)]);
  }
  b.codes.Clear();
  encoders_[static_cast<size_t>(worker)].Encode(
      weights, packed_, encode_, &centred_[static_cast<size_t>(b.begin * dim_)], b.rows, b.codes);
}

void BatchGradients::EncodeAll(const SaeWeights& weights, const float* rows, WorkerPool& pool) {
  pool.Run(static_cast<int>(blocks_.size()),
           [&](int b, int worker) { EncodeBlock(weights, rows, b, worker); });
}

int64_t BatchGradients::CandidateCount() const {
  int64_t count = 0;
  for (const Block& block : blocks_) {
    count += static_cast<int64_t>(block.codes.active.entries.size());
  }
  return count;
}

// Keeps the k · n largest of all rows; of values that tie for the last place the lower row, then
// the lower latent, stays.
void BatchGradients::SelectBatchTopK(const SaeWeights& weights, const float* rows,
                                     WorkerPool& pool) {
  struct Candidate {
    float value;
    int32_t block;
    int32_t at;
  };
  const int64_t wanted = int64_t{weights.k} * rows_;
  EncodeAll(weights, rows, pool);
  if (CandidateCount() < wanted && encode_.batch_bound > 0.0f) {
    encode_.batch_bound = 0.0f;
    EncodeAll(weights, rows, pool);
  }
  std::vector<Candidate> candidates;
  candidates.reserve(static_cast<size_t>(CandidateCount()));
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const std::vector<LatentActivation>& entries = blocks_[b].codes.active.entries;
    for (size_t at = 0; at < entries.size(); ++at) {
      candidates.push_back({entries[at].value, static_cast<int32_t>(b), static_cast<int32_t>(at)});
    }
  }
  const auto last = candidates.begin() + std::min(wanted, static_cast<int64_t>(candidates.size()));
  if (last != candidates.end()) {
    std::nth_element(candidates.begin(), last, candidates.end(), [](const auto& a, const auto& b) {
      return std::tuple(-a.value, a.block, a.at) < std::tuple(-b.value, b.block, b.at);
    });
  }
  least_kept_ = std::numeric_limits<float>::infinity();
  for (auto kept = candidates.begin(); kept != last; ++kept) {
    least_kept_ = std::min(least_kept_, kept->value);
  }
  batch_bound_ = last == candidates.end() ? 0.0f : kBoundShare * least_kept_;
  // What was not kept is marked, and closed up.
  for (auto cut = last; cut != candidates.end(); ++cut) {
    blocks_[static_cast<size_t>(cut->block)]
        .codes.active.entries[static_cast<size_t>(cut->at)]
        .latent = -1;
  }
  for (Block& block : blocks_) {
    RowLists& lists = block.codes.active;
    size_t to = 0;
    size_t from = 0;
    for (int32_t& end : lists.ends) {
      for (; from < static_cast<size_t>(end); ++from) {
        if (lists.entries[from].latent >= 0) lists.entries[to++] = lists.entries[from];
      }
      end = static_cast<int32_t>(to);
    }
    lists.entries.resize(to);
  }
}

// From codes to errors, and what they mean for each pre-activation.
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
  b.in_band.assign(jump ? latents : 0, 0);
  b.squared_error = b.prefix_error = b.aux_squared_error = b.l1 = 0.0;
  for (int64_t row = 0; row < b.rows; ++row) {
    const double squared_error = plain ? PlainRow(weights, row, b) : RowErrors(weights, row, b);
    b.squared_error += squared_error;
    squared_errors_[static_cast<size_t>(b.begin + row)] = static_cast<float>(squared_error);
    if (!encode_.dead.empty()) WalkBackDead(weights, row, b);
    if (!plain) RowGradients(weights, row, b);
    if (jump) WalkBackBand(weights, config, row, b);
  }
  for (const LatentActivation& entry : b.codes.active.entries) {
    ++b.next[static_cast<size_t>(entry.latent)];
    b.l1 += entry.value;
  }
  for (const LatentActivation& entry : b.codes.dead.entries) {
    ++b.next[static_cast<size_t>(entry.latent)];
  }
}

// RowErrors and RowGradients at once, for rows with nothing but the reconstruction of all latents.
double BatchGradients::PlainRow(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.active.Row(row);
  const int64_t at = (block.begin + row) * dim_;
  const float squared_error = ResidualGradient(
      &centred_[static_cast<size_t>(at)], weights.decoder.data(), code.data(),
      static_cast<int>(code.size()), dim_, factor_, &residuals_[static_cast<size_t>(at)],
      block.active_delta.data() + block.codes.active.Begin(row), block.pre_bias.data());
  block.prefix_error += squared_error;
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
    squared_error =
        Residual(target, weights.decoder.data(), code.data() + begin, end - begin, dim_, error);
    sum += squared_error;
    block.ends.push_back(end);
    target = error;
    error += dim_;
    begin = end;
  }
  block.prefix_error += sum / static_cast<double>(prefixes_.size());
  return squared_error;
}

// From errors to ∂loss/∂(decoderᵀ z): a prefix's own latents are part of it and of all longer ones.
void BatchGradients::RowGradients(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.active.Row(row);
  float* delta = block.active_delta.data() + block.codes.active.Begin(row);
  const int groups = static_cast<int>(prefixes_.size());
  float* slots = &residuals_[static_cast<size_t>((block.begin + row) * slots_ * dim_)];
  for (int g = groups - 1; g >= 0; --g) {
    float* gradient = slots + static_cast<int64_t>(g) * dim_;
    Scale(factor_, dim_, gradient);
    if (g + 1 < groups) AddScaled(1.0f, gradient + dim_, dim_, gradient);
    const int begin = g == 0 ? 0 : block.ends[static_cast<size_t>(g - 1)];
    Dots(gradient, weights.decoder.data(), code.data() + begin,
         block.ends[static_cast<size_t>(g)] - begin, dim_, delta + begin);
  }
  if (l1_slope_ != 0.0f) {
    for (size_t c = 0; c < code.size(); ++c) delta[c] += l1_slope_;
  }
  AddScaled(1.0f, slots, dim_, block.pre_bias.data());
}

// What the dead latents leave of the error of all others, e − ê, and its gradients.
void BatchGradients::WalkBackDead(const SaeWeights& weights, int64_t row, Block& block) {
  const std::span<const LatentActivation> code = block.codes.dead.Row(row);
  const int count = static_cast<int>(code.size());
  float* slots = &residuals_[static_cast<size_t>((block.begin + row) * slots_ * dim_)];
  const float* error = slots + static_cast<int64_t>(slots_ - 2) * dim_;
  float* missing = slots + static_cast<int64_t>(slots_ - 1) * dim_;
  block.aux_squared_error +=
      Residual(error, weights.decoder.data(), code.data(), count, dim_, missing);
  Scale(aux_factor_, dim_, missing);
  Dots(missing, weights.decoder.data(), code.data(), count, dim_,
       block.dead_delta.data() + block.codes.dead.Begin(row));
}

void BatchGradients::WalkBackBand(const SaeWeights& weights, const LossConfig& config, int64_t row,
                                  Block& block) {
  const std::span<const LatentActivation> band = block.codes.band.Row(row);
  const float* gradient = &residuals_[static_cast<size_t>((block.begin + row) * slots_ * dim_)];
  block.dots.resize(std::max(block.dots.size(), band.size()));
  Dots(gradient, weights.decoder.data(), band.data(), static_cast<int>(band.size()), dim_,
       block.dots.data());
  const auto per_bandwidth = static_cast<float>(1.0 / config.bandwidth);
  for (size_t c = 0; c < band.size(); ++c) {
    const auto j = static_cast<size_t>(band[c].latent);
    block.threshold[j] -= block.dots[c] * weights.threshold[j] * per_bandwidth;
    ++block.in_band[j];
  }
}

// Where each latent's contributions start, and where each block's go among them.
void BatchGradients::CountContributions() {
  const size_t latents = starts_.size() - 1;
  std::vector<int32_t>& next = next_;  // where the next contribution of each latent goes
  next.assign(latents, 0);
  for (const Block& block : blocks_) {
    for (size_t j = 0; j < latents; ++j) next[j] += block.next[j];
  }
  int32_t total = 0;
  for (size_t j = 0; j < latents; ++j) {
    starts_[j] = total;
    total += next[j];
  }
  starts_[latents] = total;
  std::copy_n(starts_.begin(), latents, next.begin());
  for (Block& block : blocks_) {
    for (size_t j = 0; j < latents; ++j) {
      const int32_t count = block.next[j];
      block.next[j] = next[j];
      next[j] += count;
    }
  }
  if (contributions_.size() < static_cast<size_t>(total)) {
    contributions_.resize(static_cast<size_t>(total) + static_cast<size_t>(total) / 4);
  }
}

void BatchGradients::ScatterContributions(int block) {
  Block& b = blocks_[static_cast<size_t>(block)];
  for (int64_t row = 0; row < b.rows; ++row) {
    const auto at = static_cast<int32_t>(b.begin + row);
    int slot = 0;
    int32_t e = b.codes.active.Begin(row);
    for (const LatentActivation& entry : b.codes.active.Row(row)) {
      while (entry.latent >= prefixes_[static_cast<size_t>(slot)]) ++slot;
      contributions_[static_cast<size_t>(b.next[static_cast<size_t>(entry.latent)]++)] = {
          at, at * slots_ + slot, entry.value, b.active_delta[static_cast<size_t>(e++)]};
    }
    e = b.codes.dead.Begin(row);
    for (const LatentActivation& entry : b.codes.dead.Row(row)) {
      contributions_[static_cast<size_t>(b.next[static_cast<size_t>(entry.latent)]++)] = {
          at, at * slots_ + slots_ - 1, entry.value, b.dead_delta[static_cast<size_t>(e++)]};
    }
  }
}

// The gradients of latents [begin, end), and their share of pre_bias' one: −encoderᵀ ∂loss/∂pre.
// Returns the sum of the squares of the former.
double BatchGradients::SumLatents(const SaeWeights& weights, bool project, int begin, int end,
                                  float* pre_bias_share) {
  std::fill_n(pre_bias_share, dim_, 0.0f);
  const int aux_slot = encode_.dead.empty() ? slots_ : slots_ - 1;
  double squared = 0.0;
  for (int j = begin; j < end; ++j) {
    const Contribution* first = contributions_.data() + starts_[static_cast<size_t>(j)];
    const int count = contributions(j);
    const auto at = static_cast<size_t>(j) * static_cast<size_t>(dim_);
    fired_[static_cast<size_t>(j)] =
        static_cast<uint8_t>(std::any_of(first, first + count, [&](const Contribution& c) {
          return c.residual % slots_ != aux_slot;
        }));
    encoder_bias_[static_cast<size_t>(j)] = 0.0f;
    if (count == 0) continue;
    const LatentGradient sums = SumContributions(first, count, residuals_.data(), centred_.data(),
                                                 project ? &weights.decoder[at] : nullptr, dim_,
                                                 &decoder_[at], &encoder_[at]);
    encoder_bias_[static_cast<size_t>(j)] = sums.bias;
    AddScaled(-sums.bias, &weights.encoder[at], dim_, pre_bias_share);
    squared += sums.squares;
    if (!weights.encoder_bias.empty()) squared += static_cast<double>(sums.bias) * sums.bias;
  }
  return squared;
}

BatchLoss BatchGradients::SumLoss(const SaeWeights& weights, const LossConfig& config) {
  const auto n = static_cast<double>(rows_);
  BatchLoss loss;
  double l1 = 0.0;
  int64_t active = 0;
  for (const Block& block : blocks_) {
    loss.fvu += block.squared_error;
    loss.reconstruction += block.prefix_error;
    loss.aux += block.aux_squared_error;
    l1 += block.l1;
    active += static_cast<int64_t>(block.codes.active.entries.size());
  }
  loss.fvu /= n * config.variance;
  loss.reconstruction /= n * config.variance;
  loss.aux /= n * config.variance;
  loss.l0 = static_cast<double>(active) / n;
  loss.squared_gradient = SquaredNorm(pre_bias_.data(), dim_);
  for (double share : squared_shares_) loss.squared_gradient += share;
  loss.least_kept = least_kept_;
  threshold_.clear();
  if (weights.architecture == Architecture::kRelu) {
    loss.sparsity = config.sparsity_weight * l1 / n;
  } else if (weights.architecture == Architecture::kJumpRelu) {
    const double excess = loss.l0 / weights.k - 1.0;
    loss.sparsity = config.sparsity_weight * excess * excess;
    FinishThresholds(weights, config, loss.l0);
  }
  loss.loss = loss.reconstruction + config.aux_weight * loss.aux + loss.sparsity;
  return loss;
}

void BatchGradients::FinishThresholds(const SaeWeights& weights, const LossConfig& config,
                                      double l0) {
  threshold_.assign(static_cast<size_t>(weights.latents), 0.0f);
  const double per_row = -2.0 * config.sparsity_weight * (l0 / weights.k - 1.0) /
                         (weights.k * config.bandwidth * static_cast<double>(rows_));
  for (const Block& block : blocks_) {
    for (size_t j = 0; j < threshold_.size(); ++j) {
      threshold_[j] += block.threshold[j] + static_cast<float>(per_row * block.in_band[j]);
    }
  }
}

}  // namespace recsae::sae
