#include "clients/cli/reproduce/runner.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/reproduce/language.h"
#include "clients/cli/reproduce/workbench.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

// Points of a sweep take about the same time.
std::string Pace(const std::string& method) { return ParseSweep(method) ? "sweep" : method; }

std::optional<double> MeanSeconds(const CellStore& store,
                                  const std::function<bool(const ordered_json&)>& counts) {
  double sum = 0;
  int count = 0;
  for (const ordered_json& cell : store.cells()) {
    if (cell.contains("refused") || !cell.contains("seconds") || !counts(cell)) continue;
    sum += cell["seconds"].get<double>();
    ++count;
  }
  return count == 0 ? std::nullopt : std::optional<double>(sum / count);
}

// Whether the server said that it has no such recommender for this data.
bool Refused(const absl::Status& status) {
  if (Reason(status) == "NAME_TAKEN") return false;
  return absl::IsInvalidArgument(status) || absl::IsUnimplemented(status) ||
         absl::IsFailedPrecondition(status);
}

// The run so far: what is said of each cell.
class Progress {
 public:
  Progress(Session& session, const CellStore& store, std::vector<CellId> left)
      : session_(session), store_(store), left_(std::move(left)), total_(left_.size()) {}

  void Begin(const CellId& cell) {
    std::string line = absl::StrCat("── cell ", total_ - left_.size() + 1, " of ", total_, "  ",
                                    DescribeCell(cell));
    absl::StrAppend(&line, "  (", FormatDuration(elapsed()), " so far");
    if (const auto left = EstimateSeconds(store_, left_)) {
      absl::StrAppend(&line, ", about ", FormatDuration(*left), " left");
    }
    session_.console().Say(line + ")");
  }
  void Skip(const CellId& cell) {
    left_.erase(std::remove(left_.begin(), left_.end(), cell), left_.end());
  }
  double elapsed() const { return absl::ToDoubleSeconds(absl::Now() - start_); }

 private:
  Session& session_;
  const CellStore& store_;
  std::vector<CellId> left_;
  const size_t total_;
  const absl::Time start_ = absl::Now();
};

absl::Status MeasureGroup(Session& session, const ReproduceFlags& flags,
                          const std::vector<CellId>& cells, CellStore& store, Progress& progress,
                          const std::function<absl::Status()>& stored) {
  RECSAE_ASSIGN_OR_RETURN(PipelinePlan plan, PlanGroup(cells.front(), flags));
  Workbench bench(session, flags, std::move(plan), cells);
  for (const CellId& cell : cells) {
    progress.Begin(cell);
    const absl::Time start = absl::Now();
    CellId trained = cell;
    trained.method = kTrainedMethod;
    absl::StatusOr<ordered_json> measured = bench.Measure(cell, store.Find(trained));
    const bool refused = cell.method == kRecommenderMethod && Refused(measured.status());
    if (refused) measured = ordered_json{{"refused", measured.status().message()}};
    if (!measured.ok()) return measured.status();
    RECSAE_RETURN_IF_ERROR(CheckSameModel(store.cells(), *measured));
    RECSAE_RETURN_IF_ERROR(
        store.Write(cell, absl::ToDoubleSeconds(absl::Now() - start), *std::move(measured)));
    RECSAE_RETURN_IF_ERROR(stored());
    progress.Skip(cell);
    if (refused) {
      session.console().Say(absl::StrCat("the server refused ", cell.recommender, " on ",
                                         cell.dataset, ": ",
                                         store.Find(cell)->at("refused").get<std::string>()));
      for (const CellId& other : cells) progress.Skip(other);
      return absl::OkStatus();
    }
  }
  return flags.keep ? absl::OkStatus() : bench.CleanUp();
}

}  // namespace

std::optional<double> EstimateSeconds(const CellStore& store, const std::vector<CellId>& cells) {
  double total = 0;
  for (const CellId& cell : cells) {
    const auto like = [&](bool same_recommender, bool same_method) {
      return MeanSeconds(store, [&](const ordered_json& other) {
        return (!same_recommender || other.at("recommender") == cell.recommender) &&
               (!same_method || Pace(other.at("method")) == Pace(cell.method));
      });
    };
    auto seconds = like(true, true);
    if (!seconds) seconds = like(false, true);
    if (!seconds) seconds = like(false, false);
    if (!seconds) return std::nullopt;
    total += *seconds;
  }
  return total;
}

absl::Status MeasureCells(Session& session, const ReproduceFlags& flags,
                          const std::vector<CellId>& cells, CellStore& store,
                          const std::function<absl::Status()>& stored) {
  std::vector<CellId> missing;
  std::copy_if(cells.begin(), cells.end(), std::back_inserter(missing),
               [&](const CellId& cell) { return !store.Finished(cell); });
  const size_t finished = cells.size() - missing.size();
  if (finished > 0) {
    session.console().Say(absl::StrCat(finished, " of ", Plural(cells.size(), "cell"),
                                       " measured before: not measured again"));
  }
  Progress progress(session, store, missing);
  for (auto begin = missing.begin(); begin != missing.end();) {
    const auto end = std::find_if(
        begin, missing.end(), [&](const CellId& cell) { return cell.Group() != begin->Group(); });
    RECSAE_RETURN_IF_ERROR(MeasureGroup(session, flags, {begin, end}, store, progress, stored));
    begin = end;
  }
  return absl::OkStatus();
}

}  // namespace recsae::cli
