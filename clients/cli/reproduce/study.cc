#include "clients/cli/reproduce/study.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/text/errors.h"
#include "common/base/status.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {
namespace {

constexpr char kPrefix[] = "paper-";
constexpr char kEcfEnsemble[] = "ecf-3";
constexpr int kEnsembleMembers = 3;
// The least that a training takes: nothing moves by it.
constexpr double kNoLearning = 1e-9;

// Collects cells without repeats.
class Planner {
 public:
  explicit Planner(const ReproduceFlags& flags) : flags_(flags) {}

  void Add(const std::string& dataset, const std::string& recommender, uint64_t seed,
           const std::vector<std::string>& methods) {
    for (const std::string& method : methods) {
      const CellId cell{dataset, recommender, method, seed};
      if (std::find(cells_.begin(), cells_.end(), cell) == cells_.end()) cells_.push_back(cell);
    }
  }

  // For every data set and recommender.
  void AddAll(const std::vector<std::string>& methods, const std::vector<uint64_t>& seeds) {
    for (const std::string& dataset : flags_.datasets) {
      for (const std::string& recommender : flags_.recommenders) {
        for (const uint64_t seed : seeds) Add(dataset, recommender, seed, methods);
      }
    }
  }

  // Groups in the order of their first cell, and within them by `order`.
  std::vector<CellId> Take() {
    std::vector<CellId> sorted;
    for (const CellId& first : cells_) {
      if (std::any_of(sorted.begin(), sorted.end(),
                      [&](const CellId& c) { return c.Group() == first.Group(); })) {
        continue;
      }
      const size_t begin = sorted.size();
      std::copy_if(cells_.begin(), cells_.end(), std::back_inserter(sorted),
                   [&](const CellId& c) { return c.Group() == first.Group(); });
      std::stable_sort(sorted.begin() + static_cast<ptrdiff_t>(begin), sorted.end(),
                       [](const CellId& a, const CellId& b) { return Rank(a) < Rank(b); });
    }
    return sorted;
  }

 private:
  // Recommender first; steering needs the SAE's concepts.
  static int Rank(const CellId& cell) {
    const char* order[] = {kRecommenderMethod, kRawMethod,       kRandomMethod, kTrainedMethod,
                           kSteerMethod,       kPublishedMethod, kBlockMethod};
    const auto* const found = std::find(std::begin(order), std::end(order), cell.method);
    return static_cast<int>(found - std::begin(order));
  }

  const ReproduceFlags& flags_;
  std::vector<CellId> cells_;
};

// One of the sweeps, the trained SAE left out.
std::vector<SweepPoint> PointsOver(bool over_k, const SweepPoint& base) {
  std::vector<SweepPoint> points;
  for (const int value : kSweepValues) {
    const SweepPoint point = {over_k ? base.expansion : value, over_k ? value : base.k};
    if (point.expansion != base.expansion || point.k != base.k) points.push_back(point);
  }
  return points;
}

std::vector<std::string> SweepMethods(const std::vector<SweepPoint>& points) {
  std::vector<std::string> methods = {kRecommenderMethod, kTrainedMethod};
  for (const SweepPoint& point : points) methods.push_back(SweepMethod(point));
  return methods;
}

void AddTable4(const ReproduceFlags& flags, Planner& planner) {
  for (const std::string& dataset : flags.datasets) {
    for (const uint64_t seed : flags.seeds) {
      planner.Add(dataset, "bprmf", seed, {kRecommenderMethod, kTrainedMethod});
    }
    for (const char* baseline : {"ecf", kEcfEnsemble, "distillemb"}) {
      for (const uint64_t seed : flags.seeds) {
        planner.Add(dataset, baseline, seed, {kRecommenderMethod});
      }
    }
  }
}

// Each recommender, and as it is before training.
void AddFirstBlock(const ReproduceFlags& flags, Planner& planner) {
  for (const std::string& dataset : flags.datasets) {
    for (const std::string& recommender : flags.recommenders) {
      for (const uint64_t seed : flags.seeds) {
        planner.Add(dataset, recommender, seed,
                    {kRecommenderMethod, kPublishedMethod, kBlockMethod});
        planner.Add(dataset, recommender + kUntrainedSuffix, seed,
                    {kRecommenderMethod, kPublishedMethod});
      }
    }
  }
}

// What a recommender of cells is for the server.
PipelineFlags FlagsOf(const CellId& cell, const ReproduceFlags& flags) {
  PipelineFlags pipeline;
  pipeline.dataset = cell.dataset;
  pipeline.recommender = cell.recommender;
  pipeline.seed = cell.seed;
  pipeline.context_rows = flags.context_rows;
  pipeline.dataset_flags = flags.dataset_flags;
  pipeline.recommender_flags = flags.recommender_flags;
  pipeline.sae_flags = flags.sae_flags;
  if (absl::EndsWith(cell.recommender, kUntrainedSuffix)) {
    pipeline.recommender = TrainedName(cell.recommender);
    pipeline.recommender_flags.epochs = 1;
    pipeline.recommender_flags.learning_rate = kNoLearning;
  }
  if (cell.recommender == kEcfEnsemble) {
    pipeline.recommender = "ecf";
    pipeline.recommender_flags.members = kEnsembleMembers;
  }
  return pipeline;
}

absl::StatusOr<PipelinePlan> MakePaperPlan(PipelineFlags flags) {
  RECSAE_ASSIGN_OR_RETURN(const PipelinePlan usual, MakePlan(flags, flags.dataset));
  flags.name = absl::StrCat(kPrefix, usual.train_recommender.recommender_id());
  RECSAE_ASSIGN_OR_RETURN(PipelinePlan plan, MakePlan(flags, flags.dataset));
  plan.train_sae.set_sae_id(absl::StrCat(kPrefix, usual.train_sae.sae_id()));
  plan.build_concepts.set_sae(plan.sae());
  plan.evaluate.set_sae(plan.sae());
  return plan;
}

}  // namespace

