// Bounds of pre-activations by 8-bit integers, at a fraction of the exact product's cost: what
// a row's k largest are is decided among the few latents that the bounds leave.
#ifndef RECSAE_COMMON_MATH_SIMD_SCREENING_H_
#define RECSAE_COMMON_MATH_SIMD_SCREENING_H_

#include <cstdint>
#include <vector>

namespace recsae::math {

struct ScreenPanels;
struct ScreenRows;

// Some rows in 8 bits (7 where the machine's product has no room for more), as the bounds need
// them.
struct ScreenedRows {
  std::vector<uint8_t> values;  // [n, d rounded up to 8]: x / step, rounded, + an offset
  std::vector<float> steps;     // [n]
  std::vector<float> norms;     // [n]: ‖x‖
  std::vector<float> errors;    // [n]: ‖x − step · (value − offset)‖
};

// An encoder [F, d] in 8 bits (or 7) with its bias. With w_j = s_j q_j + r_j and x = t p + e,
//   ⟨w_j, x⟩ = s_j t ⟨q_j, p⟩ + ⟨s_j q_j, e⟩ + ⟨r_j, x⟩,
// and the last two are at most ‖s_j q_j‖ ‖e‖ + ‖r_j‖ ‖x‖ by Cauchy and Schwarz; the rounding of
// floats is added to ‖r_j‖. Pack may be called by several threads for distinct panels; the rest by
// any number of threads.
class Screening {
 public:
  // Rows that one Bound takes at most.
  static constexpr int kMaxRows = 8;

  // Whether this machine has 8-bit products (AVX-512, AVX2); nothing else works without.
  static bool Available();

  // Whether finding the k largest of so many latents is cheaper by bounds: where there are many
  // that a code leaves out.
  static bool Pays(int latents, int dim, int k);

  void Resize(int latents, int dim);

  int width() const { return width_; }
  int panels() const { return panels_; }
  int groups() const;

  // Takes panels [first, last) from encoder [F, d] and bias [F] (null: zeros).
  void Pack(const float* encoder, const float* bias, int first, int last);

  // Rows [n, d] in 8 bits.
  void Quantise(const float* rows, int n, ScreenedRows& out) const;

  // Upper bounds of the pre-activations of rows [begin, begin + n), n <= kMaxRows, for the panels
  // [first, last) to out, and group maxima of lower bounds; shapes as PackedEncoder::Multiply.
  void Bound(const ScreenedRows& rows, int begin, int n, int first, int last, float* out,
             float* maxima) const;

  // Words of a row's mask over so many panels.
  int MaskWords(int panels) const;

  // Which pre-activations of these rows may exceed the floor: all that do are among them. Bit i of
  // a row's masks [n, MaskWords(last − first)] is of the i-th latent of the panels.
  void FindAbove(const ScreenedRows& rows, int begin, int n, int first, int last, float floor,
                 uint64_t* masks) const;

 private:
  ScreenPanels Panels(int first, int last) const;
  ScreenRows Rows(const ScreenedRows& rows, int begin, int n) const;

  int latents_ = 0;
  int dim_ = 0;
  int width_ = 0;
  int offset_ = 0;
  int quads_ = 0;  // of d, rounded up
  int panels_ = 0;
  std::vector<int8_t> values_;    // [panels, quads, width, 4]
  std::vector<int32_t> offsets_;  // [panels, width]: −offset Σ q_j
  std::vector<float> steps_;      // [panels, width]: s_j
  std::vector<float> norms_;      // [panels, width]: ‖s_j q_j‖
  std::vector<float> errors_;     // [panels, width]: ‖r_j‖
  std::vector<float> bias_;       // [panels, width]
  std::vector<float> rounding_;   // [panels, width]: of sums with the bias
};

}  // namespace recsae::math

#endif  // RECSAE_COMMON_MATH_SIMD_SCREENING_H_
