#include "common/files/npy.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <optional>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/files/values.h"
#include "common/files/zip.h"

namespace recsae::cli {
namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;
// numpy itself refuses to parse more than 10,000.
constexpr size_t kMaxHeaderBytes = 10'000;

absl::Status Malformed(const std::string& path, absl::string_view what) {
  return Error(
      absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
      absl::StrCat(path, ": ", what, "; save it with numpy.save(path, numpy.asarray(x, '<f4'))"),
      {{"file", path}});
}

struct Header {
  std::string type;
  std::vector<int64_t> shape;
  size_t data_start = 0;
  bool by_columns = false;
};

// What stands in `text` behind 'key': and spaces.
std::optional<absl::string_view> Behind(absl::string_view text, absl::string_view key) {
  const std::string quoted = absl::StrCat("'", key, "':");
  const size_t found = text.find(quoted);
  if (found == absl::string_view::npos) return std::nullopt;
  return absl::StripLeadingAsciiWhitespace(text.substr(found + quoted.size()));
}

// What stands in `text` between `open`, its first character, and the next `close`.
std::optional<absl::string_view> Within(std::optional<absl::string_view> text, char open,
                                        char close) {
  if (!text || text->empty() || text->front() != open) return std::nullopt;
  const size_t end = text->find(close, 1);
  if (end == absl::string_view::npos) return std::nullopt;
  return text->substr(1, end - 1);
}

// The text of the header is a Python dict: {'descr': '<f4', 'fortran_order': False, 'shape': (3,)}.
absl::StatusOr<Header> ReadHeader(const std::string& path, absl::string_view bytes) {
  if (bytes.size() < 12 || bytes.substr(0, kMagicBytes) != kMagic) {
    return Malformed(path, "not a .npy file");
  }
  const auto byte = [&](size_t i) { return static_cast<size_t>(static_cast<uint8_t>(bytes[i])); };
  const bool first_version = byte(6) == 1;
  const size_t start = first_version ? 10 : 12;
  const size_t length =
      byte(8) | byte(9) << 8 | (first_version ? 0 : byte(10) << 16 | byte(11) << 24);
  if (length > kMaxHeaderBytes) return Malformed(path, "its header is too long");
  if (start + length > bytes.size()) return Malformed(path, "cut off within its header");

  const absl::string_view text = bytes.substr(start, length);
  const auto type = Within(Behind(text, "descr"), '\'', '\'');
  const auto order = Behind(text, "fortran_order");
  const auto shape = Within(Behind(text, "shape"), '(', ')');
  if (!type || !order || !shape) {
    return Malformed(path, "its header has no descr, fortran_order and shape");
  }
  Header header{std::string(*type), {}, start + length, absl::StartsWith(*order, "True")};
  for (absl::string_view size : absl::StrSplit(*shape, ',', absl::SkipWhitespace())) {
    int64_t value = 0;
    if (!absl::SimpleAtoi(size, &value)) return Malformed(path, "its shape is not of numbers");
    header.shape.push_back(value);
  }
  return header;
}

absl::StatusOr<NpyArray> ParseNpy(const std::string& path, absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(const Header header, ReadHeader(path, bytes));
  if (header.type != "<f4" && header.type != "<f8" && header.type != "<f2") {
    return Malformed(
        path, absl::StrCat("its type is '", header.type, "', must be '<f4', '<f8' or '<f2'"));
  }
  if (header.shape.empty() || header.shape.size() > 2) {
    return Malformed(path,
                     absl::StrCat("it has ", header.shape.size(), " dimensions, must have 1 or 2"));
  }
  const size_t value_bytes = header.type == "<f2" ? 2 : header.type == "<f4" ? 4 : 8;
  // Compared one by one, so that no product can overflow.
  size_t count = (bytes.size() - header.data_start) / value_bytes;
  const bool whole = (bytes.size() - header.data_start) % value_bytes == 0;
  size_t expected = 1;
  for (const int64_t size : header.shape) {
    if (size > 0 && expected > count / static_cast<size_t>(size))
      expected = count + 1;
    else
      expected *= static_cast<size_t>(size);
  }
  if (!whole || expected != count) {
    return Malformed(path, absl::StrCat("it holds ", bytes.size() - header.data_start,
                                        " bytes of values, which its shape does not ask for"));
  }
  NpyArray array{header.shape, std::vector<float>(count)};
  const char* data = bytes.data() + header.data_start;
  if (value_bytes == 2) {
    ReadValues<uint16_t>(data, absl::MakeSpan(array.values), FromHalf);
  } else if (value_bytes == 4) {
    ReadValues<float>(data, absl::MakeSpan(array.values), [](float value) { return value; });
  } else {
    ReadValues<double>(data, absl::MakeSpan(array.values),
                       [](double value) { return static_cast<float>(value); });
  }
  if (header.by_columns && array.shape.size() == 2) {
    const auto rows = static_cast<size_t>(array.shape[0]);
    const auto columns = static_cast<size_t>(array.shape[1]);
    std::vector<float> by_rows(count);
    for (size_t i = 0; i < count; ++i) by_rows[i % rows * columns + i / rows] = array.values[i];
    array.values = std::move(by_rows);
  }
  return array;
}

}  // namespace

absl::StatusOr<NpyArray> ReadNpy(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
                 absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
  }
  const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  return ParseNpy(path, bytes);
}

absl::StatusOr<std::map<std::string, NpyArray>> ParseNpz(absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<zip::Entry> entries, zip::List(bytes));
  std::map<std::string, NpyArray> arrays;
  for (const zip::Entry& entry : entries) {
    RECSAE_ASSIGN_OR_RETURN(const std::string content, zip::Read(entry));
    RECSAE_ASSIGN_OR_RETURN(arrays[std::string(absl::StripSuffix(entry.name, ".npy"))],
                            ParseNpy(entry.name, content));
  }
  return arrays;
}

}  // namespace recsae::cli
