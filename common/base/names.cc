#include "common/base/names.h"

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace recsae {
namespace {

constexpr size_t kMaxIdLength = 63;

bool IsLowerOrDigit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }

bool IsId(absl::string_view id) {
  return !id.empty() && id.size() <= kMaxIdLength && IsLowerOrDigit(id[0]) &&
         std::all_of(id.begin(), id.end(),
                     [](char c) { return IsLowerOrDigit(c) || c == '.' || c == '_' || c == '-'; });
}

// Messages quote what came in, but not without end, and on one line.
std::string Quoted(absl::string_view text) {
  constexpr size_t kMax = 100;
  return absl::StrCat("\"", absl::CHexEscape(text.substr(0, kMax)), text.size() > kMax ? "..." : "",
                      "\"");
}

bool IsPlaceholder(absl::string_view part) { return !part.empty() && part.front() == '{'; }

}  // namespace

absl::Status ValidateId(absl::string_view id, absl::string_view what) {
  if (IsId(id)) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "RESOURCE_ID_INVALID",
               absl::StrCat(what,
                            " must be 1 to 63 of a-z 0-9 . _ - and start with a letter or "
                            "digit, is ",
                            Quoted(id)));
}

absl::StatusOr<std::vector<std::string>> ParseName(absl::string_view name,
                                                   absl::string_view pattern) {
  const std::vector<absl::string_view> expected = absl::StrSplit(pattern, '/');
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  bool matches = parts.size() == expected.size();
  std::vector<std::string> ids;
  for (size_t i = 0; matches && i < parts.size(); ++i) {
    if (IsPlaceholder(expected[i])) {
      matches = IsId(parts[i]);
      ids.emplace_back(parts[i]);
    } else {
      matches = parts[i] == expected[i];
    }
  }
  if (!matches) {
    return Error(absl::StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID",
                 absl::StrCat("a name of the form \"", pattern, "\" is needed, not ", Quoted(name)),
                 {{"pattern", std::string(pattern)}});
  }
  return ids;
}

absl::StatusOr<int64_t> ParseNumericId(absl::string_view id, absl::string_view what) {
  int64_t value = 0;
  const bool digits =
      !id.empty() && std::all_of(id.begin(), id.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (!digits || (id.size() > 1 && id[0] == '0') || !absl::SimpleAtoi(id, &value)) {
    return Error(absl::StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID",
                 absl::StrCat(what, " must be a number, is ", Quoted(id)));
  }
  return value;
}

uint64_t Fingerprint(absl::string_view bytes) {
  uint64_t hash = 0xcbf29ce484222325;
  for (const char c : bytes) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return hash;
}

}  // namespace recsae
