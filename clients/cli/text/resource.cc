#include "clients/cli/text/resource.h"

#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace recsae::cli {

absl::StatusOr<std::string> FullName(absl::string_view typed, absl::string_view pattern) {
  // Without blanks, and the slash that completing a path adds; "saes/" is no name at all.
  absl::string_view text = absl::StripAsciiWhitespace(typed);
  if (!absl::StartsWith(pattern, text)) text = absl::StripSuffix(text, "/");
  if (ParseName(text, pattern).ok()) return std::string(text);
  const std::vector<absl::string_view> ids = absl::StrSplit(text, '/');
  std::vector<std::string> parts = absl::StrSplit(pattern, '/');
  std::vector<std::string> short_parts;
  for (std::string& part : parts) {
    if (!absl::StartsWith(part, "{")) continue;
    short_parts.push_back(part);
    if (short_parts.size() <= ids.size()) part = std::string(ids[short_parts.size() - 1]);
  }
  const std::string name = absl::StrJoin(parts, "/");
  if (ids.size() == short_parts.size() && ParseName(name, pattern).ok()) return name;
  return Error(
      absl::StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID",
      absl::StrCat("'", text, "' is not a name of the form ", absl::StrJoin(short_parts, "/"),
                   " or ", pattern, "; ids are lower-case letters, digits, '.', '_' and '-'"),
      {{"name", std::string(text)}});
}

absl::StatusOr<std::string> CaptureName(absl::string_view text, absl::string_view recommender) {
  if (absl::StrContains(text, '/')) return FullName(text, kCapturePattern);
  return FullName(absl::StrCat(LastId(recommender), "/", text), kCapturePattern);
}

std::string ShortName(absl::string_view name) {
  const std::vector<absl::string_view> parts = absl::StrSplit(name, '/');
  if (parts.size() % 2 != 0) return std::string(name);
  std::vector<absl::string_view> ids;
  for (size_t i = 1; i < parts.size(); i += 2) ids.push_back(parts[i]);
  return absl::StrJoin(ids, "/");
}

std::string LastId(absl::string_view name) { return std::string(name.substr(name.rfind('/') + 1)); }

std::string RecommenderOf(absl::string_view capture) {
  return std::string(capture.substr(0, capture.find("/captures/")));
}

}  // namespace recsae::cli
