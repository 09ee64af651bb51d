#include "tests/support/power_loss_fs.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace recsae {
namespace {

namespace fs = std::filesystem;

std::optional<std::string> ReadIfThere(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return std::nullopt;
  return std::string(std::istreambuf_iterator<char>(in), {});
}

// One spelling for a path, whatever the caller's.
std::string Normal(const std::string& path) {
  std::string normal = fs::path(path).lexically_normal().string();
  if (normal.size() > 1 && normal.back() == '/') normal.pop_back();
  return normal;
}

}  // namespace

class PowerLossFileSystem::File : public rocksdb::FSWritableFileOwnerWrapper {
 public:
  File(PowerLossFileSystem& owner, std::string path, std::unique_ptr<rocksdb::FSWritableFile> file)
      : FSWritableFileOwnerWrapper(std::move(file)), owner_(owner), path_(std::move(path)) {}

  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           rocksdb::IODebugContext* debug) override {
    owner_.Count();
    rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Append(data, options, debug);
    if (status.ok()) owner_.Wrote(path_, GetFileSize(options, debug));
    return status;
  }
  rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options,
                           const rocksdb::DataVerificationInfo& /*verification*/,
                           rocksdb::IODebugContext* debug) override {
    return Append(data, options, debug);
  }
  rocksdb::IOStatus Sync(const rocksdb::IOOptions& options,
                         rocksdb::IODebugContext* debug) override {
    owner_.Count();
    // What is appended while the sync runs is not promised.
    const uint64_t size = GetFileSize(options, debug);
    rocksdb::IOStatus status = FSWritableFileOwnerWrapper::Flush(options, debug);
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
    owner_.Count();
    owner_.DirectorySynced(path_);
    return rocksdb::IOStatus::OK();
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

void PowerLossFileSystem::CutPower() {
  const std::lock_guard<std::mutex> lock(mutex_);
  powered_ = false;
}

void PowerLossFileSystem::Count() {
  if (until_cut_.fetch_sub(1) <= 0) CutPower();
}

std::optional<std::string> PowerLossFileSystem::OnDisk(const std::string& path) const {
  const auto found = kept_.find(path);
  if (found == kept_.end()) return ReadIfThere(path);
  if (!found->second.named) return found->second.before;
  std::optional<std::string> content = ReadIfThere(path);
  if (content.has_value()) content->resize(std::min<size_t>(content->size(), found->second.synced));
  return content;
}

void PowerLossFileSystem::Created(const std::string& path) {
  kept_[path] = Kept{.before = OnDisk(path), .lost = !powered_};
}

void PowerLossFileSystem::Wrote(const std::string& path, uint64_t size) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto kept = kept_.find(path);
  if (powered_ && kept != kept_.end()) kept->second.written = size;
}

void PowerLossFileSystem::Synced(const std::string& path, uint64_t bytes) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto kept = kept_.find(path);
  if (!powered_ || kept == kept_.end()) return;
  kept->second.synced = bytes;
  kept->second.named = true;
  kept->second.before.reset();
}

void PowerLossFileSystem::DirectorySynced(const std::string& path) {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!powered_) return;
  for (auto entry = kept_.begin(); entry != kept_.end();) {
    if (fs::path(entry->first).parent_path() != fs::path(path)) {
      ++entry;
    } else if (!fs::exists(entry->first)) {
      entry = kept_.erase(entry);  // A deletion that is on disk now.
    } else {
      entry->second.named = true;
      entry->second.before.reset();
      ++entry;
    }
  }
  for (auto made = directories_.begin(); made != directories_.end();) {
    made = fs::path(*made).parent_path() == fs::path(path) ? directories_.erase(made)
                                                           : std::next(made);
  }
}

