// From a Subject to activations.
#include "services/explainer/backend/subject.h"

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/capture_reader.h"

namespace recsae::explainer {
namespace {

constexpr char kCapturePattern[] = "recommenders/{recommender}/captures/{capture}";
constexpr int64_t kMaxActivations = 256;

// The values of FLOAT32 [n, d] or [d].
absl::Status ReadActivations(const tensor::v1::Tensor& tensor, int dim, ResolvedSubject& resolved) {
  constexpr char kField[] = "subject.activations";
  if (tensor.shape_size() == 1) {
    RECSAE_ASSIGN_OR_RETURN(const absl::Span<const float> x, ReadVector(tensor, kField, dim));
    resolved.rows = 1;
    resolved.activations.assign(x.begin(), x.end());
    return absl::OkStatus();
  }
  RECSAE_ASSIGN_OR_RETURN(const MatrixView x, ReadMatrix(tensor, kField, kAnySize, dim));
  if (x.rows < 1 || x.rows > kMaxActivations) {
    return Error(absl::StatusCode::kInvalidArgument, "TENSOR_SHAPE_MISMATCH",
                 absl::StrCat(kField, ": 1 to ", kMaxActivations,
                              " activations can be explained in a call, not ", x.rows));
  }
  resolved.rows = x.rows;
  resolved.activations.assign(x.flat().begin(), x.flat().end());
  return absl::OkStatus();
}

// One activation that the probe sent.
absl::Status ReadProbeActivation(const tensor::v1::Tensor& tensor, const LoadedSae& sae,
                                 const std::string& origin, ResolvedSubject& resolved) {
  absl::StatusOr<MatrixView> x = ReadMatrix(tensor, "activations", 1, sae.model.dim());
  if (!x.ok()) {
    return Error(
        absl::StatusCode::kInvalidArgument, Reason(x.status()),
        absl::StrCat("the activation of ", origin, " does not fit ", sae.name, ", which takes ",
                     sae.model.dim(), " values: ", std::string(x.status().message())),
        {{"sae", sae.name}});
  }
  resolved.rows = 1;
  resolved.activations.assign(x->flat().begin(), x->flat().end());
  return absl::OkStatus();
}

template <typename Ids>
void ExcludeKnown(const Ids& ids, ResolvedSubject& resolved) {
  if (resolved.recommender == nullptr) return;
  for (const std::string& id : ids) {
    const int32_t item = resolved.recommender->Item(id);
    if (item >= 0) resolved.excluded.push_back(item);
  }
}

absl::Status ReadCapturedUser(Backend& backend, const Caller& caller,
                              const v1::Subject::CapturedUser& user, bool keep_seen,
                              ResolvedSubject& resolved) {
  // Only where there are several sites can the capture be of another.
  if (resolved.recommender != nullptr && resolved.recommender->resource.probe_sites_size() > 1) {
    RECSAE_ASSIGN_OR_RETURN(const probe::v1::Capture capture,
                            GetCapture(backend.peers, user.capture(), caller));
    RECSAE_RETURN_IF_ERROR(CheckSameSite(*resolved.sae, capture));
  }
  probe::v1::BatchGetCasesResponse response;
  const absl::Status found = caller.Call([&](grpc::ClientContext& context) {
    probe::v1::BatchGetCasesRequest request;
    request.set_capture(user.capture());
    request.add_user_ids(user.user_id());
    return backend.peers.probe.peer().FromGrpc(
        backend.peers.probe->BatchGetCases(&context, request, &response));
  });
  if (Reason(found) == "CASE_NOT_FOUND" || (found.ok() && response.cases_size() != 1)) {
    return Error(absl::StatusCode::kNotFound, "CASE_NOT_FOUND",
                 absl::StrCat(user.capture(), " has no user \"", user.user_id(),
                              "\"; a history of the user_id alone asks for what the recommender "
                              "knows of a user, whether captured or not"),
                 {{"capture", user.capture()}, {"user_id", user.user_id()}});
  }
  RECSAE_RETURN_IF_ERROR(found);
  if (!keep_seen) {
    ExcludeKnown(response.cases(0).history_item_ids(), resolved);
    ExcludeKnown(response.cases(0).excluded_item_ids(), resolved);
  }
  resolved.query = QueryOf(response.cases(0));
  return ReadProbeActivation(response.activations(), *resolved.sae,
                             absl::StrCat("user \"", user.user_id(), "\" of ", user.capture()),
                             resolved);
}

absl::Status RunRecommender(Backend& backend, const Caller& caller,
                            const v1::Subject::History& history, bool keep_seen,
                            ResolvedSubject& resolved) {
  if (resolved.recommender == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "RECOMMENDER_UNKNOWN",
                 absl::StrCat(resolved.sae->name,
                              " does not say which recommender it was trained on, so no history "
                              "can be run through it; give the activation instead"),
                 {{"sae", resolved.sae->name}});
  }
  const std::string& recommender = resolved.recommender->resource.name();
  resolved.query.set_user_id(history.user_id());
  *resolved.query.mutable_history_item_ids() = history.item_ids();
  probe::v1::ComputeActivationsResponse response;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    probe::v1::ComputeActivationsRequest request;
    request.set_recommender(recommender);
    request.set_site(resolved.sae->probe_site);
    request.set_with_past(true);
    *request.add_queries() = resolved.query;
    return backend.peers.probe.peer().FromGrpc(
        backend.peers.probe->ComputeActivations(&context, request, &response));
  }));
  resolved.unknown_items.insert(response.unknown_item_ids().begin(),
                                response.unknown_item_ids().end());
  // A recommender that reads no histories does not look at them.
  for (const std::string& id : history.item_ids()) {
    if (resolved.recommender->Item(id) < 0) resolved.unknown_items.insert(id);
  }
  if (!keep_seen) ExcludeKnown(history.item_ids(), resolved);
  if (!response.pasts().empty()) {
    const auto& past = response.pasts(0);
    // What the recommender read then, by name: what follows need not ask again.
    if (history.item_ids().empty()) {
      *resolved.query.mutable_history_item_ids() = past.item_ids();
    }
    if (!keep_seen) ExcludeKnown(past.item_ids(), resolved);
    if (past.known() && past.trained_count() == 0 && history.item_ids().empty()) {
      resolved.warnings.push_back(
          absl::StrCat(recommender, " was trained on no interaction of user \"", history.user_id(),
                       "\": the activation says nothing of this user"));
    }
    if (!past.known() && !keep_seen && !history.user_id().empty() && history.item_ids().empty()) {
      resolved.warnings.push_back(absl::StrCat(
          "what user \"", history.user_id(), "\" touched is not known to ", recommender,
          ": items that the user has had may be among the recommended (exclude_item_ids leaves "
          "them out)"));
    }
  }
  RECSAE_RETURN_IF_ERROR(
      ReadProbeActivation(response.activations(), *resolved.sae, recommender, resolved));
  if (!response.reads_history()) resolved.learned = resolved.activations;
  return absl::OkStatus();
}

