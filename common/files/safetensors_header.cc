#include "common/files/safetensors_header.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/whole_number.h"
#include "common/files/safetensors.h"
#include "common/files/shown.h"

namespace recsae::safetensors {
namespace {

using nlohmann::json;

constexpr char kMetadata[] = "__metadata__";
// Object, tensor, array: what is deeper is no header, and not worth the memory.
constexpr int kDeepest = 4;

// The JSON of the header. nlohmann's parser keeps the last of two equal keys and ends at a NUL.
absl::StatusOr<json> ParseJson(absl::string_view text) {
  if (text.empty() || text.front() != '{') return Malformed("its header is no JSON object");
  if (text.find('\0') != absl::string_view::npos) return Malformed("its header holds a NUL byte");
  std::vector<std::set<std::string>> keys;
  std::optional<std::string> twice;
  bool deep = false;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      twice = value.get<std::string>();
    }
    deep |= depth > kDeepest;
    return depth <= kDeepest;
  };
  json parsed = json::parse(text.begin(), text.end(), watch, /*allow_exceptions=*/false);
  if (deep) return Malformed("its header is nested too deeply");
  if (!parsed.is_object()) return Malformed("its header is no JSON object in UTF-8");
  if (twice) return Malformed(absl::StrCat("its header names ", Quoted(*twice), " twice"));
  return parsed;
}

absl::StatusOr<std::map<std::string, std::string>> ReadMetadata(const json& value) {
  std::map<std::string, std::string> metadata;
  if (!value.is_object()) return Malformed("its __metadata__ is no JSON object");
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      return Malformed(absl::StrCat("its __metadata__ has no text for ", Quoted(key)));
    }
    metadata[key] = text.get<std::string>();
  }
  return metadata;
}

absl::StatusOr<DataType> ReadType(const std::string& name, const json& entry) {
  const auto found = entry.find("dtype");
  if (found == entry.end() || !found->is_string()) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), " has no dtype"));
  }
  const auto& text = found->get_ref<const std::string&>();
  if (text == "F16") return DataType::kF16;
  if (text == "BF16") return DataType::kBf16;
  if (text == "F32") return DataType::kF32;
  if (text == "F64") return DataType::kF64;
  return Malformed(absl::StrCat("tensor ", Quoted(name), " has dtype ", Quoted(text),
                                "; F16, BF16, F32 and F64 are read: save it as one of these"));
}

// A list of numbers from 0 up.
absl::StatusOr<std::vector<int64_t>> ReadNumbers(const std::string& name, const json& entry,
                                                 const char* field) {
  const auto found = entry.find(field);
  if (found == entry.end() || !found->is_array()) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), " has no list ", field));
  }
  std::vector<int64_t> numbers;
  for (const json& number : *found) {
    const std::optional<int64_t> whole = WholeNumber<int64_t>(number);
    if (!whole || *whole < 0) {
      return Malformed(absl::StrCat("tensor ", Quoted(name), ": ", field,
                                    " holds something else than whole numbers from 0 up"));
    }
    numbers.push_back(*whole);
  }
  return numbers;
}

// Bytes of so many values of a type; nothing where that overflows.
std::optional<size_t> BytesOf(const std::vector<int64_t>& shape, DataType type) {
  size_t bytes = SizeOf(type);
  for (const int64_t size : shape) {
    if (__builtin_mul_overflow(bytes, static_cast<size_t>(size), &bytes)) return std::nullopt;
  }
  return bytes;
}

absl::StatusOr<TensorInfo> ReadTensor(const std::string& name, const json& entry,
                                      size_t buffer_bytes) {
  if (!entry.is_object()) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), " is no JSON object"));
  }
  TensorInfo info;
  info.name = name;
  RECSAE_ASSIGN_OR_RETURN(info.type, ReadType(name, entry));
  RECSAE_ASSIGN_OR_RETURN(info.shape, ReadNumbers(name, entry, "shape"));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int64_t> range,
                          ReadNumbers(name, entry, "data_offsets"));
  if (range.size() != 2 || range[0] > range[1]) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), ": data_offsets is no [begin, end]"));
  }
  if (static_cast<size_t>(range[1]) > buffer_bytes) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), " ends at byte ", range[1],
                                  ", but only ", buffer_bytes, " follow the header"));
  }
  const std::optional<size_t> bytes = BytesOf(info.shape, info.type);
  if (!bytes) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), ": the size of its shape overflows"));
  }
  if (*bytes != static_cast<size_t>(range[1] - range[0])) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), " needs ", *bytes,
                                  " bytes for its shape and dtype, has ", range[1] - range[0]));
  }
  info.values = *bytes / SizeOf(info.type);
  info.begin = static_cast<size_t>(range[0]);
  if (info.begin % SizeOf(info.type) != 0) {
    return Malformed(absl::StrCat("tensor ", Quoted(name), " begins at byte ", info.begin,
                                  ", no multiple of its values' ", SizeOf(info.type), " bytes"));
  }
  return info;
}

// Tensors in the order of their bytes follow each other from the first byte to the last.
absl::Status CheckRanges(const std::vector<TensorInfo>& tensors, size_t buffer_bytes) {
  size_t next = 0;
  for (const TensorInfo& info : tensors) {
    if (info.begin != next) {
      return Malformed(absl::StrCat(
          "tensor ", Quoted(info.name), " begins at byte ", info.begin, ", ",
          info.begin < next ? "within another, which ends at " : "leaving a hole from ", next));
    }
    next += info.values * SizeOf(info.type);
  }
  if (next == buffer_bytes) return absl::OkStatus();
  return Malformed(
      absl::StrCat("its tensors end at byte ", next, ", but ", buffer_bytes, " follow the header"));
}

}  // namespace

size_t SizeOf(DataType type) {
  switch (type) {
    case DataType::kF16:
    case DataType::kBf16:
      return 2;
    case DataType::kF32:
      return 4;
    case DataType::kF64:
      return 8;
  }
  return 0;
}

absl::StatusOr<Header> ParseHeader(absl::string_view text, size_t buffer_bytes) {
  RECSAE_ASSIGN_OR_RETURN(const json parsed, ParseJson(text));
  Header header;
  for (const auto& [name, entry] : parsed.items()) {
    if (name == kMetadata) {
      RECSAE_ASSIGN_OR_RETURN(header.metadata, ReadMetadata(entry));
      continue;
    }
    RECSAE_ASSIGN_OR_RETURN(TensorInfo info, ReadTensor(name, entry, buffer_bytes));
    header.tensors.push_back(std::move(info));
  }
  // Of tensors that begin together, at most one is not empty; it is last.
  std::sort(header.tensors.begin(), header.tensors.end(),
            [](const TensorInfo& a, const TensorInfo& b) {
              return std::pair(a.begin, a.values) < std::pair(b.begin, b.values);
            });
  RECSAE_RETURN_IF_ERROR(CheckRanges(header.tensors, buffer_bytes));
  return header;
}

}  // namespace recsae::safetensors
