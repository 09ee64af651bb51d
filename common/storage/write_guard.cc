// What stands between a write and RocksDB: room on the disk, what an error means, and going on
// after one.
#include <rocksdb/env.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/storage/checkpoint.h"
#include "common/storage/database_impl.h"
#include "common/storage/disk_floor.h"
#include "common/storage/rocksdb_status.h"

namespace recsae {
namespace {

// Bytes that stay free: for RocksDB's own files and the next start, and of these a part that
// writes from the reserve may use.
constexpr uint64_t kReservedBytes = 4 << 20;
constexpr uint64_t kLastBytes = 1 << 20;
// What one write from the reserve may add (a deletion's change log, the end of a job).
constexpr size_t kReserveWriteBytes = 256 << 10;
// With more there is room for the memory tables whatever they hold.
constexpr uint64_t kAmpleBytes = uint64_t{512} << 20;
// Between two tries to open what a full disk has stopped.
constexpr absl::Duration kOpenAgainAfter = absl::Seconds(1);
// Failed batches that are remembered until then.
constexpr size_t kMostDoubtfulBytes = size_t{64} << 20;
// How long a write waits for the room that a deletion makes.
constexpr absl::Duration kReclaimWait = absl::Seconds(2);
// In memory, worth a flush: empty memory tables have some.
constexpr uint64_t kFlushedBytes = 2 << 20;
// How long a write from the reserve waits for a compaction to give back what it took.
constexpr absl::Duration kCompactionWait = absl::Seconds(1);
constexpr absl::Duration kRoomCheck = absl::Milliseconds(50);

uint64_t InMemory(const Engine& engine) {
  uint64_t bytes = 0;
  engine.db->GetAggregatedIntProperty(rocksdb::DB::Properties::kCurSizeAllMemTables, &bytes);
  return bytes;
}

// Whether a database holds all that a batch would have left behind.
class Holds : public rocksdb::WriteBatch::Handler {
 public:
  explicit Holds(const Engine& engine) : engine_(engine) {}

  rocksdb::Status PutCF(uint32_t family, const rocksdb::Slice& key,
                        const rocksdb::Slice& value) override {
    return Compare(family, key, &value);
  }
  rocksdb::Status DeleteCF(uint32_t family, const rocksdb::Slice& key) override {
    return Compare(family, key, nullptr);
  }
  rocksdb::Status DeleteRangeCF(uint32_t /*family*/, const rocksdb::Slice& /*begin*/,
                                const rocksdb::Slice& /*end*/) override {
    return rocksdb::Status::OK();
  }

  bool all = true;

 private:
  rocksdb::Status Compare(uint32_t family, const rocksdb::Slice& key, const rocksdb::Slice* value) {
    const auto& handles = engine_.families.handles;
    const auto handle = std::find_if(handles.begin(), handles.end(),
                                     [&](const auto* h) { return h->GetID() == family; });
    if (handle == handles.end()) return rocksdb::Status::OK();
    std::string found;
    const rocksdb::Status status = engine_.db->Get(rocksdb::ReadOptions(), *handle, key, &found);
    if (!status.ok() && !status.IsNotFound()) return status;
    all = all && (value == nullptr ? status.IsNotFound() : status.ok() && *value == found);
    return rocksdb::Status::OK();
  }

  const Engine& engine_;
};

}  // namespace

void FailureKeeper::OnBackgroundError(rocksdb::BackgroundErrorReason /*reason*/,
                                      rocksdb::Status* error) {
  // Compactions that find no room are tried again.
  if (error->severity() < rocksdb::Status::Severity::kHardError) return;
  no_space = error->subcode() == rocksdb::Status::kNoSpace ||
             error->subcode() == rocksdb::Status::kSpaceLimit;
  failed = true;
}

void FailureKeeper::OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason /*reason*/,
                                         rocksdb::Status /*error*/, bool* auto_recovery) {
  *auto_recovery = false;
}

Database::Impl::Impl(const std::string& directory, const DatabaseOptions& opened)
    : path(directory),
      options(opened),
      env(opened.environment.env != nullptr ? opened.environment.env : rocksdb::Env::Default()) {
  if (options.environment.floor == nullptr) return;
  reclaimer = std::make_unique<Reclaimer>([this] { return Use(); },
                                          [this] { options.environment.floor->Forget(); });
}

Database::Impl::~Impl() = default;

absl::StatusOr<std::shared_ptr<Engine>> Database::Impl::Use() const {
  {
    const absl::ReaderMutexLock lock(&mutex);
    if (engine != nullptr) return engine;
  }
  const absl::MutexLock lock(&mutex);
  return OpenAnew();
}

absl::StatusOr<std::shared_ptr<Engine>> Database::Impl::UseForWriting() const {
  {
    const absl::ReaderMutexLock lock(&mutex);
    if (engine != nullptr && !engine->keeper->failed) return engine;
  }
  const absl::MutexLock lock(&mutex);
  return OpenAnew();
}

absl::StatusOr<std::shared_ptr<Engine>> Database::Impl::OpenAnew() const {
  if (engine != nullptr && !engine->keeper->failed) return engine;
  RECSAE_RETURN_IF_ERROR(lost);
  if (engine != nullptr && !engine->keeper->no_space) {
    return Error(absl::StatusCode::kInternal, "STORE_ERROR",
                 absl::StrCat("a write to ", path,
                              " has failed, and nothing more is written to it until the server is "
                              "started again"),
                 {{"path", path}});
  }
  const absl::Status waits =
      Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
            absl::StrCat("the disk of ", path,
                         " was full, and RocksDB takes no writes until it has been opened anew, "
                         "which is tried once a second while nobody reads; free some space"),
            {{"path", path}});
  const absl::Time now = absl::Now();
  if (now - tried < kOpenAgainAfter && now >= tried) return waits;
  tried = now;
  if (engine != nullptr && engine.use_count() > 1) return waits;
  RECSAE_ASSIGN_OR_RETURN(const bool tight, CheckRoomToOpen(*env, path));
  engine.reset();
  RECSAE_ASSIGN_OR_RETURN(engine, OpenEngine(path, options, {.tight = tight}));
  lost = CheckDoubtful();
  RECSAE_RETURN_IF_ERROR(lost);
  return engine;
}

