#include "services/trainer/rows/row_cache.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <vector>

#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/jobs/job_runner.h"
#include "common/math/row_order.h"
#include "services/trainer/rows/distinct_rows.h"
#include "services/trainer/rows/row_stream.h"

namespace recsae::trainer {
namespace {

// Read from the source at a time.
constexpr int64_t kReadRows = 4'096;

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
      chunk = InWindow(count);
    } else {
      chunk = {{table_->values.get() + place_ * dim_, count, dim_},
               table_,
               table_->weights.empty() ? nullptr : table_->weights.data() + place_};
    }
    place_ += chunk.rows.rows;
    return chunk;
  }

  void Cancel() override { cancelled_ = true; }

 private:
  // Places [start, end) of the order.
  struct Window {
    std::shared_ptr<const RowTable> table;
    int64_t start = 0;
    int64_t end = 0;
    std::vector<int64_t> at;     // which of the table's values
    std::vector<float> weights;  // empty = 1 each
  };

  // The rows of the next `count` places, or as many of them as the window has.
  RowChunk InWindow(int64_t count) {
    if (count == 0) return {};
    if (window_ == nullptr || place_ >= window_->end) LoadWindow();
    const int64_t first = place_ - window_->start;
    return {{table_->values.get(), std::min(count, window_->end - place_), dim_},
            window_,
            window_->weights.empty() ? nullptr : window_->weights.data() + first,
            window_->at.data() + first};
  }

  void LoadWindow() {
    const int64_t number = order_.WindowOf(place_);
    auto window = std::make_shared<Window>();
    window->table = table_;
    window->start = order_.WindowStart(number);
    window->end = order_.WindowStart(number + 1);
    window->at = order_.Rows(number);
    if (!table_->weights.empty()) {
      window->weights.reserve(window->at.size());
      for (const int64_t row : window->at) {
        window->weights.push_back(table_->weights[static_cast<size_t>(row)]);
      }
    }
    if (!table_->at.empty()) {
      for (int64_t& row : window->at) row = table_->at[static_cast<size_t>(row)];
    }
    window_ = std::move(window);
  }

  const std::shared_ptr<const RowTable> table_;
  const int64_t dim_;
  const bool shuffled_;
  const RowOrder order_;
  int64_t place_;
  std::shared_ptr<const Window> window_;
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
