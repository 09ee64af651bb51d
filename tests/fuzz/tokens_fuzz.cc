// Bytes as a file of tokens: refused with a reason, or a table of hashes in lower case, each with a
// role. And as a URI name of a certificate: of no role, or one written as we write it.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/access/tokens.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto table = recsae::ParseTokens(bytes);
  recsae::fuzz::RequireGoodError(table.status());
  if (table.ok()) {
    recsae::fuzz::Require(!table->empty(), "a file without tokens is refused");
    for (const auto& [hash, identity] : *table) {
      recsae::fuzz::Require(
          hash.size() == 64 && std::none_of(hash.begin(), hash.end(), absl::ascii_isupper),
          "a hash is 64 digits in lower case");
      recsae::fuzz::Require(!identity.name.empty(), "who shows a token has a name");
      recsae::fuzz::Require(identity.role != recsae::Role::kAnyone, "who shows a token has a role");
    }
  }
  const auto role = recsae::RoleOfUri(bytes);
  if (role.has_value()) {
    recsae::fuzz::Require(bytes == absl::StrCat("recsae:role/", recsae::RoleName(*role)),
                          "a role is written in one way");
  }
  return 0;
}
