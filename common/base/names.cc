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

void Fingerprinter::Add(absl::string_view bytes) {
  for (const char c : bytes) {
    value_ ^= static_cast<unsigned char>(c);
    value_ *= 0x100000001b3;
  }
}

void Fingerprinter::AddText(absl::string_view text) {
  AddNumber(static_cast<int64_t>(text.size()));
  Add(text);
}

void Fingerprinter::AddNumber(int64_t number) {
  for (int shift = 0; shift < 64; shift += 8) {
    const char byte = static_cast<char>(static_cast<uint64_t>(number) >> shift);
    Add({&byte, 1});
  }
}

uint64_t Fingerprint(absl::string_view bytes) {
  Fingerprinter all;
  all.Add(bytes);
  return all.value();
}

}  // namespace recsae
