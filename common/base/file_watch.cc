#include "common/base/file_watch.h"

#include <sys/stat.h>

#include <chrono>

namespace recsae {
namespace {

constexpr std::chrono::nanoseconds kLookAgain = std::chrono::seconds(1);

int64_t NowNs() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

}  // namespace

bool FileWatch::Changed() {
  if (NowNs() < next_look_ns_.load(std::memory_order_relaxed)) return false;
  const std::unique_lock<std::mutex> lock(looking_, std::try_to_lock);
  if (!lock.owns_lock()) return false;
  next_look_ns_ = NowNs() + kLookAgain.count();
  const Stamp stamp = Look();
  if (stamp == stamp_) return false;
  stamp_ = stamp;
  return true;
}

FileWatch::Stamp FileWatch::Look() const {
  struct stat info = {};
  if (stat(path_.c_str(), &info) != 0) return {0, 0, 0};
  constexpr int64_t kSecond = 1'000'000'000;
  return {static_cast<int64_t>(info.st_ino), info.st_size,
          info.st_ctim.tv_sec * kSecond + info.st_ctim.tv_nsec};
}

}  // namespace recsae
