// ProbeService: runs hosted recommenders on histories, up to a probe site or on from it.
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "common/messages/tensor.h"
#include "common/rpc/guard.h"
#include "services/probe/models/hosted_models.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {
namespace {

constexpr int kMaxQueries = 1000;

using QueryMessages = google::protobuf::RepeatedPtrField<v1::ComputeActivationsRequest::Query>;

absl::Status UnknownUser(int query, const std::string& id) {
  return Error(absl::StatusCode::kNotFound, "USER_NOT_FOUND",
               id.empty()
                   ? absl::StrCat("queries[", query,
                                  "] needs a user_id: the recommender knows users by what it "
                                  "was trained on, and reads no histories")
                   : absl::StrCat("queries[", query, "]: there is no user \"", id,
                                  "\" in the data that the recommender was trained on"),
               {{"query", absl::StrCat(query)}, {"user", id}});
}

absl::Status NothingKnown(int query, const v1::ComputeActivationsRequest::Query& message) {
  return Error(absl::StatusCode::kNotFound, "ITEM_NOT_FOUND",
               absl::StrCat("queries[", query, "]: none of the ", message.history_item_ids_size(),
                            " items of its history (\"", message.history_item_ids(0),
                            "\" …) is in the recommender's catalogue"),
               {{"query", absl::StrCat(query)}, {"item", message.history_item_ids(0)}});
}

// Of a query without items, to a recommender that reads histories: what is known of its user.
absl::Status NoPast(int query, const std::string& id, const UserPast& past,
                    const std::string& recommender) {
  const std::string place = absl::StrCat("queries[", query, "]");
  const auto error = [&](absl::StatusCode code, absl::string_view reason, absl::string_view why) {
    return Error(code, reason, absl::StrCat(place, ": ", why),
                 {{"query", absl::StrCat(query)}, {"user", id}, {"recommender", recommender}});
  };
  if (id.empty()) {
    return error(absl::StatusCode::kInvalidArgument, "HISTORY_EMPTY",
                 absl::StrCat(recommender, " reads histories: give history_item_ids"));
  }
  if (past.index < 0) {
    return error(absl::StatusCode::kNotFound, "USER_NOT_FOUND",
                 absl::StrCat("there is no user \"", id, "\" in the data that ", recommender,
                              " was trained on: give history_item_ids"));
  }
  return error(absl::StatusCode::kFailedPrecondition, "HISTORY_UNKNOWN",
               absl::StrCat(past.known ? "nothing but held-out rows is" : "no interaction is",
                            " known of user \"", id, "\" of ", recommender,
                            past.known ? "" : ", whose host or import tells none",
                            ": give history_item_ids, or take the user's case of a capture"));
}

}  // namespace

// The queries of one call, with the model that they are for.
class ProbeService::QueryBatch {
 public:
  static absl::StatusOr<std::unique_ptr<QueryBatch>> Read(ProbeService& service, Context* context,
                                                          const std::string& recommender,
                                                          const std::string& site,
                                                          const QueryMessages& messages);

  const Recommender& model() const { return *model_; }
  const ProbeSite& site() const { return site_; }
  absl::Span<const Query> queries() const { return queries_; }

  // Writes what is to be said of the queries: unknown items, and users' pasts if asked for.
  void WriteNotes(bool with_past, v1::ComputeActivationsResponse* response) const;
  // Writes one row of `dim` values for each query; an error names the recommender.
  absl::Status Write(const absl::StatusOr<std::vector<float>>& activations, int64_t dim,
                     v1::ComputeActivationsResponse* response) const;

 private:
  absl::Status CheckSize(int count) const;
  absl::Status Resolve(ProbeService& service, Context* context, const QueryMessages& messages);
  // The history of query i, which is its user's past where it gives none.
  absl::Status ReadHistory(const v1::ComputeActivationsRequest::Query& message, int i);

  StoredRecommender recommender_;
  std::shared_ptr<const Recommender> model_;
  ProbeSite site_;
  std::shared_ptr<const ItemIndex> index_;
  std::vector<UserPast> pasts_;
  std::vector<std::vector<int32_t>> histories_;
  std::vector<Query> queries_;
  std::set<std::string> unknown_;
};

absl::StatusOr<std::unique_ptr<ProbeService::QueryBatch>> ProbeService::QueryBatch::Read(
    ProbeService& service, Context* context, const std::string& recommender,
    const std::string& site, const QueryMessages& messages) {
  auto batch = std::make_unique<QueryBatch>();
  RECSAE_ASSIGN_OR_RETURN(batch->recommender_, service.resources_.recommenders().Get(recommender));
  RECSAE_ASSIGN_OR_RETURN(
      batch->model_, service.models_.Get(batch->recommender_, [&] { return CheckAlive(context); }));
  const std::vector<ProbeSite> sites = batch->model_->ProbeSites();
  RECSAE_ASSIGN_OR_RETURN(const size_t index, FindSite(sites, site));
  batch->site_ = sites[index];
  RECSAE_RETURN_IF_ERROR(batch->CheckSize(messages.size()));
  RECSAE_RETURN_IF_ERROR(batch->Resolve(service, context, messages));
  return batch;
}

