// A file system for RocksDB that loses, when the power is cut, what was not synced.
#ifndef RECSAE_TESTS_SUPPORT_POWER_LOSS_FS_H_
#define RECSAE_TESTS_SUPPORT_POWER_LOSS_FS_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "common/base/random.h"

namespace recsae {

// Writes go to real files; this class remembers what of them a disk must have kept:
//   - of each file, the bytes up to its last sync, and its name (Linux's file systems keep that
//   too);
//   - of each renamed or deleted file and each new directory, that it is so, only after a sync of
//   the
//     directory around it.
// What need not have been kept is kept in part, as chance has it. After the cut everything goes on
// without an error and leaves no trace: what is acknowledged counts if powered() is true
// afterwards. Thread-safe.
class PowerLossFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit PowerLossFileSystem(uint64_t seed = 0)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), random_(seed) {}

  const char* Name() const override { return "PowerLossFileSystem"; }

  bool powered() const { return powered_; }
  void CutPower();
  // Cuts the power before the next write, sync or change of a directory but `operations`.
  void CutPowerAfter(int64_t operations) { until_cut_ = operations; }
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
  rocksdb::IOStatus CreateDir(const std::string& path, const rocksdb::IOOptions& options,
                              rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus CreateDirIfMissing(const std::string& path, const rocksdb::IOOptions& options,
                                       rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to,
                               const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;
  rocksdb::IOStatus DeleteFile(const std::string& path, const rocksdb::IOOptions& options,
                               rocksdb::IODebugContext* debug) override;

 private:
  class File;
  class Directory;

  // What a disk has of a name that was written since the last power loss.
  struct Kept {
    // Bytes that are synced, and that were written before the cut.
    uint64_t synced = 0;
    uint64_t written = 0;
    // Whether the name is on disk; if not, what it named before (nothing: there was no such file).
    bool named = false;
    std::optional<std::string> before = std::nullopt;
    // Made after the cut: nothing of it can have been kept.
    bool lost = false;
  };

  // Counts down to the cut. Called before each operation.
  void Count();
  // What is on disk under this name for sure. With mutex_ held.
  std::optional<std::string> OnDisk(const std::string& path) const;
  void Created(const std::string& path);
  void Wrote(const std::string& path, uint64_t size);
  void Synced(const std::string& path, uint64_t bytes);
  void DirectorySynced(const std::string& path);
  rocksdb::IOStatus Made(const std::string& path, bool existed, rocksdb::IOStatus status);
  void Lose(const std::string& path, const Kept& kept);

  std::atomic<bool> powered_ = true;
  std::atomic<int64_t> until_cut_ = INT64_MAX;
  int files_hurt_ = 0;
  std::mutex mutex_;
  Random random_;
  std::map<std::string, Kept> kept_;
  std::set<std::string> directories_;  // new, and not synced
};

}  // namespace recsae

#endif  // RECSAE_TESTS_SUPPORT_POWER_LOSS_FS_H_
