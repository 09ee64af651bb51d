// ProbeService: the streams of activations, in (RecordActivations) and out (ReadActivations).
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "common/budget/memory_budget.h"
#include "common/messages/tensor.h"
#include "common/rpc/guard.h"
#include "common/rpc/request_stream.h"
#include "services/probe/captures/capture_reader.h"
#include "services/probe/resources/ranked_items.h"
#include "services/probe/rpc/case_messages.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {
namespace {

constexpr size_t kMaxProducerBytes = 128;
// A case as it is sent: small enough that rows can always be sent on with theirs.
constexpr int64_t kMaxCaseBytes = int64_t{256} << 10;
// Rows whose cases are read at a time: what FillRankedItems ranks with one product.
constexpr size_t kCasesAtOnce = 256;

// Of a batch as it was sent, whatever the probe adds to its cases.
uint64_t FingerprintOf(const MatrixView& rows,
                       const google::protobuf::RepeatedPtrField<v1::Case>& cases) {
  std::string parts = absl::StrCat(Fingerprint(FloatsAsBytes(rows.flat())));
  for (const v1::Case& one : cases) {
    absl::StrAppend(&parts, " ", Fingerprint(one.SerializeAsString()));
  }
  return Fingerprint(parts);
}

}  // namespace

// One RecordActivations stream.
class ProbeService::Recording {
 public:
  Recording(ProbeService& service, Context* context) : service_(service), context_(context) {}

  absl::Status Begin(const v1::RecordActivationsRequest::Header& header);
  absl::Status Record(const v1::RecordActivationsRequest::Batch& batch,
                      v1::RecordActivationsResponse& response);
  // The capture as it is now, with this producer.
  absl::Status Describe(v1::RecordActivationsResponse& response) const;

 private:
  absl::StatusOr<std::vector<StoredCase>> Cases(const v1::RecordActivationsRequest::Batch& batch,
                                                const MatrixView& rows);

  ProbeService& service_;
  Context* const context_;
  std::string name_;
  std::string producer_;
  StoredCapture capture_;
  SkippedItems skipped_;
};

absl::Status ProbeService::Recording::Begin(const v1::RecordActivationsRequest::Header& header) {
  name_ = header.capture();
  producer_ = header.producer();
  RECSAE_ASSIGN_OR_RETURN(capture_, service_.resources_.captures().Get(name_));
  BadRequest bad;
  if (producer_.empty() || producer_.size() > kMaxProducerBytes) {
    bad.Add("header.producer",
            absl::StrCat("must have 1 to ", kMaxProducerBytes, " bytes, has ", producer_.size()));
  }
  return bad.ToStatus();
}

absl::StatusOr<std::vector<StoredCase>> ProbeService::Recording::Cases(
    const v1::RecordActivationsRequest::Batch& batch, const MatrixView& rows) {
  if (!capture_.message.has_cases()) return std::vector<StoredCase>();
  Resources& resources = service_.resources_;
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender recommender,
                          resources.recommenders().Get(RecommenderOf(name_)));
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const ItemIndex> index,
                          service_.IndexOf(context_, recommender));
  for (int i = 0; i < batch.cases_size(); ++i) {
    const auto bytes = static_cast<int64_t>(batch.cases(i).ByteSizeLong());
    if (bytes <= kMaxCaseBytes) continue;
    const std::string field = absl::StrCat("batch.cases[", i, "]");
    return Error(absl::StatusCode::kInvalidArgument, "CASE_INVALID",
                 absl::StrCat(field, " has ", bytes, " bytes; at most ", kMaxCaseBytes,
                              " are taken: leave out what is oldest in its history"),
                 {{"field", field}});
  }
  RECSAE_ASSIGN_OR_RETURN(std::vector<StoredCase> cases,
                          ToStoredCases(batch.cases(), *index, skipped_));
  if (recommender.head_uid == 0) return cases;
  RECSAE_ASSIGN_OR_RETURN(
      const std::shared_ptr<const PredictionHead> head,
      resources.recommenders().Head(recommender, [&] { return CheckAlive(context_); }));
  RECSAE_RETURN_IF_ERROR(FillRankedItems(
      *head, rows, kDefaultRankedItems, [&] { return CheckAlive(context_); },
      absl::MakeSpan(cases)));
  return cases;
}

