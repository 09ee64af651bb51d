#include "common/jobs/job_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae {
namespace {

using jobs::v1::Job;

// jobs: sequence -> record. default: "next" -> sequence.
// checkpoints: sequence 'h' -> head; sequence 'c' generation number -> chunk. A checkpoint is the
// chunks of the generation that the head names; the head is written last, synced, in the same batch
// that removes the generation before.
constexpr char kJobs[] = "jobs";
constexpr char kCheckpoints[] = "checkpoints";
constexpr char kNextKey[] = "next";
constexpr size_t kChunkBytes = size_t{1} << 20;

// crashes, flags, serialized Job.
constexpr size_t kRecordHeaderBytes = 5;
constexpr char kCancelRequested = 1;
constexpr char kPaused = 2;

std::string Encode(const JobRecord& record) {
  const char flags = static_cast<char>((record.cancel_requested ? kCancelRequested : 0) |
                                       (record.paused ? kPaused : 0));
  return absl::StrCat(BigEndian32(record.crashes), absl::string_view(&flags, 1),
                      record.job.SerializeAsString());
}

absl::Status Corrupt(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
               absl::StrCat(what, " cannot be read: the store of jobs is damaged"));
}

absl::StatusOr<JobRecord> Decode(absl::string_view key, absl::string_view value) {
  JobRecord record;
  if (key.size() != sizeof(uint64_t) || value.size() < kRecordHeaderBytes ||
      !record.job.ParseFromArray(value.data() + kRecordHeaderBytes,
                                 static_cast<int>(value.size() - kRecordHeaderBytes)) ||
      record.job.state() == Job::STATE_UNSPECIFIED || !Job::State_IsValid(record.job.state())) {
    return Corrupt("a stored job");
  }
  record.sequence = ReadBigEndian64(key);
  record.crashes = ReadBigEndian32(value);
  record.cancel_requested = (value[4] & kCancelRequested) != 0;
  record.paused = (value[4] & kPaused) != 0;
  return record;
}

std::string HeadKey(uint64_t sequence) { return absl::StrCat(BigEndian64(sequence), "h"); }

std::string ChunkPrefix(uint64_t sequence, uint64_t generation) {
  return absl::StrCat(BigEndian64(sequence), "c", BigEndian64(generation));
}

constexpr size_t kCheckpointHeadBytes = 16;
struct CheckpointHead {
  uint64_t generation = 0;
  uint64_t size = 0;
};

// Generation 0: there is no checkpoint.
absl::StatusOr<CheckpointHead> ReadHead(const Database& database, uint64_t sequence) {
  const auto bytes = database.Get(kCheckpoints, HeadKey(sequence));
  if (absl::IsNotFound(bytes.status())) return CheckpointHead{};
  RECSAE_RETURN_IF_ERROR(bytes.status());
  if (bytes->size() != kCheckpointHeadBytes) return Corrupt("the head of a checkpoint");
  return CheckpointHead{ReadBigEndian64(*bytes),
                        ReadBigEndian64(absl::string_view(*bytes).substr(8))};
}

}  // namespace

bool IsFinal(Job::State state) {
  return state == Job::STATE_SUCCEEDED || state == Job::STATE_FAILED ||
         state == Job::STATE_CANCELLED;
}

absl::StatusOr<std::unique_ptr<JobStore>> JobStore::Open(const std::string& directory,
                                                         const std::string& service,
                                                         const Environment& environment) {
  DatabaseOptions options;
  options.service = service;
  options.environment = environment;
  options.families = {{kJobs}, {kCheckpoints, /*incompressible=*/true}};
  options.block_cache_bytes = size_t{8} << 20;
  RECSAE_ASSIGN_OR_RETURN(auto database, Database::Open(directory, options));
  return std::unique_ptr<JobStore>(new JobStore(std::move(database)));
}

