// Reading captures.
#include "services/explainer/backend/capture_reader.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

using probe::v1::ActivationBatch;

// Checks a batch, hands it on, and moves `next` behind it.
absl::Status HandleBatch(const ActivationBatch& batch, const std::string& name, int dim,
                         CaptureRowsHandler handler, int64_t& next) {
  RECSAE_ASSIGN_OR_RETURN(const MatrixView activations,
                          ReadMatrix(batch.activations(), "activations", kAnySize, dim));
  if (batch.start_row() != next || batch.cases_size() != activations.rows) {
    return Error(absl::StatusCode::kDataLoss, "CAPTURE_INCONSISTENT",
                 absl::StrCat("the probe sent ", activations.rows, " activations and ",
                              batch.cases_size(), " cases from row ", batch.start_row(), " of ",
                              name, ", wanted from row ", next),
                 {{"capture", name}});
  }
  RECSAE_RETURN_IF_ERROR(handler(activations, batch.cases()));
  next += activations.rows;
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckSameSite(const LoadedSae& sae, const probe::v1::Capture& capture) {
  if (capture.site() == sae.probe_site) return absl::OkStatus();
  const auto name = [](const std::string& site) { return site.empty() ? "user" : site; };
  return Error(
      absl::StatusCode::kInvalidArgument, "PROBE_SITE_MISMATCH",
      absl::StrCat(capture.name(), " records probe site \"", name(capture.site()), "\", but ",
                   sae.name, " reads \"", name(sae.probe_site), "\"; take a capture of that site"),
      {{"sae", sae.name}, {"capture", capture.name()}});
}

absl::Status CheckIncarnation(const LoadedSae& sae, const std::string& recommender,
                              const std::string& uid) {
  if (sae.recommender_uid.empty() || uid.empty() || sae.recommender_uid == uid) {
    return absl::OkStatus();
  }
  return Error(
      absl::StatusCode::kFailedPrecondition, "RECOMMENDER_CHANGED",
      absl::StrCat(sae.name, " was trained on another ", recommender, " (uid ", sae.recommender_uid,
                   ") than there is now under that name (uid ", uid,
                   "), whose activations mean something else; train an SAE on a capture of the "
                   "present one, or keep recommenders that are still explained under names of "
                   "their own"),
      {{"sae", sae.name},
       {"recommender", recommender},
       {"sae_recommender_uid", sae.recommender_uid},
       {"recommender_uid", uid}});
}

absl::StatusOr<probe::v1::Capture> GetCapture(Peers& peers, const std::string& name,
                                              const Caller& caller) {
  probe::v1::Capture capture;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    probe::v1::GetCaptureRequest request;
    request.set_name(name);
    return peers.probe.peer().FromGrpc(peers.probe->GetCapture(&context, request, &capture));
  }));
  return capture;
}

absl::StatusOr<probe::v1::Capture> GetCaptureWithCases(Peers& peers, const std::string& name,
                                                       const LoadedSae& sae, const Caller& caller) {
  RECSAE_ASSIGN_OR_RETURN(const probe::v1::Capture capture, GetCapture(peers, name, caller));
  RECSAE_RETURN_IF_ERROR(
      CheckIncarnation(sae, name.substr(0, name.find("/captures/")), capture.recommender_uid()));
  RECSAE_RETURN_IF_ERROR(CheckSameSite(sae, capture));
  const int dim = sae.model.dim();
  if (capture.dim() != dim) {
    return Error(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH",
                 absl::StrCat(name, " holds activations of ", capture.dim(),
                              " values, but the SAE takes ", dim),
                 {{"capture", name}});
  }
  if (!capture.has_cases()) {
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_WITHOUT_CASES",
                 absl::StrCat(name, " holds activations without their cases; make one with cases"),
                 {{"capture", name}});
  }
  if (capture.row_count() == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_EMPTY",
                 absl::StrCat(name, " has no rows; record activations into it first"),
                 {{"capture", name}});
  }
  return capture;
}

absl::Status ReadCapture(Peers& peers, const std::string& name, int64_t rows, int dim,
                         const Caller& caller, CaptureRowsHandler handler) {
  int64_t next = 0;
  const auto read = [&](grpc::ClientContext& context, Caller::Heard heard) -> absl::Status {
    if (next == rows) return absl::OkStatus();
    probe::v1::ReadActivationsRequest request;
    request.set_capture(name);
    request.set_start_row(next);
    request.set_row_limit(rows);
    request.mutable_read_mask()->add_paths("activations");
    request.mutable_read_mask()->add_paths("cases");
    const auto reader = peers.probe->ReadActivations(&context, request);
    ActivationBatch batch;
    while (reader->Read(&batch)) {
      absl::Status handled = caller.Alive();
      if (handled.ok()) handled = HandleBatch(batch, name, dim, handler, next);
      heard();
      if (handled.ok()) continue;
      context.TryCancel();
      reader->Finish();
      return handled;
    }
    RECSAE_RETURN_IF_ERROR(peers.probe.peer().FromGrpc(reader->Finish()));
    if (next == rows) return absl::OkStatus();
    return Error(absl::StatusCode::kDataLoss, "CAPTURE_INCONSISTENT",
                 absl::StrCat("the probe sent ", next, " of the ", rows, " rows of ", name),
                 {{"capture", name}});
  };
  return caller.Stream(read, /*goes_on=*/true);
}

}  // namespace recsae::explainer
