// Who may call what: one table of every method that a server of the suite has.
#ifndef RECSAE_COMMON_ACCESS_ROLES_H_
#define RECSAE_COMMON_ACCESS_ROLES_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae {

// What a caller may do, from least to most; each may do what those before it may.
enum class Role {
  // Health: nobody has to say who they are.
  kAnyone,
  // Get, List, Read, Watch, Search, Explain, Steer: changes nothing.
  kReader,
  // Create, Upload, Record, Host, Train, Build, Evaluate, Update; cancels jobs of its own.
  kWriter,
  // Delete, Import, backups; cancels anybody's jobs.
  kAdmin,
};

// "reader", "writer" or "admin"; nothing else can be given to a caller.
std::optional<Role> ParseRole(absl::string_view text);
// Of a URI name of a client certificate, "recsae:role/writer"; none for any other URI.
std::optional<Role> RoleOfUri(absl::string_view uri);
// "anyone", "reader", "writer", "admin".
absl::string_view RoleName(Role role);

// The least role that may call "/recsae.probe.v1.Probe/GetCatalog"; none for a path that is in no
// table, which nobody may call.
std::optional<Role> NeededRole(absl::string_view path);

// All paths of the table, in its order.
std::vector<std::string> PathsWithRoles();

}  // namespace recsae

#endif  // RECSAE_COMMON_ACCESS_ROLES_H_