absl::Status ProbeService::Recording::Record(const v1::RecordActivationsRequest::Batch& batch,
                                             v1::RecordActivationsResponse& response) {
  BadRequest bad;
  if (batch.sequence() < 1) {
    bad.Add("batch.sequence", absl::StrCat("must be at least 1, is ", batch.sequence()));
  }
  absl::StatusOr<MatrixView> rows =
      ReadMatrix(batch.activations(), "batch.activations", kAnySize, capture_.message.dim());
  if (!rows.ok()) {
    bad.Add("batch.activations", rows.status());
  } else if (rows->rows < 1) {
    bad.Add("batch.activations", "must have at least one row");
  } else if (const int64_t wanted = capture_.message.has_cases() ? rows->rows : 0;
             batch.cases_size() != wanted) {
    bad.Add("batch.cases",
            absl::StrCat("must be ", wanted, " for a capture ", wanted == 0 ? "without" : "with",
                         " cases, are ", batch.cases_size()));
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<StoredCase> cases, Cases(batch, *rows));
  const uint64_t fingerprint = FingerprintOf(*rows, batch.cases());
  RECSAE_ASSIGN_OR_RETURN(const CaptureStore::Appended appended,
                          service_.resources_.captures().Append(
                              name_, {producer_, batch.sequence(), *rows, cases, fingerprint}));
  if (appended == CaptureStore::Appended::kStored) {
    response.set_stored_row_count(response.stored_row_count() + rows->rows);
    service_.rows_recorded_.Increment(static_cast<double>(rows->rows));
  } else {
    response.set_duplicate_row_count(response.duplicate_row_count() + rows->rows);
  }
  return absl::OkStatus();
}

absl::Status ProbeService::Recording::Describe(v1::RecordActivationsResponse& response) const {
  response.set_skipped_item_count(skipped_.count);
  response.mutable_unknown_item_ids()->Assign(skipped_.ids.begin(), skipped_.ids.end());
  v1::Capture* const capture = response.mutable_capture();
  RECSAE_ASSIGN_OR_RETURN(const StoredCapture now, service_.resources_.captures().Get(name_));
  RECSAE_ASSIGN_OR_RETURN(v1::Producer producer,
                          service_.resources_.captures().GetProducer(now, producer_));
  *capture = now.message;
  capture->clear_producers();
  *capture->add_producers() = std::move(producer);
  return absl::OkStatus();
}

grpc::Status ProbeService::RecordActivations(
    Context* context, grpc::ServerReader<v1::RecordActivationsRequest>* reader,
    v1::RecordActivationsResponse* response) {
  return GuardStream(context, [&]() -> absl::Status {
    v1::RecordActivationsRequest message;
    RECSAE_RETURN_IF_ERROR(ReadHeader(*reader, &message));
    Recording recording(*this, context);
    RECSAE_RETURN_IF_ERROR(recording.Begin(message.header()));
    RECSAE_ASSIGN_OR_RETURN(
        Permit permit, memory_.Take(0, absl::StrCat("recording to ", message.header().capture()),
                                    "the rows of one message"));
    const auto record = [&]() -> absl::Status {
      RECSAE_RETURN_IF_ERROR(permit.Resize(BytesToStore(message)));
      return recording.Record(message.batch(), *response);
    };
    RECSAE_RETURN_IF_ERROR(ReadParts(context, *reader, &message, record));
    return recording.Describe(*response);
  });
}

// One ReadActivations stream.
class ProbeService::ActivationStream {
 public:
  ActivationStream(ProbeService& service, Context* context,
                   grpc::ServerWriter<v1::ActivationBatch>* writer)
      : service_(service), context_(context), writer_(writer) {}

  absl::Status Open(const v1::ReadActivationsRequest& request);
  absl::Status Send();

 private:
  absl::Status SendBatch(int64_t rows);
  absl::Status SendWithCases(absl::Span<const int64_t> rows, const char* values);
  absl::Status Write();

  ProbeService& service_;
  Context* const context_;
  grpc::ServerWriter<v1::ActivationBatch>* const writer_;
  StoredCapture capture_;
  bool activations_ = true;
  bool cases_ = false;
  int64_t batch_rows_ = 0;
  std::unique_ptr<CaptureReader> reader_;
  std::optional<CaseReader> case_reader_;
  std::vector<int64_t> rows_;
  v1::ActivationBatch batch_;
};

absl::Status ProbeService::ActivationStream::Open(const v1::ReadActivationsRequest& request) {
  RECSAE_ASSIGN_OR_RETURN(capture_, service_.resources_.captures().Get(request.capture()));
  BadRequest bad;
  const auto natural = [&](const char* field, int64_t value) {
    if (value < 0) bad.Add(field, absl::StrCat("must not be negative, is ", value));
  };
  natural("batch_rows", request.batch_rows());
  natural("start_row", request.start_row());
  natural("row_limit", request.row_limit());
  if (request.has_shuffle()) natural("shuffle.epoch", request.shuffle().epoch());
  if (request.read_mask().paths_size() > 0) activations_ = false;
  for (const std::string& path : request.read_mask().paths()) {
    if (path == "activations") {
      activations_ = true;
    } else if (path == "cases") {
      cases_ = true;
    } else {
      bad.Add("read_mask",
              absl::StrCat("must hold \"activations\" and \"cases\", holds \"", path, "\""));
    }
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());

  const int64_t stored = capture_.message.row_count();
  const int64_t limit = request.row_limit() == 0 ? stored : request.row_limit();
  if (limit > stored || request.start_row() > limit) {
    return Error(absl::StatusCode::kOutOfRange, "ROW_OUT_OF_RANGE",
                 absl::StrCat(capture_.message.name(), " has ", stored, " rows; row_limit is ",
                              request.row_limit(), " and start_row ", request.start_row()),
                 {{"capture", capture_.message.name()}, {"rows", absl::StrCat(stored)}});
  }
  const int64_t row_bytes = int64_t{4} * capture_.message.dim();
  batch_rows_ = request.batch_rows() == 0 ? kStreamMessageBytes / row_bytes : request.batch_rows();
  batch_rows_ = std::clamp<int64_t>(batch_rows_, 1, kMaxContentBytes / row_bytes);
  std::optional<Shuffle> shuffle;
  if (request.has_shuffle()) shuffle = {request.shuffle().seed(), request.shuffle().epoch()};
  cases_ = cases_ && capture_.message.has_cases();
  if (cases_) {
    RECSAE_ASSIGN_OR_RETURN(case_reader_, CaseReader::Open(service_.resources_, capture_,
                                                           [&] { return CheckAlive(context_); }));
  }
  reader_ = std::make_unique<CaptureReader>(service_.resources_.captures(), capture_, limit,
                                            shuffle, request.start_row(), activations_);
  return absl::OkStatus();
}

