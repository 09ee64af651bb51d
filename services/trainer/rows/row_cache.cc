#include "services/trainer/rows/row_cache.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/math/row_order.h"
#include "services/trainer/rows/buffer_pool.h"
#include "services/trainer/rows/row_stream.h"

namespace recsae::trainer {
namespace {

// Read from the source at a time.
constexpr int64_t kReadRows = 4'096;

// Rows fetched into the cache before they are copied.
constexpr int64_t kRowsAhead = 8;

// All rows, [rows, dim].
using Rows = std::shared_ptr<const float[]>;

class CachedReader : public ActivationReader {
 public:
  CachedReader(Rows rows, int dim, const ReadOrder& order)
      : rows_(std::move(rows)),
        dim_(dim),
        shuffled_(order.shuffle.has_value()),
        order_(order.row_limit, dim, order.shuffle),
        place_(order.start_row) {}

  absl::StatusOr<RowChunk> Next(int64_t wanted) override {
    if (cancelled_) return ReadCancelled();
    const int64_t count = std::min(wanted, order_.rows() - place_);
    RowChunk chunk{{rows_.get() + place_ * dim_, count, dim_}, rows_};
    if (shuffled_) chunk = Gather(count);
    place_ += count;
    return chunk;
  }

  void Cancel() override { cancelled_ = true; }

 private:
  // The rows of the next `count` places, copied to where they lie one after the other.
  RowChunk Gather(int64_t count) {
    const std::shared_ptr<std::vector<float>> buffer = buffers_.Get();
    buffer->resize(static_cast<size_t>(count * dim_));
    float* out = buffer->data();
    for (int64_t place = place_; place < place_ + count; ++place) {
      if (place >= window_end_) LoadWindow(place);
      if (place + kRowsAhead < window_end_) Prefetch(RowAt(place + kRowsAhead));
      out = std::copy_n(RowAt(place), dim_, out);
    }
    return {{buffer->data(), count, dim_}, buffer};
  }

  // Of a place in the window.
  const float* RowAt(int64_t place) const {
    return rows_.get() + window_rows_[static_cast<size_t>(place - window_start_)] * dim_;
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

  const Rows rows_;
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
  CachedSource(ActivationSource& source, std::string capture, int64_t rows, Rows values)
      : source_(source), capture_(std::move(capture)), rows_(rows), values_(std::move(values)) {}

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
    if (capture != capture_ || order.row_limit > rows_) return source_.Read(capture, dim, order);
    return std::make_unique<CachedReader>(values_, dim, order);
  }

 private:
  ActivationSource& source_;
  const std::string capture_;
  const int64_t rows_;
  const Rows values_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<ActivationSource>> LoadRowCache(
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
  auto values = std::make_unique_for_overwrite<float[]>(static_cast<size_t>(rows * dim));
  for (int64_t done = 0; done < rows;) {
    RECSAE_ASSIGN_OR_RETURN(const MatrixView batch, stream.Next(kReadRows));
    std::copy(batch.flat().begin(), batch.flat().end(), values.get() + done * dim);
    done += batch.rows;
    progress(done);
  }
  return std::make_unique<CachedSource>(source, capture, rows, std::move(values));
}

}  // namespace recsae::trainer