// Of a subject at an inner site: what the recommender makes of the history in the end.
absl::Status FindUserActivation(Backend& backend, const Caller& caller, ResolvedSubject& resolved) {
  const probe::v1::Recommender& recommender = resolved.recommender->resource;
  RECSAE_ASSIGN_OR_RETURN(resolved.user_activation,
                          ComputeAtSite(backend, caller, recommender.name(), "",
                                        {&resolved.query, 1}, recommender.activation_dim()));
  return absl::OkStatus();
}

}  // namespace

void CheckSubject(const v1::Subject& subject, absl::string_view field, BadRequest& bad) {
  switch (subject.subject_case()) {
    case v1::Subject::kActivations:
      break;
    case v1::Subject::kCapturedUser:
      bad.Add(absl::StrCat(field, ".captured_user.capture"),
              ParseName(subject.captured_user().capture(), kCapturePattern).status());
      if (subject.captured_user().user_id().empty()) {
        bad.Add(absl::StrCat(field, ".captured_user.user_id"), "must not be empty");
      }
      break;
    case v1::Subject::kHistory:
      if (subject.history().user_id().empty() && subject.history().item_ids().empty()) {
        bad.Add(absl::StrCat(field, ".history"), "needs a user_id, item_ids, or both");
      }
      break;
    case v1::Subject::SUBJECT_NOT_SET:
      bad.Add(field, "must hold activations, captured_user or history");
      break;
  }
}

absl::StatusOr<std::string> RecommenderOfCapture(const std::string& capture) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(capture, kCapturePattern));
  return absl::StrCat("recommenders/", ids[0]);
}

absl::Status CheckSameRecommender(const LoadedSae& sae, const std::string& capture) {
  RECSAE_ASSIGN_OR_RETURN(const std::string recommender, RecommenderOfCapture(capture));
  if (sae.recommender.empty() || sae.recommender == recommender) return absl::OkStatus();
  return Error(
      absl::StatusCode::kInvalidArgument, "RECOMMENDER_MISMATCH",
      absl::StrCat(sae.name, " was trained on activations of ", sae.recommender, ", but ", capture,
                   " records ", recommender, "; take a capture of the same recommender"),
      {{"sae", sae.name}, {"capture", capture}});
}

