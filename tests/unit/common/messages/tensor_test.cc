#include "common/messages/tensor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "recsae/tensor/v1/tensor.pb.h"

namespace recsae {
namespace {

using tensor::v1::Tensor;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Tensor TwoByThree() {
  const std::vector<float> values = {1, 2, 3, 4, 5, -6.5};
  Tensor tensor;
  WriteMatrix({values.data(), 2, 3}, &tensor);
  return tensor;
}

// The reading must fail with this reason, and its message must say all of `parts`.
void ExpectRefused(const absl::Status& status, const std::string& reason,
                   const std::vector<std::string>& parts) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(status), reason);
  for (const std::string& part : parts) {
    EXPECT_THAT(std::string(status.message()), HasSubstr(part));
  }
}

TEST(Tensor, MatrixRoundTripWithoutCopy) {
  const Tensor tensor = TwoByThree();
  EXPECT_EQ(tensor.data().size(), 24u);
  for (const auto& [rows, cols] : {std::pair<int64_t, int64_t>{2, 3}, {kAnySize, 3}, {2, -1}}) {
    const auto matrix = ReadMatrix(tensor, "x", rows, cols);
    ASSERT_TRUE(matrix.ok()) << matrix.status();
    EXPECT_EQ(matrix->rows, 2);
    EXPECT_EQ(matrix->cols, 3);
    EXPECT_THAT(matrix->row(1), ElementsAre(4, 5, -6.5));
    EXPECT_EQ(static_cast<const void*>(matrix->data), tensor.data().data());
  }
}

TEST(Tensor, VectorRoundTrip) {
  const std::vector<float> values = {0.5, -0.0, std::numeric_limits<float>::denorm_min(),
                                     std::numeric_limits<float>::max()};
  Tensor tensor;
  WriteVector(values, &tensor);
  const auto read = ReadVector(tensor, "x", 4);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(std::vector<float>(read->begin(), read->end()), values);
}

TEST(Tensor, WritingReplacesWhatWasThere) {
  Tensor tensor = TwoByThree();
  WriteVector({7.0f}, &tensor);
  EXPECT_TRUE(ReadVector(tensor, "x", 1).ok());
}

TEST(Tensor, NoRowsIsAMatrix) {
  Tensor tensor;
  WriteMatrix({nullptr, 0, 3}, &tensor);
  const auto matrix = ReadMatrix(tensor, "x", kAnySize, 3);
  ASSERT_TRUE(matrix.ok()) << matrix.status();
  EXPECT_EQ(matrix->rows, 0);
}

TEST(Tensor, OtherTypesAreRefused) {
  Tensor tensor = TwoByThree();
  tensor.set_data_type(tensor::v1::DATA_TYPE_FLOAT64);
  ExpectRefused(ReadMatrix(tensor, "batch.activations", 2, 3).status(), "TENSOR_TYPE_MISMATCH",
                {"batch.activations", "DATA_TYPE_FLOAT64"});
  tensor.clear_data_type();
  ExpectRefused(ReadMatrix(tensor, "x", 2, 3).status(), "TENSOR_TYPE_MISMATCH",
                {"DATA_TYPE_UNSPECIFIED"});
  tensor.set_data_type(static_cast<tensor::v1::DataType>(77));
  ExpectRefused(ReadMatrix(tensor, "x", 2, 3).status(), "TENSOR_TYPE_MISMATCH", {"77"});
}

TEST(Tensor, OtherShapesAreRefused) {
  Tensor tensor = TwoByThree();
  ExpectRefused(ReadMatrix(tensor, "x", 2, 4).status(), "TENSOR_SHAPE_MISMATCH",
                {"x must have shape [2, 4]", "[2, 3]"});
  ExpectRefused(ReadMatrix(tensor, "x", kAnySize, 64).status(), "TENSOR_SHAPE_MISMATCH",
                {"[any, 64]"});
  ExpectRefused(ReadVector(tensor, "x", 6).status(), "TENSOR_SHAPE_MISMATCH", {"[6]"});
  tensor.clear_shape();
  ExpectRefused(ReadMatrix(tensor, "x", 2, 3).status(), "TENSOR_SHAPE_MISMATCH", {"has []"});
}

