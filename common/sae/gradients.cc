// Rows to codes and errors, block by block (the latter in gradients_rows.cc); then, latent by
// latent, the sums over the few rows that each was active for. No gradient is ever added up in two
// places.
#include "common/sae/gradients.h"

#include <algorithm>

#include "common/sae/batch_top_k.h"

namespace recsae::sae {
namespace {

// Rows of a block: enough blocks for a few threads, and more rows where the encoder is so large
// that it is read from memory for each block.
constexpr int64_t kBlocks = 8;
constexpr int64_t kMaxRowsPerBlock = 128;
constexpr int64_t kRowsPerHighBlock = 512;
constexpr int64_t kMaxBlocks = 32;
constexpr int64_t kSmallEncoder = 1 << 18;
// Panels that one task packs.
constexpr int kPanelsPerTask = 4;
// The next batch's candidates for BatchTopK are what exceeds the last one's least value less this
// share of it, and less so much times the share by which it fell of late.
constexpr float kLeastDrop = 0.01f;
constexpr float kDropsAllowed = 2.0f;
constexpr float kDropMemory = 0.95f;

// Whether bounds save more than they cost to make for so many rows.
bool WorthScreening(const SaeWeights& weights, int k, int64_t rows) {
  constexpr int64_t kMinRows = 64;
  const bool few =
      SelectsTopK(weights.architecture) || weights.architecture == Architecture::kBatchTopK;
  return few && rows >= kMinRows && math::Screening::Pays(weights.latents, weights.dim, k);
}

int TaskCount(int latents) { return (latents + kLatentsPerTask - 1) / kLatentsPerTask; }

}  // namespace

int64_t RowsPerBlock(int latents, int dim, int64_t n) {
  const int64_t least = (n + kMaxBlocks - 1) / kMaxBlocks;
  if (int64_t{latents} * dim > kSmallEncoder) return std::max(kRowsPerHighBlock, least);
  // As many as the encoder takes at a time, or a multiple of it.
  const int64_t groups =
      (n / kBlocks + math::PackedEncoder::kMaxRows - 1) / math::PackedEncoder::kMaxRows;
  return std::max(std::clamp<int64_t>(groups * math::PackedEncoder::kMaxRows,
                                      math::PackedEncoder::kMaxRows, kMaxRowsPerBlock),
                  least);
}

void BatchGradients::Prepare(const SaeWeights& weights, const LossConfig& config, int64_t n,
                             int threads) {
  const auto d = static_cast<size_t>(weights.dim);
  const auto latents = static_cast<size_t>(weights.latents);
  dim_ = weights.dim;
  rows_ = n;
  row_weights_ = config.row_weights;
  prefixes_ = config.prefixes;
  if (prefixes_.empty() || prefixes_.back() != weights.latents) {
    prefixes_.push_back(weights.latents);
  }
  aux_ = !config.dead.empty() && config.aux_weight > 0.0;
  dead_products_ =
      aux_ && DeadLatents::Pays(weights, static_cast<int64_t>(config.dead.size()), config.aux_k);
  slots_ = static_cast<int>(prefixes_.size()) + (aux_ ? 1 : 0);
  const double weight = 1.0 / (static_cast<double>(n) * config.variance);
  factor_ = static_cast<float>(-2.0 * weight / static_cast<double>(prefixes_.size()));
  aux_factor_ = static_cast<float>(-2.0 * weight * config.aux_weight);
  l1_slope_ = weights.architecture == Architecture::kRelu
                  ? static_cast<float>(config.sparsity_weight / static_cast<double>(n))
                  : 0.0f;
  encode_.dead = aux_ && !dead_products_ ? config.dead : std::vector<int32_t>();
  encode_.k = config.k > 0 ? config.k : weights.k;
  encode_.aux_k = config.aux_k;
  encode_.bandwidth = static_cast<float>(config.bandwidth);
  encode_.batch_bound = batch_bound_;

  encoders_.resize(static_cast<size_t>(threads));
  const int64_t rows_per_block = RowsPerBlock(weights.latents, weights.dim, n);
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
  has_gradient_.resize(latents);
  squared_shares_.resize(static_cast<size_t>(TaskCount(weights.latents)));
  pre_bias_shares_.resize(static_cast<size_t>(TaskCount(weights.latents)) * d);
  if (dead_products_) dead_.Prepare(weights, config.dead, config.aux_k, n);
}

BatchLoss BatchGradients::Compute(const SaeWeights& weights, const LossConfig& config,
                                  const BatchRows& rows, int64_t n, math::WorkerPool& pool,
                                  const std::atomic<bool>* stop) {
  Prepare(weights, config, n, pool.threads());
  encode_.stop = stop;
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
  if (dead_products_) {
    const DeadLatents::Rows all = RowsForDead(0, n);
    pool.Run(dead_.tasks(), [&](int task, int) { dead_.Sum(task, all); });
  }
  const int tasks = TaskCount(weights.latents);
  pool.Run(tasks, [&](int task, int) {
    const auto at = static_cast<size_t>(task);
    const int begin = task * kLatentsPerTask;
    squared_shares_[at] = SumLatents(weights, config.project_decoder, begin,
                                     std::min(begin + kLatentsPerTask, weights.latents),
                                     &pre_bias_shares_[at * static_cast<size_t>(dim_)]);
  });
  std::fill(pre_bias_.begin(), pre_bias_.end(), 0.0f);
  for (const Block& block : blocks_)
    math::AddScaled(1.0f, block.pre_bias.data(), dim_, pre_bias_.data());
  for (int task = 0; task < tasks; ++task) {
    math::AddScaled(1.0f, &pre_bias_shares_[static_cast<size_t>(task) * static_cast<size_t>(dim_)],
                    dim_, pre_bias_.data());
  }
  return SumLoss(weights, config);
}

void BatchGradients::PackEncoder(const SaeWeights& weights, math::WorkerPool& pool) {
  packed_.screened = WorthScreening(weights, encode_.k, rows_);
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
  rows.reserve(encode_.dead.size() * static_cast<size_t>(dim_));
  bias.reserve(encode_.dead.size());
  for (const int32_t j : encode_.dead) {
    const float* row = &weights.encoder[static_cast<size_t>(j) * static_cast<size_t>(dim_)];
    rows.insert(rows.end(), row, row + dim_);
    bias.push_back(weights.encoder_bias.empty() ? 0.0f
                                                : weights.encoder_bias[static_cast<size_t>(j)]);
  }
  packed_.dead.Resize(static_cast<int>(encode_.dead.size()), dim_);
  packed_.dead.Pack(rows.data(), bias.data(), 0, packed_.dead.panels());
}

void BatchGradients::Centre(const SaeWeights& weights, const BatchRows& rows, const Block& block) {
  // Rows that lie anywhere would each be waited for.
  constexpr int64_t kRowsAhead = 8;
  constexpr int64_t kLine = 64 / sizeof(float);
  const int64_t end = block.begin + block.rows;
  for (int64_t row = block.begin; row < end; ++row) {
    if (rows.at != nullptr && row + kRowsAhead < end) {
      const float* ahead = rows.values + rows.at[row + kRowsAhead] * dim_;
      for (int64_t i = 0; i < dim_; i += kLine) __builtin_prefetch(ahead + i);
    }
    const int64_t at = rows.at != nullptr ? rows.at[row] : row;
    math::ScaleAndCentre(weights.input_scale, rows.values + at * dim_, weights.pre_bias.data(),
                         dim_, &centred_[static_cast<size_t>(row * dim_)]);
  }
}

void BatchGradients::EncodeBlock(const SaeWeights& weights, const BatchRows& rows, int block,
                                 int worker) {
  Block& b = blocks_[static_cast<size_t>(block)];
  Centre(weights, rows, b);
  b.codes.Clear();
  encoders_[static_cast<size_t>(worker)].Encode(
      weights, packed_, encode_, &centred_[static_cast<size_t>(b.begin * dim_)], b.rows, b.codes);
}

void BatchGradients::EncodeAll(const SaeWeights& weights, const BatchRows& rows,
                               math::WorkerPool& pool) {
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

double BatchGradients::CandidateWeight() const {
  if (row_weights_ == nullptr) return static_cast<double>(CandidateCount());
  double weight = 0.0;
  for (const Block& block : blocks_) {
    for (int64_t row = 0; row < block.rows; ++row) {
      weight +=
          RowWeight(block.begin + row) * static_cast<double>(block.codes.active.Row(row).size());
    }
  }
  return weight;
}

// Keeps the k · n largest of all rows; with weights, the largest whose weight is k times the rows'.
void BatchGradients::SelectBatchTopK(const SaeWeights& weights, const BatchRows& rows,
                                     math::WorkerPool& pool) {
  double wanted = 0.0;
  for (int64_t row = 0; row < rows_; ++row) wanted += RowWeight(row);
  wanted *= encode_.k;
  EncodeAll(weights, rows, pool);
  for (bool again = false; CandidateWeight() < wanted && encode_.batch_bound > 0.0f; again = true) {
    encode_.batch_bound = again ? 0.0f : 0.5f * encode_.batch_bound;
    EncodeAll(weights, rows, pool);
  }
  const bool all = CandidateWeight() <= wanted;
  std::vector<RowLists*> lists;
  for (Block& block : blocks_) lists.push_back(&block.codes.active);
  const float before = least_kept_;
  least_kept_ = row_weights_ != nullptr ? KeepHeaviestOfBatch(lists, row_weights_, wanted)
                                        : KeepLargestOfBatch(lists, int64_t{encode_.k} * rows_);
  drop_ *= kDropMemory;
  if (before > 0.0f) drop_ = std::max(drop_, 1.0f - least_kept_ / before);
  const float share = 1.0f - kLeastDrop - kDropsAllowed * drop_;
  batch_bound_ = all ? 0.0f : std::max(share, 0.0f) * least_kept_;
}

// Where each latent's contributions start, and where each block's go among them.
void BatchGradients::CountContributions() {
  const size_t latents = starts_.size() - 1;
  next_.assign(latents, 0);
  for (const Block& block : blocks_) {
    for (size_t j = 0; j < latents; ++j) next_[j] += block.next[j];
  }
  int32_t total = 0;
  for (size_t j = 0; j < latents; ++j) {
    starts_[j] = total;
    total += next_[j];
  }
  starts_[latents] = total;
  std::copy_n(starts_.begin(), latents, next_.begin());
  for (Block& block : blocks_) {
    for (size_t j = 0; j < latents; ++j) {
      const int32_t count = block.next[j];
      block.next[j] = next_[j];
      next_[j] += count;
    }
  }
  if (contributions_.size() < static_cast<size_t>(total)) {
    std::vector<math::Contribution>().swap(contributions_);  // not both at once
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
  const std::vector<int32_t>& latents = dead_products_ ? dead_.latents() : encode_.dead;
  auto dead = std::lower_bound(latents.begin(), latents.end(), begin);
  double squared = 0.0;
  for (int j = begin; j < end; ++j) {
    const bool was_dead = dead != latents.end() && *dead == j;
    const auto place = static_cast<int>(dead - latents.begin());
    if (was_dead) ++dead;
    const auto at = static_cast<size_t>(j);
    const std::span<const math::Contribution> listed = Listed(j);
    // What is listed of a dead latent may be the auxiliary loss alone.
    const auto of_code = [&](const math::Contribution& c) {
      return !aux_ || c.residual % slots_ != slots_ - 1;
    };
    fired_[at] = was_dead ? std::any_of(listed.begin(), listed.end(), of_code) : !listed.empty();
    const bool revived = was_dead && dead_products_ && dead_.active(place);
    has_gradient_[at] = revived || !listed.empty();
    encoder_bias_[at] = 0.0f;
    if (has_gradient_[at] == 0) continue;
    const math::LatentGradient sums = SumLatent(weights, project, j, revived ? place : -1);
    encoder_bias_[at] = sums.bias;
    math::AddScaled(-sums.bias, &weights.encoder[at * static_cast<size_t>(dim_)], dim_,
                    pre_bias_share);
    squared += sums.squares;
    if (!weights.encoder_bias.empty()) squared += static_cast<double>(sums.bias) * sums.bias;
  }
  return squared;
}

// Of what is listed, and of dead_'s latent in that place where it is not -1.
math::LatentGradient BatchGradients::SumLatent(const SaeWeights& weights, bool project, int latent,
                                               int dead) {
  const std::span<const math::Contribution> listed = Listed(latent);
  const auto at = static_cast<size_t>(latent) * static_cast<size_t>(dim_);
  const float* direction = project ? &weights.decoder[at] : nullptr;
  math::LatentGradient sums = math::SumContributions(
      listed.data(), static_cast<int>(listed.size()), residuals_.data(), centred_.data(),
      dead < 0 ? direction : nullptr, dim_, &decoder_[at], &encoder_[at]);
  if (dead < 0) return sums;
  math::AddScaled(1.0f, dead_.encoder(dead), dim_, &encoder_[at]);
  math::AddScaled(1.0f, dead_.decoder(dead), dim_, &decoder_[at]);
  if (project) math::RemoveParallel(direction, dim_, &decoder_[at]);
  sums.bias += dead_.bias(dead);
  sums.squares = math::SquaredNorm(&decoder_[at], dim_) + math::SquaredNorm(&encoder_[at], dim_);
  return sums;
}

BatchLoss BatchGradients::SumLoss(const SaeWeights& weights, const LossConfig& config) {
  const auto n = static_cast<double>(rows_);
  BatchLoss loss;
  double l1 = 0.0;
  double active = 0.0;
  for (const Block& block : blocks_) {
    loss.fvu += block.squared_error;
    loss.reconstruction += block.prefix_error;
    loss.aux += block.aux_squared_error;
    l1 += block.l1;
    active += block.active;
  }
  loss.fvu /= n * config.variance;
  loss.reconstruction /= n * config.variance;
  loss.aux /= n * config.variance;
  loss.l0 = active / n;
  loss.squared_gradient = math::SquaredNorm(pre_bias_.data(), dim_);
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
