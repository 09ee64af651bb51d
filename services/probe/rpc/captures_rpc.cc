// ProbeService: captures and single cases of them.
#include <google/protobuf/any.pb.h>

#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/paging.h"
#include "common/jobs/job_runner.h"
#include "common/messages/tensor.h"
#include "common/messages/time.h"
#include "common/rpc/guard.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/resources/ranked_items.h"
#include "services/probe/rpc/case_messages.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {
namespace {

constexpr int kMaxRankedItems = 100;
constexpr int kMaxCases = 1000;

std::string CaptureName(absl::string_view parent, absl::string_view capture_id, BadRequest& bad) {
  bad.Add("parent", ParseName(parent, "recommenders/{recommender}").status());
  bad.Add("capture_id", ValidateId(capture_id, "capture_id"));
  return absl::StrCat(parent, "/captures/", capture_id);
}

absl::Status TooLarge(int cases) {
  return Error(absl::StatusCode::kResourceExhausted, "RESPONSE_TOO_LARGE",
               absl::StrCat(cases, " cases do not fit a message of 4 MiB: ask for fewer at once"));
}

// As it is shown without its producers.
v1::Capture Listed(const StoredCapture& capture) {
  v1::Capture message = capture.message;
  message.clear_producers();
  return message;
}

absl::Status CheckHasDataset(const v1::Recommender& recommender) {
  if (recommender.has_dataset()) return absl::OkStatus();
  if (recommender.kind() == v1::Recommender::KIND_HOSTED) {
    if (!recommender.data_fingerprint().empty()) return absl::OkStatus();
    return Error(absl::StatusCode::kFailedPrecondition, "NO_INTERACTIONS",
                 absl::StrCat("the host of ", recommender.name(),
                              " gave no interactions that could be run through it: host it with "
                              "them, or record activations with RecordActivations"),
                 {{"recommender", recommender.name()}});
  }
  return Error(absl::StatusCode::kFailedPrecondition, "NO_DATASET",
               absl::StrCat(recommender.name(),
                            " was imported for a catalogue, without a data set whose histories "
                            "could be run through it: import it with the data set, or record "
                            "activations with RecordActivations"),
               {{"recommender", recommender.name()}});
}

}  // namespace

grpc::Status ProbeService::CreateCapture(Context* context, const v1::CreateCaptureRequest* request,
                                         v1::Capture* response) {
  return Guard(context, [&]() -> absl::Status {
    BadRequest bad;
    const std::string name = CaptureName(request->parent(), request->capture_id(), bad);
    if (!v1::Split_IsValid(request->split())) {
      bad.Add("split", absl::StrCat("is ", request->split(), ", which is no Split"));
    }
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    return resources_.store().Mutate(
        "CreateCapture", request->request_id(), *request, response, [&](WriteBatch& batch) {
          response->set_name(name);
          response->set_split(request->split());
          response->set_has_cases(request->has_cases());
          *response->mutable_create_time() = TimestampNow();
          return resources_.CreateCapture(request->parent(), *response, batch);
        });
  });
}

grpc::Status ProbeService::CaptureActivations(Context* context,
                                              const v1::CaptureActivationsRequest* request,
                                              jobs::v1::Job* response) {
  return Guard(context, [&]() -> absl::Status {
    BadRequest bad;
    const std::string name = CaptureName(request->parent(), request->capture_id(), bad);
    if (request->split() != v1::SPLIT_TRAIN && request->split() != v1::SPLIT_DEV &&
        request->split() != v1::SPLIT_TEST) {
      bad.Add("split", "must be SPLIT_TRAIN, SPLIT_DEV or SPLIT_TEST");
    }
    if (request->max_rows() < 0) {
      bad.Add("max_rows", absl::StrCat("must not be negative, is ", request->max_rows()));
    }
    if (request->ranked_item_count() < 0 || request->ranked_item_count() > kMaxRankedItems) {
      bad.Add("ranked_item_count", absl::StrCat("must be 0 to ", kMaxRankedItems, ", is ",
                                                request->ranked_item_count()));
    }
    if (!v1::Positions_IsValid(request->positions())) {
      bad.Add("positions", absl::StrCat("is ", request->positions(), ", which is no Positions"));
    }
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    google::protobuf::Any spec;
    spec.PackFrom(*request);
    const auto check = [&](google::protobuf::Any& resolved) -> absl::Status {
      v1::CaptureActivationsRequest filled_in = *request;
      if (filled_in.ranked_item_count() == 0) filled_in.set_ranked_item_count(kDefaultRankedItems);
      resolved.PackFrom(filled_in);
      RECSAE_ASSIGN_OR_RETURN(const StoredRecommender recommender,
                              resources_.recommenders().Get(request->parent()));
      RECSAE_RETURN_IF_ERROR(models_.CheckHosted(recommender));
      RECSAE_RETURN_IF_ERROR(CheckHasDataset(recommender.message));
      RECSAE_RETURN_IF_ERROR(CheckSite(context, recommender, *request));
      return resources_.captures().CheckFree(name);
    };
    RECSAE_ASSIGN_OR_RETURN(*response,
                            jobs_.Submit(kCaptureJob, {name}, spec, request->request_id(), check));
    return absl::OkStatus();
  });
}

