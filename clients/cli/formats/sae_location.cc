#include "clients/cli/formats/sae_location.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/files/npy.h"
#include "common/files/torch_file.h"

namespace recsae::cli {
namespace {

namespace fs = std::filesystem;
using nlohmann::ordered_json;

// cfg.json nests three deep; far deeper values would be too much for the stack.
constexpr int kDeepest = 32;
constexpr int kDeepestFolder = 4;
constexpr size_t kMostFolders = 10'000;
constexpr size_t kMostShown = 8;
// Of SAELens, beside cfg.json.
constexpr char kScaler[] = "activation_scaler.json";
// Where torch files keep what the metadata of a safetensors file holds.
constexpr char kOwnKey[] = "recsae";

struct FormatNames {
  SaeFormat format;
  const char* name;
  const char* config;
  const char* weights;
  const char* library;
};
constexpr FormatNames kFormats[] = {
    {SaeFormat::kSaeLens, kSaeLensFormat, "cfg.json", "sae_weights.safetensors", "SAELens"},
    {SaeFormat::kSparsify, kSparsifyFormat, "cfg.json", "sae.safetensors", "sparsify"},
    {SaeFormat::kDictionaryLearning, kDictionaryLearningFormat, "config.json", "ae.pt",
     "dictionary_learning"},
    {SaeFormat::kGemmaScope, kGemmaScopeFormat, "", "params.npz", "Gemma Scope"},
    {SaeFormat::kOpenAi, kOpenAiFormat, "", "autoencoder.pt", "openai"},
};

const FormatNames& NamesOf(SaeFormat format) {
  return *std::find_if(std::begin(kFormats), std::end(kFormats),
                       [&](const FormatNames& names) { return names.format == format; });
}

bool IsFile(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

absl::StatusOr<std::string> ReadBytes(const std::string& path) {
  std::error_code error;
  const uintmax_t size = fs::file_size(path, error);
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

absl::Status WriteBytes(const std::string& path, const std::string& bytes) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  file.close();
  if (file) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
               absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
}

// JSON without Python's words for numbers that are none.
std::string WithoutNaN(const std::string& text) {
  std::string out;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') quoted = !quoted;
    const absl::string_view rest = absl::string_view(text).substr(i);
    size_t word = 0;
    for (const absl::string_view number : {"NaN", "-Infinity", "Infinity"}) {
      if (!quoted && absl::StartsWith(rest, number)) word = number.size();
    }
    out += word > 0 ? "null" : std::string(1, text[i]);
    if (word > 0) i += word - 1;
    // What is escaped ends no text.
    if (quoted && text[i] == '\\' && i + 1 < text.size()) out += text[++i];
  }
  return out;
}

// ---- finding

// The place of the weights at `weights`, of that format.
SaeLocation Location(SaeFormat format, const fs::path& weights) {
  SaeLocation location{format, "", weights.string()};
  const FormatNames& names = NamesOf(format);
  if (*names.config != '\0') {
    const fs::path config = weights.parent_path() / names.config;
    // torch files say by themselves what most of their settings are.
    if (format != SaeFormat::kDictionaryLearning || IsFile(config)) {
      location.config = config.string();
    }
  }
  return location;
}

// By the file's name, and what stands beside it.
std::optional<SaeFormat> FormatOfFile(const fs::path& path) {
  const std::string name = path.filename().string();
  for (const FormatNames& names : kFormats) {
    if (name == names.weights) return names.format;
  }
  if (path.extension() == ".npz") return SaeFormat::kGemmaScope;
  if (path.extension() != ".pt" && path.extension() != ".pth") return std::nullopt;
  const bool has_config =
      IsFile(path.parent_path() / NamesOf(SaeFormat::kDictionaryLearning).config);
  return has_config ? SaeFormat::kDictionaryLearning : SaeFormat::kOpenAi;
}

// Files of a folder that could be an SAE's weights: those of the formats' own names, or else any.
std::vector<fs::path> WeightsIn(const fs::path& folder, std::optional<SaeFormat> format) {
  std::vector<fs::path> known;
  for (const FormatNames& names : kFormats) {
    if (format && *format != names.format) continue;
    if (IsFile(folder / names.weights)) known.push_back(folder / names.weights);
  }
  if (!known.empty()) return known;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error)) {
    if (!IsFile(entry.path())) continue;
    const std::optional<SaeFormat> of_file = FormatOfFile(entry.path());
    if (of_file && (!format || *format == *of_file)) known.push_back(entry.path());
  }
  std::sort(known.begin(), known.end());
  return known;
}

