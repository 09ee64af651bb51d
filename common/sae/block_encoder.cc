#include "common/sae/block_encoder.h"

#include <algorithm>

#include "common/math/simd/top_k.h"

namespace recsae::sae {
namespace {

// Latents of a tile: as much of the encoder as stays in the second-level cache while all rows of a
// block go over it.
constexpr int64_t kTileBytes = 1 << 19;
constexpr int kRows = math::PackedEncoder::kMaxRows;
static_assert(kRows == math::Screening::kMaxRows);

int TilePanels(const PackedWeights& packed, int dim) {
  const int64_t value_bytes = packed.screened ? 1 : sizeof(float);
  const int64_t fitting = kTileBytes / (int64_t{packed.width()} * dim * value_bytes);
  return static_cast<int>(std::clamp<int64_t>(fitting, 1, packed.panels()));
}

}  // namespace

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
  k_ = options.k;
  const auto latents = static_cast<size_t>(weights.latents);
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

void BlockEncoder::Encode(const SaeWeights& weights, const PackedWeights& packed,
                          const EncodeOptions& options, const float* centred, int64_t n,
                          BlockCodes& out) {
  const int tile_panels = TilePanels(packed, weights.dim);
  const auto tile_latents = static_cast<size_t>(tile_panels) * static_cast<size_t>(packed.width());
  const auto dead_latents =
      static_cast<size_t>(packed.dead.panels()) * static_cast<size_t>(packed.dead.width());
  Prepare(weights, options);
  pre_.resize(kRows * std::max(tile_latents, dead_latents));
  maxima_.resize(kRows * static_cast<size_t>(std::max(packed.groups(), packed.dead.groups())));
  const int kept = SelectsTopK(weights.architecture) ? options.k : weights.latents;
  active_.Prepare(n, static_cast<size_t>(kept) + tile_latents);
  dead_.Prepare(n, static_cast<size_t>(options.aux_k) + options.dead.size());
  if (packed.screened) packed.screening.Quantise(centred, static_cast<int>(n), screened_);
  const auto for_rows = [&](const auto& encode) {
    for (int64_t row = 0; row < n; row += kRows) {
      if (options.stop != nullptr && options.stop->load(std::memory_order_relaxed)) throw Stopped();
      encode(row, static_cast<int>(std::min<int64_t>(kRows, n - row)));
    }
  };
  for (int panel = 0; panel < packed.panels(); panel += tile_panels) {
    const int last_panel = std::min(panel + tile_panels, packed.panels());
    const int first = panel * packed.width();
    const int last = std::min(last_panel * packed.width(), weights.latents);
    const Tile tile{panel, last_panel, first, last - first};
    for_rows([&](int64_t row, int rows) {
      if (packed.screened && weights.architecture == Architecture::kBatchTopK) {
        EncodeRowsAbove(weights, packed, tile, options.batch_bound, centred, row, rows);
      } else {
        EncodeRows(weights, packed, tile, centred, row, rows);
      }
    });
  }
  if (!options.dead.empty()) {
    for_rows(
        [&](int64_t row, int rows) { EncodeDead(weights, packed, options, centred, row, rows); });
  }
  Finish(weights, options, n, out);
}

void BlockEncoder::EncodeRows(const SaeWeights& weights, const PackedWeights& packed,
                              const Tile& tile, const float* centred, int64_t begin, int rows) {
  const bool top_k = SelectsTopK(weights.architecture);
  if (packed.screened) {
    packed.screening.Bound(screened_, static_cast<int>(begin), rows, tile.first_panel,
                           tile.last_panel, pre_.data(), maxima_.data());
  } else {
    packed.exact.Multiply(centred + begin * weights.dim, rows, tile.first_panel, tile.last_panel,
                          pre_.data(), top_k ? maxima_.data() : nullptr);
  }
  const int64_t stride = int64_t{tile.last_panel - tile.first_panel} * packed.width();
  const float* bias = weights.encoder_bias.empty() ? nullptr : weights.encoder_bias.data();
  for (int r = 0; r < rows; ++r) {
    math::PreActivationSpan pre{pre_.data() + r * stride, tile.latents, tile.first};
    const math::ExactProduct exact{centred + (begin + r) * weights.dim, weights.encoder.data(),
                                   bias, weights.dim};
    if (packed.screened) pre.exact = &exact;
    LatentActivation* list = active_.Row(begin + r);
    int& count = active_.counts[static_cast<size_t>(begin + r)];
    if (top_k) {
      pre.maxima = maxima_.data() + int64_t{r} * packed.groups();
      pre.groups = packed.groups();
      count = math::OfferTopK(pre, k_, IsPositive(weights.architecture), list, count);
    } else {
      count += math::CollectAbove(pre, bound_.empty() ? nullptr : bound_.data(), list + count);
    }
  }
}

void BlockEncoder::EncodeRowsAbove(const SaeWeights& weights, const PackedWeights& packed,
                                   const Tile& tile, float bound, const float* centred,
                                   int64_t begin, int rows) {
  const int words = packed.screening.MaskWords(tile.last_panel - tile.first_panel);
  masks_.resize(kRows * static_cast<size_t>(words));
  packed.screening.FindAbove(screened_, static_cast<int>(begin), rows, tile.first_panel,
                             tile.last_panel, bound, masks_.data());
  const float* bias = weights.encoder_bias.empty() ? nullptr : weights.encoder_bias.data();
  for (int r = 0; r < rows; ++r) {
    int& count = active_.counts[static_cast<size_t>(begin + r)];
    count += math::CollectExact(
        masks_.data() + static_cast<std::ptrdiff_t>(r) * words, words, tile.first,
        {centred + (begin + r) * weights.dim, weights.encoder.data(), bias, weights.dim}, bound,
        active_.Row(begin + r) + count);
  }
}

// The dead latents are numbered by their place among the dead, until Finish.
void BlockEncoder::EncodeDead(const SaeWeights& weights, const PackedWeights& packed,
                              const EncodeOptions& options, const float* centred, int64_t begin,
                              int rows) {
  packed.dead.Multiply(centred + begin * weights.dim, rows, 0, packed.dead.panels(), pre_.data(),
                       maxima_.data());
  const int64_t stride = int64_t{packed.dead.panels()} * packed.dead.width();
  for (int r = 0; r < rows; ++r) {
    const math::PreActivationSpan pre{
        pre_.data() + r * stride, static_cast<int>(options.dead.size()), 0,
        maxima_.data() + int64_t{r} * packed.dead.groups(), packed.dead.groups()};
    dead_.counts[static_cast<size_t>(begin + r)] = math::OfferTopK(
        pre, options.aux_k, IsPositive(weights.architecture), dead_.Row(begin + r), 0);
  }
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
