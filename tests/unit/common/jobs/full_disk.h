// A file system for RocksDB whose disk can be made full for a while.
#ifndef RECSAE_TESTS_UNIT_COMMON_JOBS_FULL_DISK_H_
#define RECSAE_TESTS_UNIT_COMMON_JOBS_FULL_DISK_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace recsae {

// Thread-safe. Databases ask before each write (common/storage).
class FullDisk : public rocksdb::FileSystemWrapper {
 public:
  FullDisk() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FullDisk"; }

  void Fill() { full_ = true; }
  void Free() { full_ = false; }
  // How often it has told that it is full.
  int refused() const { return refused_; }

  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override {
    if (!full_) return FileSystemWrapper::GetFreeSpace(path, options, bytes, debug);
    ++refused_;
    *bytes = 0;
    return rocksdb::IOStatus::OK();
  }

 private:
  std::atomic<bool> full_ = false;
  std::atomic<int> refused_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_TESTS_UNIT_COMMON_JOBS_FULL_DISK_H_
