#include "services/trainer/peers/probe_source.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/client/idle_limit.h"
#include "common/client/peer.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/messages/probe_messages.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "services/trainer/peers/peer_retry.h"
#include "services/trainer/rows/buffer_pool.h"

namespace recsae::trainer {
namespace {

using ProbeStub = PeerStub<probe::v1::Probe>;

constexpr int64_t kMessageBytes = int64_t{1} << 20;

class ProbeReader : public ActivationReader {
 public:
  ProbeReader(ProbeStub& probe, const std::string& capture, int dim, const ReadOrder& order)
      : probe_(probe), dim_(dim) {
    request_.set_capture(capture);
    request_.set_row_limit(order.row_limit);
    request_.set_start_row(order.start_row);
    if (order.shuffle.has_value()) {
      request_.mutable_shuffle()->set_seed(order.shuffle->seed);
      request_.mutable_shuffle()->set_epoch(order.shuffle->epoch);
    }
    request_.mutable_read_mask()->add_paths("activations");
  }

  ~ProbeReader() override {
    if (call_ == nullptr) return;
    call_->context.TryCancel();
    Finish().IgnoreError();
  }

  absl::StatusOr<RowChunk> Next(int64_t wanted) override {
    // Whole batches, as many as fit into about 1 MiB, or one.
    const int64_t fitting = kMessageBytes / (int64_t{4} * dim_);
    request_.set_batch_rows(static_cast<int32_t>(std::max<int64_t>(fitting / wanted, 1) * wanted));
    RowChunk chunk;
    RECSAE_RETURN_IF_ERROR(
        Retry(PeerRetry([this] { return IsCancelled(); }), [&] { return ReadOnce(chunk); }));
    return chunk;
  }

  void Cancel() override {
    const absl::MutexLock lock(&mutex_);
    cancelled_ = true;
    if (call_ != nullptr) call_->context.TryCancel();
  }

 private:
  struct Call {
    grpc::ClientContext context;
    IdleLimit limit{context, kPeerPatience};
    std::unique_ptr<grpc::ClientReader<probe::v1::ActivationBatch>> reader;
  };

  bool IsCancelled() {
    const absl::MutexLock lock(&mutex_);
    return cancelled_;
  }

  absl::Status Open() {
    {
      const absl::MutexLock lock(&mutex_);
      if (cancelled_) return ReadCancelled();
      call_ = std::make_unique<Call>();
    }
    // Waits for the connection, so Cancel must be able to get at the context meanwhile.
    call_->reader = probe_->ReadActivations(&call_->context, request_);
    return absl::OkStatus();
  }

  // Ends the call and gives its status.
  absl::Status Finish() {
    const absl::Status status = probe_.peer().FromGrpc(call_->reader->Finish());
    const absl::MutexLock lock(&mutex_);
    call_.reset();
    return status;
  }

  // One message, or nothing at the end of the pass. After an error the next call opens a new stream
  // at the row that is due.
  absl::Status ReadOnce(RowChunk& chunk) {
    if (ended_) return absl::OkStatus();
    if (call_ == nullptr) RECSAE_RETURN_IF_ERROR(Open());
    call_->limit.Start();
    const bool read = call_->reader->Read(&batch_);
    call_->limit.Stop();  // how long the trainer takes for it is another matter
    if (!read) {
      const absl::Status status = Finish();
      ended_ = status.ok();
      return status;
    }
    RECSAE_ASSIGN_OR_RETURN(const MatrixView matrix,
                            ReadMatrix(batch_.activations(), "activations", kAnySize, dim_));
    if (batch_.start_row() != request_.start_row() || matrix.rows == 0) {
      return Error(
          absl::StatusCode::kInternal, "ROWS_OUT_OF_ORDER",
          absl::StrCat("the probe sent ", matrix.rows, " rows from row ", batch_.start_row(),
                       " of ", request_.capture(), ", expected row ", request_.start_row()));
    }
    request_.set_start_row(request_.start_row() + matrix.rows);
    // The bytes change hands without moving; the message gets a buffer to fill that was used
    // before.
    const std::shared_ptr<std::string> bytes = buffers_.Get();
    bytes->swap(*batch_.mutable_activations()->mutable_data());
    chunk = {{reinterpret_cast<const float*>(bytes->data()), matrix.rows, dim_}, bytes};
    return absl::OkStatus();
  }

  ProbeStub& probe_;
  const int dim_;
  probe::v1::ReadActivationsRequest request_;  // start_row: the row that is due
  probe::v1::ActivationBatch batch_;
  BufferPool<std::string> buffers_;
  bool ended_ = false;
  absl::Mutex mutex_;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Call> call_;  // replaced under the mutex, for Cancel
};

class ProbeSource : public ActivationSource {
 public:
  explicit ProbeSource(std::shared_ptr<Peer> probe) : probe_(std::move(probe)) {}

