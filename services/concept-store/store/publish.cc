#include "services/concept-store/store/publish.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "common/messages/time.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/mutation.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {
namespace {

constexpr char kField[] = "weights.values";

absl::Status WeightsError(absl::string_view reason, absl::string_view message) {
  return Error(absl::StatusCode::kInvalidArgument, reason, message);
}

absl::Status UnknownArray(const v1::Sae& sae, const v1::SaeWeights& chunk) {
  const std::string known = absl::StrJoin(
      WeightArraysOf(sae), ", ",
      [](std::string* out, WeightArray array) { absl::StrAppend(out, WeightArrayName(array)); });
  return WeightsError(
      "WEIGHTS_ARRAY_UNKNOWN",
      absl::StrCat("weights.array is ", static_cast<int>(chunk.array()), "; those of an SAE with ",
                   v1::Sae::Architecture_Name(sae.architecture()), " are ", known));
}

absl::Status CheckNotNegative(absl::Span<const float> values) {
  const auto negative = std::find_if(values.begin(), values.end(), [](float v) { return v < 0; });
  if (negative == values.end()) return absl::OkStatus();
  return WeightsError("TENSOR_NEGATIVE",
                      absl::StrCat(kField, "[", negative - values.begin(), "] is ", *negative,
                                   "; a threshold must not be below 0"));
}

// Rows of a chunk, once type, sizes and values are known to be good.
absl::StatusOr<int64_t> CountRows(WeightArray array, const WeightShape& shape,
                                  const v1::SaeWeights& chunk) {
  if (shape.is_matrix) {
    RECSAE_ASSIGN_OR_RETURN(const MatrixView view,
                            ReadMatrix(chunk.values(), kField, kAnySize, shape.cols));
    return view.rows;
  }
  RECSAE_ASSIGN_OR_RETURN(const absl::Span<const float> view,
                          ReadVector(chunk.values(), kField, kAnySize));
  if (array == WeightArray::kThreshold) RECSAE_RETURN_IF_ERROR(CheckNotNegative(view));
  return static_cast<int64_t>(view.size());
}

}  // namespace

SaeUpload::SaeUpload(Store& store, const v1::PublishSaeRequest_Header& header, uint64_t number)
    : store_(store),
      header_(std::make_unique<v1::PublishSaeRequest_Header>(header)),
      number_(number) {}

SaeUpload::~SaeUpload() {
  // A failure leaves bytes behind that nobody sees; the next Open removes them.
  if (!published_) store_.DropUpload(number_).IgnoreError();
}

absl::Status SaeUpload::Add(const v1::SaeWeights& chunk) {
  const v1::Sae& sae = header_->sae();
  const std::optional<WeightArray> array = ToWeightArray(sae, chunk.array());
  if (!array.has_value()) return UnknownArray(sae, chunk);
  const WeightShape shape = ShapeOf(*array, sae);
  RECSAE_ASSIGN_OR_RETURN(const int64_t rows, CountRows(*array, shape, chunk));
  const int64_t start = chunk.start_row();
  if (rows < 1 || start < 0 || start > shape.rows - rows) {
    return WeightsError(
        "WEIGHTS_OUT_OF_RANGE",
        absl::StrCat("weights: ", rows, " rows from start_row ", start, " are not ", "within the ",
                     shape.rows, " rows of ", WeightArrayName(*array)));
  }
  if (!coverage_[*array].Add(start, rows)) {
    return WeightsError(
        "WEIGHTS_OVERLAP",
        absl::StrCat("weights: of the ", rows, " rows from start_row ", start, " of ",
                     WeightArrayName(*array), " some came before; send each row once"));
  }
  return store_.StageWeights(WeightKey(number_, *array, start), chunk.values().data());
}

int64_t SaeUpload::bytes() const {
  int64_t bytes = 0;
  for (const auto& [array, coverage] : coverage_) bytes += coverage.bytes();
  return bytes;
}

absl::Status SaeUpload::CheckComplete() const {
  for (const WeightArray array : WeightArraysOf(header_->sae())) {
    const WeightShape shape = ShapeOf(array, header_->sae());
    const auto found = coverage_.find(array);
    if (found != coverage_.end() && found->second.IsComplete(shape.rows)) continue;
    const int64_t missing = found == coverage_.end() ? 0 : found->second.FirstMissing();
    return Error(absl::StatusCode::kInvalidArgument, "WEIGHTS_INCOMPLETE",
                 absl::StrCat("weights: row ", missing, " of ", WeightArrayName(array), " (",
                              shape.rows, " rows) did not come; send every row of every array"),
                 {{"array", std::string(WeightArrayName(array))}, {"row", absl::StrCat(missing)}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> SaeUpload::HashWeights() const {
  Sha256 hash;
  // Keys are in the order in which the weights are hashed.
  auto scan = store_.ScanWeights(UploadPrefix(number_));
  for (; scan->Valid(); scan->Next()) hash.Update(scan->value());
  RECSAE_RETURN_IF_ERROR(scan->status());
  return hash.Hex();
}

absl::StatusOr<v1::Sae> SaeUpload::Finish() {
  RECSAE_RETURN_IF_ERROR(CheckComplete());
  const std::string& sae_id = header_->sae_id();
  v1::Sae sae = header_->sae();
  sae.set_name(SaeName(sae_id));
  RECSAE_ASSIGN_OR_RETURN(*sae.mutable_weights_sha256(), HashWeights());
  bool is_new = false;
  const auto add = [&](Mutation& mutation) {
    is_new = true;
    *sae.mutable_create_time() = ToTimestamp(mutation.now());
    return store_.AddSae(sae_id, number_, sae, mutation);
  };
  // The header and the weights together are the request's content.
  const std::string content = DeterministicBytes(*header_) + sae.weights_sha256();
  RECSAE_RETURN_IF_ERROR(store_.Mutate("PublishSae", header_->request_id(), content, &sae, add));
  // A repeat has published nothing: the first one's weights count.
  published_ = is_new;
  return sae;
}

}  // namespace recsae::concept_store
