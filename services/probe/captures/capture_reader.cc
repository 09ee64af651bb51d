#include "services/probe/captures/capture_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "common/base/status.h"

namespace recsae::probe {

CaptureReader::CaptureReader(const CaptureStore& store, StoredCapture capture, int64_t rows,
                             std::optional<Shuffle> shuffle, int64_t start, bool activations)
    : store_(store),
      capture_(std::move(capture)),
      activations_(activations),
      order_(rows, capture_.message.dim(), shuffle),
      place_(start) {}

absl::Status CaptureReader::LoadWindow(int64_t window) {
  const int64_t dim = capture_.message.dim();
  slot_rows_.clear();
  const std::vector<RowRun> blocks = order_.Blocks(window);
  slots_ = order_.Slots(window);
  if (activations_) values_.resize(slots_.size() * dim);
  for (const RowRun& block : blocks) {
    if (activations_) {
      RECSAE_RETURN_IF_ERROR(store_.ReadBlock(capture_, block.first_row, block.rows,
                                              values_.data() + slot_rows_.size() * dim));
    }
    for (int32_t i = 0; i < block.rows; ++i) slot_rows_.push_back(block.first_row + i);
  }
  window_ = window;
  window_start_ = order_.WindowStart(window);
  return absl::OkStatus();
}

absl::Status CaptureReader::Read(int64_t count, std::vector<int64_t>* rows, char* out) {
  const int64_t dim = capture_.message.dim();
  const size_t row_bytes = sizeof(float) * dim;
  while (count > 0) {
    if (window_ < 0 || place_ - window_start_ >= static_cast<int64_t>(slots_.size())) {
      RECSAE_RETURN_IF_ERROR(LoadWindow(window_ < 0 ? order_.WindowOf(place_) : window_ + 1));
    }
    const int64_t from = place_ - window_start_;
    const int64_t taken = std::min<int64_t>(count, static_cast<int64_t>(slots_.size()) - from);
    for (int64_t i = from; i < from + taken; ++i) {
      rows->push_back(slot_rows_[slots_[i]]);
      if (!activations_) continue;
      std::memcpy(out, values_.data() + slots_[i] * dim, row_bytes);
      out += row_bytes;
    }
    place_ += taken;
    count -= taken;
  }
  return absl::OkStatus();
}

}  // namespace recsae::probe
