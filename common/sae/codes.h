// Sparse codes: what the encoder makes of an activation.
#ifndef RECSAE_COMMON_SAE_CODES_H_
#define RECSAE_COMMON_SAE_CODES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace recsae::sae {

// One active latent of a code.
struct LatentActivation {
  int32_t latent;
  float value;
  friend bool operator==(const LatentActivation&, const LatentActivation&) = default;
};

// The codes of a batch of rows, at most k active latents each, ordered by falling value (equal
// values: lower latent first).
class SparseCodes {
 public:
  SparseCodes() = default;
  SparseCodes(int64_t rows, int k)
      : k_(k), counts_(static_cast<size_t>(rows)), entries_(static_cast<size_t>(rows * k)) {}

  int64_t rows() const { return static_cast<int64_t>(counts_.size()); }
  int k() const { return k_; }

  // The active latents of a row: k of them, or fewer where ReLU leaves fewer.
  std::span<const LatentActivation> Row(int64_t row) const {
    return {entries_.data() + row * k_, static_cast<size_t>(counts_[static_cast<size_t>(row)])};
  }

  // Room for k entries of a row, and how many of them are set.
  LatentActivation* MutableRow(int64_t row) { return entries_.data() + row * k_; }
  void SetCount(int64_t row, int count) { counts_[static_cast<size_t>(row)] = count; }

 private:
  int k_ = 0;
  std::vector<int32_t> counts_;
  std::vector<LatentActivation> entries_;
};

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_CODES_H_
