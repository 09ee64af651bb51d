#include "common/math/row_order.h"

#include <algorithm>
#include <numeric>

#include "common/base/random.h"

namespace recsae {
namespace {

constexpr int64_t kBlockBytes = int64_t{64} << 10;
constexpr int64_t kWindowBytes = int64_t{16} << 20;
constexpr int64_t kShuffledBlocks = 64;  // at least so many in a window
constexpr int64_t kStoredBlocks = 16;

// A generator for one purpose of one epoch; stream 0 permutes blocks, 1 + window its rows.
Random Stream(const Shuffle& shuffle, uint64_t stream) {
  Random epoch(shuffle.seed, static_cast<uint64_t>(shuffle.epoch) + 1);
  return Random(epoch.Next(), stream + 1);
}

}  // namespace

int BlockRows(int dim) {
  int rows = 1;
  while (rows < 1024 && int64_t{rows} * 2 * dim * 4 <= kBlockBytes) rows *= 2;
  return rows;
}

RowOrder::RowOrder(int64_t rows, int dim, std::optional<Shuffle> shuffle)
    : rows_(rows), block_rows_(BlockRows(dim)), shuffle_(shuffle) {
  const int64_t block_bytes = int64_t{block_rows_} * dim * 4;
  window_blocks_ = shuffle ? std::max(kShuffledBlocks, kWindowBytes / block_bytes) : kStoredBlocks;
  blocks_.resize((rows + block_rows_ - 1) / block_rows_);
  std::iota(blocks_.begin(), blocks_.end(), 0);
  if (shuffle_) {
    Random random = Stream(*shuffle_, 0);
    random.Shuffle(&blocks_);
  }
  short_place_ = std::find(blocks_.begin(), blocks_.end(), BlockCount() - 1) - blocks_.begin();
  windows_ = (BlockCount() + window_blocks_ - 1) / window_blocks_;
}

int64_t RowOrder::WindowStart(int64_t window) const {
  const int64_t blocks = std::min(window * window_blocks_, BlockCount());
  const int64_t missing = BlockCount() * block_rows_ - rows_;
  return blocks * block_rows_ - (blocks > short_place_ ? missing : 0);
}

int64_t RowOrder::WindowOf(int64_t place) const {
  // At most one block is short, so this is the window or the one before it.
  int64_t window = place / (window_blocks_ * block_rows_);
  while (WindowStart(window + 1) <= place) ++window;
  return window;
}

std::vector<RowRun> RowOrder::Blocks(int64_t window) const {
  std::vector<RowRun> runs;
  const int64_t end = std::min((window + 1) * window_blocks_, BlockCount());
  for (int64_t i = window * window_blocks_; i < end; ++i) {
    const int64_t first = blocks_[i] * block_rows_;
    runs.push_back({first, static_cast<int32_t>(std::min<int64_t>(block_rows_, rows_ - first))});
  }
  return runs;
}

std::vector<uint32_t> RowOrder::Slots(int64_t window) const {
  std::vector<uint32_t> slots(RowsIn(window));
  std::iota(slots.begin(), slots.end(), 0);
  if (shuffle_) {
    Random random = Stream(*shuffle_, static_cast<uint64_t>(window) + 1);
    random.Shuffle(&slots);
  }
  return slots;
}

std::vector<int64_t> RowOrder::Rows(int64_t window) const {
  std::vector<int64_t> slot_rows;
  slot_rows.reserve(static_cast<size_t>(RowsIn(window)));
  for (const RowRun& block : Blocks(window)) {
    for (int32_t i = 0; i < block.rows; ++i) slot_rows.push_back(block.first_row + i);
  }
  std::vector<int64_t> rows;
  rows.reserve(slot_rows.size());
  for (const uint32_t slot : Slots(window)) rows.push_back(slot_rows[slot]);
  return rows;
}

}  // namespace recsae
