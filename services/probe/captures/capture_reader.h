// Reads a capture in stored or shuffled order with bounded memory: one window of RowOrder.
#ifndef RECSAE_SERVICES_PROBE_CAPTURES_CAPTURE_READER_H_
#define RECSAE_SERVICES_PROBE_CAPTURES_CAPTURE_READER_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "common/math/row_order.h"
#include "services/probe/captures/capture_store.h"

namespace recsae::probe {

// Used by one thread; must not outlive the store.
class CaptureReader {
 public:
  // Reads the places [start, rows) of the order over the capture's first `rows` rows, with their
  // activations or without. 0 <= start <= rows <= capture.message.row_count().
  CaptureReader(const CaptureStore& store, StoredCapture capture, int64_t rows,
                std::optional<Shuffle> shuffle, int64_t start, bool activations);

  // Place of the next row.
  int64_t place() const { return place_; }
  int64_t remaining() const { return order_.rows() - place_; }

  // Reads the next `count` rows (at most remaining()): their numbers, appended to `rows`, and, if
  // asked for, their activations [count, dim] as little-endian bytes at `out`.
  absl::Status Read(int64_t count, std::vector<int64_t>* rows, char* out);

 private:
  absl::Status LoadWindow(int64_t window);

  const CaptureStore& store_;
  const StoredCapture capture_;
  const bool activations_;
  const RowOrder order_;
  int64_t place_;

  int64_t window_ = -1;             // the one held
  int64_t window_start_ = 0;        // its first place
  std::vector<uint32_t> slots_;     // its order
  std::vector<int64_t> slot_rows_;  // [slot]: row number
  std::vector<float> values_;       // [slot, dim]
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_CAPTURES_CAPTURE_READER_H_
