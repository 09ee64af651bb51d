#include "common/sae/block_encoder.h"

#include <algorithm>

#include "common/sae/gemm.h"
#include "common/sae/kernels.h"
#include "common/sae/top_k.h"

namespace recsae::sae {
namespace {

// Pre-activations of a tile: 1 MiB of them stay in the second-level cache.
constexpr int64_t kTileValues = 1 << 18;
// An encoder of at most so many values stays there too, and tiles can be low; a larger one is read
// again for each tile, so tiles are high.
constexpr int64_t kSmallEncoder = 1 << 18;
constexpr int64_t kLowTile = 128;
constexpr int64_t kHighTile = 512;
constexpr int kMinTileLatents = 256;

int64_t TileRows(const SaeWeights& weights) {
  return int64_t{weights.latents} * weights.dim <= kSmallEncoder ? kLowTile : kHighTile;
}

int TileLatents(const SaeWeights& weights, int64_t tile_rows) {
  const int64_t fitting = std::max<int64_t>(kTileValues / tile_rows, kMinTileLatents);
  return static_cast<int>(std::min<int64_t>(fitting, weights.latents));
}

}  // namespace

// Pre-activations of latents [first, first + latents), and which of those are dead: entries
// [dead_begin, dead_end) of EncodeOptions::dead.
struct BlockEncoder::Tile {
  int first;
  int latents;
  int dead_begin;
  int dead_end;
};

void BlockEncoder::Lists::Prepare(int64_t rows, size_t row_capacity) {
  stride = row_capacity;
  const size_t needed = static_cast<size_t>(rows) * stride;
  if (capacity < needed) {
    // Not set to 0: most of it is never touched.
    entries.reset(new LatentActivation[needed]);
    capacity = needed;
  }
  counts.assign(static_cast<size_t>(rows), 0);
}

void BlockEncoder::Prepare(const SaeWeights& weights, const EncodeOptions& options,
                           int64_t tile_rows, int tile_latents) {
  const auto latents = static_cast<size_t>(weights.latents);
  pre_.resize(static_cast<size_t>(tile_rows) * static_cast<size_t>(tile_latents));
  dead_pre_.resize(options.dead.size());
  if (weights.architecture == Architecture::kBatchTopK) {
    bound_.assign(latents, options.batch_bound);
  } else if (weights.architecture == Architecture::kJumpRelu) {
    bound_.resize(latents);
    for (size_t j = 0; j < latents; ++j) {
      bound_[j] = weights.threshold[j] - 0.5f * options.bandwidth;
    }
  }
}

void BlockEncoder::Encode(const SaeWeights& weights, const EncodeOptions& options,
                          const float* centred, int64_t n, BlockCodes& out) {
  const int64_t tile_rows = std::min(n, TileRows(weights));
  const int tile_latents = TileLatents(weights, tile_rows);
  Prepare(weights, options, tile_rows, tile_latents);
  for (int64_t begin = 0; begin < n; begin += tile_rows) {
    EncodeTile(weights, options, centred + begin * weights.dim, std::min(tile_rows, n - begin),
               tile_latents, out);
  }
}

void BlockEncoder::EncodeTile(const SaeWeights& weights, const EncodeOptions& options,
                              const float* centred, int64_t rows, int tile_latents,
                              BlockCodes& out) {
  const int kept = SelectsTopK(weights.architecture) ? weights.k : weights.latents;
  active_.Prepare(rows, static_cast<size_t>(kept) + static_cast<size_t>(tile_latents));
  dead_.Prepare(rows, static_cast<size_t>(options.aux_k) + options.dead.size());
  const std::vector<int32_t>& dead = options.dead;
  for (int first = 0; first < weights.latents; first += tile_latents) {
    const int count = std::min(tile_latents, weights.latents - first);
    const auto dead_at = [&](int latent) {
      return static_cast<int>(std::lower_bound(dead.begin(), dead.end(), latent) - dead.begin());
    };
    const Tile tile{first, count, dead_at(first), dead_at(first + count)};
    dead_columns_.clear();
    for (int at = tile.dead_begin; at < tile.dead_end; ++at) {
      dead_columns_.push_back(dead[static_cast<size_t>(at)] - first);
    }
    Sgemm(Transpose::kNo, Transpose::kYes, rows, count, weights.dim, centred,
          weights.encoder.data() + int64_t{first} * weights.dim, 0.0f, pre_.data());
    for (int64_t row = 0; row < rows; ++row) OfferRow(weights, options, tile, row);
  }
  Finish(weights, options, rows, out);
}

void BlockEncoder::OfferRow(const SaeWeights& weights, const EncodeOptions& options,
                            const Tile& tile, int64_t row) {
  const float* bias = weights.encoder_bias.empty() ? nullptr : &weights.encoder_bias[tile.first];
  const PreActivationSpan pre{pre_.data() + row * tile.latents, bias, tile.latents, tile.first};
  LatentActivation* list = active_.Row(row);
  int& count = active_.counts[static_cast<size_t>(row)];
  const bool positive_only = weights.architecture != Architecture::kTopKSigned;
  if (SelectsTopK(weights.architecture)) {
    count = OfferTopK(pre, weights.k, positive_only, list, count);
  } else {
    count += CollectAbove(pre, bound_.empty() ? nullptr : bound_.data(), list + count);
  }
  const int dead = tile.dead_end - tile.dead_begin;
  if (dead == 0) return;
  // Numbered by their place among the dead, until Finish.
  Gather(pre.values, dead_columns_.data(), dead, dead_pre_.data());
  for (int i = 0; bias != nullptr && i < dead; ++i) dead_pre_[i] += bias[dead_columns_[i]];
  int& dead_count = dead_.counts[static_cast<size_t>(row)];
  dead_count = OfferTopK({dead_pre_.data(), nullptr, dead, tile.dead_begin}, options.aux_k,
                         positive_only, dead_.Row(row), dead_count);
}

void BlockEncoder::Finish(const SaeWeights& weights, const EncodeOptions& options, int64_t rows,
                          BlockCodes& out) {
  const bool jump = weights.architecture == Architecture::kJumpRelu;
  for (int64_t row = 0; row < rows; ++row) {
    const LatentActivation* list = active_.Row(row);
    const int count = active_.counts[static_cast<size_t>(row)];
    if (jump) {
      for (int c = 0; c < count; ++c) {
        const float above = list[c].value - weights.threshold[list[c].latent];
        if (above > 0.0f) out.active.entries.push_back(list[c]);
        if (above < 0.5f * options.bandwidth) out.band.entries.push_back(list[c]);
      }
    } else {
      out.active.entries.insert(out.active.entries.end(), list, list + count);
    }
    const LatentActivation* dead = dead_.Row(row);
    for (int c = 0; c < dead_.counts[static_cast<size_t>(row)]; ++c) {
      out.dead.entries.push_back(
          {options.dead[static_cast<size_t>(dead[c].latent)], dead[c].value});
    }
    out.active.EndRow();
    out.band.EndRow();
    out.dead.EndRow();
  }
}

}  // namespace recsae::sae
