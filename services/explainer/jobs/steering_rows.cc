#include "services/explainer/jobs/steering_rows.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/probe_messages.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/labeling/roles.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kMostMeasuredRows = 2000;
// Each of some hundred changes of a row is a run of what is left of the recommender.
constexpr int64_t kMostInnerRows = 500;
constexpr int64_t kFewestMeasuredRows = 100;
constexpr int64_t kMostScored = 200'000'000;
// So many other users in the evidence captures are enough to choose on them alone.
constexpr int64_t kEnoughOthers = 100;
constexpr int32_t kFewestUsers = 10;

absl::Status CheckPositions(const probe::v1::Capture& capture) {
  if (capture.positions() != probe::v1::POSITIONS_ALL) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "POSITIONS_UNSUPPORTED",
               absl::StrCat(capture.name(),
                            " holds all positions of its histories, and the recommender goes on "
                            "from the last alone; take a capture of the last"),
               {{"capture", capture.name()}});
}

SteeredCase MakeSteeredCase(const LoadedRecommender& recommender, const probe::v1::Case& captured,
                            UserNumbers& users) {
  SteeredCase made;
  HeldOut held_out = HeldOutOf(captured, recommender.item_of_id);
  made.user = users.Number(captured.user_id());
  made.target = held_out.target;
  made.excluded = std::move(held_out.excluded);
  std::sort(made.excluded.begin(), made.excluded.end());
  made.excluded.erase(std::unique(made.excluded.begin(), made.excluded.end()), made.excluded.end());
  made.history = KnownItems(recommender.item_of_id, captured.history_item_ids());
  made.ranked = KnownRankedItems(recommender, captured);
  if (made.ranked.size() > kListLength) made.ranked.resize(kListLength);
  made.user_id = captured.user_id();
  return made;
}

// Deals the rows out as they come. Whether the capture's users must be divided is known at the end.
class Divider {
 public:
  Divider(const SteeringInputs& inputs, uint64_t seed)
      : recommender_(*inputs.recommender),
        seed_(seed),
        most_(MostMeasuredRows(inputs.head().items(), inputs.at_inner_site())),
        all_(inputs.sae->model.dim(), most_, seed),
        measuring_(inputs.sae->model.dim(), most_, seed),
        rest_(inputs.sae->model.dim(), kMostDescribingRows, seed),
        others_(inputs.sae->model.dim(), kMostDescribingRows, seed) {}

  void AddOfCapture(std::span<const float> x, const probe::v1::Case& captured) {
    SteeredCase made = MakeSteeredCase(recommender_, captured, users_);
    of_capture_.insert(made.user);
    const bool measures = RoleOf(seed_, made.user) == Role::kMeasure;
    if (!measures && !made.ranked.empty()) rest_.Add(x, made);
    if (made.target < 0) {
      ++without_target_;
      return;
    }
    if (measures) measuring_.Add(x, made);
    all_.Add(x, std::move(made));
  }

  void AddEvidence(std::span<const float> x, const probe::v1::Case& captured) {
    SteeredCase made = MakeSteeredCase(recommender_, captured, users_);
    if (made.ranked.empty()) return;
    if (of_capture_.count(made.user) == 0) {
      other_users_.insert(made.user);
      others_.Add(x, std::move(made));
    } else if (RoleOf(seed_, made.user) != Role::kMeasure) {
      rest_.Add(x, std::move(made));
    }
  }

  DividedRows Take() const {
    DividedRows rows;
    rows.without_target = without_target_;
    rows.divided = static_cast<int64_t>(other_users_.size()) < kEnoughOthers;
    const RowSample& measured = rows.divided ? measuring_ : all_;
    rows.measured = measured.rows();
    rows.not_sampled = measured.seen() - rows.measured.rows();
    rows.describing = others_.rows();
    if (rows.divided) rows.describing.Append(rest_.rows());
    return rows;
  }

 private:
  const LoadedRecommender& recommender_;
  uint64_t seed_;
  int64_t most_;
  UserNumbers users_;
  std::unordered_set<int32_t> of_capture_;
  std::unordered_set<int32_t> other_users_;
  RowSample all_;        // the capture's with a held-out item,
  RowSample measuring_;  // those of them whose users would be measured,
  RowSample rest_;       // rows of the capture's other users,
  RowSample others_;     // and of users who are in evidence captures alone
  int64_t without_target_ = 0;
};

absl::Status CheckEnough(const DividedRows& rows, const std::string& capture) {
  if (rows.measured.rows() == 0 && rows.without_target > 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_HELD_OUT_ITEMS",
                 absl::StrCat("no row of ", capture,
                              " has a held-out item, so what steering costs cannot be measured; "
                              "take the capture of a test split"),
                 {{"capture", capture}});
  }
  const int32_t measured = rows.measured.UserCount();
  const int32_t describing = rows.describing.UserCount();
  if (measured >= kFewestUsers && describing >= kFewestUsers) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "TOO_FEW_USERS",
               absl::StrCat("there are ", measured, " users to measure on and ", describing,
                            " to choose on, of which ", kFewestUsers,
                            " are needed each; add evidence captures of other users"),
               {{"capture", capture}});
}

}  // namespace

