#include "common/storage/disk_floor.h"

#include <rocksdb/env.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

constexpr absl::Duration kLookEvery = absl::Seconds(1);
// Above the floor by this share of it, writes are taken again.
constexpr int64_t kShareToReturn = 4;
// Of a disk: 256 MiB of 2 GiB.
constexpr int64_t kShareOfDisk = 8;
// With less than so many floors free, room that deletions make is given back at once.
constexpr int64_t kTightFloors = 2;

// `path`, or the first folder above it that is there.
std::string Existing(const std::string& path) {
  std::error_code error;
  fs::path found = fs::absolute(path, error);
  while (!fs::exists(found, error) && found.has_parent_path() && found != found.parent_path()) {
    found = found.parent_path();
  }
  return found.string();
}

int64_t FreeBytes(rocksdb::Env* env, const std::string& path) {
  if (env == nullptr) {
    struct statvfs disk = {};
    if (statvfs(Existing(path).c_str(), &disk) != 0) return -1;
    return static_cast<int64_t>(disk.f_bavail) * static_cast<int64_t>(disk.f_frsize);
  }
  uint64_t free = 0;
  if (!env->GetFreeSpace(path, &free).ok()) return -1;
  return static_cast<int64_t>(std::min<uint64_t>(free, kMostBytes));
}

}  // namespace

int64_t DefaultMinFreeDisk(const std::string& path) {
  struct statvfs disk = {};
  if (statvfs(Existing(path).c_str(), &disk) != 0) return kMinFreeDisk;
  const int64_t total = static_cast<int64_t>(disk.f_blocks) * static_cast<int64_t>(disk.f_frsize);
  return std::min(kMinFreeDisk, total / kShareOfDisk);
}

DiskFloor::DiskFloor(DiskFloorOptions options) : options_(std::move(options)) {}

void DiskFloor::LookLocked(absl::Time now) {
  looked_ = now;
  since_ = 0;
  free_ = FreeBytes(options_.env, options_.path);
  if (writable_ || free_ < 0) return;
  if (free_ >= options_.floor_bytes + options_.floor_bytes / kShareToReturn) {
    SetWritableLocked(true);
  }
}

void DiskFloor::LookIfOldLocked() {
  const absl::Time now = absl::Now();
  // A clock that was set back is no reason not to look.
  if (now - looked_ >= kLookEvery || now < looked_) LookLocked(now);
}

void DiskFloor::SetWritableLocked(bool writable) {
  if (std::exchange(writable_, writable) == writable) return;
  if (options_.on_change) options_.on_change(writable, free_);
}

absl::Status DiskFloor::CheckWrite(int64_t bytes) {
  const int64_t floor = options_.floor_bytes;
  if (floor <= 0) return absl::OkStatus();
  const absl::MutexLock lock(&mutex_);
  LookIfOldLocked();
  const auto short_of_room = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return free_ >= 0 && free_ - 2 * (since_ + bytes) < floor;
  };
  if (short_of_room()) LookLocked(absl::Now());
  if (!short_of_room()) {
    since_ += bytes;
    // One that was too large may have been refused where smaller ones go on.
    if (!writable_ && free_ >= floor + floor / kShareToReturn) SetWritableLocked(true);
    return absl::OkStatus();
  }
  return Error(
      absl::StatusCode::kResourceExhausted, "STORE_FULL",
      absl::StrCat("the disk of ", options_.path, " is nearly full: ", FormatBytes(free_),
                   " are free, of which ", FormatBytes(floor),
                   " are kept (--min-free-disk); delete what is not used any more, which works "
                   "still, or give the volume more room"),
      {{"path", options_.path},
       {"free_bytes", absl::StrCat(free_)},
       {"floor_bytes", absl::StrCat(floor)}});
}

void DiskFloor::NoteRefused() {
  ++refused_;
  if (options_.floor_bytes <= 0) return;
  const absl::MutexLock lock(&mutex_);
  // A single write that is larger than what is left is no reason to call all of them off.
  if (free_ >= 0 && free_ < kTightFloors * options_.floor_bytes) SetWritableLocked(false);
}

bool DiskFloor::writable() {
  const absl::MutexLock lock(&mutex_);
  LookIfOldLocked();
  if (options_.floor_bytes > 0 && free_ >= 0 && free_ < options_.floor_bytes) {
    SetWritableLocked(false);
  }
  return writable_;
}

bool DiskFloor::tight() {
  if (options_.floor_bytes <= 0) return false;
  const absl::MutexLock lock(&mutex_);
  LookIfOldLocked();
  return free_ >= 0 && free_ < kTightFloors * options_.floor_bytes;
}

int64_t DiskFloor::free_bytes() {
  const absl::MutexLock lock(&mutex_);
  LookIfOldLocked();
  return free_;
}

void DiskFloor::Forget() {
  const absl::MutexLock lock(&mutex_);
  looked_ = absl::InfinitePast();
}

}  // namespace recsae
