#include "common/sae/block_encoder.h"

#include <algorithm>

#include "common/sae/kernels.h"
#include "common/sae/top_k.h"

namespace recsae::sae {
namespace {

// Latents of a tile: as much of the encoder as stays in the second-level cache while all rows of a
// block go over it.
constexpr int64_t kTileValues = 1 << 17;

int TilePanels(const PackedEncoder& packed) {
  const int64_t fitting = kTileValues / (int64_t{packed.width()} * packed.dim());
  return static_cast<int>(std::clamp<int64_t>(fitting, 1, packed.panels()));
}

}  // namespace

// Panels [first_panel, last_panel), the latents [first, first + latents) in them, and which of
// those are dead: entries [dead_begin, dead_end) of EncodeOptions::dead.
struct BlockEncoder::Tile {
  int first_panel;
  int last_panel;
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

void BlockEncoder::Prepare(const SaeWeights& weights, const EncodeOptions& options) {
  const auto latents = static_cast<size_t>(weights.latents);
  dead_pre_.resize(options.dead.size());
  bound_.clear();
  if (weights.architecture == Architecture::kBatchTopK) {
    bound_.assign(latents, options.batch_bound);
  } else if (weights.architecture == Architecture::kJumpRelu) {
    bound_.resize(latents);
    for (size_t j = 0; j < latents; ++j) {
      bound_[j] = weights.threshold[j] - 0.5f * options.bandwidth;
    }
  }
}

void BlockEncoder::Encode(const SaeWeights& weights, const PackedEncoder& packed,
                          const EncodeOptions& options, const float* centred, int64_t n,
                          BlockCodes& out) {
  const int tile_panels = TilePanels(packed);
  const auto tile_latents = static_cast<size_t>(tile_panels) * static_cast<size_t>(packed.width());
  Prepare(weights, options);
  pre_.resize(PackedEncoder::kMaxRows * tile_latents);
  maxima_.resize(PackedEncoder::kMaxRows * static_cast<size_t>(packed.groups()));
  const int kept = SelectsTopK(weights.architecture) ? weights.k : weights.latents;
  active_.Prepare(n, static_cast<size_t>(kept) + tile_latents);
  dead_.Prepare(n, static_cast<size_t>(options.aux_k) + options.dead.size());
  const std::vector<int32_t>& dead = options.dead;
  const auto dead_at = [&](int latent) {
    return static_cast<int>(std::lower_bound(dead.begin(), dead.end(), latent) - dead.begin());
  };
  for (int panel = 0; panel < packed.panels(); panel += tile_panels) {
    const int last_panel = std::min(panel + tile_panels, packed.panels());
    const int first = panel * packed.width();
    const int last = std::min(last_panel * packed.width(), weights.latents);
    const Tile tile{panel, last_panel, first, last - first, dead_at(first), dead_at(last)};
    dead_columns_.clear();
    for (int at = tile.dead_begin; at < tile.dead_end; ++at) {
      dead_columns_.push_back(dead[static_cast<size_t>(at)] - first);
    }
    for (int64_t row = 0; row < n; row += PackedEncoder::kMaxRows) {
      EncodeRows(weights, packed, options, tile, centred, row,
                 static_cast<int>(std::min<int64_t>(PackedEncoder::kMaxRows, n - row)));
    }
  }
  Finish(weights, options, n, out);
}

void BlockEncoder::EncodeRows(const SaeWeights& weights, const PackedEncoder& packed,
                              const EncodeOptions& options, const Tile& tile, const float* centred,
                              int64_t begin, int rows) {
  const bool bounded = SelectsTopK(weights.architecture);
  packed.Multiply(centred + begin * weights.dim, rows, tile.first_panel, tile.last_panel,
                  pre_.data(), bounded ? maxima_.data() : nullptr);
  const int stride = (tile.last_panel - tile.first_panel) * packed.width();
  for (int r = 0; r < rows; ++r) {
    PreActivationSpan pre{pre_.data() + static_cast<int64_t>(r) * stride, tile.latents, tile.first};
    if (bounded) {
      pre.maxima = maxima_.data() + static_cast<int64_t>(r) * packed.groups();
      pre.groups = packed.groups();
    }
    OfferRow(weights, options, tile, pre, begin + r);
  }
}

void BlockEncoder::OfferRow(const SaeWeights& weights, const EncodeOptions& options,
                            const Tile& tile, const PreActivationSpan& pre, int64_t row) {
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
  int& dead_count = dead_.counts[static_cast<size_t>(row)];
  dead_count = OfferTopK({dead_pre_.data(), dead, tile.dead_begin}, options.aux_k, positive_only,
                         dead_.Row(row), dead_count);
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