absl::StatusOr<std::vector<float>> ResumeSubject(Backend& backend, const Caller& caller,
                                                 const ResolvedSubject& subject,
                                                 absl::Span<const float> activation) {
  return ResumeFromSite(backend, caller, subject.recommender->resource.name(),
                        subject.sae->probe_site, {&subject.query, 1},
                        {activation.data(), 1, static_cast<int64_t>(activation.size())},
                        static_cast<int>(subject.user_activation.size()));
}

absl::Status CheckOneRow(const ResolvedSubject& subject) {
  if (subject.rows == 1) return absl::OkStatus();
  return Error(
      absl::StatusCode::kInvalidArgument, "TENSOR_SHAPE_MISMATCH",
      absl::StrCat("subject.activations: one activation is steered in a call, not ", subject.rows));
}

absl::Status HistoryNeeded(const ResolvedSubject& subject) {
  return Error(absl::StatusCode::kFailedPrecondition, "HISTORY_NEEDED",
               absl::StrCat(subject.sae->name, " reads probe site \"", subject.sae->probe_site,
                            "\": what follows from an activation there depends on the history it "
                            "came from; give the subject as history or captured_user"),
               {{"sae", subject.sae->name}, {"site", subject.sae->probe_site}});
}

absl::StatusOr<std::vector<int32_t>> FindItems(const LoadedRecommender& recommender,
                                               absl::Span<const std::string* const> ids) {
  std::vector<int32_t> items;
  items.reserve(ids.size());
  for (const std::string* id : ids) {
    const int32_t item = recommender.Item(*id);
    if (item < 0) {
      return Error(absl::StatusCode::kNotFound, "ITEM_NOT_FOUND",
                   absl::StrCat(recommender.resource.catalog(), " has no item \"", *id, "\""),
                   {{"catalog", recommender.resource.catalog()}, {"item", *id}});
    }
    items.push_back(item);
  }
  return items;
}

absl::StatusOr<ResolvedSubject> ResolveSubject(
    Backend& backend, const Caller& caller, const std::string& sae, const v1::Subject& subject,
    absl::Span<const std::string* const> exclude_item_ids, bool keep_seen) {
  ResolvedSubject resolved;
  RECSAE_ASSIGN_OR_RETURN(resolved.sae, backend.saes.Get(sae, caller));
  std::string recommender = resolved.sae->recommender;
  if (subject.has_captured_user()) {
    const std::string& capture = subject.captured_user().capture();
    RECSAE_RETURN_IF_ERROR(CheckSameRecommender(*resolved.sae, capture));
    RECSAE_ASSIGN_OR_RETURN(recommender, RecommenderOfCapture(capture));
  }
  if (!recommender.empty()) {
    RECSAE_ASSIGN_OR_RETURN(resolved.recommender, backend.recommenders.Get(recommender, caller));
    RECSAE_RETURN_IF_ERROR(
        CheckIncarnation(*resolved.sae, recommender, resolved.recommender->resource.uid()));
    for (const std::string* id : exclude_item_ids) {
      const int32_t item = resolved.recommender->Item(*id);
      if (item >= 0) {
        resolved.excluded.push_back(item);
      } else {
        resolved.unknown_items.insert(*id);
      }
    }
  }
  switch (subject.subject_case()) {
    case v1::Subject::kActivations:
      RECSAE_RETURN_IF_ERROR(
          ReadActivations(subject.activations(), resolved.sae->model.dim(), resolved));
      break;
    case v1::Subject::kCapturedUser:
      RECSAE_RETURN_IF_ERROR(
          ReadCapturedUser(backend, caller, subject.captured_user(), keep_seen, resolved));
      break;
    case v1::Subject::kHistory:
      RECSAE_RETURN_IF_ERROR(
          RunRecommender(backend, caller, subject.history(), keep_seen, resolved));
      break;
    case v1::Subject::SUBJECT_NOT_SET:
      return Error(absl::StatusCode::kInternal, "SUBJECT_NOT_SET",
                   "a subject that was not checked");
  }
  if (resolved.at_inner_site()) {
    if (!subject.has_activations()) {
      RECSAE_RETURN_IF_ERROR(FindUserActivation(backend, caller, resolved));
    }
    return resolved;
  }
  if (resolved.head() != nullptr && resolved.head()->dim != resolved.sae->model.dim()) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "DIMENSION_MISMATCH",
        absl::StrCat(recommender, " scores activations of ", resolved.head()->dim, " values, but ",
                     sae, " explains those of ", resolved.sae->model.dim()),
        {{"sae", sae}, {"recommender", recommender}});
  }
  return resolved;
}

}  // namespace recsae::explainer
