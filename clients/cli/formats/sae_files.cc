#include "clients/cli/formats/sae_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

constexpr char kConfigName[] = "cfg.json";
// More latents or values than the concept-store takes, and few enough for every product in int64.
constexpr int64_t kLargestSize = int64_t{1} << 24;
constexpr size_t kLongestShown = 100;
// cfg.json nests three deep; far deeper values would be too much for the stack.
constexpr int kDeepest = 32;

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

std::string Path(const std::string& folder, const std::string& name) {
  return (std::filesystem::path(folder) / name).string();
}

absl::StatusOr<std::string> ReadBytes(const std::string& path) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
                 absl::StrCat(path, ": ", error ? error.message() : std::strerror(errno)),
                 {{"file", path}});
  }
  std::string bytes(size, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(size));
  // A file that shrank meanwhile is cut off, which its reader notices.
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

absl::StatusOr<ordered_json> ParseConfig(const std::string& text) {
  const auto watch = [](int depth, ordered_json::parse_event_t, ordered_json&) {
    return depth <= kDeepest;
  };
  ordered_json config = ordered_json::parse(text, watch, /*allow_exceptions=*/false);
  if (!config.is_object()) return FilesMalformed("not a JSON object in UTF-8");
  return config;
}

absl::Status WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
               absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
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
      "architecture topk-signed keeps negative pre-activations, which neither SAELens nor sparsify "
      "does; an SAE trained with --architecture topk can be exported");
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
  RECSAE_ASSIGN_OR_RETURN(const safetensors::Tensor* tensor, FindTensor(file, name, shape.size()));
  if (tensor->shape == shape) return tensor->values;
  return FilesMalformed(absl::StrCat("tensor ", name, " has shape ", ShapeText(tensor->shape),
                                     ", but the others ask for ", ShapeText(shape)));
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

absl::StatusOr<SaeFiles> ReadSaeFiles(const std::string& folder, const std::string& weights_name) {
  const std::string config_path = Path(folder, kConfigName);
  const std::string weights_path = Path(folder, weights_name);
  RECSAE_ASSIGN_OR_RETURN(const std::string config, ReadBytes(config_path));
  SaeFiles files;
  absl::StatusOr<ordered_json> read = ParseConfig(config);
  if (!read.ok()) return Annotate(read.status(), config_path);
  files.config = *std::move(read);
  RECSAE_ASSIGN_OR_RETURN(const std::string weights, ReadBytes(weights_path));
  absl::StatusOr<safetensors::File> parsed = safetensors::Parse(weights);
  if (!parsed.ok()) return Annotate(parsed.status(), weights_path);
  files.weights = *std::move(parsed);
  return files;
}

absl::Status WriteSaeFiles(const SaeFiles& files, const std::string& folder,
                           const std::string& weights_name, bool overwrite) {
  for (const std::string& name : {std::string(kConfigName), weights_name}) {
    if (!overwrite && std::filesystem::exists(Path(folder, name))) {
      return Error(absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
                   absl::StrCat(Path(folder, name),
                                " is there already; give another folder, or --force to replace it"),
                   {{"file", Path(folder, name)}});
    }
  }
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
                 absl::StrCat(folder, ": ", error.message()), {{"file", folder}});
  }
  RECSAE_RETURN_IF_ERROR(
      WriteBytes(Path(folder, weights_name), safetensors::Serialize(files.weights)));
  return WriteBytes(Path(folder, kConfigName), files.config.dump(2) + "\n");
}

}  // namespace recsae::cli
