// A file system for RocksDB in which writes fail by chance.
#ifndef RECSAE_TESTS_SUPPORT_FAULTY_FS_H_
#define RECSAE_TESTS_SUPPORT_FAULTY_FS_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "common/base/random.h"

namespace recsae {

// Each write, sync and creation of a file fails with a probability, at first with none.
// Thread-safe.
class FaultyFileSystem : public rocksdb::FileSystemWrapper {
 public:
  explicit FaultyFileSystem(uint64_t seed)
      : FileSystemWrapper(rocksdb::FileSystem::Default()), random_(seed) {}

  const char* Name() const override { return "FaultyFileSystem"; }

  // From now on; `no_space`: the faults say that the disk is full.
  void FailWith(double probability, bool no_space);
  int64_t faults() const { return faults_; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override;

 private:
  class File;

  rocksdb::IOStatus Chance();

  std::atomic<int64_t> faults_ = 0;
  std::mutex mutex_;
  Random random_;
  double probability_ = 0;
  bool no_space_ = false;
};

}  // namespace recsae

#endif  // RECSAE_TESTS_SUPPORT_FAULTY_FS_H_
