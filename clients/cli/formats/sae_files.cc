#include "clients/cli/formats/sae_files.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

// More latents or values than the concept-store takes, and few enough for every product in int64.
constexpr int64_t kLargestSize = int64_t{1} << 24;
constexpr size_t kLongestShown = 100;

absl::Status WrongType(const char* key, const char* expected, const ordered_json& value) {
  const std::string text = value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return FilesMalformed(absl::StrCat("cfg.json: ", key, " must be ", expected, ", is ",
                                     ShortenedUtf8(text, kLongestShown)));
}

// Null where it is absent or null.
const ordered_json* Find(const ordered_json& config, const char* key) {
  const auto found = config.find(key);
  return found == config.end() || found->is_null() ? nullptr : &*found;
}

std::string ShapeText(const std::vector<int64_t>& shape) {
  return absl::StrCat("[", absl::StrJoin(shape, ", "), "]");
}

}  // namespace

absl::Status FilesMalformed(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "SAE_FILES_MALFORMED", what);
}

absl::Status NotRepresentable(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "SAE_NOT_REPRESENTABLE", what);
}

absl::Status CheckNotSigned(sae::Architecture architecture) {
  if (architecture != sae::Architecture::kTopKSigned) return absl::OkStatus();
  return NotRepresentable(
      "architecture topk-signed keeps the largest pre-activations whatever their sign, which none "
      "of "
      "the libraries does; an SAE trained with --architecture topk can be exported");
}

absl::StatusOr<bool> BoolIn(const ordered_json& config, const char* key, bool absent) {
  const ordered_json* value = Find(config, key);
  if (value == nullptr) return absent;
  if (!value->is_boolean()) return WrongType(key, "true or false", *value);
  return value->get<bool>();
}

absl::StatusOr<std::string> TextIn(const ordered_json& config, const char* key,
                                   absl::string_view absent) {
  const ordered_json* value = Find(config, key);
  if (value == nullptr) return std::string(absent);
  if (!value->is_string()) return WrongType(key, "text", *value);
  return value->get<std::string>();
}

absl::StatusOr<std::optional<int>> IntIn(const ordered_json& config, const char* key) {
  const ordered_json* value = Find(config, key);
  if (value == nullptr) return std::optional<int>();
  if (value->is_number_float()) {
    const double number = value->get<double>();
    if (number >= 0 && number <= double{kLargestSize} && number == std::floor(number)) {
      return std::optional<int>(static_cast<int>(number));
    }
  }
  // A number from 0 up is unsigned when it was parsed, but need not be when it was set.
  const bool in_range = value->is_number_unsigned()
                            ? value->get<uint64_t>() <= uint64_t{kLargestSize}
                            : value->is_number_integer() && value->get<int64_t>() >= 0 &&
                                  value->get<int64_t>() <= kLargestSize;
  if (!in_range) return WrongType(key, "a whole number from 0 up", *value);
  return std::optional<int>(value->get<int>());
}

absl::Status CheckSize(const ordered_json& config, const char* key, int64_t actual) {
  RECSAE_ASSIGN_OR_RETURN(const std::optional<int> said, IntIn(config, key));
  if (!said || *said == actual) return absl::OkStatus();
  return FilesMalformed(
      absl::StrCat("cfg.json says ", key, " = ", *said, ", but the tensors have ", actual));
}

absl::StatusOr<int> CheckK(std::optional<int> k, int latents) {
  if (k && *k >= 1 && *k <= latents) return *k;
  return FilesMalformed(absl::StrCat("cfg.json: k must be from 1 to the ", latents, " latents, is ",
                                     k ? absl::StrCat(*k) : "not there"));
}

absl::StatusOr<const safetensors::Tensor*> FindTensor(const safetensors::File& file,
                                                      const std::string& name, size_t rank) {
  const auto found = file.tensors.find(name);
  if (found == file.tensors.end()) {
    return FilesMalformed(absl::StrCat(
        "there is no tensor ", name,
        "; there are: ", absl::StrJoin(file.tensors, ", ", [](std::string* out, const auto& entry) {
          out->append(entry.first);
        })));
  }
  const std::vector<int64_t>& shape = found->second.shape;
  const bool sized = std::all_of(shape.begin(), shape.end(),
                                 [](int64_t size) { return size > 0 && size <= kLargestSize; });
  if (shape.size() != rank || !sized) {
    return FilesMalformed(absl::StrCat("tensor ", name, " has shape ", ShapeText(shape),
                                       ", must have ", rank, " dimensions of 1 to ", kLargestSize));
  }
  return &found->second;
}

absl::StatusOr<std::vector<float>> ReadTensor(const safetensors::File& file,
                                              const std::string& name,
                                              const std::vector<int64_t>& shape) {
  const auto found = file.tensors.find(name);
  if (found != file.tensors.end() && found->second.shape.size() > shape.size()) {
    const std::vector<int64_t>& given = found->second.shape;
    const auto rest = given.end() - static_cast<std::ptrdiff_t>(shape.size());
    const bool ones = std::all_of(given.begin(), rest, [](int64_t size) { return size == 1; });
    if (ones && std::equal(rest, given.end(), shape.begin())) return found->second.values;
  }
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* tensor, FindTensor(file, name, shape.size()));
  if (tensor->shape == shape) return tensor->values;
  return FilesMalformed(absl::StrCat("tensor ", name, " has shape ", ShapeText(tensor->shape),
                                     ", but the others ask for ", ShapeText(shape)));
}

absl::StatusOr<float> ReadScalar(const safetensors::File& file, const std::string& name) {
  const auto found = file.tensors.find(name);
  if (found != file.tensors.end() && found->second.values.size() == 1) {
    return found->second.values[0];
  }
  RECSAE_RETURN_IF_ERROR(FindTensor(file, name, 0).status());
  return FilesMalformed(absl::StrCat("tensor ", name, " must be one number"));
}

absl::Status CheckKnownTensors(const safetensors::File& file,
                               const std::vector<std::string>& known) {
  for (const auto& [name, tensor] : file.tensors) {
    if (std::find(known.begin(), known.end(), name) != known.end()) continue;
    return NotRepresentable(absl::StrCat("tensor ", name, " is none that this architecture has (",
                                         absl::StrJoin(known, ", "),
                                         "): what it does would be lost"));
  }
  return absl::OkStatus();
}

}  // namespace recsae::cli