absl::StatusOr<SteeringInputs> FindSteeringInputs(Backend& backend, const Caller& caller,
                                                  const std::string& sae,
                                                  const std::string& capture,
                                                  const CaptureNames& evidence) {
  SteeringInputs inputs;
  RECSAE_ASSIGN_OR_RETURN(inputs.sae, backend.saes.Get(sae, caller));
  RECSAE_RETURN_IF_ERROR(CheckSameRecommender(*inputs.sae, capture));
  RECSAE_ASSIGN_OR_RETURN(const probe::v1::Capture found,
                          GetCaptureWithCases(backend.peers, capture, *inputs.sae, caller));
  RECSAE_RETURN_IF_ERROR(CheckPositions(found));
  RECSAE_ASSIGN_OR_RETURN(inputs.sources,
                          FindSources(backend, caller, capture, evidence, *inputs.sae));
  RECSAE_ASSIGN_OR_RETURN(const std::string recommender, RecommenderOfCapture(capture));
  RECSAE_ASSIGN_OR_RETURN(inputs.recommender,
                          backend.recommenders.GetWithHead(recommender, caller));
  return inputs;
}

int64_t MostMeasuredRows(int64_t items, bool at_inner_site) {
  const int64_t most = at_inner_site ? kMostInnerRows : kMostMeasuredRows;
  return std::clamp(kMostScored / std::max<int64_t>(items, 1), kFewestMeasuredRows, most);
}

absl::StatusOr<DividedRows> ReadSteeringRows(Backend& backend, const Caller& caller,
                                             JobContext& job, const SteeringInputs& inputs,
                                             uint64_t seed) {
  Divider divider(inputs, seed);
  for (size_t s = 0; s < inputs.sources.size(); ++s) {
    const Source& source = inputs.sources[s];
    int64_t row = 0;
    const auto add =
        [&](const MatrixView& activations,
            const google::protobuf::RepeatedPtrField<probe::v1::Case>& cases) -> absl::Status {
      job.SetProgress(absl::StrCat("reading ", source.capture), row, source.rows, "rows");
      for (int i = 0; i < cases.size(); ++i, ++row) {
        const absl::Span<const float> x = activations.row(i);
        if (s == 0) {
          divider.AddOfCapture({x.data(), x.size()}, cases[i]);
        } else {
          divider.AddEvidence({x.data(), x.size()}, cases[i]);
        }
      }
      return job.Interrupted();
    };
    RECSAE_RETURN_IF_ERROR(ReadCapture(backend.peers, source.capture, source.rows,
                                       inputs.sae->model.dim(), caller, add));
  }
  DividedRows rows = divider.Take();
  RECSAE_RETURN_IF_ERROR(CheckEnough(rows, inputs.sources[0].capture));
  return rows;
}

SteeredRuns::SteeredRuns(Backend& backend, const Caller& caller, JobContext& job,
                         const SteeringInputs& inputs, const SteeredRows& rows)
    : backend_(backend), caller_(caller), job_(job), inputs_(inputs), rows_(rows) {
  if (!inputs.at_inner_site()) return;
  for (const SteeredCase& row : rows.cases) {
    HostedQuery& query = queries_.emplace_back();
    query.set_user_id(row.user_id);
    for (const int32_t item : row.history) {
      query.add_history_item_ids(inputs.recommender->item_ids[static_cast<size_t>(item)]);
    }
  }
}

absl::StatusOr<Lists> SteeredRuns::Run(std::span<const double> direction, double length) {
  std::vector<float> moved = rows_.activations;
  const auto dim = static_cast<size_t>(rows_.dim);
  for (size_t i = 0; i < moved.size() && !direction.empty(); ++i) {
    moved[i] = static_cast<float>(moved[i] + length * direction[i % dim]);
  }
  RECSAE_ASSIGN_OR_RETURN(const std::vector<float> vectors, LeadOn(moved));
  return RankRows(inputs_.head(), vectors, rows_, [this] { return job_.Interrupted(); });
}

// The vectors just before scoring.
absl::StatusOr<std::vector<float>> SteeredRuns::LeadOn(const std::vector<float>& moved) {
  if (!inputs_.at_inner_site()) return moved;
  return ResumeFromSite(backend_, caller_, inputs_.recommender->resource.name(),
                        inputs_.sae->probe_site, queries_, {moved.data(), rows_.rows(), rows_.dim},
                        inputs_.head().dim);
}

}  // namespace recsae::explainer
