#include "tests/contract/concept-store/power_loss_fs.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace recsae::concept_store {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> ReadIfThere(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// One spelling for a path, whatever the caller's.
std::string Normal(const std::string& path) { return fs::path(path).lexically_normal().string(); }

}  // namespace

class PowerLossFileSystem::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(PowerLossFileSystem& owner, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), owner_(owner), path_(std::move(path)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    const rocksdb::IOStatus power = owner_.CheckPower();
    return power.ok() ? FSWritableFileOwnerWrapper::Append(data, options, debug) : power;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*verification*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    // What is appended while the sync runs is not promised.
    const uint64_t size = GetFileSize(options, debug);
    rocksdb::IOStatus status = owner_.CheckPower();
    if (status.ok()) status = FSWritableFileOwnerWrapper::Flush(options, debug);
    if (status.ok()) owner_.Synced(path_, size);
    return status;
  }
  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options,
                          rocksdb::IODebugContext* debug) override {
    return Sync(options, debug);
  }

 private:
  PowerLossFileSystem& owner_;
  const std::string path_;
};

class PowerLossFileSystem::Directory : public rocksdb::FSDirectoryWrapper {
 public:
  Directory(PowerLossFileSystem& owner, std::string path,
            std::unique_ptr<rocksdb::FSDirectory> directory)
      : FSDirectoryWrapper(std::move(directory)), owner_(owner), path_(std::move(path)) {}

  rocksdb::IOStatus Fsync(const rocksdb::IOOptions& /*options*/,
                          rocksdb::IODebugContext* /*debug*/) override {
    const rocksdb::IOStatus power = owner_.CheckPower();
    if (power.ok()) owner_.DirectorySynced(path_);
    return power;
  }
  rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions& options,
                                        rocksdb::IODebugContext* debug,
                                        const rocksdb::DirFsyncOptions& /*why*/) override {
    return Fsync(options, debug);
  }

 private:
  PowerLossFileSystem& owner_;
  const std::string path_;
};

rocksdb::IOStatus PowerLossFileSystem::CheckPower() const {
  return powered_ ? rocksdb::IOStatus::OK() : rocksdb::IOStatus::IOError("the power is off");
}

void PowerLossFileSystem::Created(const std::string& path, std::optional<std::string> before) {
  const std::lock_guard<std::mutex> lock(mutex_);
  kept_[path] = Kept{0, false, std::move(before)};
}

void PowerLossFileSystem::Synced(const std::string& path, uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto kept = kept_.find(path);
  if (kept != kept_.end()) kept->second.bytes = bytes;
}

void PowerLossFileSystem::DirectorySynced(const std::string& path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (auto& [file, kept] : kept_) {
    if (fs::path(file).parent_path() != fs::path(path)) continue;
    kept.named = true;
    kept.before.reset();
  }
}

rocksdb::IOStatus PowerLossFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = CheckPower();
  if (!status.ok()) return status;
  const std::string normal = Normal(path);
  std::optional<std::string> before = ReadIfThere(normal);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  status = target()->NewWritableFile(path, options, &file, debug);
  if (!status.ok()) return status;
  Created(normal, std::move(before));
  *result = std::make_unique<File>(*this, normal, std::move(file));
  return status;
}

rocksdb::IOStatus PowerLossFileSystem::ReopenWritableFile(
    const std::string& /*path*/, const rocksdb::FileOptions& /*options*/,
    std::unique_ptr<rocksdb::FSWritableFile>* /*result*/, rocksdb::IODebugContext* /*debug*/) {
  return rocksdb::IOStatus::NotSupported("ReopenWritableFile is not modelled");
}

rocksdb::IOStatus PowerLossFileSystem::ReuseWritableFile(
    const std::string& /*path*/, const std::string& /*old_path*/,
    const rocksdb::FileOptions& /*options*/, std::unique_ptr<rocksdb::FSWritableFile>* /*result*/,
    rocksdb::IODebugContext* /*debug*/) {
  return rocksdb::IOStatus::NotSupported("ReuseWritableFile is not modelled");
}

rocksdb::IOStatus PowerLossFileSystem::NewDirectory(const std::string& path,
                                                    const rocksdb::IOOptions& options,
                                                    std::unique_ptr<rocksdb::FSDirectory>* result,
                                                    rocksdb::IODebugContext* debug) {
  std::unique_ptr<rocksdb::FSDirectory> directory;
  const rocksdb::IOStatus status = target()->NewDirectory(path, options, &directory, debug);
  if (!status.ok()) return status;
  std::string normal = Normal(path);
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  *result = std::make_unique<Directory>(*this, normal, std::move(directory));
  return status;
}

rocksdb::IOStatus PowerLossFileSystem::RenameFile(const std::string& from, const std::string& to,
                                                  const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = CheckPower();
  if (!status.ok()) return status;
  std::optional<std::string> before = ReadIfThere(Normal(to));
  status = target()->RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto source = kept_.find(Normal(from));
  if (source == kept_.end()) return status;
  kept_[Normal(to)] = Kept{source->second.bytes, false, std::move(before)};
  kept_.erase(Normal(from));
  return status;
}

rocksdb::IOStatus PowerLossFileSystem::DeleteFile(const std::string& path,
                                                  const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  rocksdb::IOStatus status = CheckPower();
  if (!status.ok()) return status;
  status = target()->DeleteFile(path, options, debug);
  const std::lock_guard<std::mutex> lock(mutex_);
  kept_.erase(Normal(path));
  return status;
}

void PowerLossFileSystem::LoseUnsynced() {
  const std::lock_guard<std::mutex> lock(mutex_);
  files_hurt_ = 0;
  for (const auto& [path, kept] : kept_) {
    std::error_code error;
    const uint64_t size = fs::file_size(path, error);
    if (kept.named) {
      if (!error && size > kept.bytes) {
        fs::resize_file(path, kept.bytes, error);
        ++files_hurt_;
      }
      continue;
    }
    ++files_hurt_;
    fs::remove(path, error);
    if (kept.before.has_value()) {
      std::ofstream(path, std::ios::binary) << *kept.before;
    }
  }
  kept_.clear();
  powered_ = true;
}

}  // namespace recsae::concept_store
