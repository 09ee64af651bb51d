// Tells when a file was changed, for those who read it anew then.
#ifndef RECSAE_COMMON_BASE_FILE_WATCH_H_
#define RECSAE_COMMON_BASE_FILE_WATCH_H_

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>

namespace recsae {

// Looks at the file once a second at most, on the thread that asks. Thread-safe.
class FileWatch {
 public:
  explicit FileWatch(std::string path) : path_(std::move(path)) {}

  const std::string& path() const { return path_; }

  // True for one caller after each change that was seen (replaced, written, removed), and for the
  // first caller of all.
  bool Changed();

 private:
  // What tells one state of the file from another.
  struct Stamp {
    int64_t inode = -1;
    int64_t size = 0;
    int64_t changed_ns = 0;
    bool operator==(const Stamp&) const = default;
  };
  Stamp Look() const;

  const std::string path_;
  std::atomic<int64_t> next_look_ns_{0};
  std::mutex looking_;  // one at a time
  Stamp stamp_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_FILE_WATCH_H_
