// ProbeService: recommenders and their prediction heads.
#include <google/protobuf/any.pb.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/id.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/budget/memory_budget.h"
#include "common/budget/paging.h"
#include "common/jobs/job_runner.h"
#include "common/messages/tensor.h"
#include "common/messages/time.h"
#include "common/rpc/guard.h"
#include "common/rpc/request_stream.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/jobs/jobs.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/models/hyper_parameters.h"
#include "services/probe/recommenders/model/torch_kinds.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {
namespace {

constexpr int kMaxActivationDim = 65'536;
constexpr int64_t kMaxHeadRows = 4096;  // keeps the ids of a message below 1 MiB

// The rows of one batch. INVALID_ARGUMENT listing what is wrong with them.
absl::Status AddHeadRows(const v1::UploadPredictionHeadRequest::Batch& batch, int dim,
                         HeadWriter& writer) {
  const int64_t rows = batch.item_ids_size();
  if (rows == 0 && !batch.has_vectors()) return absl::OkStatus();
  BadRequest bad;
  absl::StatusOr<MatrixView> vectors = ReadMatrix(batch.vectors(), "batch.vectors", rows, dim);
  if (!vectors.ok()) bad.Add("batch.vectors", vectors.status());
  absl::Span<const float> biases;
  if (batch.has_biases()) {
    absl::StatusOr<absl::Span<const float>> given =
        ReadVector(batch.biases(), "batch.biases", rows);
    if (given.ok()) {
      biases = *given;
    } else {
      bad.Add("batch.biases", given.status());
    }
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  const std::vector<std::string> ids(batch.item_ids().begin(), batch.item_ids().end());
  return writer.Add(ids, *vectors, biases,
                    {batch.withheld_item_ids().begin(), batch.withheld_item_ids().end()});
}

// The field of TrainRecommenderRequest that an error of ToOptions is about.
std::string FieldOf(const absl::Status& error) {
  for (const auto& [key, value] : Metadata(error)) {
    if (key == "name") return absl::StrCat("hyper_parameters.", value);
  }
  return "kind";
}

// A name that is taken: by what the request makes, or by something else, and then how it differs.
absl::Status CheckFree(Resources& resources, const std::string& name,
                       const v1::TrainRecommenderRequest& request) {
  const absl::Status free = resources.recommenders().CheckFree(name);
  if (!absl::IsAlreadyExists(free)) return free;
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender made, resources.recommenders().Get(name));
  const std::string differences = Differences(made.message, request);
  if (differences.empty()) return free;
  return Error(absl::StatusCode::kAlreadyExists, "RECOMMENDER_EXISTS",
               absl::StrCat(name, " exists already, made otherwise: ", differences,
                            ". Choose another recommender_id or delete it"),
               {{"recommender", name}, {"differences", differences}});
}

}  // namespace

grpc::Status ProbeService::CreateRecommender(Context* context,
                                             const v1::CreateRecommenderRequest* request,
                                             v1::Recommender* response) {
  return Guard(context, [&]() -> absl::Status {
    BadRequest bad;
    bad.Add("recommender_id", ValidateId(request->recommender_id(), "recommender_id"));
    bad.Add("catalog", ParseName(request->catalog(), "catalogs/{catalog}").status());
    if (request->activation_dim() < 1 || request->activation_dim() > kMaxActivationDim) {
      bad.Add("activation_dim",
              absl::StrCat("must be 1 to ", kMaxActivationDim, ", is ", request->activation_dim()));
    }
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    return resources_.store().Mutate(
        "CreateRecommender", request->request_id(), *request, response, [&](WriteBatch& batch) {
          response->set_name(absl::StrCat("recommenders/", request->recommender_id()));
          response->set_kind(v1::Recommender::KIND_EXTERNAL);
          response->set_catalog(request->catalog());
          response->set_activation_dim(request->activation_dim());
          response->set_uid(NewId());
          *response->mutable_create_time() = TimestampNow();
          return resources_.CreateRecommender(*response, batch);
        });
  });
}

