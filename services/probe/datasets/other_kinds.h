// Files that hold tables in ways that no reader here takes, and the way out for each.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_OTHER_KINDS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_OTHER_KINDS_H_

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae::probe {

// "a Parquet file: python -m recsae.datasets convert … (…)", by the ending of the name; empty: a
// file that may be read.
std::string OtherKind(const std::string& path);

// The same by the first bytes of the file at `path`.
std::string OtherKindOfBytes(absl::string_view bytes, const std::string& path);

// What of other kinds lies in a folder or the folders in it, one for each kind: "events.parquet is
// a Parquet file: …".
std::vector<std::string> OtherKindsIn(const std::string& folder);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_OTHER_KINDS_H_