absl::Status ProbeService::ActivationStream::Write() {
  // A write that fails without the call being over cannot happen; if it does, say so.
  if (writer_->Write(batch_)) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(CheckAlive(context_));
  return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the caller stopped reading");
}

absl::Status ProbeService::ActivationStream::SendWithCases(absl::Span<const int64_t> rows,
                                                           const char* values) {
  const auto* floats = activations_ ? reinterpret_cast<const float*>(values) : nullptr;
  const int64_t dim = capture_.message.dim();
  const int64_t row_bytes = activations_ ? 4 * dim : 0;
  const int64_t start = reader_->place() - static_cast<int64_t>(rows.size());
  int64_t first = 0;  // row of the message that is being filled
  int64_t bytes = 0;
  batch_.Clear();
  const auto send = [&] {
    batch_.set_start_row(start + first);
    const int64_t count = batch_.cases_size();
    if (activations_) WriteMatrix({floats + first * dim, count, dim}, batch_.mutable_activations());
    const absl::Status sent = Write();
    batch_.Clear();
    first += count;
    bytes = 0;
    return sent;
  };
  for (size_t at = 0; at < rows.size(); at += kCasesAtOnce) {
    const absl::Span<const int64_t> some = rows.subspan(at, kCasesAtOnce);
    RECSAE_ASSIGN_OR_RETURN(
        std::vector<v1::Case> cases,
        case_reader_->Read(some, activations_ ? floats + static_cast<int64_t>(at) * dim : nullptr,
                           [&] { return CheckAlive(context_); }));
    for (v1::Case& one : cases) {
      // As many rows in a message as fit, at least one.
      const int64_t size = row_bytes + static_cast<int64_t>(one.ByteSizeLong()) + 8;
      if (batch_.cases_size() > 0 && bytes + size > kMaxContentBytes) {
        RECSAE_RETURN_IF_ERROR(send());
      }
      batch_.add_cases()->Swap(&one);
      bytes += size;
    }
  }
  return send();
}

absl::Status ProbeService::ActivationStream::SendBatch(int64_t rows) {
  const int64_t dim = capture_.message.dim();
  rows_.clear();
  batch_.set_start_row(reader_->place());
  char* out = nullptr;
  if (activations_) {
    // Straight into the message: this is what trainers read, over and over.
    tensor::v1::Tensor& tensor = *batch_.mutable_activations();
    tensor.set_data_type(tensor::v1::DATA_TYPE_FLOAT32);
    tensor.clear_shape();
    tensor.add_shape(rows);
    tensor.add_shape(dim);
    tensor.mutable_data()->resize(rows * dim * sizeof(float));
    out = tensor.mutable_data()->data();
  }
  RECSAE_RETURN_IF_ERROR(reader_->Read(rows, &rows_, out));
  if (!cases_) return Write();
  std::string values;
  if (activations_) values.swap(*batch_.mutable_activations()->mutable_data());
  return SendWithCases(rows_, values.data());
}

absl::Status ProbeService::ActivationStream::Send() {
  while (reader_->remaining() > 0) {
    RECSAE_RETURN_IF_ERROR(CheckAlive(context_));
    const int64_t rows = std::min(batch_rows_, reader_->remaining());
    RECSAE_RETURN_IF_ERROR(SendBatch(rows));
    service_.rows_read_.Increment(static_cast<double>(rows));
  }
  return absl::OkStatus();
}

grpc::Status ProbeService::ReadActivations(Context* context,
                                           const v1::ReadActivationsRequest* request,
                                           grpc::ServerWriter<v1::ActivationBatch>* writer) {
  return GuardStream(context, [&]() -> absl::Status {
    ActivationStream stream(*this, context, writer);
    RECSAE_RETURN_IF_ERROR(stream.Open(*request));
    return stream.Send();
  });
}

}  // namespace recsae::probe