grpc::Status ProbeService::TrainRecommender(Context* context,
                                            const v1::TrainRecommenderRequest* request,
                                            jobs::v1::Job* response) {
  return Guard(context, [&]() -> absl::Status {
    BadRequest bad;
    bad.Add("recommender_id", ValidateId(request->recommender_id(), "recommender_id"));
    CheckRef(request->dataset(), "dataset", bad);
    const auto options = ToOptions(request->kind(), request->hyper_parameters());
    bad.Add(FieldOf(options.status()), options.status());
    RECSAE_RETURN_IF_ERROR(bad.ToStatus());
    RECSAE_RETURN_IF_ERROR(torch_.CheckAvailable(options->kind));
    google::protobuf::Any spec;
    spec.PackFrom(*request);
    const std::string name = absl::StrCat("recommenders/", request->recommender_id());
    const auto check = [&](google::protobuf::Any& resolved) {
      v1::TrainRecommenderRequest filled_in = *request;
      filled_in.mutable_hyper_parameters()->MergeFrom(ToMessage(*options));
      resolved.PackFrom(filled_in);
      return CheckFree(resources_, name, *request);
    };
    RECSAE_ASSIGN_OR_RETURN(*response,
                            jobs_.Submit(kTrainJob, {name}, spec, request->request_id(), check));
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::GetRecommender(Context* context,
                                          const v1::GetRecommenderRequest* request,
                                          v1::Recommender* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(StoredRecommender recommender,
                            resources_.recommenders().Get(request->name()));
    *response = std::move(recommender.message);
    response->set_host_count(models_.HostCount(*response));
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::ListRecommenders(Context* context,
                                            const v1::ListRecommendersRequest* request,
                                            v1::ListRecommendersResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Page page,
                            ReadPage(request->page_size(), request->page_token(), "recommenders"));
    std::string next;
    RECSAE_ASSIGN_OR_RETURN(std::vector<StoredRecommender> recommenders,
                            resources_.recommenders().List(page, &next));
    for (StoredRecommender& recommender : recommenders) {
      v1::Recommender& listed = *response->add_recommenders();
      listed = std::move(recommender.message);
      listed.set_host_count(models_.HostCount(listed));
    }
    if (!next.empty()) response->set_next_page_token(MakePageToken(next, "recommenders"));
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::DeleteRecommender(Context* context,
                                             const v1::DeleteRecommenderRequest* request,
                                             google::protobuf::Empty* response) {
  return Guard(context, [&]() -> absl::Status {
    v1::Recommender deleted;
    RECSAE_RETURN_IF_ERROR(resources_.store().Mutate(
        "DeleteRecommender", request->request_id(), *request, response,
        [&](WriteBatch& batch) -> absl::Status {
          RECSAE_ASSIGN_OR_RETURN(StoredRecommender stored,
                                  resources_.recommenders().Get(request->name()));
          deleted = std::move(stored.message);
          return resources_.DeleteRecommender(request->name(), request->force(), batch);
        }));
    if (!deleted.uid().empty()) models_.Forget(deleted);
    watches_.Flush();  // nobody shall explain it any more
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::UploadPredictionHead(
    Context* context, grpc::ServerReader<v1::UploadPredictionHeadRequest>* reader,
    v1::Recommender* response) {
  return GuardStream(context, [&]() -> absl::Status {
    v1::UploadPredictionHeadRequest message;
    RECSAE_RETURN_IF_ERROR(ReadHeader(*reader, &message));
    RECSAE_ASSIGN_OR_RETURN(const StoredRecommender recommender,
                            resources_.recommenders().Get(message.header().recommender()));
    RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const ItemIndex> index,
                            IndexOf(context, recommender));
    if (index->size() == 0) {
      return Error(absl::StatusCode::kFailedPrecondition, "CATALOG_EMPTY",
                   absl::StrCat(recommender.message.catalog(),
                                " has no items: upload them before the prediction head"),
                   {{"catalog", recommender.message.catalog()}});
    }
    const int dim = recommender.message.activation_dim();
    const int64_t seen = HeadWriter::Bytes(*index);
    RECSAE_ASSIGN_OR_RETURN(
        Permit permit,
        memory_.Take(seen,
                     absl::StrCat("uploading the prediction head of ", recommender.message.name()),
                     "the rows of one message"));
    RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<HeadWriter> head,
                            HeadWriter::Begin(resources_.store(), index));
    const auto add = [&]() -> absl::Status {
      RECSAE_RETURN_IF_ERROR(permit.Resize(SaturatingSum(seen, BytesToStore(message))));
      return AddHeadRows(message.batch(), dim, *head);
    };
    RECSAE_RETURN_IF_ERROR(ReadParts(context, *reader, &message, add));
    RECSAE_ASSIGN_OR_RETURN(*response, resources_.SetHead(recommender, *head));
    return absl::OkStatus();
  });
}

grpc::Status ProbeService::ReadPredictionHead(
    Context* context, const v1::ReadPredictionHeadRequest* request,
    grpc::ServerWriter<v1::ReadPredictionHeadResponse>* writer) {
  return GuardStream(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const StoredRecommender recommender,
                            resources_.recommenders().Get(request->recommender()));
    RECSAE_ASSIGN_OR_RETURN(
        const std::shared_ptr<const PredictionHead> head,
        resources_.recommenders().Head(recommender, [&] { return CheckAlive(context); }));
    RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const ItemIndex> index,
                            IndexOf(context, recommender));
    RECSAE_ASSIGN_OR_RETURN(const std::vector<int64_t> counts,
                            resources_.recommenders().TrainingCounts(
                                recommender, head->items(), [&] { return CheckAlive(context); }));
    const int64_t dim = head->dim;
    const int64_t rows = std::clamp<int64_t>(kStreamMessageBytes / (4 * dim), 1, kMaxHeadRows);
    for (int64_t at = 0; at < head->items(); at += rows) {
      RECSAE_RETURN_IF_ERROR(CheckAlive(context));
      const int64_t count = std::min(rows, head->items() - at);
      v1::ReadPredictionHeadResponse message;
      WriteMatrix({head->vectors.data() + at * dim, count, dim}, message.mutable_vectors());
      if (!head->biases.empty()) {
        WriteVector(absl::MakeConstSpan(head->biases).subspan(at, count), message.mutable_biases());
      }
      message.mutable_item_ids()->Add(index->ids().begin() + at, index->ids().begin() + at + count);
      if (!counts.empty()) {
        message.mutable_training_counts()->Add(counts.begin() + at, counts.begin() + at + count);
      }
      const auto end = head->withheld.end();
      for (auto item = std::lower_bound(head->withheld.begin(), end, at);
           item != end && *item < at + count; ++item) {
        message.add_withheld_item_ids(index->ids()[*item]);
      }
      if (!writer->Write(message)) return CheckAlive(context);
    }
    return absl::OkStatus();
  });
}

}  // namespace recsae::probe
