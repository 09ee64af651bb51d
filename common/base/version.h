// Which version of the suite this is.
#ifndef RECSAE_COMMON_BASE_VERSION_H_
#define RECSAE_COMMON_BASE_VERSION_H_

#include <string>

#include "absl/strings/string_view.h"

namespace recsae {

// "0.1.0".
absl::string_view Version();

// The commit that was built, "1a2b3c4d5e6f", with a "+" where files differed from it; empty where
// that is not known.
absl::string_view Commit();

// For --version: "0.1.0 (1a2b3c4d5e6f)", or "0.1.0".
std::string VersionAndCommit();

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_VERSION_H_
