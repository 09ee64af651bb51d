#include "common/storage/checkpoint.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/options.h>
#include <rocksdb/version.h>

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
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

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::Make(std::shared_ptr<Engine> engine) {
  std::unique_ptr<Checkpoint> checkpoint(new Checkpoint(std::move(engine)));
  RECSAE_RETURN_IF_ERROR(checkpoint->Check(checkpoint->engine_->db->DisableFileDeletions()));
  return checkpoint;
}

Checkpoint::~Checkpoint() {
#if ROCKSDB_MAJOR >= 9
  engine_->db->EnableFileDeletions().PermitUncheckedError();
#else
  engine_->db->EnableFileDeletions(/*force=*/false).PermitUncheckedError();
#endif
}

absl::Status Checkpoint::Check(const rocksdb::Status& status) const {
  return FromRocksDb(status, absl::StrCat("the files of ", engine_->db->GetName()));
}

absl::StatusOr<uint64_t> Checkpoint::InLogs() const {
  rocksdb::VectorLogPtr logs;
  RECSAE_RETURN_IF_ERROR(Check(engine_->db->GetSortedWalFiles(logs)));
  uint64_t bytes = 0;
  for (const auto& log : logs) bytes += log->SizeFileBytes();
  return bytes;
}

absl::StatusOr<uint64_t> Checkpoint::Versions() const {
  uint64_t sum = 0;
  for (rocksdb::ColumnFamilyHandle* family : engine_->families.handles) {
    uint64_t version = 0;
    if (!engine_->db->GetIntProperty(family, rocksdb::DB::Properties::kCurrentSuperVersionNumber,
                                     &version)) {
      return Error(absl::StatusCode::kInternal, "STORE_ERROR",
                   absl::StrCat(engine_->db->GetName(), " does not say of which version it is"));
    }
    sum += version;  // each only grows
  }
  return sum;
}

absl::Status Checkpoint::Mark() {
  RECSAE_ASSIGN_OR_RETURN(moment_.versions, Versions());
  rocksdb::VectorLogPtr::value_type log;
  RECSAE_RETURN_IF_ERROR(Check(engine_->db->GetCurrentWalFile(&log)));
  moment_.log = log->LogNumber();
  moment_.log_bytes = log->SizeFileBytes();
  return absl::OkStatus();
}

absl::StatusOr<bool> Checkpoint::List() {
  rocksdb::LiveFilesStorageInfoOptions options;
  options.wal_size_for_flush = UINT64_MAX;  // the logs as they are
  files_.clear();
  RECSAE_RETURN_IF_ERROR(Check(engine_->db->GetLiveFilesStorageInfo(options, &files_)));
  RECSAE_ASSIGN_OR_RETURN(const uint64_t versions, Versions());
  if (versions != moment_.versions) return false;
  for (rocksdb::LiveFileStorageInfo& file : files_) {
    if (file.file_type != rocksdb::kWalFile) continue;
    if (file.file_number > moment_.log) return false;
    if (file.file_number == moment_.log) file.size = moment_.log_bytes;
  }
  return true;
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