absl::Status Database::Impl::CheckDoubtful() const {
  for (const rocksdb::WriteBatch& batch : std::exchange(doubtful, {})) {
    Holds holds(*engine);
    RECSAE_RETURN_IF_ERROR(FromRocksDb(batch.Iterate(&holds), absl::StrCat("read from ", path)));
    if (!holds.all) continue;
    // The store above counts it as not written.
    engine->keeper->failed = true;
    return Error(absl::StatusCode::kInternal, "STORE_ERROR",
                 absl::StrCat("a write to ", path,
                              " that failed on a full disk is there all the same: nothing more is "
                              "written to it until the server is started again"),
                 {{"path", path}});
  }
  return absl::OkStatus();
}

absl::Status Database::Impl::CheckRoom(const Engine& used, size_t bytes, bool from_reserve) {
  DiskFloor* const floor = options.environment.floor;
  if (floor == nullptr) return RoomForRocksDb(used, bytes, from_reserve);
  const auto check = [&]() -> absl::Status {
    if (from_reserve) return RoomForRocksDb(used, bytes, true);
    RECSAE_RETURN_IF_ERROR(floor->CheckWrite(static_cast<int64_t>(bytes)));
    const absl::Status left = RoomForRocksDb(used, bytes, false);
    if (left.ok()) return left;
    // It has become less than the floor knew.
    floor->Forget();
    RECSAE_RETURN_IF_ERROR(floor->CheckWrite(static_cast<int64_t>(bytes)));
    return left;
  };
  absl::Status room = check();
  if (room.ok()) return room;
  // What was deleted before there was need of its room, and what is in memory.
  reclaimer->Begin(/*flush=*/InMemory(used) > kFlushedBytes);
  const bool reclaimed = reclaimer->Wait(kReclaimWait);
  // And a compaction that found none gives back what it took.
  const absl::Time end = absl::Now() + (from_reserve ? kCompactionWait : absl::ZeroDuration());
  while (!room.ok() && (reclaimed || absl::Now() < end)) {
    floor->Forget();
    room = check();
    if (room.ok() || absl::Now() >= end) break;
    absl::SleepFor(kRoomCheck);
  }
  if (!room.ok()) floor->NoteRefused();
  return room;
}

absl::Status Database::Impl::RoomForRocksDb(const Engine& used, size_t bytes,
                                            bool from_reserve) const {
  uint64_t free = 0;
  // Not every file system can tell.
  if (!env->GetFreeSpace(path, &free).ok() || free >= kAmpleBytes + bytes) return absl::OkStatus();
  uint64_t needed = kLastBytes + bytes;
  if (!from_reserve || bytes > kReserveWriteBytes) {
    // What is in memory alone is written to tables some time.
    needed = kReservedBytes + bytes + InMemory(used);
  }
  if (free >= needed) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
               absl::StrCat("the disk of ", path, " is full: ", free, " bytes are free, ", needed,
                            " are needed; delete what is not used any more, or free some space"),
               {{"path", path}, {"free_bytes", absl::StrCat(free)}});
}

absl::Status Database::Impl::Written(const Engine& used, const rocksdb::Status& status,
                                     const rocksdb::WriteBatch& batch) {
  if (status.ok()) return absl::OkStatus();
  if (status.IsIncomplete()) {
    return Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
                 absl::StrCat("write to ", path, ": RocksDB finds no room to compact (",
                              status.ToString(), "); free some space on the disk"),
                 {{"path", path}});
  }
  const absl::Status error = FromRocksDb(status, absl::StrCat("write to ", path));
  if (!used.keeper->failed) return error;
  const absl::MutexLock lock(&mutex);
  size_t bytes = batch.GetDataSize();
  for (const rocksdb::WriteBatch& other : doubtful) bytes += other.GetDataSize();
  if (bytes <= kMostDoubtfulBytes) {
    doubtful.push_back(batch);
  } else if (lost.ok()) {
    lost = Annotate(error, "too much has failed to go on without a start");
  }
  const bool goes_on = used.keeper->no_space && lost.ok();
  return Annotate(error, goes_on ? "writing goes on when there is room again"
                                 : "nothing more is written until the server is started again");
}

void Database::Impl::Reclaim(std::vector<DeletedRange> ranges) {
  if (reclaimer == nullptr) return;
  reclaimer->Note(std::move(ranges));
  if (options.environment.floor->tight()) reclaimer->Begin();
}

absl::Status Database::Flush() {
  RECSAE_ASSIGN_OR_RETURN(const auto engine, impl_->UseForWriting());
  rocksdb::FlushOptions flush;
  flush.allow_write_stall = true;
  return FromRocksDb(engine->db->Flush(flush, engine->families.handles),
                     absl::StrCat("flush ", impl_->path));
}

absl::StatusOr<std::unique_ptr<Checkpoint>> Database::TakeCheckpoint() {
  RECSAE_ASSIGN_OR_RETURN(auto engine, impl_->UseForWriting());
  return Checkpoint::Make(std::move(engine));
}

}  // namespace recsae