absl::Status ProbeService::QueryBatch::CheckSize(int count) const {
  BadRequest bad;
  if (count < 1 || count > kMaxQueries) {
    bad.Add("queries", absl::StrCat("must be 1 to ", kMaxQueries, ", are ", count));
  } else if (int64_t{count} * site_.dim * 4 > kMaxContentBytes) {
    bad.Add("queries", absl::StrCat(count, " activations of length ", site_.dim,
                                    " do not fit a message of 4 MiB: ask for fewer"));
  }
  return bad.ToStatus();
}

absl::Status ProbeService::QueryBatch::Resolve(ProbeService& service, Context* context,
                                               const QueryMessages& messages) {
  RECSAE_ASSIGN_OR_RETURN(index_, service.IndexOf(context, recommender_));
  std::vector<std::string> user_ids;
  for (const auto& message : messages) user_ids.push_back(message.user_id());
  RECSAE_ASSIGN_OR_RETURN(pasts_,
                          service.resources_.recommenders().UserPasts(recommender_, user_ids));
  histories_.resize(messages.size());
  for (int i = 0; i < messages.size(); ++i) {
    if (!model_->reads_history() && pasts_[i].index < 0) return UnknownUser(i, user_ids[i]);
    if (model_->reads_history()) RECSAE_RETURN_IF_ERROR(ReadHistory(messages[i], i));
    queries_.push_back({pasts_[i].index, histories_[i]});
  }
  return absl::OkStatus();
}

absl::Status ProbeService::QueryBatch::ReadHistory(
    const v1::ComputeActivationsRequest::Query& message, int i) {
  std::vector<int32_t>& history = histories_[i];
  for (const std::string& id : message.history_item_ids()) {
    const int32_t item = index_->Find(id);
    if (item >= 0) {
      history.push_back(item);
    } else {
      unknown_.insert(id);
    }
  }
  if (history.empty() && !message.history_item_ids().empty()) return NothingKnown(i, message);
  if (history.empty()) history = pasts_[i].items;
  if (history.empty()) return NoPast(i, message.user_id(), pasts_[i], recommender_.message.name());
  return absl::OkStatus();
}

void ProbeService::QueryBatch::WriteNotes(bool with_past,
                                          v1::ComputeActivationsResponse* response) const {
  for (const std::string& id : unknown_) response->add_unknown_item_ids(id);
  if (!with_past) return;
  for (const UserPast& past : pasts_) {
    auto* out = response->add_pasts();
    out->set_known(past.known);
    out->set_trained_count(past.trained);
    for (const int32_t item : past.items) {
      if (item < index_->size()) out->add_item_ids(index_->ids()[static_cast<size_t>(item)]);
    }
  }
}

absl::Status ProbeService::QueryBatch::Write(const absl::StatusOr<std::vector<float>>& activations,
                                             int64_t dim,
                                             v1::ComputeActivationsResponse* response) const {
  RECSAE_RETURN_IF_ERROR(Annotate(activations.status(), recommender_.message.name()));
  WriteMatrix({activations->data(), static_cast<int64_t>(queries_.size()), dim},
              response->mutable_activations());
  return absl::OkStatus();
}

grpc::Status ProbeService::ComputeActivations(Context* context,
                                              const v1::ComputeActivationsRequest* request,
                                              v1::ComputeActivationsResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Gate::Permit permit, gate_.Enter());
    RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<QueryBatch> batch,
                            QueryBatch::Read(*this, context, request->recommender(),
                                             request->site(), request->queries()));
    batch->WriteNotes(request->with_past(), response);
    response->set_reads_history(batch->model().reads_history());
    return batch->Write(
        batch->model().ActivationsAt(batch->site().name, Positions::kLast, batch->queries(),
                                     [&] { return !CheckAlive(context).ok(); }),
        batch->site().dim, response);
  });
}

grpc::Status ProbeService::ResumeFromSite(Context* context,
                                          const v1::ResumeFromSiteRequest* request,
                                          v1::ComputeActivationsResponse* response) {
  return Guard(context, [&]() -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const Gate::Permit permit, gate_.Enter());
    RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<QueryBatch> batch,
                            QueryBatch::Read(*this, context, request->recommender(),
                                             request->site(), request->queries()));
    RECSAE_ASSIGN_OR_RETURN(const MatrixView activations,
                            ReadMatrix(request->activations(), "activations",
                                       request->queries_size(), batch->site().dim));
    batch->WriteNotes(/*with_past=*/false, response);
    return batch->Write(
        batch->model().Resume(batch->site().name, batch->queries(), activations.flat(),
                              [&] { return !CheckAlive(context).ok(); }),
        batch->model().dim(), response);
  });
}

}  // namespace recsae::probe
