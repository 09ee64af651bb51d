#include "services/concept-store/store/weight_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/sae_record.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"

namespace recsae::concept_store {

WeightReader::WeightReader(const Store& store, const v1::Sae& sae, uint64_t upload)
    : store_(store), sae_(std::make_unique<v1::Sae>(sae)), upload_(upload) {}

WeightReader::~WeightReader() = default;

absl::StatusOr<bool> WeightReader::Next(v1::SaeWeights* piece) {
  const absl::Span<const WeightArray> arrays = WeightArraysOf(*sae_);
  if (array_ == arrays.size()) return false;
  const WeightArray array = arrays[array_];
  const WeightShape shape = ShapeOf(array, *sae_);
  const size_t row_bytes = static_cast<size_t>(shape.cols) * sizeof(float);
  const int64_t rows = std::min(
      shape.rows - row_, static_cast<int64_t>(std::max(size_t{1}, kWeightPieceBytes / row_bytes)));
  const size_t bytes = static_cast<size_t>(rows) * row_bytes;
  RECSAE_RETURN_IF_ERROR(Fill(bytes));

  piece->Clear();
  piece->set_array(static_cast<v1::SaeWeights::Array>(array));
  piece->set_start_row(row_);
  tensor::v1::Tensor* values = piece->mutable_values();
  values->set_data_type(tensor::v1::DATA_TYPE_FLOAT32);
  values->add_shape(rows);
  if (shape.is_matrix) values->add_shape(shape.cols);
  values->set_data(buffer_.substr(0, bytes));
  buffer_.erase(0, bytes);
  row_ += rows;
  if (row_ == shape.rows) {
    ++array_;
    row_ = 0;
    read_row_ = 0;
  }
  return true;
}

absl::Status WeightReader::Fill(size_t bytes) {
  if (buffer_.size() >= bytes) return absl::OkStatus();
  const WeightArray array = WeightArraysOf(*sae_)[array_];
  const WeightShape shape = ShapeOf(array, *sae_);
  const size_t row_bytes = static_cast<size_t>(shape.cols) * sizeof(float);
  auto scan =
      store_.ScanWeights(WeightPrefix(upload_, array), WeightKey(upload_, array, read_row_));
  for (; scan->Valid() && buffer_.size() < bytes; scan->Next()) {
    // Chunks follow each other without gaps, or some were deleted.
    if (scan->key() != absl::string_view(WeightKey(upload_, array, read_row_))) break;
    buffer_.append(scan->value().data(), scan->value().size());
    read_row_ += static_cast<int64_t>(scan->value().size() / row_bytes);
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (buffer_.size() >= bytes) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const std::string sae_id, ParseSaeName(sae_->name()));
  RECSAE_ASSIGN_OR_RETURN(const Store::SaeRecord record, store_.ReadSae(sae_id));
  // Deleted, and published anew under the same name.
  if (record.upload != upload_) return SaeNotFound(sae_id);
  return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
               absl::StrCat("row ", read_row_, " of ", WeightArrayName(array), " of ", sae_->name(),
                            " is missing"),
               {{"sae", sae_->name()}});
}

}  // namespace recsae::concept_store
