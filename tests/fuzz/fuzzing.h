// What the fuzzers share: files made of the fuzzer's bytes, and a check that ends the run.
#ifndef RECSAE_TESTS_FUZZ_FUZZING_H_
#define RECSAE_TESTS_FUZZ_FUZZING_H_

#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/base/utf8.h"

namespace recsae::fuzz {

inline void Require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "does not hold: %s\n", what);
  std::abort();
}

// A reader refuses with a reason and a message that a caller can be sent.
inline void RequireGoodError(const absl::Status& status) {
  if (status.ok()) return;
  Require(!Reason(status).empty(), "an error has a reason");
  Require(!status.message().empty(), "an error has a message");
  Require(ValidUtf8(status.message()) == status.message(), "an error's message is UTF-8");
}

// A folder of this process, emptied for each input.
inline const std::filesystem::path& Folder() {
  static const std::filesystem::path folder = [] {
    auto path =
        std::filesystem::temp_directory_path() / ("recsae-fuzz-" + std::to_string(getpid()));
    std::filesystem::create_directories(path);
    return path;
  }();
  return folder;
}

inline std::string WriteInput(const std::string& name, absl::string_view bytes) {
  const auto path = Folder() / name;
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<long>(bytes.size()));
  return path.string();
}

}  // namespace recsae::fuzz

#endif  // RECSAE_TESTS_FUZZ_FUZZING_H_
