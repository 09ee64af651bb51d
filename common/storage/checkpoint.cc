#include "common/storage/checkpoint.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/version.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/storage/database_impl.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

constexpr uint64_t kCopyBytes = 1 << 20;

// The first `size` bytes.
rocksdb::Status CopyStart(rocksdb::Env& env, const std::string& from, const std::string& to,
                          uint64_t size) {
  std::unique_ptr<rocksdb::SequentialFile> source;
  std::unique_ptr<rocksdb::WritableFile> target;
  rocksdb::Status status = env.NewSequentialFile(from, &source, rocksdb::EnvOptions());
  if (status.ok()) status = env.NewWritableFile(to, &target, rocksdb::EnvOptions());
  std::string buffer(std::min(size, kCopyBytes), '\0');
  while (status.ok() && size > 0) {
    rocksdb::Slice read;
    status = source->Read(std::min<uint64_t>(size, buffer.size()), &read, buffer.data());
    if (status.ok() && read.empty()) return rocksdb::Status::Corruption("cut off", from);
    if (status.ok()) status = target->Append(read);
    size -= read.size();
  }
  if (status.ok()) status = target->Close();
  return status;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::Take(std::shared_ptr<Engine> engine) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint(std::move(engine)));
  rocksdb::DB& db = *checkpoint->engine_->db;
  rocksdb::LiveFilesStorageInfoOptions options;
  options.wal_size_for_flush = UINT64_MAX;  // the log as it is
  rocksdb::Status status = db.DisableFileDeletions();
  if (status.ok()) status = db.GetLiveFilesStorageInfo(options, &checkpoint->files_);
  if (status.ok()) return checkpoint;
  return FromRocksDb(status, absl::StrCat("the files of ", db.GetName()));
}

Checkpoint::~Checkpoint() {
#if ROCKSDB_MAJOR >= 9
  engine_->db->EnableFileDeletions().PermitUncheckedError();
#else
  engine_->db->EnableFileDeletions(/*force=*/false).PermitUncheckedError();
#endif
}

absl::Status Checkpoint::Write(const std::string& directory) const {
  rocksdb::Env& env = *engine_->db->GetEnv();
  rocksdb::Status status = env.CreateDir(directory);
  for (const rocksdb::LiveFileStorageInfo& file : files_) {
    if (!status.ok()) break;
    const std::string from = absl::StrCat(file.directory, "/", file.relative_filename);
    const std::string to = absl::StrCat(directory, "/", file.relative_filename);
    if (!file.replacement_contents.empty()) {
      status = rocksdb::WriteStringToFile(&env, file.replacement_contents, to);
    } else if (file.file_type == rocksdb::kTableFile) {
      status = env.LinkFile(from, to);
    } else {
      status = CopyStart(env, from, to, file.size);
    }
  }
  return FromRocksDb(status, absl::StrCat("a copy of ", engine_->db->GetName()));
}

}  // namespace recsae
