// Captures and published SAEs in memory, for tests of the trainer's logic.
#ifndef RECSAE_TESTS_UNIT_TRAINER_TESTING_H_
#define RECSAE_TESTS_UNIT_TRAINER_TESTING_H_

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/math/row_order.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/trainer/rows/activation_source.h"
#include "services/trainer/run/publisher.h"

namespace recsae::trainer {

inline RowChunk ChunkOf(std::vector<float> values, int dim) {
  const auto owner = std::make_shared<const std::vector<float>>(std::move(values));
  return {{owner->data(), static_cast<int64_t>(owner->size()) / dim, dim}, owner};
}

// Captures in memory, in messages of `rows_per_message` rows; another capture's name is not found.
// The first is the one that tests stall, cut short or extend.
class MemorySource : public ActivationSource {
 public:
  MemorySource(std::string capture, int dim, std::vector<float> rows, int64_t rows_per_message)
      : capture_(std::move(capture)),
        dim_(dim),
        rows_(std::move(rows)),
        rows_per_message_(rows_per_message) {}

  // Another capture, with cases if `ranking` holds some. Before the first use.
  void AddCapture(const std::string& name, int dim, std::vector<float> rows,
                  RankingData ranking = {}) {
    others_[name] = {dim, std::move(rows), std::move(ranking)};
  }

  int64_t rows() const { return static_cast<int64_t>(rows_.size()) / dim_; }

  // Readers wait for ever (until cancelled) once so many rows were read in all; -1 = never.
  void StallAfter(int64_t rows) { stall_after_ = rows; }
  // Readers find no memory once so many rows were read in all; -1 = never.
  void ExhaustAfter(int64_t rows) { exhaust_after_ = rows; }
  // A pass ends after so many rows, as if some were lost.
  void LoseRowsAfter(int64_t rows) { lost_after_ = rows; }
  int64_t rows_read() const { return rows_read_; }
  // Row limits that were asked for, by every pass so far.
  std::vector<int64_t> row_limits() {
    const std::lock_guard lock(mutex_);
    return row_limits_;
  }
  // The capture is another one under its name.
  void RecordAnew() { uid_ = "another"; }
  // Other rows. Before the first use.
  void Replace(std::vector<float> rows) { rows_ = std::move(rows); }
  const std::vector<float>& values() const { return rows_; }
  // More rows, as a recorder would add while a job runs.
  void Append(const std::vector<float>& rows) {
    const std::lock_guard lock(mutex_);
    rows_.insert(rows_.end(), rows.begin(), rows.end());
  }

  absl::StatusOr<CaptureInfo> Describe(const std::string& capture, const JobContext&) override {
    if (capture == capture_) return CaptureInfo{rows(), dim_, false, "", "uid of r", uid_};
    const auto other = others_.find(capture);
    if (other == others_.end()) {
      return Error(absl::StatusCode::kNotFound, "CAPTURE_NOT_FOUND", capture + " is not there");
    }
    const Other& found = other->second;
    return CaptureInfo{static_cast<int64_t>(found.rows.size()) / found.dim, found.dim,
                       !found.ranking.cases.empty()};
  }

  absl::StatusOr<RankingData> ReadRankingData(const std::string& capture, int64_t rows, int,
                                              const JobContext&) override {
    RankingData data = others_.at(capture).ranking;
    data.cases.resize(static_cast<size_t>(rows));
    return data;
  }

  std::unique_ptr<ActivationReader> Read(const std::string& capture, int dim,
                                         const ReadOrder& order) override {
    if (capture != capture_) return std::make_unique<OtherReader>(others_.at(capture), order);
    const std::lock_guard lock(mutex_);
    row_limits_.push_back(order.row_limit);
    // As the probe does it.
    const RowOrder row_order(order.row_limit, dim, order.shuffle);
    std::vector<int64_t> rows;
    for (int64_t window = 0; window < row_order.windows(); ++window) {
      const std::vector<int64_t> more = row_order.Rows(window);
      rows.insert(rows.end(), more.begin(), more.end());
    }
    rows.resize(static_cast<size_t>(std::min(order.row_limit, lost_after_)));
    return std::make_unique<Reader>(*this, dim, std::move(rows), order.start_row);
  }

