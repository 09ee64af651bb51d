// A file system for RocksDB on a disk of a given size.
#ifndef RECSAE_TESTS_SUPPORT_SMALL_DISK_FS_H_
#define RECSAE_TESTS_SUPPORT_SMALL_DISK_FS_H_

#include <rocksdb/file_system.h>

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace recsae {

// What is written through it counts until it is deleted; a write that does not fit fails as on a
// full disk. Thread-safe.
class SmallDiskFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit SmallDiskFileSystem(uint64_t bytes)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), bytes_(bytes) {}

  const char* Name() const override { return "SmallDiskFileSystem"; }

  // What others keep on the disk.
  void SetForeign(uint64_t bytes);
  // Writes fail although the disk says that it has room, as over a quota.
  void FailWrites(bool fail);
  uint64_t free_bytes() const;
  int64_t refused() const;

  rocksdb::IOStatus GetFreeSpace(const std::string& path, const rocksdb::IOOptions& options,
                                 uint64_t* bytes, rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;

  rocksdb::IOStatus Take(const std::string& path, uint64_t bytes);
  void Drop(const std::string& path);
  uint64_t FreeLocked() const;

  const uint64_t bytes_;
  mutable std::mutex mutex_;
  std::map<std::string, uint64_t> sizes_;
  uint64_t used_ = 0;
  uint64_t foreign_ = 0;
  bool fail_ = false;
  int64_t refused_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_TESTS_SUPPORT_SMALL_DISK_FS_H_
