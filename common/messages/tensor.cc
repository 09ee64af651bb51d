#include "common/messages/tensor.h"

#include <bit>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "recsae/tensor/v1/tensor.pb.h"

namespace recsae {
namespace {

using tensor::v1::DataType;
using tensor::v1::Tensor;

static_assert(std::endian::native == std::endian::little,
              "tensors are read in place: a big-endian host would have to swap bytes");

absl::Status Invalid(absl::string_view reason, absl::string_view field, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, absl::StrCat(field, " ", message),
               {{"field", std::string(field)}});
}

std::string ShapeText(absl::Span<const int64_t> shape) {
  return absl::StrCat("[",
                      absl::StrJoin(shape, ", ",
                                    [](std::string* out, int64_t size) {
                                      absl::StrAppend(
                                          out, size == kAnySize ? "any" : absl::StrCat(size));
                                    }),
                      "]");
}

// Type, shape and size; on OK `data` holds exactly the product of the shape.
absl::Status CheckLayout(const Tensor& tensor, absl::string_view field,
                         absl::Span<const int64_t> expected) {
  if (tensor.data_type() != DataType::DATA_TYPE_FLOAT32) {
    const std::string& name = tensor::v1::DataType_Name(tensor.data_type());
    return Invalid("TENSOR_TYPE_MISMATCH", field,
                   absl::StrCat("must be DATA_TYPE_FLOAT32, is ",
                                name.empty() ? absl::StrCat(tensor.data_type()) : name));
  }
  bool matches = tensor.shape_size() == static_cast<int>(expected.size());
  for (int i = 0; matches && i < tensor.shape_size(); ++i) {
    matches = tensor.shape(i) >= 0 && (expected[i] == kAnySize || tensor.shape(i) == expected[i]);
  }
  const std::vector<int64_t> shape(tensor.shape().begin(), tensor.shape().end());
  if (!matches) {
    // A size of -1 from outside is no "any".
    return Invalid("TENSOR_SHAPE_MISMATCH", field,
                   absl::StrCat("must have shape ", ShapeText(expected), ", has [",
                                absl::StrJoin(shape, ", "), "]"));
  }
  int64_t bytes = sizeof(float);
  bool overflow = false;
  for (const int64_t size : shape) overflow |= __builtin_mul_overflow(bytes, size, &bytes);
  if (overflow || static_cast<uint64_t>(bytes) != tensor.data().size()) {
    return Invalid("TENSOR_SIZE_MISMATCH", field,
                   absl::StrCat("of shape ", ShapeText(shape), " needs ",
                                overflow ? "more bytes than there are" : absl::StrCat(bytes),
                                " bytes, has ", tensor.data().size()));
  }
  return absl::OkStatus();
}

absl::StatusOr<const float*> DataOf(const Tensor& tensor, absl::string_view field) {
  const char* data = tensor.data().data();
  // A std::string's bytes are aligned for any scalar with every allocator in use; were one not,
  // reading in place would be undefined.
  if (reinterpret_cast<uintptr_t>(data) % alignof(float) != 0) {
    return Error(absl::StatusCode::kInternal, "TENSOR_MISALIGNED",
                 absl::StrCat(field, " lies at an odd address"));
  }
  return reinterpret_cast<const float*>(data);
}

uint32_t Bits(float value) { return std::bit_cast<uint32_t>(value); }

// NaN and infinities are what has every exponent bit set. Integer arithmetic, so that the loop
// vectorises and no floating-point mode changes its meaning.
constexpr uint32_t kExponent = 0x7F800000;

bool AllFinite(absl::Span<const float> values) {
  uint32_t bad = 0;
  for (const float value : values)
    bad |= static_cast<uint32_t>((Bits(value) & kExponent) == kExponent);
  return bad == 0;
}

absl::Status NotFinite(absl::Span<const float> values, int64_t cols, bool is_vector,
                       absl::string_view field) {
  size_t i = 0;
  while ((Bits(values[i]) & kExponent) != kExponent) ++i;
  const int64_t index = static_cast<int64_t>(i);
  const std::string position = is_vector ? absl::StrCat("[", index, "]")
                                         : absl::StrCat("[", index / cols, "][", index % cols, "]");
  const bool is_nan = (Bits(values[i]) & ~kExponent & 0x7FFFFFFF) != 0;
  const absl::string_view value = is_nan ? "NaN" : values[i] > 0 ? "+Inf" : "-Inf";
  return Invalid("TENSOR_NOT_FINITE", field,
                 absl::StrCat("must hold finite values, is ", value, " at ", position));
}

}  // namespace

absl::StatusOr<MatrixView> ReadMatrix(const Tensor& tensor, absl::string_view field, int64_t rows,
                                      int64_t cols) {
  RECSAE_RETURN_IF_ERROR(CheckLayout(tensor, field, {rows, cols}));
  RECSAE_ASSIGN_OR_RETURN(const float* data, DataOf(tensor, field));
  const MatrixView matrix = {data, tensor.shape(0), tensor.shape(1)};
  RECSAE_RETURN_IF_ERROR(CheckFinite(matrix, field));
  return matrix;
}

absl::StatusOr<absl::Span<const float>> ReadVector(const Tensor& tensor, absl::string_view field,
                                                   int64_t size) {
  RECSAE_RETURN_IF_ERROR(CheckLayout(tensor, field, {size}));
  RECSAE_ASSIGN_OR_RETURN(const float* data, DataOf(tensor, field));
  const absl::Span<const float> values(data, static_cast<size_t>(tensor.shape(0)));
  if (!AllFinite(values)) return NotFinite(values, tensor.shape(0), /*is_vector=*/true, field);
  return values;
}

absl::Status CheckFinite(const MatrixView& matrix, absl::string_view field) {
  if (AllFinite(matrix.flat())) return absl::OkStatus();
  return NotFinite(matrix.flat(), matrix.cols, /*is_vector=*/false, field);
}

void WriteMatrix(const MatrixView& matrix, Tensor* tensor) {
  tensor->set_data_type(DataType::DATA_TYPE_FLOAT32);
  tensor->clear_shape();
  tensor->add_shape(matrix.rows);
  tensor->add_shape(matrix.cols);
  const absl::string_view bytes = FloatsAsBytes(matrix.flat());
  tensor->set_data(bytes.data(), bytes.size());
}

void WriteVector(absl::Span<const float> values, Tensor* tensor) {
  tensor->set_data_type(DataType::DATA_TYPE_FLOAT32);
  tensor->clear_shape();
  tensor->add_shape(static_cast<int64_t>(values.size()));
  const absl::string_view bytes = FloatsAsBytes(values);
  tensor->set_data(bytes.data(), bytes.size());
}

absl::string_view FloatsAsBytes(absl::Span<const float> values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

absl::StatusOr<std::vector<float>> FloatsFromBytes(absl::string_view bytes, int64_t count) {
  const size_t size = bytes.size() / sizeof(float);
  if (bytes.size() % sizeof(float) != 0 ||
      (count != kAnySize && static_cast<int64_t>(size) != count)) {
    return Error(
        absl::StatusCode::kDataLoss, "TENSOR_SIZE_MISMATCH",
        absl::StrCat("stored floats: expected ",
                     count == kAnySize ? "whole values" : absl::StrCat(count, " of 4 bytes"),
                     ", found ", bytes.size(), " bytes"));
  }
  std::vector<float> values(size);
  if (size > 0) std::memcpy(values.data(), bytes.data(), bytes.size());
  return values;
}

}  // namespace recsae
