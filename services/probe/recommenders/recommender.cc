// Options, factory and cases of recommenders.
#include "services/probe/recommenders/recommender.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"
#include "services/probe/recommenders/bprmf.h"
#include "services/probe/recommenders/kernels.h"
#include "services/probe/recommenders/sasrec.h"
#include "services/probe/recommenders/weights.h"

namespace recsae::probe {
namespace {

template <typename T>
absl::Status CheckRange(absl::string_view name, T value, T low, T high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
               absl::StrCat(name, " is ", value, "; it must be between ", low, " and ", high),
               {{"name", std::string(name)}, {"value", absl::StrCat(value)}});
}

template <typename Kind>
absl::StatusOr<std::unique_ptr<Recommender>> Loaded(const RecommenderOptions& options,
                                                    const NamedTensors& tensors) {
  auto recommender = std::make_unique<Kind>(options);
  RECSAE_RETURN_IF_ERROR(recommender->Load(tensors));
  return recommender;
}

}  // namespace

RecommenderOptions DefaultOptions(RecommenderKind kind, Loss loss) {
  RecommenderOptions options;
  options.kind = kind;
  options.loss = loss;
  if (loss == Loss::kSoftmax) {
    options.learning_rate = 3e-3;
    options.max_epochs = 14;
  }
  if (kind == RecommenderKind::kBprmf) {
    options.l2 = 1e-6;
    options.dropout = 0;
  }
  return options;
}

RecommenderOptions DefaultOptions(RecommenderKind kind) {
  return DefaultOptions(kind, kind == RecommenderKind::kBprmf ? Loss::kBpr : Loss::kSoftmax);
}

int BatchSize(const RecommenderOptions& options, int64_t rows) {
  if (options.batch_size > 0) return options.batch_size;
  const bool windows = options.kind == RecommenderKind::kSasrec;
  return static_cast<int>(windows ? std::clamp<int64_t>(rows / 128, 32, 256)
                                  : std::clamp<int64_t>(rows / 256, 256, 2048));
}

absl::Status CheckOptions(const RecommenderOptions& o) {
  RECSAE_RETURN_IF_ERROR(CheckRange("embedding_dim", o.dim, 1, 4096));
  RECSAE_RETURN_IF_ERROR(CheckRange("learning_rate", o.learning_rate, 1e-9, 10.0));
  RECSAE_RETURN_IF_ERROR(CheckRange("l2", o.l2, 0.0, 10.0));
  RECSAE_RETURN_IF_ERROR(CheckRange("epochs", o.max_epochs, 1, 100000));
  RECSAE_RETURN_IF_ERROR(CheckRange("patience", o.patience, 1, 100000));
  RECSAE_RETURN_IF_ERROR(CheckRange("batch_size", o.batch_size, 0, 1 << 20));
  RECSAE_RETURN_IF_ERROR(CheckRange("threads", o.threads, 0, 1024));
  if (o.kind == RecommenderKind::kBprmf) {
    if (o.loss == Loss::kBpr) return absl::OkStatus();
    return Error(absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
                 "loss is SOFTMAX; BPRMF is trained with BPR", {{"name", "loss"}});
  }
  RECSAE_RETURN_IF_ERROR(CheckRange("history", o.history, 1, kMaxLength));
  RECSAE_RETURN_IF_ERROR(CheckRange("layers", o.layers, 1, 16));
  RECSAE_RETURN_IF_ERROR(CheckRange("heads", o.heads, 1, o.dim));
  RECSAE_RETURN_IF_ERROR(CheckRange("dropout", o.dropout, 0.0, 0.99));
  if (o.dim % o.heads == 0) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
               absl::StrCat("heads is ", o.heads, "; it must divide embedding_dim (", o.dim, ")"),
               {{"name", "heads"}, {"value", absl::StrCat(o.heads)}});
}

absl::StatusOr<std::unique_ptr<Recommender>> NewRecommender(const RecommenderOptions& options) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  if (options.kind == RecommenderKind::kBprmf) return std::make_unique<Bprmf>(options);
  return std::make_unique<Sasrec>(options);
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadRecommender(absl::string_view bytes) {
  RecommenderOptions options;
  NamedTensors tensors;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(bytes, &options, &tensors));
  if (const absl::Status valid = CheckOptions(options); !valid.ok()) {
    return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
                 absl::StrCat("stored options: ", std::string(valid.message())));
  }
  if (options.kind == RecommenderKind::kBprmf) return Loaded<Bprmf>(options, tensors);
  return Loaded<Sasrec>(options, tensors);
}

absl::Status CheckHistories(absl::Span<const Query> queries, int64_t items) {
  for (size_t i = 0; i < queries.size(); ++i) {
    if (queries[i].history.empty()) {
      return Error(
          absl::StatusCode::kInvalidArgument, "HISTORY_EMPTY",
          absl::StrCat("query ", i, " has no history; this recommender needs at least 1 item"),
          {{"query", absl::StrCat(i)}});
    }
    for (const int32_t item : queries[i].history) {
      if (item >= 0 && item < items) continue;
      return Error(absl::StatusCode::kInvalidArgument, "ITEM_UNKNOWN",
                   absl::StrCat("query ", i, " has item number ", item, "; there are ", items),
                   {{"query", absl::StrCat(i)}, {"item", absl::StrCat(item)}});
    }
  }
  return absl::OkStatus();
}

std::vector<Case> TrainRows(const Recommender& recommender, const Dataset& dataset) {
  return TrainCases(dataset, recommender.reads_history() ? 1 : 0);
}

std::vector<Case> AnswerableCases(const Recommender& recommender, absl::Span<const Case> cases) {
  if (recommender.reads_history()) return WithHistory(cases);
  return {cases.begin(), cases.end()};
}

std::vector<Query> QueriesOf(const Dataset& dataset, absl::Span<const Case> cases, int history) {
  std::vector<Query> queries;
  queries.reserve(cases.size());
  for (const Case& c : cases) queries.push_back({c.user, History(dataset, c, history)});
  return queries;
}

}  // namespace recsae::probe
