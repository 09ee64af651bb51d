#include "common/files/safetensors.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/files/safetensors_header.h"
#include "common/files/values.h"

namespace recsae::safetensors {
namespace {

constexpr uint64_t kMaxHeaderBytes = 100'000'000;

absl::StatusOr<Tensor> ReadTensor(const TensorInfo& info, const char* bytes) {
  Tensor tensor{info.shape, std::vector<float>(info.values)};
  const absl::Span<float> values = absl::MakeSpan(tensor.values);
  switch (info.type) {
    case DataType::kF16:
      ReadValues<uint16_t>(bytes, values, FromHalf);
      break;
    case DataType::kBf16:
      ReadValues<uint16_t>(bytes, values, FromBfloat16);
      break;
    case DataType::kF32:
      ReadValues<float>(bytes, values, [](float value) { return value; });
      break;
    case DataType::kF64:
      ReadValues<double>(bytes, values, [](double value) { return static_cast<float>(value); });
      break;
  }
  for (size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i])) continue;
    return Malformed(
        absl::StrCat("value ", i, " of tensor \"", info.name, "\" is no finite float32"));
  }
  return tensor;
}

// The length that the first 8 bytes hold.
absl::StatusOr<size_t> HeaderBytes(absl::string_view bytes) {
  uint64_t length = 0;
  if (bytes.size() < sizeof(length)) {
    return Malformed(
        absl::StrCat("it has ", bytes.size(), " bytes, not even the 8 of its header's length"));
  }
  std::memcpy(&length, bytes.data(), sizeof(length));
  if (length > kMaxHeaderBytes) {
    return Malformed(absl::StrCat("its header's length is said to be ", length,
                                  " bytes, above the limit of ", kMaxHeaderBytes));
  }
  if (length > bytes.size() - sizeof(length)) {
    return Malformed(absl::StrCat("its header's length is said to be ", length, " bytes, but only ",
                                  bytes.size() - sizeof(length), " follow: it is cut off"));
  }
  return static_cast<size_t>(length);
}

}  // namespace

absl::Status Malformed(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, kMalformed,
               absl::StrCat("not a safetensors file that can be read: ", what));
}

absl::StatusOr<File> Parse(absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(const size_t header_bytes, HeaderBytes(bytes));
  const absl::string_view text = bytes.substr(sizeof(uint64_t), header_bytes);
  const absl::string_view buffer = bytes.substr(sizeof(uint64_t) + header_bytes);
  RECSAE_ASSIGN_OR_RETURN(Header header, ParseHeader(text, buffer.size()));
  File file;
  file.metadata = std::move(header.metadata);
  for (const TensorInfo& info : header.tensors) {
    RECSAE_ASSIGN_OR_RETURN(file.tensors[info.name], ReadTensor(info, buffer.data() + info.begin));
  }
  return file;
}

std::string Serialize(const File& file) {
  nlohmann::ordered_json header = nlohmann::ordered_json::object();
  if (!file.metadata.empty()) header["__metadata__"] = file.metadata;
  size_t end = 0;
  for (const auto& [name, tensor] : file.tensors) {
    const size_t begin = end;
    end += tensor.values.size() * sizeof(float);
    header[name] = {{"dtype", "F32"}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  // So that the values are aligned for whoever maps the file.
  text.resize((text.size() + 7) / 8 * 8, ' ');

  const uint64_t length = text.size();
  std::string bytes(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes.reserve(sizeof(length) + text.size() + end);
  bytes += text;
  for (const auto& [name, tensor] : file.tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.values.data()),
                 tensor.values.size() * sizeof(float));
  }
  return bytes;
}

}  // namespace recsae::safetensors