SweepPoint BasePoint(const SaeFlags& flags) {
  return {flags.expansion.value_or(kPaperExpansion), flags.k.empty() ? kPaperK : flags.k[0]};
}

std::vector<SweepPoint> SweepPoints(const SaeFlags& flags) {
  std::vector<SweepPoint> points = PointsOver(false, BasePoint(flags));
  const std::vector<SweepPoint> over_k = PointsOver(true, BasePoint(flags));
  points.insert(points.end(), over_k.begin(), over_k.end());
  return points;
}

absl::StatusOr<std::vector<CellId>> PlanCells(absl::string_view study,
                                              const ReproduceFlags& flags) {
  const bool all = study == "all";
  const auto wanted = [&](absl::string_view id) { return all || study == id; };
  const std::vector<uint64_t> first(flags.seeds.begin(), flags.seeds.begin() + 1);
  const SweepPoint base = BasePoint(flags.sae_flags);
  if ((wanted("fig4") || wanted("fig5")) && !flags.sae_flags.latents.empty()) {
    return UsageError("fig4 and fig5 vary the number of latents: give --expansion, not --latents");
  }
  Planner planner(flags);
  if (wanted("table3")) {
    planner.AddAll({kRecommenderMethod, kRawMethod, kRandomMethod, kTrainedMethod}, flags.seeds);
  }
  if (wanted("table5") || wanted("fig3")) {
    planner.AddAll({kRecommenderMethod, kTrainedMethod}, first);
  }
  if (wanted("table6")) {
    planner.AddAll({kRecommenderMethod, kRandomMethod, kTrainedMethod}, flags.seeds);
  }
  if (wanted("table7")) planner.AddAll({kRecommenderMethod, kTrainedMethod, kSteerMethod}, first);
  if (wanted("fig4")) planner.AddAll(SweepMethods(PointsOver(false, base)), first);
  if (wanted("fig5")) planner.AddAll(SweepMethods(PointsOver(true, base)), first);
  if (wanted("table4")) AddTable4(flags, planner);
  if (study == kFirstBlockStudy) AddFirstBlock(flags, planner);
  return planner.Take();
}

absl::StatusOr<PipelinePlan> PlanGroup(const CellId& cell, const ReproduceFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(PipelinePlan plan, MakePaperPlan(FlagsOf(cell, flags)));
  return IsFirstBlock(cell.recommender) ? AtFirstBlock(std::move(plan)) : plan;
}

absl::StatusOr<trainer::v1::TrainSaeRequest> PlanPoint(const CellId& cell, const SweepPoint& point,
                                                       const ReproduceFlags& flags) {
  PipelineFlags pipeline = FlagsOf(cell, flags);
  pipeline.sae_flags.expansion = point.expansion;
  pipeline.sae_flags.k = {point.k};
  RECSAE_ASSIGN_OR_RETURN(const PipelinePlan plan, MakePaperPlan(pipeline));
  return plan.train_sae;
}

}  // namespace recsae::cli
