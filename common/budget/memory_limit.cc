#include "common/budget/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/budget/bytes.h"

namespace recsae {
namespace {

// The number in a file of one line; kMostBytes for "max" and for a file that is not there.
int64_t LimitIn(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  int64_t limit = 0;
  return std::getline(file, text) && absl::SimpleAtoi(text, &limit) && limit > 0 ? limit
                                                                                 : kMostBytes;
}

// The least limit of the group at `path` below `mount` and of those that it is part of. In a
// container the paths of /proc may be those outside of it: then the mount itself is the group.
int64_t GroupLimit(const std::string& mount, absl::string_view path, const char* file) {
  int64_t least = LimitIn(absl::StrCat(mount, "/", file));
  std::string group;
  for (const absl::string_view part : absl::StrSplit(path, '/', absl::SkipEmpty())) {
    absl::StrAppend(&group, "/", part);
    least = std::min(least, LimitIn(absl::StrCat(mount, group, "/", file)));
  }
  return least;
}

int64_t LimitOfGroups(const std::string& root) {
  int64_t least = kMostBytes;
  std::ifstream groups(absl::StrCat(root, "/proc/self/cgroup"));
  for (std::string line; std::getline(groups, line);) {
    // "0::/path" (version 2), "5:cpu,memory:/path" (version 1).
    const std::vector<std::string> fields = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (fields.size() != 3) continue;
    if (fields[1].empty()) {
      least = std::min(least,
                       GroupLimit(absl::StrCat(root, "/sys/fs/cgroup"), fields[2], "memory.max"));
    }
    const std::vector<std::string> controllers = absl::StrSplit(fields[1], ',');
    if (std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      least = std::min(least, GroupLimit(absl::StrCat(root, "/sys/fs/cgroup/memory"), fields[2],
                                         "memory.limit_in_bytes"));
    }
  }
  return least;
}

int64_t MemoryOfMachine(const std::string& root) {
  std::ifstream file(absl::StrCat(root, "/proc/meminfo"));
  for (std::string line; std::getline(file, line);) {
    const std::vector<std::string> fields = absl::StrSplit(line, ' ', absl::SkipEmpty());
    int64_t kib = 0;
    if (fields.size() >= 2 && fields[0] == "MemTotal:" && absl::SimpleAtoi(fields[1], &kib)) {
      return SaturatingProduct(kib, kKib);
    }
  }
  return kMostBytes;
}

}  // namespace

int64_t AvailableMemory(const std::string& root) {
  const int64_t least = std::min(LimitOfGroups(root), MemoryOfMachine(root));
  return least == kMostBytes ? 0 : least;
}

int64_t DefaultMemoryLimit(const std::string& root) {
  const int64_t available = AvailableMemory(root);
  return available == 0 ? kGib : std::max<int64_t>(available / 4 * 3, 1);
}

}  // namespace recsae
