// What the columns of a table mean: by their names, or as the caller says.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_COLUMNS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_COLUMNS_H_

#include <array>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/options.h"

namespace recsae::probe {

// The columns of a table. Names are valid UTF-8; where there is no header line they are numbers
// from 1.
struct Header {
  std::vector<std::string> names;
  std::vector<std::string> types;  // of RecBole's "user_id:token"; empty texts elsewhere
  bool typed = false;              // some column has a type
};

// Takes the columns of a header line: spaces and byte-order marks off, types apart.
Header MakeHeader(const std::vector<absl::string_view>& fields);

// The column of a meaning, or -1: as `named` by the caller if that is not empty, else by the names
// that such columns usually have. `item_ids`: whether "id" and names that the items' own tables
// have for their ids count too.
int FindRole(const Header& header, Role role, const std::string& named, bool item_ids = false);

// The column whose name says in other words what it is, "title_en", "checkin_timestamp"; or -1.
int FindLike(const Header& header, Role role);

// How many columns of a header line have a usual name.
int CountRoles(const Header& header);

// Names that are looked for first, for messages: "user, user_id, userId, ...".
std::string UsualNames(Role role);
// "user".
absl::string_view RoleName(Role role);

// "its columns are a, b and c".
std::string ListColumns(const Header& header);

// Lower case, letters and digits alone.
std::string PlainName(absl::string_view name);

// Column by exact name (any case, or as number), or -1.
int FindNamed(const Header& header, absl::string_view name);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_COLUMNS_H_
