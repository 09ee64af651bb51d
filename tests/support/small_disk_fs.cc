#include "tests/support/small_disk_fs.h"

#include <utility>

namespace recsae {

class SmallDiskFileSystem::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(SmallDiskFileSystem& disk, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), disk_(disk), path_(std::move(path)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus room = disk_.Take(path_, data.size());
    return room.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : room;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*verification*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }

 private:
  SmallDiskFileSystem& disk_;
  const std::string path_;
};

void SmallDiskFileSystem::SetForeign(uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  foreign_ = bytes;
}

void SmallDiskFileSystem::FailWrites(bool fail) {
  const std::lock_guard<std::mutex> lock(mutex_);
  fail_ = fail;
}

uint64_t SmallDiskFileSystem::FreeLocked() const {
  const uint64_t taken = used_ + foreign_;
  return taken < bytes_ ? bytes_ - taken : 0;
}

uint64_t SmallDiskFileSystem::free_bytes() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return FreeLocked();
}

int64_t SmallDiskFileSystem::refused() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return refused_;
}

rocksdb::IOStatus SmallDiskFileSystem::Take(const std::string& path, uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (fail_ || FreeLocked() < bytes) {
    ++refused_;
    return rocksdb::IOStatus::NoSpace("the small disk is full", path);
  }
  used_ += bytes;
  sizes_[path] += bytes;
  return rocksdb::IOStatus::OK();
}

void SmallDiskFileSystem::Drop(const std::string& path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto size = sizes_.find(path);
  if (size == sizes_.end()) return;
  used_ -= size->second;
  sizes_.erase(size);
}

rocksdb::IOStatus SmallDiskFileSystem::GetFreeSpace(const std::string& /*path*/,
                                                    const rocksdb::IOOptions& /*options*/,
                                                    uint64_t* bytes,
                                                    rocksdb::IODebugContext* /*debug*/) {
  *bytes = free_bytes();
  return rocksdb::IOStatus::OK();
}

rocksdb::IOStatus SmallDiskFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSWritableFile> file;
  const rocksdb::IOStatus status = target()->NewWritableFile(path, options, &file, debug);
  if (!status.ok()) return status;
  Drop(path);
  *result = std::make_unique<File>(*this, path, std::move(file));
  return status;
}

rocksdb::IOStatus SmallDiskFileSystem::RenameFile(const std::string& from, const std::string& to,
                                                  const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  const rocksdb::IOStatus status = target()->RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  Drop(to);
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto size = sizes_.find(from);
  if (size == sizes_.end()) return status;
  sizes_[to] = size->second;
  sizes_.erase(from);
  return status;
}

rocksdb::IOStatus SmallDiskFileSystem::DeleteFile(const std::string& path,
                                                  const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  const rocksdb::IOStatus status = target()->DeleteFile(path, options, debug);
  if (status.ok()) Drop(path);
  return status;
}

}  // namespace recsae
