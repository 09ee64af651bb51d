#include "common/endpoint/key_file.h"

#include <algorithm>
#include <fstream>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"

namespace recsae {
namespace {

constexpr size_t kMaxKeyBytes = 4096;

}  // namespace

absl::StatusOr<std::string> ReadKey(const std::string& path) {
  const auto bad = [&path](absl::string_view why) {
    return Error(absl::StatusCode::kFailedPrecondition, "ENDPOINT_KEY_UNREADABLE",
                 absl::StrCat("no key can be had from ", path, ": ", why), {{"file", path}});
  };
  std::ifstream in(path);
  if (!in) return bad("it cannot be read");
  std::string line(kMaxKeyBytes + 2, '\0');
  in.getline(line.data(), static_cast<std::streamsize>(line.size()));
  if (line[kMaxKeyBytes] != '\0') return bad("its first line is longer than 4096 bytes");
  std::string key(absl::StripAsciiWhitespace(line.c_str()));
  if (key.empty()) return bad("its first line is empty");
  if (!std::all_of(key.begin(), key.end(), absl::ascii_isgraph)) {
    return bad("its first line holds what no header may hold");
  }
  return key;
}

std::string KeyFile::Key() {
  if (file_.path().empty()) return "";
  const std::lock_guard<std::mutex> lock(mutex_);
  if (file_.Changed()) {
    absl::StatusOr<std::string> key = ReadKey(file_.path());
    if (key.ok()) key_ = *std::move(key);
  }
  return key_;
}

}  // namespace recsae
