#include "clients/cli/text/dataset_path.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace recsae::cli {
namespace {

namespace fs = std::filesystem;

std::string WithoutSlashes(absl::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return std::string(path);
}

}  // namespace

std::string DatasetArgument(absl::string_view text) {
  absl::string_view typed = absl::StripAsciiWhitespace(text);
  if (absl::ConsumePrefix(&typed, "file://")) absl::ConsumePrefix(&typed, "localhost");
  if (absl::StrContains(typed, "://")) return std::string(typed);  // no folder
  std::string path = WithoutSlashes(typed);
  const char* home = std::getenv("HOME");
  if ((path == "~" || absl::StartsWith(path, "~/")) && home != nullptr && *home != '\0') {
    path = absl::StrCat(home, path.substr(1));
  }
  const bool here = path == "." || path == "..";
  if (!here && !absl::StrContains(path, '/')) return path;
  std::error_code error;
  const bool exists = fs::exists(path, error);
  // "./my-shop", of a folder that only the server has.
  if (!exists && absl::StartsWith(path, "./")) return path.substr(2);
  fs::path whole = fs::absolute(path, error).lexically_normal();
  if (error) return path;
  if (exists && fs::is_regular_file(whole, error)) whole = whole.parent_path();
  return WithoutSlashes(whole.string());
}

}  // namespace recsae::cli