 private:
  struct Other {
    int dim = 0;
    std::vector<float> rows;
    RankingData ranking;
  };

  // All rows at once.
  class OtherReader : public ActivationReader {
   public:
    OtherReader(const Other& other, const ReadOrder& order)
        : dim_(other.dim),
          rows_(other.rows.begin(), other.rows.begin() + order.row_limit * other.dim) {}
    absl::StatusOr<RowChunk> Next(int64_t) override {
      return ChunkOf(std::exchange(rows_, {}), dim_);
    }
    void Cancel() override {}

   private:
    const int dim_;
    std::vector<float> rows_;
  };

  class Reader : public ActivationReader {
   public:
    Reader(MemorySource& source, int dim, std::vector<int64_t> order, int64_t start)
        : source_(source), dim_(dim), order_(std::move(order)), next_(start) {}

    absl::StatusOr<RowChunk> Next(int64_t) override {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] {
        const int64_t stall = source_.stall_after_;
        return cancelled_ || stall < 0 || source_.rows_read_ < stall;
      });
      if (cancelled_) return absl::CancelledError("cancelled");
      const int64_t exhaust = source_.exhaust_after_;
      if (exhaust >= 0 && source_.rows_read_ >= exhaust) throw std::bad_alloc();
      std::vector<float> out;
      for (int64_t i = 0; i < source_.rows_per_message_ && next_ < Size(); ++i, ++next_) {
        const auto begin = source_.rows_.begin() + order_[static_cast<size_t>(next_)] * dim_;
        out.insert(out.end(), begin, begin + dim_);
        ++source_.rows_read_;
      }
      return ChunkOf(std::move(out), dim_);
    }

    void Cancel() override {
      const std::lock_guard lock(mutex_);
      cancelled_ = true;
      changed_.notify_all();
    }

   private:
    int64_t Size() const { return static_cast<int64_t>(order_.size()); }

    MemorySource& source_;
    const int dim_;
    const std::vector<int64_t> order_;
    int64_t next_;
    std::mutex mutex_;
    std::condition_variable changed_;
    bool cancelled_ = false;
  };

  const std::string capture_;
  std::string uid_ = "first";
  const int dim_;
  std::vector<float> rows_;
  const int64_t rows_per_message_;
  std::map<std::string, Other> others_;
  std::atomic<int64_t> stall_after_ = -1;
  std::atomic<int64_t> exhaust_after_ = -1;
  std::atomic<int64_t> rows_read_ = 0;
  int64_t lost_after_ = INT64_MAX;
  std::mutex mutex_;
  std::vector<int64_t> row_limits_;
};

// Keeps what is published, once for each request_id.
class MemoryPublisher : public SaePublisher {
 public:
  struct Published {
    concept_store::v1::Sae sae;
    sae::SaeWeights weights;
    std::string request_id;
  };

  absl::StatusOr<concept_store::v1::Sae> Publish(const concept_store::v1::Sae& sae,
                                                 const sae::SaeWeights& weights,
                                                 const std::string& request_id,
                                                 const JobContext& job) override {
    while (stall_after_ >= 0 && published().size() >= static_cast<size_t>(stall_after_)) {
      RECSAE_RETURN_IF_ERROR(job.Sleep(absl::Milliseconds(10)));
    }
    const std::lock_guard lock(mutex_);
    published_.push_back({sae, weights, request_id});
    return sae;
  }

  // Whoever publishes after so many waits until interrupted; -1 = never.
  void StallAfter(int count) { stall_after_ = count; }

  std::vector<Published> published() {
    const std::lock_guard lock(mutex_);
    return published_;
  }

 private:
  std::atomic<int> stall_after_ = -1;
  std::mutex mutex_;
  std::vector<Published> published_;
};

}  // namespace recsae::trainer

#endif  // RECSAE_TESTS_UNIT_TRAINER_TESTING_H_
