#include "clients/cli/formats/sae_transfer.h"

#include <algorithm>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/session/progress_line.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "common/messages/sae_messages.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using concept_store::v1::PublishSaeRequest;
using concept_store::v1::Sae;

constexpr double kTransferTimeout = 3600;

int64_t ValuesOf(const Sae& sae) { return int64_t{2} * sae.latent_count() * sae.activation_dim(); }

int64_t ValuesOf(const concept_store::v1::SaeWeights& piece) {
  return static_cast<int64_t>(piece.values().data().size() / sizeof(float));
}

// Reads a stream to its end. An error of `handle` ends it and is returned.
template <typename Message>
absl::Status ReadAll(grpc::ClientContext& context, const Peer& peer,
                     grpc::ClientReader<Message>& reader,
                     const std::function<absl::Status(const Message&)>& handle) {
  Message message;
  while (reader.Read(&message)) {
    const absl::Status handled = handle(message);
    if (handled.ok()) continue;
    context.TryCancel();
    reader.Finish();
    return handled;
  }
  return peer.FromGrpc(reader.Finish());
}

absl::StatusOr<sae::SaeWeights> DownloadWeights(Session& session, const Sae& sae) {
  RECSAE_ASSIGN_OR_RETURN(WeightAssembler assembler, WeightAssembler::Create(sae));
  const double timeout = session.Timeout(kTransferTimeout);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(timeout));
  concept_store::v1::ReadSaeWeightsRequest request;
  request.set_name(sae.name());
  ProgressLine progress(session, "downloading", "values", ValuesOf(sae));
  const auto reader = session.concept_store()->ReadSaeWeights(&context, request);
  const absl::Status read =
      ReadAll<concept_store::v1::SaeWeights>(context, session.concept_store().peer(), *reader,
                                             [&](const concept_store::v1::SaeWeights& piece) {
                                               progress.Add(ValuesOf(piece));
                                               return assembler.Add(piece);
                                             });
  RECSAE_RETURN_IF_ERROR(ExplainTimeout(read, timeout));
  return assembler.Finish();
}

// Calls `use` with [count, dim] rows of the capture, `rows` of them drawn at random, or all if
// there are fewer.
absl::Status ForRandomRows(Session& session, const probe::v1::Capture& capture, int64_t rows,
                           int dim,
                           absl::FunctionRef<void(const float* values, int64_t count)> use) {
  if (capture.dim() != dim) {
    return Error(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH",
                 absl::StrCat(capture.name(), " holds activations of ", capture.dim(),
                              " values, but the SAE takes ", dim),
                 {{"capture", capture.name()}});
  }
  const int64_t total = std::min(rows, capture.row_count());
  const double timeout = session.Timeout(kTransferTimeout);
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(timeout));
  probe::v1::ReadActivationsRequest request;
  request.set_capture(capture.name());
  request.set_row_limit(capture.row_count());
  request.mutable_shuffle()->set_seed(1);
  ProgressLine progress(session, "measuring", "rows", total);
  const auto reader = session.probe()->ReadActivations(&context, request);
  int64_t done = 0;
  const absl::Status read = ReadAll<probe::v1::ActivationBatch>(
      context, session.probe().peer(), *reader,
      [&](const probe::v1::ActivationBatch& batch) -> absl::Status {
        RECSAE_ASSIGN_OR_RETURN(const MatrixView view,
                                ReadMatrix(batch.activations(), "activations", kAnySize, dim));
        const int64_t taken = std::min(view.rows, total - done);
        use(view.data, taken);
        done += taken;
        progress.Add(taken);
        return done < total ? absl::OkStatus()
                            : Error(absl::StatusCode::kCancelled, "ENOUGH_ROWS", "");
      });
  if (done == total) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(ExplainTimeout(read, timeout));
  return Error(
      absl::StatusCode::kDataLoss, "CAPTURE_INCONSISTENT",
      absl::StrCat("the probe sent ", done, " of the ", total, " rows of ", capture.name()),
      {{"capture", capture.name()}});
}

}  // namespace

absl::StatusOr<StoredSae> DownloadSae(Session& session, const std::string& name) {
  concept_store::v1::GetSaeRequest request;
  request.set_name(name);
  StoredSae stored;
  RECSAE_ASSIGN_OR_RETURN(
      stored.sae, session.Call(session.concept_store(), &ConceptStore::Stub::GetSae, request));
  // From the start after a failure: the pieces go to where they belong once.
  RECSAE_RETURN_IF_ERROR(Retry(RetryOptions{}, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(stored.weights, DownloadWeights(session, stored.sae));
    return absl::OkStatus();
  }));
  return stored;
}

absl::StatusOr<Sae> UploadSae(Session& session, const Sae& sae, const sae::SaeWeights& weights,
                              const std::string& request_id) {
  PublishSaeRequest header;
  header.mutable_header()->set_sae_id(LastId(sae.name()));
  *header.mutable_header()->mutable_sae() = sae;
  header.mutable_header()->set_request_id(request_id);
  const double timeout = session.Timeout(kTransferTimeout);
  Sae published;
  const absl::Status status = Retry(RetryOptions{}, [&] {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(timeout));
    ProgressLine progress(session, "uploading", "values", ValuesOf(sae));
    const auto writer = session.concept_store()->PublishSae(&context, &published);
    const auto write = [&](concept_store::v1::SaeWeights& piece) {
      progress.Add(ValuesOf(piece));
      PublishSaeRequest message;
      message.mutable_weights()->Swap(&piece);
      return writer->Write(message);
    };
    // The reason of a failure is in the status of the call.
    if (writer->Write(header) && WriteWeights(weights, write)) writer->WritesDone();
    return session.concept_store().peer().FromGrpc(writer->Finish());
  });
  RECSAE_RETURN_IF_ERROR(ExplainTimeout(status, timeout));
  return published;
}

absl::StatusOr<sae::ReconstructionMetrics> MeasureSae(Session& session,
                                                      const probe::v1::Capture& capture,
                                                      int64_t rows, const sae::SaeModel& model) {
  sae::MetricsAccumulator metrics(model.dim(), model.latents());
  RECSAE_RETURN_IF_ERROR(ForRandomRows(
      session, capture, rows, model.dim(),
      [&](const float* values, int64_t count) { metrics.Add(model, values, count); }));
  return metrics.Result();
}

absl::StatusOr<double> ShareOfSameLatents(Session& session, const probe::v1::Capture& capture,
                                          int64_t rows, const sae::SaeModel& a,
                                          const sae::SaeModel& b) {
  const auto active = [](const sae::SaeModel& model, const float* x) {
    std::vector<int32_t> latents;
    for (const sae::LatentActivation& latent : model.Encode(x)) latents.push_back(latent.latent);
    std::sort(latents.begin(), latents.end());
    return latents;
  };
  int64_t same = 0;
  int64_t seen = 0;
  RECSAE_RETURN_IF_ERROR(
      ForRandomRows(session, capture, rows, a.dim(), [&](const float* values, int64_t count) {
        for (int64_t row = 0; row < count; ++row) {
          const float* x = values + row * a.dim();
          same += active(a, x) == active(b, x) ? 1 : 0;
        }
        seen += count;
      }));
  return seen == 0 ? 1.0 : static_cast<double>(same) / static_cast<double>(seen);
}

}  // namespace recsae::cli
