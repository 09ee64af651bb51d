#include "services/probe/hosts/remote_model.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "services/probe/recommenders/model/batches.h"
#include "services/probe/recommenders/model/weights.h"

namespace recsae::probe {
namespace {

// Floats in one message, in either direction: half of what gRPC lets through.
constexpr int64_t kMaxFloats = (int64_t{2} << 20) / 4;

absl::Status WrongOutput(const absl::Status& why) {
  return Error(absl::StatusCode::kFailedPrecondition, "HOST_OUTPUT",
               absl::StrCat("the model's host answered with ", std::string(why.message())));
}

}  // namespace

RemoteModel::RemoteModel(const RecommenderOptions& options, RemoteDescription description,
                         std::shared_ptr<const HostLink> link)
    : Recommender(options), description_(std::move(description)), link_(std::move(link)) {}

void RemoteModel::Describe(RemoteDescription description, std::shared_ptr<const HostLink> link) {
  description_ = std::move(description);
  link_ = std::move(link);
}

void RemoteModel::SetHead(std::vector<float> vectors, std::vector<float> biases,
                          std::vector<int32_t> withheld) {
  item_vectors_ = std::move(vectors);
  item_biases_ = std::move(biases);
  withheld_ = std::move(withheld);
}

absl::StatusOr<TrainReport> RemoteModel::Train(const Dataset&, const TrainCallback&) {
  return Error(absl::StatusCode::kFailedPrecondition, "RECOMMENDER_KIND_INVALID",
               "a recommender of this kind comes trained");
}

std::string RemoteModel::Save() const { return PackWeights(options_, {}); }

absl::Status RemoteModel::Load(const NamedTensors&) { return absl::OkStatus(); }

absl::Status RemoteModel::CheckQueries(absl::Span<const Query> queries) const {
  if (reads_history()) return CheckHistories(queries, items());
  for (size_t i = 0; i < queries.size(); ++i) {
    if (queries[i].user >= 0) continue;
    return Error(absl::StatusCode::kInvalidArgument, "USER_UNKNOWN",
                 absl::StrCat("query ", i, " has no known user; this recommender reads no history"),
                 {{"query", absl::StrCat(i)}});
  }
  return absl::OkStatus();
}

hosts::v1::Queries RemoteModel::MessageOf(absl::Span<const Query> queries) const {
  hosts::v1::Queries message;
  const bool users = std::any_of(queries.begin(), queries.end(),
                                 [](const Query& query) { return query.user >= 0; });
  for (const Query& query : queries) {
    if (users) message.add_users(query.user);
    if (!reads_history()) continue;
    const size_t length = RowsOf(query, options_.history);
    message.add_lengths(static_cast<int32_t>(length));
    const absl::Span<const int32_t> read = query.history.last(length);
    message.mutable_items()->Add(read.begin(), read.end());
  }
  return message;
}

absl::StatusOr<std::vector<float>> RemoteModel::InCalls(
    absl::Span<const Query> queries, const std::vector<size_t>& starts, int dim,
    const std::function<bool()>& cancelled,
    const std::function<void(size_t first, size_t count, hosts::v1::Call* call)>& fill) const {
  RECSAE_RETURN_IF_ERROR(CheckQueries(queries));
  std::vector<float> all(starts.back() * dim);
  size_t most_rows = 1;
  for (size_t i = 0; i < queries.size(); ++i) {
    most_rows = std::max(most_rows, starts[i + 1] - starts[i]);
  }
  int widest = dim;  // of what is sent, too
  for (const ProbeSite& site : description_.inner_sites) widest = std::max(widest, site.dim);
  const int64_t fitting = kMaxFloats / (static_cast<int64_t>(most_rows) * widest);
  const auto size = static_cast<size_t>(std::clamp<int64_t>(fitting, 1, description_.max_queries));
  const auto run = [&](size_t first, size_t count) -> absl::Status {
    hosts::v1::Call call;
    fill(first, count, &call);
    RECSAE_ASSIGN_OR_RETURN(const hosts::v1::Answer answer,
                            link_->Call(std::move(call), cancelled));
    const size_t rows = starts[first + count] - starts[first];
    const auto values = ReadMatrix(answer.values(), "values", static_cast<int64_t>(rows), dim);
    if (!values.ok()) return WrongOutput(values.status());
    std::copy_n(values->data, values->size(), all.data() + starts[first] * dim);
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(InBatches(queries.size(), size, link_->parallel_calls(), cancelled, run));
  return all;
}

absl::StatusOr<std::vector<float>> RemoteModel::Activations(
    absl::Span<const Query> queries, const std::function<bool()>& cancelled) const {
  return InCalls(queries, RowStarts(queries, Positions::kLast, options_.history), dim(), cancelled,
                 [&](size_t first, size_t count, hosts::v1::Call* call) {
                   *call->mutable_compute_activations()->mutable_queries() =
                       MessageOf(queries.subspan(first, count));
                 });
}

absl::StatusOr<std::vector<float>> RemoteModel::InnerActivations(
    size_t site, Positions positions, absl::Span<const Query> queries,
    const std::function<bool()>& cancelled) const {
  const ProbeSite& at = description_.inner_sites[site];
  return InCalls(queries, RowStarts(queries, positions, options_.history), at.dim, cancelled,
                 [&](size_t first, size_t count, hosts::v1::Call* call) {
                   auto* compute = call->mutable_compute_activations();
                   *compute->mutable_queries() = MessageOf(queries.subspan(first, count));
                   compute->set_site(at.name);
                   compute->set_all_positions(positions == Positions::kAll);
                 });
}

absl::StatusOr<std::vector<float>> RemoteModel::ResumeInner(
    size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
    const std::function<bool()>& cancelled) const {
  const ProbeSite& at = description_.inner_sites[site];
  return InCalls(queries, RowStarts(queries, Positions::kLast, options_.history), dim(), cancelled,
                 [&](size_t first, size_t count, hosts::v1::Call* call) {
                   auto* resume = call->mutable_resume_from_site();
                   *resume->mutable_queries() = MessageOf(queries.subspan(first, count));
                   resume->set_site(at.name);
                   WriteMatrix(
                       {activations.data() + first * at.dim, static_cast<int64_t>(count), at.dim},
                       resume->mutable_activations());
                 });
}

absl::StatusOr<std::vector<float>> RemoteModel::Score(absl::Span<const Query> queries,
                                                      absl::Span<const int32_t> items) const {
  return InCalls(queries, RowStarts(queries, Positions::kLast, options_.history),
                 static_cast<int>(items.size()), {},
                 [&](size_t first, size_t count, hosts::v1::Call* call) {
                   auto* score = call->mutable_score();
                   *score->mutable_queries() = MessageOf(queries.subspan(first, count));
                   score->mutable_items()->Add(items.begin(), items.end());
                 });
}

}  // namespace recsae::probe