// Folders below with weights in them.
std::vector<fs::path> FoldersWithWeights(const fs::path& folder, std::optional<SaeFormat> format) {
  std::vector<fs::path> found;
  std::error_code error;
  size_t seen = 0;
  for (auto at = fs::recursive_directory_iterator(
           folder, fs::directory_options::skip_permission_denied, error);
       !error && at != fs::recursive_directory_iterator(); at.increment(error)) {
    if (++seen > kMostFolders) break;
    if (at.depth() >= kDeepestFolder - 1) at.disable_recursion_pending();
    std::error_code ignored;
    if (at->is_directory(ignored) && !WeightsIn(at->path(), format).empty()) {
      found.push_back(at->path());
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

absl::Status Unclear(const std::string& path, const std::vector<fs::path>& found,
                     absl::string_view way_out) {
  std::vector<std::string> shown;
  for (size_t i = 0; i < std::min(found.size(), kMostShown); ++i)
    shown.push_back(found[i].string());
  if (found.size() > kMostShown) shown.push_back(absl::StrCat(found.size() - kMostShown, " more"));
  return Error(absl::StatusCode::kInvalidArgument, "SAE_FORMAT_UNCLEAR",
               absl::StrCat(path, " has several: ", absl::StrJoin(shown, ", "), "; ", way_out),
               {{"folder", path}});
}

absl::Status NothingFound(const std::string& path) {
  std::vector<std::string> looked_for;
  for (const FormatNames& names : kFormats) {
    looked_for.push_back(
        absl::StrCat(names.format == SaeFormat::kOpenAi ? "another .pt" : names.weights, " (",
                     names.library, ")"));
  }
  return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
               absl::StrCat(path, " has none of ", absl::StrJoin(looked_for, ", "),
                            ", nor has a folder in it"),
               {{"folder", path}});
}

// ---- reading

// The numbers and texts of a torch file stand in for settings that are nowhere else.
absl::Status ReadTorch(const std::string& bytes, SaeFiles& files) {
  RECSAE_ASSIGN_OR_RETURN(torch_file::File file, torch_file::Parse(bytes));
  files.weights.tensors = std::move(file.tensors);
  if (!file.note.empty()) files.weights.metadata[kOwnKey] = std::move(file.note);
  for (const auto& [name, text] : file.texts) files.config.emplace(name, text);
  for (const auto& [name, number] : file.numbers) {
    if (std::isfinite(number)) files.config.emplace(name, number);
  }
  return absl::OkStatus();
}

absl::Status ReadWeights(const std::string& path, const std::string& bytes, SaeFiles& files) {
  if (absl::EndsWith(path, ".npz")) {
    RECSAE_ASSIGN_OR_RETURN(auto arrays, ParseNpz(bytes));
    for (auto& [name, array] : arrays) {
      const bool finite = std::all_of(array.values.begin(), array.values.end(),
                                      [](float value) { return std::isfinite(value); });
      if (!finite) return FilesMalformed(absl::StrCat("array ", name, " has values not finite"));
      files.weights.tensors[name] = {array.shape, std::move(array.values)};
    }
    return absl::OkStatus();
  }
  if (absl::EndsWith(path, ".pt") || absl::EndsWith(path, ".pth")) return ReadTorch(bytes, files);
  RECSAE_ASSIGN_OR_RETURN(files.weights, safetensors::Parse(bytes));
  return absl::OkStatus();
}

// SAELens' factor counts as long as the settings ask for one.
absl::Status ReadScaler(const fs::path& path, SaeFiles& files) {
  const auto normalise = files.config.find("normalize_activations");
  if (!IsFile(path) || normalise == files.config.end() ||
      *normalise != "expected_average_only_in") {
    return absl::OkStatus();
  }
  RECSAE_ASSIGN_OR_RETURN(const std::string text, ReadBytes(path.string()));
  absl::StatusOr<ordered_json> config = ParseConfig(text);
  if (!config.ok()) return Annotate(config.status(), path.string());
  const auto factor = config->find("scaling_factor");
  if (factor == config->end() || !factor->is_number()) return absl::OkStatus();
  const auto value = factor->get<float>();
  if (std::isfinite(value) && value > 0) files.scaling_factor = value;
  return absl::OkStatus();
}

}  // namespace

const std::vector<std::string>& ReadableFormats() {
  static const auto* names = new std::vector<std::string>{
      kSaeLensFormat, kSparsifyFormat, kDictionaryLearningFormat, kGemmaScopeFormat, kOpenAiFormat};
  return *names;
}

const std::vector<std::string>& WritableFormats() {
  static const auto* names =
      new std::vector<std::string>{kSaeLensFormat, kSparsifyFormat, kDictionaryLearningFormat};
  return *names;
}

SaeFormat ParseSaeFormat(absl::string_view name) {
  for (const FormatNames& names : kFormats) {
    if (name == names.name) return names.format;
  }
  return SaeFormat::kSaeLens;
}

const char* SaeFormatName(SaeFormat format) { return NamesOf(format).name; }
const char* ConfigName(SaeFormat format) { return NamesOf(format).config; }
const char* WeightsName(SaeFormat format) { return NamesOf(format).weights; }

absl::StatusOr<ordered_json> ParseConfig(const std::string& text) {
  const auto watch = [](int depth, ordered_json::parse_event_t, ordered_json&) {
    return depth <= kDeepest;
  };
  ordered_json config = ordered_json::parse(WithoutNaN(text), watch, /*allow_exceptions=*/false);
  if (!config.is_object()) return FilesMalformed("not a JSON object in UTF-8");
  return config;
}

absl::StatusOr<SaeLocation> FindSae(const std::string& path, std::optional<SaeFormat> format) {
  if (IsFile(path)) {
    const std::optional<SaeFormat> of_file = format ? format : FormatOfFile(path);
    if (of_file) return Location(*of_file, path);
    return Error(absl::StatusCode::kInvalidArgument, "SAE_FORMAT_UNCLEAR",
                 absl::StrCat(path, ": its name does not tell its format; say it with --format"),
                 {{"file", path}});
  }
  std::vector<fs::path> weights = WeightsIn(path, format);
  if (weights.empty()) {
    const std::vector<fs::path> folders = FoldersWithWeights(path, format);
    if (folders.size() > 1) return Unclear(path, folders, "say which of these folders");
    if (folders.empty()) return NothingFound(path);
    weights = WeightsIn(folders[0], format);
  }
  if (weights.size() > 1) {
    return Unclear(path, weights, "give the file itself, or say with --format which kind");
  }
  return Location(format.value_or(*FormatOfFile(weights[0])), weights[0]);
}

absl::StatusOr<SaeFiles> ReadSae(const SaeLocation& location) {
  SaeFiles files;
  files.config = ordered_json::object();
  if (!location.config.empty()) {
    RECSAE_ASSIGN_OR_RETURN(const std::string config, ReadBytes(location.config));
    absl::StatusOr<ordered_json> read = ParseConfig(config);
    if (!read.ok()) return Annotate(read.status(), location.config);
    files.config = *std::move(read);
  }
  RECSAE_ASSIGN_OR_RETURN(const std::string weights, ReadBytes(location.weights));
  const absl::Status parsed = ReadWeights(location.weights, weights, files);
  if (!parsed.ok()) return Annotate(parsed, location.weights);
  if (location.format == SaeFormat::kSaeLens) {
    RECSAE_RETURN_IF_ERROR(ReadScaler(fs::path(location.config).parent_path() / kScaler, files));
  }
  return files;
}

absl::Status WriteSae(const SaeFiles& files, SaeFormat format, const std::string& folder,
                      bool overwrite) {
  const std::string config = (fs::path(folder) / ConfigName(format)).string();
  const std::string weights = (fs::path(folder) / WeightsName(format)).string();
  for (const std::string& path : {config, weights}) {
    if (!overwrite && fs::exists(path)) {
      return Error(
          absl::StatusCode::kAlreadyExists, "FILE_EXISTS",
          absl::StrCat(path, " is there already; give another folder, or --force to replace it"),
          {{"file", path}});
    }
  }
  std::string bytes;
  if (format == SaeFormat::kDictionaryLearning) {
    torch_file::File file;
    file.tensors = files.weights.tensors;
    file.whole = {"k"};
    const auto note = files.weights.metadata.find(kOwnKey);
    if (note != files.weights.metadata.end()) file.note = note->second;
    RECSAE_ASSIGN_OR_RETURN(bytes, torch_file::Serialize(file));
  } else {
    bytes = safetensors::Serialize(files.weights);
  }
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) {
    return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
                 absl::StrCat(folder, ": ", error.message()), {{"file", folder}});
  }
  RECSAE_RETURN_IF_ERROR(WriteBytes(weights, bytes));
  return WriteBytes(config, files.config.dump(2) + "\n");
}

}  // namespace recsae::cli
