#include "services/torch-host/session/answers.h"

#include <exception>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/status.h"
#include "common/messages/tensor.h"

namespace recsae::probe {
namespace {

absl::Status Invalid(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "CALL_INVALID", what);
}

// Views into the message.
absl::StatusOr<std::vector<Query>> ReadQueries(const hosts::v1::Queries& message) {
  const int count = std::max(message.users_size(), message.lengths_size());
  const bool has_users = message.users_size() > 0, has_histories = message.lengths_size() > 0;
  if ((has_users && message.users_size() != count) ||
      (has_histories && message.lengths_size() != count)) {
    return Invalid("there are other numbers of users and histories");
  }
  std::vector<Query> queries(static_cast<size_t>(count));
  int64_t at = 0;
  for (int i = 0; i < count; ++i) {
    if (has_users) queries[i].user = message.users(i);
    if (!has_histories) continue;
    const int32_t length = message.lengths(i);
    if (length < 0 || length > message.items_size() - at) return Invalid("a history is cut off");
    queries[i].history = {message.items().data() + at, static_cast<size_t>(length)};
    at += length;
  }
  return queries;
}

absl::StatusOr<int> DimOf(const Recommender& recommender, const std::string& site) {
  const std::vector<ProbeSite> sites = recommender.ProbeSites();
  RECSAE_ASSIGN_OR_RETURN(const size_t index, FindSite(sites, site));
  return sites[index].dim;
}

absl::Status Compute(const Recommender& recommender,
                     const hosts::v1::Call::ComputeActivations& call, tensor::v1::Tensor* values) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<Query> queries, ReadQueries(call.queries()));
  RECSAE_ASSIGN_OR_RETURN(const int dim, DimOf(recommender, call.site()));
  const Positions positions = call.all_positions() ? Positions::kAll : Positions::kLast;
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> rows,
                          recommender.ActivationsAt(call.site(), positions, queries));
  WriteMatrix({rows.data(), static_cast<int64_t>(rows.size()) / dim, dim}, values);
  return absl::OkStatus();
}

absl::Status Resume(const Recommender& recommender, const hosts::v1::Call::ResumeFromSite& call,
                    tensor::v1::Tensor* values) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<Query> queries, ReadQueries(call.queries()));
  RECSAE_ASSIGN_OR_RETURN(const int dim, DimOf(recommender, call.site()));
  const auto count = static_cast<int64_t>(queries.size());
  RECSAE_ASSIGN_OR_RETURN(const MatrixView activations,
                          ReadMatrix(call.activations(), "activations", count, dim));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> rows,
                          recommender.Resume(call.site(), queries, activations.flat()));
  WriteMatrix({rows.data(), count, recommender.dim()}, values);
  return absl::OkStatus();
}

absl::Status Answer(const Recommender& recommender, const hosts::v1::Call& call,
                    tensor::v1::Tensor* values) {
  switch (call.method_case()) {
    case hosts::v1::Call::kComputeActivations:
      return Compute(recommender, call.compute_activations(), values);
    case hosts::v1::Call::kResumeFromSite:
      return Resume(recommender, call.resume_from_site(), values);
    default:
      return Error(absl::StatusCode::kUnimplemented, "CALL_UNKNOWN",
                   "recsae-torch-host answers no such call");
  }
}

}  // namespace

hosts::v1::Answer AnswerCall(const Recommender& recommender, const hosts::v1::Call& call) {
  hosts::v1::Answer answer;
  absl::Status status;
  try {
    status = Answer(recommender, call, answer.mutable_values());
  } catch (const std::exception& thrown) {
    status = Error(
        absl::StatusCode::kFailedPrecondition,
        recommender.kind() == RecommenderKind::kTorchscript ? "MODULE_FAILED" : "MODEL_FAILED",
        absl::StrCat("the model failed: ", thrown.what()));
  }
  if (!status.ok()) {
    answer.clear_values();
    *answer.mutable_error() = ToRpcStatus(status);
  }
  answer.set_id(call.id());
  return answer;
}

}  // namespace recsae::probe
