#include "services/trainer/rows/row_cache.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/jobs/job_runner.h"
#include "common/math/row_order.h"
#include "services/trainer/rows/buffer_pool.h"
#include "services/trainer/rows/distinct_rows.h"
#include "services/trainer/rows/row_stream.h"

namespace recsae::trainer {
namespace {

// Read from the source at a time.
constexpr int64_t kReadRows = 4'096;

// Rows fetched into the cache before they are copied.
constexpr int64_t kRowsAhead = 8;

class CachedReader : public ActivationReader {
 public:
  CachedReader(std::shared_ptr<const RowTable> table, int dim, const ReadOrder& order)
      : table_(std::move(table)),
        dim_(dim),
        shuffled_(order.shuffle.has_value()),
        order_(order.row_limit, dim, order.shuffle),
        place_(order.start_row) {}

  absl::StatusOr<RowChunk> Next(int64_t wanted) override {
    if (cancelled_) return ReadCancelled();
    const int64_t count = std::min(wanted, order_.rows() - place_);
    RowChunk chunk;
    if (shuffled_ || !table_->at.empty()) {
      chunk = Gather(count);
    } else {
      chunk = {{table_->values.get() + place_ * dim_, count, dim_},
               table_,
               table_->weights.empty() ? nullptr : table_->weights.data() + place_};
    }
    place_ += count;
    return chunk;
  }

  void Cancel() override { cancelled_ = true; }

 private:
  // The rows of the next `count` places, copied to where they lie one after the other, and their
  // weights behind them.
  RowChunk Gather(int64_t count) {
    const bool weighted = !table_->weights.empty();
    const std::shared_ptr<std::vector<float>> buffer = buffers_.Get();
    buffer->resize(static_cast<size_t>(count * (dim_ + (weighted ? 1 : 0))));
    float* out = buffer->data();
    float* weight = out + count * dim_;
    for (int64_t place = place_; place < place_ + count; ++place) {
      if (place >= window_end_) LoadWindow(place);
      if (place + kRowsAhead < window_end_) Prefetch(ValuesOf(RowAt(place + kRowsAhead)));
      const int64_t row = RowAt(place);
      out = std::copy_n(ValuesOf(row), dim_, out);
      if (weighted) *weight++ = table_->weights[static_cast<size_t>(row)];
    }
    return {
        {buffer->data(), count, dim_}, buffer, weighted ? buffer->data() + count * dim_ : nullptr};
  }

  // Of a place in the window.
  int64_t RowAt(int64_t place) const {
    return window_rows_[static_cast<size_t>(place - window_start_)];
  }

  const float* ValuesOf(int64_t row) const {
    return table_->values.get() +
           (table_->at.empty() ? row : table_->at[static_cast<size_t>(row)]) * dim_;
  }

  // Rows lie anywhere in the window: without this each copy would begin by waiting for the memory.
  void Prefetch(const float* row) const {
    constexpr int64_t kLine = 64 / sizeof(float);
    for (int64_t i = 0; i < dim_; i += kLine) __builtin_prefetch(row + i);
  }

  void LoadWindow(int64_t place) {
    const int64_t window = order_.WindowOf(place);
    window_rows_ = order_.Rows(window);
    window_start_ = order_.WindowStart(window);
    window_end_ = order_.WindowStart(window + 1);
  }

  const std::shared_ptr<const RowTable> table_;
  const int64_t dim_;
  const bool shuffled_;
  const RowOrder order_;
  int64_t place_;
  int64_t window_start_ = 0;
  int64_t window_end_ = 0;
  std::vector<int64_t> window_rows_;
  BufferPool<std::vector<float>> buffers_;
  std::atomic<bool> cancelled_ = false;
};

class CachedSource : public ActivationSource {
 public:
  CachedSource(ActivationSource& source, std::string capture, std::shared_ptr<const RowTable> table)
      : source_(source), capture_(std::move(capture)), table_(std::move(table)) {}

  absl::StatusOr<CaptureInfo> Describe(const std::string& capture, const JobContext& job) override {
    return source_.Describe(capture, job);
  }

  absl::StatusOr<RankingData> ReadRankingData(const std::string& capture, int64_t rows, int dim,
                                              const JobContext& job) override {
    return source_.ReadRankingData(capture, rows, dim, job);
  }

  bool in_memory() const override { return true; }

  std::unique_ptr<ActivationReader> Read(const std::string& capture, int dim,
                                         const ReadOrder& order) override {
    if (capture != capture_ || order.row_limit > table_->rows) {
      return source_.Read(capture, dim, order);
    }
    return std::make_unique<CachedReader>(table_, dim, order);
  }

 private:
  ActivationSource& source_;
  const std::string capture_;
  const std::shared_ptr<const RowTable> table_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<RowCache>> RowCache::Load(
    ActivationSource& source, const std::string& capture, int dim, int64_t rows,
    const JobContext& job, const std::function<void(int64_t)>& progress) {
  RowStreamOptions options;
  options.capture = capture;
  options.dim = dim;
  options.rows = rows;
  options.shuffled = false;
  options.batch_rows = kReadRows;
  RowStream stream(source, options);
  const auto on_cancel = job.OnCancel([&stream] { stream.Cancel(); });
  DistinctRows distinct(dim, rows);
  for (int64_t done = 0; done < rows;) {
    RECSAE_ASSIGN_OR_RETURN(const MatrixView batch, stream.Next(kReadRows));
    for (int64_t row = 0; row < batch.rows; ++row) distinct.Add(batch.data + row * dim);
    done += batch.rows;
    progress(done);
  }
  std::unique_ptr<RowCache> cache(new RowCache());
  const auto once = std::make_shared<const RowTable>(std::move(distinct).Table());
  const auto epoch = std::make_shared<const RowTable>(EpochOf(*once, kEpochRows));
  cache->distinct_rows_ = once->rows;
  cache->epoch_rows_ = epoch->rows;
  cache->bytes_ =
      Sum({Product({once->rows, dim, sizeof(float)}), ListBytes(*once), ListBytes(*epoch)});
  cache->distinct_ = std::make_unique<CachedSource>(source, capture, once);
  cache->epochs_ = std::make_unique<CachedSource>(source, capture, epoch);
  return cache;
}

int64_t RowCache::MostBytes(int64_t rows, int dim) {
  return Sum({Product({rows, dim, sizeof(float)}), DistinctRows::ListBytes(rows)});
}

}  // namespace recsae::trainer
