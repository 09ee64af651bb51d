#include "tests/support/faulty_fs.h"

#include <utility>

namespace recsae {

class FaultyFileSystem::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(FaultyFileSystem& owner, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), owner_(owner) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus chance = owner_.Chance();
    return chance.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : chance;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*verification*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus chance = owner_.Chance();
    return chance.ok() ? FSWritableFileOwnerWrapper::Flush(options, debug) : chance;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  FaultyFileSystem& owner_;
};

void FaultyFileSystem::FailWith(double probability, bool no_space) {
  const std::lock_guard<std::mutex> lock(mutex_);
  probability_ = probability;
  no_space_ = no_space;
}

rocksdb::IOStatus FaultyFileSystem::Chance() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (random_.Uniform() >= probability_) return rocksdb::IOStatus::OK();
  ++faults_;
  return no_space_ ? rocksdb::IOStatus::NoSpace("by chance")
                   : rocksdb::IOStatus::IOError("by chance");
}

rocksdb::IOStatus FaultyFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = Chance();
  if (!status.ok()) return status;
  std::unique_ptr<rocksdb::FSWritableFile> file;
  status = target()->NewWritableFile(path, options, &file, debug);
  if (status.ok()) *result = std::make_unique<File>(*this, std::move(file));
  return status;
}

}  // namespace recsae
