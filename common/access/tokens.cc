#include "common/access/tokens.h"

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

constexpr size_t kHashDigits = 64;
constexpr int64_t kMaxTokenFileBytes = int64_t{16} << 20;

absl::Status Invalid(int line, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "TOKEN_FILE_INVALID",
               absl::StrCat("line ", line, " of the tokens: ", why,
                            "; a line is NAME ROLE SHA256, for example what `echo \"ci writer "
                            "$(printf %s \"$TOKEN\" | sha256sum | cut -d ' ' -f 1)\"` prints"),
               {{"line", absl::StrCat(line)}});
}

absl::Status AddLine(absl::string_view text, int line, TokenTable& table) {
  const std::vector<std::string> words =
      absl::StrSplit(text.substr(0, text.find('#')), absl::ByAnyChar(" \t\r"), absl::SkipEmpty());
  if (words.empty()) return absl::OkStatus();
  if (words.size() != 3) return Invalid(line, absl::StrCat("it has ", words.size(), " words"));
  const std::optional<Role> role = ParseRole(words[1]);
  if (!role.has_value()) {
    return Invalid(line, absl::StrCat("'", words[1], "' is not reader, writer or admin"));
  }
  // The line is not shown: it may be that somebody wrote the token itself.
  const std::string hash = absl::AsciiStrToLower(words[2]);
  if (hash.size() != kHashDigits || !std::all_of(hash.begin(), hash.end(), absl::ascii_isxdigit)) {
    return Invalid(line, "its third word is not a SHA-256 of 64 hex digits");
  }
  if (!table.try_emplace(hash, Identity{words[0], *role}).second) {
    return Invalid(line, "the same hash stands in a line before");
  }
  return absl::OkStatus();
}

absl::Status Unreadable(const std::string& path, absl::string_view why) {
  return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_FILE_UNREADABLE",
               absl::StrCat("cannot read the tokens of ", path, ": ", why), {{"file", path}});
}

}  // namespace

absl::StatusOr<TokenTable> ParseTokens(absl::string_view text) {
  TokenTable table;
  int line = 0;
  for (const absl::string_view part : absl::StrSplit(text, '\n')) {
    RECSAE_RETURN_IF_ERROR(AddLine(part, ++line, table));
  }
  if (table.empty()) return Invalid(line, "there is no token in the file");
  return table;
}

absl::StatusOr<std::unique_ptr<Tokens>> Tokens::Open(const std::string& path) {
  std::unique_ptr<Tokens> tokens(new Tokens(path));
  tokens->file_.Changed();  // from now on
  RECSAE_RETURN_IF_ERROR(tokens->Read());
  return tokens;
}

std::optional<Identity> Tokens::Find(absl::string_view token) {
  ReadIfChanged();
  const std::string key(token);
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto shown = shown_.find(key);
    if (shown != shown_.end()) return shown->second;
  }
  const std::string hash = Sha256Hex(token);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = table_.find(hash);
  if (found == table_.end()) return std::nullopt;
  return shown_.try_emplace(key, found->second).first->second;
}

void Tokens::ReadIfChanged() {
  if (!file_.Changed()) return;
  const absl::Status read = Read();
  if (read.ok()) {
    Log(Severity::kInfo, "tokens read anew", {{"file", file_.path()}});
  } else {
    Log(Severity::kError, "tokens cannot be read anew: those from before stay valid",
        {{"file", file_.path()}, {"error", read}});
  }
}

absl::Status Tokens::Read() {
  const std::lock_guard<std::mutex> one(reading_);
  std::ifstream in(file_.path(), std::ios::binary);
  if (!in) return Unreadable(file_.path(), std::generic_category().message(errno));
  std::string text;
  for (char c = 0; in.get(c);) {
    if (static_cast<int64_t>(text.size()) >= kMaxTokenFileBytes) {
      return Unreadable(file_.path(),
                        absl::StrCat("it is larger than ", kMaxTokenFileBytes, " bytes"));
    }
    text += c;
  }
  RECSAE_ASSIGN_OR_RETURN(TokenTable table, ParseTokens(text));
  const std::lock_guard<std::mutex> lock(mutex_);
  table_ = std::move(table);
  shown_.clear();
  return absl::OkStatus();
}

}  // namespace recsae
