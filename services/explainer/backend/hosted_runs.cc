// Runs of hosted recommenders at the probe, some queries a call.
#include "services/explainer/backend/hosted_runs.h"

#include <algorithm>

#include "absl/functional/function_ref.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kQueriesOfCall = 256;
// Activations of one message, well below what a message may hold.
constexpr int64_t kBytesOfCall = int64_t{2} << 20;

// Calls `run` for parts of the queries, few enough for messages with rows of `widest` values, and
// puts the activations [queries, dim] that it receives behind each other.
absl::StatusOr<std::vector<float>> InParts(
    absl::Span<const HostedQuery> queries, int64_t widest, int dim, const Caller& caller,
    absl::FunctionRef<absl::Status(grpc::ClientContext& context, int64_t first, int64_t count,
                                   probe::v1::ComputeActivationsResponse* response)>
        run) {
  const auto total = static_cast<int64_t>(queries.size());
  const int64_t part = std::clamp<int64_t>(kBytesOfCall / (4 * widest), 1, kQueriesOfCall);
  std::vector<float> all;
  all.reserve(total * dim);
  for (int64_t first = 0; first < total; first += part) {
    RECSAE_RETURN_IF_ERROR(caller.Alive());
    const int64_t count = std::min(part, total - first);
    probe::v1::ComputeActivationsResponse response;
    RECSAE_RETURN_IF_ERROR(caller.Call(
        [&](grpc::ClientContext& context) { return run(context, first, count, &response); }));
    RECSAE_ASSIGN_OR_RETURN(const MatrixView rows,
                            ReadMatrix(response.activations(), "activations", count, dim));
    all.insert(all.end(), rows.flat().begin(), rows.flat().end());
  }
  return all;
}

// What every request to run a recommender says.
template <typename Request>
Request MakeRequest(const std::string& recommender, const std::string& site,
                    absl::Span<const HostedQuery> queries) {
  Request request;
  request.set_recommender(recommender);
  request.set_site(site);
  for (const HostedQuery& query : queries) *request.add_queries() = query;
  return request;
}

}  // namespace

HostedQuery QueryOf(const probe::v1::Case& captured) {
  HostedQuery query;
  query.set_user_id(captured.user_id());
  *query.mutable_history_item_ids() = captured.history_item_ids();
  return query;
}

absl::StatusOr<std::vector<float>> ComputeAtSite(Backend& backend, const Caller& caller,
                                                 const std::string& recommender,
                                                 const std::string& site,
                                                 absl::Span<const HostedQuery> queries, int dim,
                                                 bool* reads_history) {
  return InParts(queries, dim, dim, caller,
                 [&](grpc::ClientContext& context, int64_t first, int64_t count,
                     probe::v1::ComputeActivationsResponse* response) {
                   const auto request = MakeRequest<probe::v1::ComputeActivationsRequest>(
                       recommender, site, queries.subspan(first, count));
                   const absl::Status computed = backend.peers.probe.peer().FromGrpc(
                       backend.peers.probe->ComputeActivations(&context, request, response));
                   if (reads_history != nullptr) *reads_history = response->reads_history();
                   return computed;
                 });
}

absl::StatusOr<std::vector<float>> ResumeFromSite(Backend& backend, const Caller& caller,
                                                  const std::string& recommender,
                                                  const std::string& site,
                                                  absl::Span<const HostedQuery> queries,
                                                  const MatrixView& activations, int dim) {
  return InParts(queries, std::max<int64_t>(dim, activations.cols), dim, caller,
                 [&](grpc::ClientContext& context, int64_t first, int64_t count,
                     probe::v1::ComputeActivationsResponse* response) {
                   auto request = MakeRequest<probe::v1::ResumeFromSiteRequest>(
                       recommender, site, queries.subspan(first, count));
                   WriteMatrix({activations.row(first).data(), count, activations.cols},
                               request.mutable_activations());
                   return backend.peers.probe.peer().FromGrpc(
                       backend.peers.probe->ResumeFromSite(&context, request, response));
                 });
}

}  // namespace recsae::explainer
