// Factory and cases of recommenders.
#include "services/probe/recommenders/recommender.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"
#include "services/probe/recommenders/general.h"
#include "services/probe/recommenders/sasrec.h"
#include "services/probe/recommenders/timirec.h"
#include "services/probe/recommenders/torchscript.h"
#include "services/probe/recommenders/weights.h"

namespace recsae::probe {
namespace {

// An untrained one. UNIMPLEMENTED for a kind that cannot be made from options alone.
absl::StatusOr<std::unique_ptr<Recommender>> Make(const RecommenderOptions& options) {
  switch (options.kind) {
    case RecommenderKind::kBprmf:
    case RecommenderKind::kLightgcn:
    case RecommenderKind::kEcf:
    case RecommenderKind::kDistillemb:
      return std::make_unique<GeneralRecommender>(options);
    case RecommenderKind::kSasrec:
      return std::make_unique<Sasrec>(options);
    case RecommenderKind::kTimirec:
      return std::make_unique<Timirec>(options);
    default:
      return Error(absl::StatusCode::kUnimplemented, "RECOMMENDER_KIND_INVALID",
                   "recommenders of this kind cannot be trained here");
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Recommender>> NewRecommender(const RecommenderOptions& options) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  return Make(options);
}

absl::StatusOr<std::unique_ptr<Recommender>> LoadRecommender(absl::string_view bytes) {
  RecommenderOptions options;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(bytes, &options, &tensors, &files));
  if (const absl::Status valid = CheckOptions(options); !valid.ok()) {
    return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
                 absl::StrCat("stored options: ", std::string(valid.message())));
  }
  if (options.kind == RecommenderKind::kTorchscript) {
    return Torchscript::FromStored(options, std::move(tensors), std::move(files));
  }
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Recommender> recommender, Make(options));
  RECSAE_RETURN_IF_ERROR(recommender->Load(tensors));
  return recommender;
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
