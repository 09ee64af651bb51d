// Jobs and their checkpoints in RocksDB. Internal to common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_STORE_H_
#define RECSAE_COMMON_JOBS_JOB_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/storage/database.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae {

// SUCCEEDED, FAILED or CANCELLED.
bool IsFinal(jobs::v1::Job::State state);

// A job as it is stored: the public message and what only the runner needs.
struct JobRecord {
  // Order of submission; never used twice in one folder.
  uint64_t sequence = 0;
  // How often the process ended unasked while the job ran, since its last checkpoint.
  uint32_t crashes = 0;
  // A cancel was acknowledged, the handler has not returned yet.
  bool cancel_requested = false;
  // The handler returned because the process was stopping.
  bool paused = false;
  jobs::v1::Job job = {};
};

// Thread-safe for different jobs; one thread at a time for the same job.
class JobStore {
 public:
  static absl::StatusOr<std::unique_ptr<JobStore>> Open(const std::string& directory,
                                                        const std::string& service,
                                                        const Environment& environment);

  Database& database() { return *database_; }

  // All records, in order of submission. DATA_LOSS (STORE_CORRUPT) for bytes that are no record;
  // the same for the others below.
  absl::StatusOr<std::vector<JobRecord>> LoadAll() const;
  // The sequence number for the next job.
  absl::StatusOr<uint64_t> NextSequence() const;

  // Adds a new record and the number it uses up.
  void Add(WriteBatch& batch, const JobRecord& record) const;
  // Replaces a record. With a final state its checkpoint goes in the same write.
  absl::Status Save(const JobRecord& record, Durability durability);
  // Together; unsynced: what comes back after a power cut can be deleted again.
  absl::Status Delete(absl::Span<const uint64_t> sequences, Durability durability);

  // See JobContext.
  absl::Status SaveCheckpoint(uint64_t sequence, absl::string_view bytes);
  absl::StatusOr<std::string> LoadCheckpoint(uint64_t sequence) const;

 private:
  explicit JobStore(std::unique_ptr<Database> database) : database_(std::move(database)) {}

  std::unique_ptr<Database> database_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_STORE_H_