absl::Status ProbeService::CheckSite(Context* context, const StoredRecommender& recommender,
                                     const v1::CaptureActivationsRequest& request) {
  const Positions positions =
      request.positions() == v1::POSITIONS_ALL ? Positions::kAll : Positions::kLast;
  if (request.site().empty() && positions == Positions::kLast) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const Recommender> model,
                          models_.Get(recommender, [&] { return CheckAlive(context); }));
  const std::vector<ProbeSite> sites = model->ProbeSites();
  RECSAE_ASSIGN_OR_RETURN(const size_t site, FindSite(sites, request.site()));
  return CheckPositions(sites[site], positions);
}

grpc::Status ProbeService::GetCapture(Context* context, const v1::GetCaptureRequest* request,
                                      v1::Capture* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const StoredCapture capture,
                            resources_.captures().Get(request->name()));
    RECSAE_ASSIGN_OR_RETURN(const std::vector<v1::Producer> producers,
                            resources_.captures().Producers(capture, kListedProducers));
    *response = Listed(capture);
    response->mutable_producers()->Add(producers.begin(), producers.end());
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::ListCaptures(Context* context, const v1::ListCapturesRequest* request,
                                        v1::ListCapturesResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    const std::string filter = absl::StrCat("captures of ", request->parent());
    RECSAE_ASSIGN_OR_RETURN(const Page page,
                            ReadPage(request->page_size(), request->page_token(), filter));
    std::string recommender_id;
    if (request->parent() != "recommenders/-") {
      RECSAE_RETURN_IF_ERROR(resources_.recommenders().Get(request->parent()).status());
      RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                              ParseName(request->parent(), "recommenders/{recommender}"));
      recommender_id = ids[0];
    }
    std::string next;
    RECSAE_ASSIGN_OR_RETURN(const std::vector<StoredCapture> captures,
                            resources_.captures().List(recommender_id, page, &next));
    for (const StoredCapture& capture : captures) *response->add_captures() = Listed(capture);
    if (!next.empty()) response->set_next_page_token(MakePageToken(next, filter));
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::DeleteCapture(Context* context, const v1::DeleteCaptureRequest* request,
                                         google::protobuf::Empty* response) {
  return Guard(context, [&]() -> absl::Status {
    return resources_.store().Mutate(
        "DeleteCapture", request->request_id(), *request, response,
        [&](WriteBatch& batch) { return resources_.DeleteCapture(request->name(), batch); });
  });
}

grpc::Status ProbeService::BatchGetCases(Context* context, const v1::BatchGetCasesRequest* request,
                                         v1::BatchGetCasesResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    CaptureStore& captures = resources_.captures();
    RECSAE_ASSIGN_OR_RETURN(const StoredCapture capture, captures.Get(request->capture()));
    BadRequest bad;
    const int count = request->rows_size() + request->user_ids_size();
    if (count < 1 || count > kMaxCases) {
      bad.Add("rows",
              absl::StrCat("rows and user_ids must be 1 to ", kMaxCases, " together, are ", count));
    }
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    const auto not_found = [&](absl::string_view what) {
      return Error(absl::StatusCode::kNotFound, "CASE_NOT_FOUND",
                   absl::StrCat(request->capture(), " has no ", what),
                   {{"capture", request->capture()}, {"case", std::string(what)}});
    };
    std::vector<int64_t> rows(request->rows().begin(), request->rows().end());
    for (const int64_t row : rows) {
      if (row < 0 || row >= capture.message.row_count())
        return not_found(absl::StrCat("row ", row));
    }
    const std::vector<std::string> users(request->user_ids().begin(), request->user_ids().end());
    RECSAE_ASSIGN_OR_RETURN(const std::vector<int64_t> last, captures.LastRows(capture, users));
    for (size_t i = 0; i < users.size(); ++i) {
      if (last[i] < 0) return not_found(absl::StrCat("user \"", users[i], "\""));
      rows.push_back(last[i]);
    }
    // A row of a user may have been recorded since; then the capture has grown.
    RECSAE_ASSIGN_OR_RETURN(const StoredCapture now, captures.Get(request->capture()));
    if (now.uid != capture.uid) return captures.NotFound(request->capture());

    const int64_t dim = now.message.dim();
    if (count * dim * 4 > kMaxContentBytes) return TooLarge(count);
    RECSAE_ASSIGN_OR_RETURN(const std::vector<float> activations, captures.ReadRows(now, rows));
    RECSAE_ASSIGN_OR_RETURN(const CaseReader reader,
                            CaseReader::Open(resources_, now, [&] { return CheckAlive(context); }));
    RECSAE_ASSIGN_OR_RETURN(std::vector<v1::Case> cases, reader.Read(rows, activations.data(), [&] {
      return CheckAlive(context);
    }));
    for (v1::Case& one : cases) response->add_cases()->Swap(&one);
    WriteMatrix({activations.data(), count, dim}, response->mutable_activations());
    if (static_cast<int64_t>(response->ByteSizeLong()) > kMaxContentBytes) return TooLarge(count);
    return absl::OkStatus();
  });
}

}  // namespace recsae::probe