absl::StatusOr<std::vector<JobRecord>> JobStore::LoadAll() const {
  std::vector<JobRecord> records;
  auto scan = database_->Scan(kJobs, "");
  for (; scan->Valid(); scan->Next()) {
    RECSAE_ASSIGN_OR_RETURN(JobRecord record, Decode(scan->key(), scan->value()));
    records.push_back(std::move(record));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return records;
}

absl::StatusOr<uint64_t> JobStore::NextSequence() const {
  const auto next = database_->Get(kDefaultFamily, kNextKey);
  if (absl::IsNotFound(next.status())) return 1;
  RECSAE_RETURN_IF_ERROR(next.status());
  if (next->size() != sizeof(uint64_t)) return Corrupt("the number of the next job");
  return ReadBigEndian64(*next);
}

void JobStore::Add(WriteBatch& batch, const JobRecord& record) const {
  batch.Put(kJobs, BigEndian64(record.sequence), Encode(record));
  batch.Put(kDefaultFamily, kNextKey, BigEndian64(record.sequence + 1));
}

absl::Status JobStore::Save(const JobRecord& record, Durability durability) {
  WriteBatch batch = database_->NewBatch();
  // A change of state is stored on a full disk, too; progress is not.
  if (durability == Durability::kSynced) batch.UseReserve();
  batch.Put(kJobs, BigEndian64(record.sequence), Encode(record));
  if (IsFinal(record.job.state())) batch.DeletePrefix(kCheckpoints, BigEndian64(record.sequence));
  return database_->Write(std::move(batch), durability);
}

absl::Status JobStore::Delete(absl::Span<const uint64_t> sequences, Durability durability) {
  WriteBatch batch = database_->NewBatch();
  batch.UseReserve();
  for (const uint64_t sequence : sequences) batch.Delete(kJobs, BigEndian64(sequence));
  return database_->Write(std::move(batch), durability);
}

absl::Status JobStore::SaveCheckpoint(uint64_t sequence, absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(const CheckpointHead old, ReadHead(*database_, sequence));
  const std::string prefix = ChunkPrefix(sequence, old.generation + 1);

  // A crash in the middle may have left chunks of this generation.
  WriteBatch batch = database_->NewBatch();
  batch.DeletePrefix(kCheckpoints, prefix);
  for (size_t offset = 0; offset < bytes.size(); offset += kChunkBytes) {
    const uint32_t number = static_cast<uint32_t>(offset / kChunkBytes);
    batch.Put(kCheckpoints, absl::StrCat(prefix, BigEndian32(number)),
              bytes.substr(offset, kChunkBytes));
    RECSAE_RETURN_IF_ERROR(database_->Write(std::move(batch), Durability::kUnsynced));
    batch = database_->NewBatch();
  }
  batch.Put(kCheckpoints, HeadKey(sequence),
            absl::StrCat(BigEndian64(old.generation + 1), BigEndian64(bytes.size())));
  if (old.generation > 0) {
    batch.DeletePrefix(kCheckpoints, ChunkPrefix(sequence, old.generation));
  }
  return database_->Write(std::move(batch), Durability::kSynced);
}

absl::StatusOr<std::string> JobStore::LoadCheckpoint(uint64_t sequence) const {
  RECSAE_ASSIGN_OR_RETURN(const CheckpointHead head, ReadHead(*database_, sequence));
  if (head.generation == 0) {
    return Error(absl::StatusCode::kNotFound, "CHECKPOINT_NOT_FOUND", "the job has no checkpoint");
  }
  std::string bytes;
  bytes.reserve(head.size);
  auto scan = database_->Scan(kCheckpoints, ChunkPrefix(sequence, head.generation), {.bulk = true});
  for (; scan->Valid(); scan->Next()) absl::StrAppend(&bytes, scan->value());
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (bytes.size() != head.size) {
    return Error(absl::StatusCode::kDataLoss, "CHECKPOINT_CORRUPT",
                 absl::StrCat("the checkpoint has ", bytes.size(), " of ", head.size, " bytes"));
  }
  return bytes;
}

}  // namespace recsae
