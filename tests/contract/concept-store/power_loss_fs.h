// A file system for RocksDB that loses, when the power is cut, all that was not synced.
#ifndef RECSAE_TESTS_CONTRACT_CONCEPT_STORE_POWER_LOSS_FS_H_
#define RECSAE_TESTS_CONTRACT_CONCEPT_STORE_POWER_LOSS_FS_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace recsae::concept_store {

// Writes go to real files; this class remembers what of them a disk would have kept:
//   - of each file, the bytes up to its last sync;
//   - of each new or renamed file, its name only after a sync of its directory.
// Thread-safe.
class PowerLossFileSystem : public rocksdb::FileSystemWrapper {
 public:
  PowerLossFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}

  const char* Name() const override { return "PowerLossFileSystem"; }

  // From now on nothing can be written or synced.
  void CutPower() { powered_ = false; }
  // Call it when nothing has the files open: leaves on disk what survived, and powers up again.
  void LoseUnsynced();

  // Files that lost bytes or vanished in the last LoseUnsynced.
  int files_hurt() const { return files_hurt_; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReopenWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                       std::unique_ptr<rocksdb::FSWritableFile>* result,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus ReuseWritableFile(const std::string& path, const std::string& old_path,
                                      const rocksdb::FileOptions& options,
                                      std::unique_ptr<rocksdb::FSWritableFile>* result,
                                      rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus NewDirectory(const std::string& path, const rocksdb::IOOptions& options,
                                 std::unique_ptr<rocksdb::FSDirectory>* result,
                                 rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Directory;

  // What a disk has of a file that was written since the last power loss.
  struct Kept {
    uint64_t bytes = 0;
    // Whether the name is on disk; if not, what it named before (nothing: there was no such file).
    bool named = false;
    std::optional<std::string> before;
  };

  rocksdb::IOStatus CheckPower() const;
  void Created(const std::string& path, std::optional<std::string> before);
  void Synced(const std::string& path, uint64_t bytes);
  void DirectorySynced(const std::string& path);

  std::atomic<bool> powered_ = true;
  int files_hurt_ = 0;
  std::mutex mutex_;
  std::map<std::string, Kept> kept_;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_TESTS_CONTRACT_CONCEPT_STORE_POWER_LOSS_FS_H_
