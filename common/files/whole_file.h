// Files that are whole at any time.
#ifndef RECSAE_COMMON_FILES_WHOLE_FILE_H_
#define RECSAE_COMMON_FILES_WHOLE_FILE_H_

#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

// Writes PATH.part, then renames it: who reads `path` finds what was there before or all of
// `content`, also where the process is killed. Not synced: a power cut may lose it. INTERNAL
// (FILE_NOT_WRITABLE) names the file and says why.
absl::Status WriteWholeFile(const std::string& path, absl::string_view content);

}  // namespace recsae::cli

#endif  // RECSAE_COMMON_FILES_WHOLE_FILE_H_
