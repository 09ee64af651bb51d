// Bearer tokens that callers may show: a file of their hashes, which is read anew when it changes.
#ifndef RECSAE_COMMON_ACCESS_TOKENS_H_
#define RECSAE_COMMON_ACCESS_TOKENS_H_

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/access/roles.h"
#include "common/base/file_watch.h"

namespace recsae {

// Who a caller is.
struct Identity {
  // The first word of a token's line, or a client certificate's common name.
  std::string name;
  Role role = Role::kReader;
};

// Lines of "NAME ROLE SHA256", the last being 64 hex digits of the token's hash; # begins a
// comment. A token is random and long (`openssl rand -hex 32`), so its plain hash tells nothing.
using TokenTable = std::unordered_map<std::string, Identity>;  // by hash, in lower case

// INVALID_ARGUMENT (TOKEN_FILE_INVALID), naming the line, for a file that holds anything else, a
// hash twice, or no token at all.
absl::StatusOr<TokenTable> ParseTokens(absl::string_view text);

// The tokens of a file. Thread-safe.
class Tokens {
 public:
  // FAILED_PRECONDITION (TOKEN_FILE_UNREADABLE), or what ParseTokens says.
  static absl::StatusOr<std::unique_ptr<Tokens>> Open(const std::string& path);

  // Who has shown `token`. The file is looked at once a second at most; one that changed is read,
  // and one that cannot be read or parsed leaves the tokens as they were, with a log line.
  std::optional<Identity> Find(absl::string_view token);

 private:
  explicit Tokens(std::string path) : file_(std::move(path)) {}
  absl::Status Read();
  void ReadIfChanged();

  FileWatch file_;
  std::mutex reading_;  // one after the other, so that what was read last counts
  std::mutex mutex_;
  TokenTable table_;
  // Those of the table that were shown, by the token itself: a call asks twice, at the door and for
  // the caller's name, and hashing is the most of it. No more than the table has.
  std::unordered_map<std::string, Identity> shown_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_TOKENS_H_
