// Captures on disk: recorded activations in blocks, the context of each row, who recorded what.
//
// Rows are numbered from 0 in the order they were stored and never change. A recorded batch (rows,
// cases, the producer's state) is one synced write.
#ifndef RECSAE_SERVICES_PROBE_CAPTURES_CAPTURE_STORE_H_
#define RECSAE_SERVICES_PROBE_CAPTURES_CAPTURE_STORE_H_

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/budget/paging.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/captures/case_codec.h"
#include "services/probe/store/resource_table.h"
#include "services/probe/store/store.h"

namespace recsae::probe {

using StoredCapture = Stored<v1::Capture>;

// Producers of one capture, and those that GetCapture lists.
inline constexpr int64_t kMaxProducers = 100'000;
inline constexpr int kListedProducers = 100;

// Of a capture's name, its recommender's.
absl::string_view RecommenderOf(absl::string_view capture);

// Thread-safe. Names are "recommenders/{recommender}/captures/{capture}"; every call that takes one
// returns INVALID_ARGUMENT (RESOURCE_NAME_INVALID) or NOT_FOUND (CAPTURE_NOT_FOUND) for a bad one.
class CaptureStore {
 public:
  explicit CaptureStore(Store& store);

  absl::StatusOr<StoredCapture> Get(absl::string_view name) const;
  absl::Status NotFound(absl::string_view name) const { return table_.NotFound(name); }
  // By name; all recommenders' if `recommender_id` is empty. `*next`: see ResourceTable::List.
  absl::StatusOr<std::vector<StoredCapture>> List(absl::string_view recommender_id,
                                                  const Page& page, std::string* next) const;
  absl::StatusOr<std::vector<StoredCapture>> AllOf(absl::string_view recommender_id) const;

  // ALREADY_EXISTS (CAPTURE_EXISTS) if the capture is there.
  absl::Status CheckFree(absl::string_view name) const;

  // The two below add to a batch of a caller that holds Store::mutex().
  // Errors: CheckFree. Gives the capture a uid unless it has one.
  absl::Status Create(StoredCapture capture, WriteBatch& batch);
  void Delete(const StoredCapture& capture, WriteBatch& batch);

  // Adds the uids of their recommenders, by name, to the captures of versions that did not note
  // them: a capture never outlives its recommender.
  absl::Status AssignRecommenderUids(const std::map<std::string, std::string>& uids,
                                     WriteBatch& batch) const;

  enum class Appended { kStored, kDuplicate };
  struct Batch {
    std::string producer;
    int64_t sequence = 1;
    MatrixView rows;                     // [n, dim]
    absl::Span<const StoredCase> cases;  // n or none, as the capture has cases or not
    // Of what the producer sent: tells a batch that is sent again from another one.
    uint64_t fingerprint = 0;
  };
  // Appends one batch of a producer, durable on return, or finds that it was stored before.
  //   ALREADY_EXISTS       SEQUENCE_REUSED      a batch of other content is stored there
  //   FAILED_PRECONDITION  SEQUENCE_GAP         batches of this producer are missing before it
  //   FAILED_PRECONDITION  TOO_MANY_PRODUCERS   one more than kMaxProducers
  //   FAILED_PRECONDITION  CAPTURE_NOT_RECORDED a job made the capture
  absl::StatusOr<Appended> Append(absl::string_view name, const Batch& batch);

  // Those who recorded into the capture, by name, at most `limit`.
  absl::StatusOr<std::vector<v1::Producer>> Producers(const StoredCapture& capture,
                                                      int limit) const;
  absl::StatusOr<v1::Producer> GetProducer(const StoredCapture& capture,
                                           const std::string& producer) const;

  // The activations of single rows, [rows, dim], and their cases. The rows must be there.
  absl::StatusOr<std::vector<float>> ReadRows(const StoredCapture& capture,
                                              absl::Span<const int64_t> rows) const;
  absl::StatusOr<std::vector<StoredCase>> ReadCases(const StoredCapture& capture,
                                                    absl::Span<const int64_t> rows) const;
  // The last row of each user, -1 for users that are not there.
  absl::StatusOr<std::vector<int64_t>> LastRows(const StoredCapture& capture,
                                                absl::Span<const std::string> user_ids) const;

  // The rows [first_row, first_row + rows) of one block into out [rows, dim].
  absl::Status ReadBlock(const StoredCapture& capture, int64_t first_row, int32_t rows,
                         float* out) const;

 private:
  // NOT_FOUND if the capture was deleted meanwhile, else DATA_LOSS (CAPTURE_CORRUPT).
  absl::Status Missing(const StoredCapture& capture, int64_t row) const;
  // OK unless a batch of other content is stored there.
  absl::Status CheckRepeat(const StoredCapture& capture, const Batch& batch,
                           const v1::Producer& producer) const;
  // The producers of a record of format before they had keys of their own.
  static void MoveProducers(StoredCapture& capture, WriteBatch& batch);

  Store& store_;
  ResourceTable<v1::Capture> table_;
  // Appends to one capture take turns; several captures share a lock.
  std::array<std::mutex, 64> append_mutexes_;
};

// A capture that a job fills before it appears. Used by one thread.
class CaptureWriter {
 public:
  static absl::StatusOr<std::unique_ptr<CaptureWriter>> Begin(Store& store);

  // Adds rows [n, dim] and their cases (n or none). Fastest with whole blocks (see BlockRows).
  absl::Status Add(const MatrixView& rows, absl::Span<const StoredCase> cases);
  int64_t rows() const { return rows_; }

  // The uid under which the capture must be created.
  const Staging& staging() const { return *staging_; }
  // Its creation was written: the contents stay.
  void Done() { staging_->Done(); }

 private:
  explicit CaptureWriter(Store& store) : store_(store) {}

  Store& store_;
  std::unique_ptr<Staging> staging_;
  int64_t rows_ = 0;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_CAPTURES_CAPTURE_STORE_H_
