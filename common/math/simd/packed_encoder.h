// The encoder's product with rows of activations, made for what follows it: a few rows at a time,
// so that their pre-activations are selected from while they are in the first-level cache.
#ifndef RECSAE_COMMON_MATH_SIMD_PACKED_ENCODER_H_
#define RECSAE_COMMON_MATH_SIMD_PACKED_ENCODER_H_

#include <cstdint>
#include <vector>

namespace recsae::math {

// An encoder [F, d] with its bias, rearranged into panels of latents as the product reads them; the
// last panel is filled up with latents whose pre-activations are −infinity. Pack may be called by
// several threads for distinct panels; Multiply by any number of threads.
class PackedEncoder {
 public:
  // Rows that one Multiply takes at most.
  static constexpr int kMaxRows = 8;

  void Resize(int latents, int dim);

  int dim() const { return dim_; }
  // Latents of a panel, depending on the machine.
  int width() const { return width_; }
  int panels() const { return panels_; }
  // Maxima that Multiply keeps for a row.
  int groups() const { return 2 * width_; }

  // Takes panels [first, last) from encoder [F, d] and bias [F] (null: zeros).
  void Pack(const float* encoder, const float* bias, int first, int last);

  // Pre-activations encoder · row + bias of rows [n, d], n <= kMaxRows, for the panels
  // [first, last) to out [n, (last − first) · width()]. A row's result does not depend on the rows
  // beside it. Where maxima is not null, each group of its [n, groups()] gets the largest of every
  // groups()-th value from its place on.
  void Multiply(const float* rows, int n, int first, int last, float* out, float* maxima) const;

 private:
  int latents_ = 0;
  int dim_ = 0;
  int width_ = 0;
  int panels_ = 0;
  std::vector<float> values_;  // [panels, d, width]
  std::vector<float> bias_;    // [panels, width]
};

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_PACKED_ENCODER_H_