  absl::StatusOr<CaptureInfo> Describe(const std::string& capture, const JobContext& job) override {
    probe::v1::GetCaptureRequest request;
    request.set_name(capture);
    probe::v1::Capture response;
    RECSAE_RETURN_IF_ERROR(Retry(PeerRetry(job), [&] {
      grpc::ClientContext context;
      SetDeadline(context, absl::Seconds(10));
      const auto on_cancel = job.OnCancel([&context] { context.TryCancel(); });
      return probe_.peer().FromGrpc(probe_->GetCapture(&context, request, &response));
    }));
    return ToCaptureInfo(response);
  }

  absl::StatusOr<RankingData> ReadRankingData(const std::string& capture, int64_t rows, int dim,
                                              const JobContext& job) override {
    NumberedHead head;
    RankingData data;
    RECSAE_RETURN_IF_ERROR(
        Retry(PeerRetry(job), [&] { return ReadHead(capture, dim, job, head); }));
    RECSAE_RETURN_IF_ERROR(Retry(
        PeerRetry(job), [&] { return ReadCases(capture, rows, head.items, job, data.cases); }));
    data.head = std::move(head.head);
    return data;
  }

  std::unique_ptr<ActivationReader> Read(const std::string& capture, int dim,
                                         const ReadOrder& order) override {
    return std::make_unique<ProbeReader>(probe_, capture, dim, order);
  }

 private:
  // Of the recommender that the capture records.
  absl::Status ReadHead(const std::string& capture, int dim, const JobContext& job,
                        NumberedHead& head) {
    head = NumberedHead();
    head.head.dim = dim;
    grpc::ClientContext context;
    const auto on_cancel = job.OnCancel([&context] { context.TryCancel(); });
    probe::v1::ReadPredictionHeadRequest request;
    request.set_recommender(capture.substr(0, capture.find("/captures/")));
    const auto reader = probe_->ReadPredictionHead(&context, request);
    probe::v1::ReadPredictionHeadResponse batch;
    return ReadAll(context, *reader, batch, [&] { return AddRows(batch, head); });
  }

  // Of the first `rows` rows.
  absl::Status ReadCases(const std::string& capture, int64_t rows, const ItemNumbers& items,
                         const JobContext& job, std::vector<HeldOut>& cases) {
    cases.clear();
    grpc::ClientContext context;
    const auto on_cancel = job.OnCancel([&context] { context.TryCancel(); });
    probe::v1::ReadActivationsRequest request;
    request.set_capture(capture);
    request.set_row_limit(rows);
    request.mutable_read_mask()->add_paths("cases");
    const auto reader = probe_->ReadActivations(&context, request);
    probe::v1::ActivationBatch batch;
    RECSAE_RETURN_IF_ERROR(ReadAll(context, *reader, batch, [&] {
      for (const probe::v1::Case& captured : batch.cases()) {
        cases.push_back(HeldOutOf(captured, items));
      }
      return absl::OkStatus();
    }));
    if (static_cast<int64_t>(cases.size()) == rows) return absl::OkStatus();
    return Error(absl::StatusCode::kDataLoss, "CAPTURE_TOO_SHORT",
                 absl::StrCat("the probe sent ", cases.size(), " cases of the first ", rows,
                              " rows of ", capture),
                 {{"capture", capture}});
  }

  // Reads every message into `message` and calls `add` for each; its error ends the call.
  template <typename Message>
  absl::Status ReadAll(grpc::ClientContext& context, grpc::ClientReader<Message>& reader,
                       Message& message, absl::FunctionRef<absl::Status()> add) {
    IdleLimit limit(context, kPeerPatience);
    limit.Start();
    while (reader.Read(&message)) {
      limit.Start();
      const absl::Status added = add();
      if (added.ok()) continue;
      context.TryCancel();
      reader.Finish();
      return added;
    }
    return probe_.peer().FromGrpc(reader.Finish());
  }

  ProbeStub probe_;
};

}  // namespace

CaptureInfo ToCaptureInfo(const probe::v1::Capture& capture) {
  return {capture.row_count(),       capture.dim(), capture.has_cases(), capture.site(),
          capture.recommender_uid(), capture.uid()};
}

std::unique_ptr<ActivationSource> MakeProbeSource(std::shared_ptr<Peer> probe) {
  return std::make_unique<ProbeSource>(std::move(probe));
}

}  // namespace recsae::trainer
