#include "services/torch-host/modules/archive_kind.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"

namespace recsae::probe {
namespace {

constexpr size_t kDirectoryBytes = size_t{1} << 20;  // at the end of a zip: names of its files
constexpr size_t kHeadBytes = 4096;

bool IsZip(absl::string_view bytes) { return absl::StartsWith(bytes, "PK\x03\x04"); }

// The stored bytes of an archive's first file whose name ends so; torch.save writes data.pkl first.
absl::string_view AfterName(absl::string_view bytes, absl::string_view name, size_t most) {
  const size_t at = bytes.find(name);
  return at == absl::string_view::npos ? "" : bytes.substr(at + name.size(), most);
}

// Of a zip that torch.save wrote.
std::string DescribeSaved(absl::string_view bytes) {
  const absl::string_view pickle = AfterName(bytes.substr(0, kHeadBytes), "data.pkl", kHeadBytes);
  // The first class that the pickle names: that of what was saved.
  const absl::string_view first = AfterName(pickle, "\x80\x02", 200);
  if (absl::StartsWith(first, "ccollections\nOrderedDict") || absl::StartsWith(first, "}")) {
    return "a state_dict of torch.save: weights without the program that they belong to";
  }
  return "a pickled model of torch.save: it needs the Python classes that it was made of";
}

std::string DescribeZip(absl::string_view bytes) {
  const absl::string_view names =
      bytes.substr(bytes.size() - std::min(bytes.size(), kDirectoryBytes));
  if (absl::StrContains(names, "archive_format") || absl::StrContains(names, "models/model.json") ||
      absl::StrContains(names, "serialized_exported_program.json")) {
    return "a .pt2 archive of torch.export";
  }
  if (absl::StrContains(names, "constants.pkl")) return "";
  if (absl::StrContains(names, "data.pkl")) return DescribeSaved(bytes);
  if (absl::StrContains(names, ".npy")) return "an .npz archive of numpy";
  return "a zip archive of something else";
}

// A header of JSON behind its length.
bool IsSafetensors(absl::string_view bytes) {
  uint64_t length = 0;
  if (bytes.size() < sizeof(length) + 2) return false;
  std::memcpy(&length, bytes.data(), sizeof(length));
  return length >= 2 && length <= bytes.size() - sizeof(length) && bytes[sizeof(length)] == '{';
}

}  // namespace

std::string DescribeArchive(absl::string_view bytes) {
  if (IsZip(bytes)) return DescribeZip(bytes);
  if (IsSafetensors(bytes)) return "a safetensors file: weights without a program";
  // ModelProto: ir_version, then the producer's name.
  if (bytes.size() > 4 && bytes[0] == 8 && bytes[1] > 0 && bytes[1] < 32 &&
      (bytes[2] == 0x12 || bytes[2] == 0x1a || bytes[2] == 0x3a || bytes[2] == 0x42)) {
    return "an ONNX model";
  }
  if (absl::StartsWith(bytes, "\x80\x02\x8a")) {
    return "a file of torch.save in its format before 1.6";
  }
  if (absl::StartsWith(bytes, "\x80")) return "a Python pickle";
  return "";
}

std::string FormatOf(absl::string_view bytes) {
  if (!IsZip(bytes)) return "";
  // "NAME/version", then perhaps "FB" and zeros, which align the content.
  for (size_t at = bytes.find("/version"); at != absl::string_view::npos;
       at = bytes.find("/version", at + 1)) {
    absl::string_view content = bytes.substr(at + std::strlen("/version"), 256);
    // The field's size in front of a stored file's padding is no digit followed by a new line.
    const size_t end = content.find('\n');
    if (end == absl::string_view::npos || end == 0) continue;
    size_t begin = end;
    while (begin > 0 && absl::ascii_isdigit(static_cast<unsigned char>(content[begin - 1])))
      --begin;
    if (begin < end) return absl::StrCat("of format ", content.substr(begin, end - begin));
  }
  return "";
}

}  // namespace recsae::probe
