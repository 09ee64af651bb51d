// Sparse codes: what the encoder makes of an activation. Here since the inner loops read and write
// them; sae/codes.h gives them their name in the SAE.
#ifndef RECSAE_COMMON_MATH_SIMD_CODES_H_
#define RECSAE_COMMON_MATH_SIMD_CODES_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace recsae::math {

// One active latent of a code.
struct LatentActivation {
  int32_t latent;
  float value;
  friend bool operator==(const LatentActivation&, const LatentActivation&) = default;
};

// The codes of a batch of rows, each ordered by falling value (equal values: lower latent first).
class SparseCodes {
 public:
  int64_t rows() const { return static_cast<int64_t>(ends_.size()); }

  // The active latents of a row.
  std::span<const LatentActivation> Row(int64_t row) const {
    const auto r = static_cast<size_t>(row);
    const size_t begin = r == 0 ? 0 : ends_[r - 1];
    return {entries_.data() + begin, ends_[r] - begin};
  }

  // Room for rows that have `entries` active latents in all.
  void Reserve(int64_t rows, int64_t entries) {
    ends_.reserve(static_cast<size_t>(rows));
    entries_.reserve(static_cast<size_t>(entries));
  }

  // Adds the code of the next row.
  void Append(std::span<const LatentActivation> code) {
    entries_.insert(entries_.end(), code.begin(), code.end());
    ends_.push_back(entries_.size());
  }

 private:
  std::vector<size_t> ends_;  // of each row's entries, the start of the next one's
  std::vector<LatentActivation> entries_;
};

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_CODES_H_