TEST(Tensor, NegativeSizesAreRefusedEvenWhereAnySizeWillDo) {
  Tensor tensor = TwoByThree();
  tensor.set_shape(0, -2);
  tensor.set_shape(1, -3);
  ExpectRefused(ReadMatrix(tensor, "x", kAnySize, kAnySize).status(), "TENSOR_SHAPE_MISMATCH",
                {"[-2, -3]"});
  tensor.set_shape(0, -1);
  ExpectRefused(ReadMatrix(tensor, "x", kAnySize, -1).status(), "TENSOR_SHAPE_MISMATCH", {"[-1"});
}

TEST(Tensor, OtherByteCountsAreRefused) {
  Tensor tensor = TwoByThree();
  tensor.mutable_data()->push_back('\0');
  ExpectRefused(ReadMatrix(tensor, "x", 2, 3).status(), "TENSOR_SIZE_MISMATCH",
                {"x", "24 bytes", "has 25"});
  tensor.mutable_data()->resize(20);
  ExpectRefused(ReadMatrix(tensor, "x", 2, 3).status(), "TENSOR_SIZE_MISMATCH", {"has 20"});
  tensor.clear_data();
  ExpectRefused(ReadMatrix(tensor, "x", 2, 3).status(), "TENSOR_SIZE_MISMATCH", {"has 0"});
}

TEST(Tensor, ProductsThatOverflowAreRefused) {
  Tensor tensor = TwoByThree();
  tensor.clear_data();
  // 2^62 * 4 and 2^32 * 2^30 * 4 wrap around to 0.
  for (const auto& [rows, cols] :
       {std::pair<int64_t, int64_t>{int64_t{1} << 62, 1}, {int64_t{1} << 32, int64_t{1} << 30}}) {
    tensor.set_shape(0, rows);
    tensor.set_shape(1, cols);
    ExpectRefused(ReadMatrix(tensor, "x", kAnySize, kAnySize).status(), "TENSOR_SIZE_MISMATCH",
                  {"has 0"});
  }
}

TEST(Tensor, ValuesThatAreNotFiniteAreNamedWithTheirPosition) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> values(130, 1.0f);
  Tensor tensor;
  for (const auto& [value, text] :
       {std::pair<float, std::string>{std::numeric_limits<float>::quiet_NaN(), "NaN at [12][9]"},
        {-std::numeric_limits<float>::quiet_NaN(), "NaN at [12][9]"},
        {inf, "+Inf at [12][9]"},
        {-inf, "-Inf at [12][9]"}}) {
    values[129] = value;
    WriteMatrix({values.data(), 13, 10}, &tensor);
    ExpectRefused(ReadMatrix(tensor, "x", kAnySize, 10).status(), "TENSOR_NOT_FINITE",
                  {"x must", text});
    EXPECT_EQ(Reason(CheckFinite({values.data(), 13, 10}, "x")), "TENSOR_NOT_FINITE");
  }
  WriteVector(values, &tensor);
  ExpectRefused(ReadVector(tensor, "v", kAnySize).status(), "TENSOR_NOT_FINITE",
                {"v must", "-Inf at [129]"});
}

TEST(Floats, StoredBytesNeedNotBeAligned) {
  const std::vector<float> values = {1.5, -2.25, 3e38f};
  const std::string shifted = "x" + std::string(FloatsAsBytes(values));
  EXPECT_EQ(*FloatsFromBytes(absl::string_view(shifted).substr(1), 3), values);
  EXPECT_EQ(*FloatsFromBytes(absl::string_view(shifted).substr(1)), values);
  EXPECT_THAT(*FloatsFromBytes(""), IsEmpty());
}

TEST(Floats, AnotherCountIsDataLoss) {
  const std::string bytes(10, '\0');
  EXPECT_EQ(FloatsFromBytes(bytes).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Reason(FloatsFromBytes(bytes.substr(0, 8), 3).status()), "TENSOR_SIZE_MISMATCH");
}

}  // namespace
}  // namespace recsae
