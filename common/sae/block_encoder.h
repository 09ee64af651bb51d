// The encoder in training: rows to codes, a few rows at a time, so that pre-activations never leave
// the cache.
#ifndef RECSAE_COMMON_SAE_BLOCK_ENCODER_H_
#define RECSAE_COMMON_SAE_BLOCK_ENCODER_H_

#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <vector>

#include "common/math/simd/packed_encoder.h"
#include "common/math/simd/screening.h"
#include "common/sae/block_codes.h"
#include "common/sae/model.h"

namespace recsae::sae {

// What a stopped computation throws on its way to whoever can say so with a status.
struct Stopped : std::exception {
  const char* what() const noexcept override { return "stopped"; }
};

// What decides about a code beside the weights.
struct EncodeOptions {
  std::vector<int32_t> dead;  // dead latents for the auxiliary loss, rising; empty = none
  int k = 0;                  // active latents per row where k is selected
  int aux_k = 0;              // k_aux
  // BatchTopK: what a pre-activation must exceed to be listed at all; >= 0.
  float batch_bound = 0.0f;
  // JumpReLU: bandwidth ε.
  float bandwidth = 0.0f;
  // Encode throws Stopped soon after this has become true; may be null.
  const std::atomic<bool>* stop = nullptr;
};

// A batch's encoder, packed: all of it either exactly or in bounds, and the dead latents.
struct PackedWeights {
  bool screened = false;  // which of the next two is filled
  math::PackedEncoder exact;
  math::Screening screening;
  math::PackedEncoder dead;  // of EncodeOptions::dead, in that order

  int panels() const { return screened ? screening.panels() : exact.panels(); }
  int width() const { return screened ? screening.width() : exact.width(); }
  int groups() const { return screened ? screening.groups() : exact.groups(); }
};

// Scratch memory for one thread.
class BlockEncoder {
 public:
  // Encodes centred rows [n, d] and appends their lists to out.
  void Encode(const SaeWeights& weights, const PackedWeights& packed, const EncodeOptions& options,
              const float* centred, int64_t n, BlockCodes& out);

 private:
  // Panels [first_panel, last_panel) and the latents [first, first + latents) in them.
  struct Tile {
    int first_panel, last_panel;
    int first, latents;
  };

  void Prepare(const SaeWeights& weights, const EncodeOptions& options);
  void EncodeRows(const SaeWeights& weights, const PackedWeights& packed, const Tile& tile,
                  const float* centred, int64_t begin, int rows);
  void EncodeRowsAbove(const SaeWeights& weights, const PackedWeights& packed, const Tile& tile,
                       float bound, const float* centred, int64_t begin, int rows);
  void EncodeDead(const SaeWeights& weights, const PackedWeights& packed,
                  const EncodeOptions& options, const float* centred, int64_t begin, int rows);
  void Finish(const SaeWeights& weights, const EncodeOptions& options, int64_t rows,
              BlockCodes& out);

  // A list for each row, with room for what one more tile may offer.
  struct Lists {
    std::unique_ptr<LatentActivation[]> entries;
    size_t capacity = 0;  // entries in all
    size_t stride = 0;    // entries of a row
    std::vector<int> counts;
    void Prepare(int64_t rows, size_t row_capacity);
    LatentActivation* Row(int64_t row) { return entries.get() + static_cast<size_t>(row) * stride; }
  };

  math::ScreenedRows screened_;
  std::vector<float> pre_;       // [kMaxRows, latents of a tile]
  std::vector<float> maxima_;    // [kMaxRows, groups]
  std::vector<uint64_t> masks_;  // [kMaxRows, words of a tile]: what may exceed BatchTopK's bound
  int k_ = 0;
  std::vector<float> bound_;  // [F] what is listed at all (threshold architectures)
  Lists active_, dead_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_BLOCK_ENCODER_H_
