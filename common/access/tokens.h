// Bearer tokens that callers may show: a file of their hashes, which is read anew when it changes.
#ifndef RECSAE_COMMON_ACCESS_TOKENS_H_
#define RECSAE_COMMON_ACCESS_TOKENS_H_

#include <atomic>
#include <cstdint>
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
  // What tells one state of the file from another.
  struct Stamp {
    int64_t inode = 0;
    int64_t size = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };

  explicit Tokens(std::string path) : path_(std::move(path)) {}
  absl::Status Read();
  void ReadIfChanged();
  Stamp Look() const;

  const std::string path_;
  std::atomic<int64_t> next_look_ns_{0};
  std::mutex reading_;  // one at a time looks at the file
  Stamp stamp_;
  std::mutex mutex_;
  std::shared_ptr<const TokenTable> table_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_TOKENS_H_
