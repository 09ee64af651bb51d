// A file system for RocksDB whose disk can be made to refuse writes for a while.
#ifndef RECSAE_TESTS_UNIT_COMMON_JOBS_FAILING_FS_H_
#define RECSAE_TESTS_UNIT_COMMON_JOBS_FAILING_FS_H_

#include <rocksdb/file_system.h>

#include <atomic>
#include <memory>
#include <string>
#include <utility>

namespace recsae {

// Thread-safe.
class FailingFileSystem : public rocksdb::FileSystemWrapper {
 public:
  FailingFileSystem() : FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FailingFileSystem"; }

  // From now on nothing can be appended to a file, or again everything.
  void Fail(bool fail) { failing_ = fail; }
  // Writes that were refused so far.
  int refused() const { return refused_; }

  rocksdb::IOStatus NewWritableFile(const std::string& path, const rocksdb::FileOptions& options,
                                    std::unique_ptr<rocksdb::FSWritableFile>* result,
                                    rocksdb::IODebugContext* debug) override {
    rocksdb::IOStatus status = FileSystemWrapper::NewWritableFile(path, options, result, debug);
    if (status.ok()) *result = std::make_unique<File>(*this, std::move(*result));
    return status;
  }

 private:
  class File : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    File(FailingFileSystem& owner, std::unique_ptr<rocksdb::FSWritableFile> file)
        : FSWritableFileOwnerWrapper(std::move(file)), owner_(owner) {}

    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             rocksdb::IODebugContext* debug) override {
      if (!owner_.failing_) return FSWritableFileOwnerWrapper::Append(data, options, debug);
      ++owner_.refused_;
      // Retryable: RocksDB itself goes on once writes succeed again, as after a full disk.
      rocksdb::IOStatus refusal = rocksdb::IOStatus::IOError("the disk refuses");
      refusal.SetRetryable(true);
      return refusal;
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                             const rocksdb::DataVerificationInfo& /*verification*/,
                             rocksdb::IODebugContext* debug) override {
      return Append(data, options, debug);
    }

   private:
    FailingFileSystem& owner_;
  };

  std::atomic<bool> failing_ = false;
  std::atomic<int> refused_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_TESTS_UNIT_COMMON_JOBS_FAILING_FS_H_
