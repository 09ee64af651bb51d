// The order in which the rows of a capture are read: stored, or shuffled with bounded memory.
//
// Shuffled in two levels: the blocks of the capture are permuted, then the rows of each window of
// consecutive (permuted) blocks. A reader holds one window at a time, and a resumed reader skips
// whole windows without reading them. Part of the contract between probe and readers that keep a
// capture in memory: both make the same order of the same numbers.
#ifndef RECSAE_COMMON_MATH_ROW_ORDER_H_
#define RECSAE_COMMON_MATH_ROW_ORDER_H_

#include <cstdint>
#include <optional>
#include <vector>

namespace recsae {

// Rows that lie together on disk, for activations of this length: a power of two, at most 1,024,
// that fills at most 64 KiB (1 row where a single one is larger).
int BlockRows(int dim);

struct Shuffle {
  uint64_t seed = 0;
  int64_t epoch = 0;
};

// A run of stored rows: a block, or the part of the last one that takes part.
struct RowRun {
  int64_t first_row = 0;
  int32_t rows = 0;
};

// Immutable; a function of (rows, dim, shuffle) alone, on every machine. Places count rows in this
// order from 0; windows are numbered in it from 0.
class RowOrder {
 public:
  RowOrder(int64_t rows, int dim, std::optional<Shuffle> shuffle);

  int64_t rows() const { return rows_; }
  int64_t windows() const { return windows_; }

  // The window that holds `place` (0 <= place < rows), and the place of the window's first row.
  int64_t WindowOf(int64_t place) const;
  int64_t WindowStart(int64_t window) const;

  // The window's blocks, one after the other: slot s of the window is the s-th of their rows.
  std::vector<RowRun> Blocks(int64_t window) const;
  // [i]: the slot whose row stands at place WindowStart(window) + i.
  std::vector<uint32_t> Slots(int64_t window) const;
  // [i]: the stored row at place WindowStart(window) + i.
  std::vector<int64_t> Rows(int64_t window) const;

 private:
  int64_t BlockCount() const { return static_cast<int64_t>(blocks_.size()); }
  int64_t RowsIn(int64_t window) const { return WindowStart(window + 1) - WindowStart(window); }

  int64_t rows_;
  int block_rows_;
  std::optional<Shuffle> shuffle_;
  int64_t window_blocks_;
  int64_t windows_;
  std::vector<int64_t> blocks_;  // numbers of the blocks in the order they are read
  int64_t short_place_;          // where in it the last block is, which may be short
};

}  // namespace recsae

#endif  // RECSAE_COMMON_MATH_ROW_ORDER_H_