rocksdb::IOStatus PowerLossFileSystem::NewWritableFile(
    const std::string& path, const rocksdb::FileOptions& options,
    std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) {
  Count();
  const std::string normal = Normal(path);
  const std::lock_guard<std::mutex> lock(mutex_);
  Created(normal);
  std::unique_ptr<rocksdb::FSWritableFile> file;
  rocksdb::IOStatus status = target()->NewWritableFile(path, options, &file, debug);
  if (status.ok()) *result = std::make_unique<File>(*this, normal, std::move(file));
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
  if (status.ok()) *result = std::make_unique<Directory>(*this, Normal(path), std::move(directory));
  return status;
}

rocksdb::IOStatus PowerLossFileSystem::Made(const std::string& path, bool existed,
                                            rocksdb::IOStatus status) {
  if (existed || !status.ok()) return status;
  const std::lock_guard<std::mutex> lock(mutex_);
  directories_.insert(Normal(path));
  return status;
}

rocksdb::IOStatus PowerLossFileSystem::CreateDir(const std::string& path,
                                                 const rocksdb::IOOptions& options,
                                                 rocksdb::IODebugContext* debug) {
  Count();
  const bool existed = fs::exists(path);
  return Made(path, existed, target()->CreateDir(path, options, debug));
}

rocksdb::IOStatus PowerLossFileSystem::CreateDirIfMissing(const std::string& path,
                                                          const rocksdb::IOOptions& options,
                                                          rocksdb::IODebugContext* debug) {
  Count();
  const bool existed = fs::exists(path);
  return Made(path, existed, target()->CreateDirIfMissing(path, options, debug));
}

rocksdb::IOStatus PowerLossFileSystem::RenameFile(const std::string& from, const std::string& to,
                                                  const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  Count();
  const std::lock_guard<std::mutex> lock(mutex_);
  const std::string source = Normal(from);
  const std::optional<std::string> source_on_disk = OnDisk(source);
  std::optional<std::string> before = OnDisk(Normal(to));
  const rocksdb::IOStatus status = target()->RenameFile(from, to, options, debug);
  if (!status.ok()) return status;
  Kept moved;
  if (const auto found = kept_.find(source); found != kept_.end()) {
    moved = found->second;
  } else {
    moved.synced = moved.written = fs::file_size(to);
  }
  moved.named = false;
  moved.before = std::move(before);
  moved.lost = moved.lost || !powered_;
  kept_[Normal(to)] = std::move(moved);
  kept_[source] = Kept{.before = source_on_disk, .lost = !powered_};
  return status;
}

rocksdb::IOStatus PowerLossFileSystem::DeleteFile(const std::string& path,
                                                  const rocksdb::IOOptions& options,
                                                  rocksdb::IODebugContext* debug) {
  Count();
  const std::lock_guard<std::mutex> lock(mutex_);
  Created(Normal(path));
  return target()->DeleteFile(path, options, debug);
}

void PowerLossFileSystem::Lose(const std::string& path, const Kept& kept) {
  std::error_code error;
  const bool exists = fs::exists(path, error);
  // The change of the name may have been kept although nobody asked for that.
  if (kept.named || (!kept.lost && random_.Below(2) == 0)) {
    if (!exists) return;
    const uint64_t size = kept.synced + random_.Below(kept.written - kept.synced + 1);
    if (fs::file_size(path, error) <= size) return;
    fs::resize_file(path, size, error);
    ++files_hurt_;
    return;
  }
  if (exists) ++files_hurt_;
  fs::remove(path, error);
  if (kept.before.has_value()) std::ofstream(path, std::ios::binary) << *kept.before;
}

void PowerLossFileSystem::LoseUnsynced() {
  const std::lock_guard<std::mutex> lock(mutex_);
  files_hurt_ = 0;
  for (const auto& [path, kept] : kept_) Lose(path, kept);
  kept_.clear();
  for (const std::string& made : directories_) fs::remove_all(made);
  directories_.clear();
  powered_ = true;
  until_cut_ = INT64_MAX;
}

}  // namespace recsae
