// What Sgemm does when the library below it fails.
#include "common/math/gemm.h"

#include <gtest/gtest.h>

#include <stdexcept>

namespace recsae::math {
namespace {

// oneDNN says of sizes that no matrix has what it says of a lack of memory: that there is no
// result. It must not be the process that ends.
TEST(GemmTest, AFailureIsAnException) {
  float value = 0.0f;
  EXPECT_THROW(Sgemm(Transpose::kNo, Transpose::kNo, -1, 1, 1, &value, &value, 0.0f, &value),
               std::runtime_error);
}

}  // namespace
}  // namespace recsae::math
