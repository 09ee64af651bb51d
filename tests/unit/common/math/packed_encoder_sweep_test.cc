// The packed encoder against plain sums in double: numbers of latents, dimensions and rows around
// those of panels and registers, on each instruction set.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

#include "common/math/simd/packed_encoder.h"
#include "tests/unit/common/math/sweep_testing.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::math {
namespace {

using sae::RandomValues;

constexpr float kInfinity = std::numeric_limits<float>::infinity();

struct Shape {
  int latents, dim, rows;
};

std::ostream& operator<<(std::ostream& out, const Shape& shape) {
  return out << "F " << shape.latents << " d " << shape.dim << " n " << shape.rows;
}

class PackedEncoderSweepTest : public InstructionSetTest {
 protected:
  void Prepare(const Shape& shape, bool bias) {
    shape_ = shape;
    encoder_ = RandomValues(int64_t{shape.latents} * shape.dim, 1);
    bias_ = bias ? RandomValues(shape.latents, 2) : std::vector<float>();
    rows_ = RandomValues(int64_t{shape.rows} * shape.dim, 3);
    packed_.Resize(shape.latents, shape.dim);
    const int middle = packed_.panels() / 2;
    packed_.Pack(encoder_.data(), bias ? bias_.data() : nullptr, middle, packed_.panels());
    packed_.Pack(encoder_.data(), bias ? bias_.data() : nullptr, 0, middle);
  }

  // One pre-activation, within what rounding can do; −infinity past the last latent.
  void ExpectPre(float actual, int row, int latent) const {
    if (latent >= shape_.latents) {
      ASSERT_EQ(actual, -kInfinity) << latent << ": " << shape_;
      return;
    }
    double sum = bias_.empty() ? 0.0 : bias_[latent];
    double magnitude = std::abs(sum);
    for (int i = 0; i < shape_.dim; ++i) {
      const double term =
          static_cast<double>(encoder_[latent * shape_.dim + i]) * rows_[row * shape_.dim + i];
      sum += term;
      magnitude += std::abs(term);
    }
    ASSERT_LE(std::abs(actual - sum), (shape_.dim + 2) * 0x1p-24 * magnitude)
        << row << ", " << latent << ": " << shape_;
  }

  // The panels [first, last) with their maxima.
  void CheckPanels(int first, int last) {
    const int count = (last - first) * packed_.width();
    const auto values = static_cast<size_t>(shape_.rows) * static_cast<size_t>(count);
    const auto groups = static_cast<size_t>(packed_.groups());
    Guarded<float> out(std::vector<float>(values), 1);
    Guarded<float> maxima(std::vector<float>(static_cast<size_t>(shape_.rows) * groups), 3);
    Guarded<float> rows(rows_, 2);
    packed_.Multiply(rows.data(), shape_.rows, first, last, out.data(), maxima.data());
    for (int r = 0; r < shape_.rows; ++r) {
      std::vector<float> most(groups, -kInfinity);
      for (int c = 0; c < count; ++c) {
        const float value = out[static_cast<size_t>(r * count + c)];
        ExpectPre(value, r, first * packed_.width() + c);
        float& group = most[static_cast<size_t>(c) % groups];
        group = std::max(group, value);
      }
      for (size_t g = 0; g < groups; ++g) {
        ASSERT_EQ(maxima[static_cast<size_t>(r) * groups + g], most[g]) << g << ": " << shape_;
      }
    }
    ASSERT_TRUE(out.GuardsIntact() && maxima.GuardsIntact()) << shape_;
    Guarded<float> alone(std::vector<float>(values), 0);
    packed_.Multiply(rows.data(), shape_.rows, first, last, alone.data(), nullptr);
    for (size_t i = 0; i < values; ++i) ASSERT_EQ(alone[i], out[i]) << shape_;
    ASSERT_TRUE(alone.GuardsIntact()) << shape_;
  }

  Shape shape_ = {};
  std::vector<float> encoder_, bias_, rows_;
  PackedEncoder packed_;
};

TEST_P(PackedEncoderSweepTest, MultipliesAnyShape) {
  for (int latents : SweepSizes()) {
    if (latents > 1025) continue;
    const int dim = 1 + latents * 7 % 35;
    for (int rows = 1; rows <= PackedEncoder::kMaxRows; ++rows) {
      Prepare({latents, dim, rows}, (latents + rows) % 3 != 0);
      CheckPanels(0, packed_.panels());
      if (packed_.panels() > 1) CheckPanels(1, packed_.panels());
      if (HasFatalFailure()) return;
    }
  }
}

// Not even in the last bit, so that a row's code does not depend on how a batch is cut.
TEST_P(PackedEncoderSweepTest, RowsDoNotDependOnEachOther) {
  constexpr int kRows = PackedEncoder::kMaxRows;
  Prepare({100, 19, kRows}, true);
  const auto width = static_cast<size_t>(packed_.panels() * packed_.width());
  std::vector<float> together(kRows * width);
  packed_.Multiply(rows_.data(), kRows, 0, packed_.panels(), together.data(), nullptr);
  for (int begin = 0; begin < kRows; ++begin) {
    for (int n = 1; begin + n <= kRows; ++n) {
      std::vector<float> part(static_cast<size_t>(n) * width);
      packed_.Multiply(&rows_[static_cast<size_t>(begin) * 19], n, 0, packed_.panels(), part.data(),
                       nullptr);
      ASSERT_TRUE(std::equal(part.begin(), part.end(),
                             together.begin() + static_cast<std::ptrdiff_t>(begin * width)))
          << begin << " " << n;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(All, PackedEncoderSweepTest,
                         ::testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         InstructionSetName);

}  // namespace
}  // namespace recsae::math
