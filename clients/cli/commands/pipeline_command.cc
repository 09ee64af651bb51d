// recsae pipeline: from a data set to explained and steered recommendations.

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/pipeline/pipeline.h"
#include "clients/cli/pipeline/showcase.h"
#include "clients/cli/render/comparison.h"
#include "clients/cli/render/concepts.h"
#include "clients/cli/render/render.h"
#include "clients/cli/render/report.h"
#include "clients/cli/render/result_text.h"
#include "clients/cli/session/interrupt.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::cli {
namespace {

// Attributes told best by a latent, shown for data sets without planted concepts.
constexpr int kShownAttributes = 8;

// Early, so that a wrong path does not show after minutes of work.
absl::Status CheckWritable(const std::string& path) {
  if (path.empty()) return absl::OkStatus();
  std::error_code error;
  const bool there = std::filesystem::exists(path, error);
  if (!std::ofstream(path, std::ios::app)) {
    return UsageError(absl::StrCat("--report ", path, ": ", std::strerror(errno)));
  }
  // A run that fails later leaves no empty report.
  if (!there) std::filesystem::remove(path, error);
  return absl::OkStatus();
}

absl::Status WriteReport(Session& session, const std::string& path, const PipelineResult& result) {
  if (path.empty()) return absl::OkStatus();
  std::ofstream file(path);
  file << ReportJson(result).dump(2) << "\n";
  file.close();
  if (!file) {
    return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITABLE",
                 absl::StrCat(path, ": ", std::strerror(errno)), {{"file", path}});
  }
  session.console().Say("report written to " + path);
  return absl::OkStatus();
}

Table SaeLine(const concept_store::v1::Sae& sae) {
  return Details(
      {{"size", absl::StrCat(FormatCount(sae.latent_count()), " latents over ",
                             sae.activation_dim(), " values, ", sae.k(), " active at a time")},
       {"trained on", absl::StrCat(TrainedRows(sae.report()), " activations, ",
                                   Plural(sae.report().epoch_count(), "epoch"))},
       {"FVU", FormatFixed(sae.report().fvu(), 4)},
       {"dead latents", FormatPercent(sae.report().dead_fraction(), 2)},
       {"warnings", absl::StrJoin(sae.report().warnings(), "; ")}});
}

Table PlantedTable(const std::vector<PlantedScore>& scores) {
  Table table({{"PLANTED CONCEPT"},
               {"BEST LATENT", true},
               {"AUC", true},
               {"NAMED"},
               {"ITS DESCRIPTION", false, true}});
  for (const PlantedScore& score : scores) {
    table.Add({score.planted,
               absl::StrCat("#", score.latent),
               FormatFixed(score.auc, 3),
               {score.named ? "yes" : "no", score.named ? Color::kGreen : Color::kRed},
               score.description});
  }
  return table;
}

Table TimeTable(const PipelineResult& result) {
  Table table({{""}, {"", true}});
  for (const auto& [stage, seconds] : result.seconds) {
    table.Add({{stage, Color::kDim}, FormatDuration(seconds)});
  }
  return table;
}

void PrintReport(Console& console, const PipelineResult& result) {
  console.Print("\n");
  console.Heading("How much of what is personal in the scores the SAE's descriptions tell");
  PrintComparison(console, result.evaluation);
  console.Print("\n");
  console.Heading("What the SAE keeps of the recommendations");
  for (const std::string& warning : result.evaluation.warnings())
    console.Say("warning: " + warning);
  console.Print(RankingTable(result.evaluation));
  console.Print("\n");
  console.Print(EvaluationDetails(result.evaluation));
  console.Print("\n");
  console.Heading("The SAE");
  console.Print(SaeLine(result.sae));
  console.Print("\n");
  console.Heading("Its concepts");
  if (const Table tests = TestTable(result.concepts); !tests.empty()) {
    console.Print(tests);
    console.Print("\n");
  }
  console.Print(ConceptCounts(result.concepts));
  console.Print("\n");
  console.Print(PaperTable(result.concepts));
  if (!result.planted.empty()) {
    console.Print("\n");
    console.Heading("Planted concepts found again");
    console.Print(PlantedTable(result.planted));
  } else if (const Table fits = AttributeFitTable(result.evaluation, kShownAttributes);
             !fits.empty()) {
    console.Print("\n");
    console.Heading("Attributes that a single latent tells best, on other users than chose it");
    console.Print(fits);
  }
  console.Print("\n");
  console.Heading("Time");
  console.Print(TimeTable(result));
}

// What was made of the files, once, before anything is made of it.
void SayRemarks(Console& console, const probe::v1::Dataset& dataset) {
  if (dataset.test_row_count() > 0) {
    console.Say(absl::StrCat("seen: ", FormatCount(dataset.test_seen_row_count()), " of ",
                             FormatCount(dataset.test_row_count()),
                             " test rows ask for an item of the user's training"));
  }
  for (const probe::v1::DatasetRemark& remark : dataset.remarks()) {
    console.Say(absl::StrCat(RemarkLabel(remark), ": ", RemarkText(remark)));
  }
}

absl::Status Run(Session& session, const PipelineFlags& flags) {
  RECSAE_RETURN_IF_ERROR(CheckWritable(flags.report));
  RECSAE_ASSIGN_OR_RETURN(const auto dataset, ChooseDataset(session, flags));
  Console& console = session.console();
  console.Say(absl::StrCat(
      dataset.name(), ": ", Plural(dataset.user_count(), "user"), ", ",
      Plural(dataset.item_count(), "item"), "; ", FormatCount(dataset.train_interaction_count()),
      " interactions to train on, ", FormatCount(dataset.dev_row_count()), " dev and ",
      FormatCount(dataset.test_row_count()), " test rows",
      dataset.location().empty() ? "" : absl::StrCat(" (", dataset.location(), ")")));
  SayRemarks(console, dataset);
  RECSAE_ASSIGN_OR_RETURN(PipelinePlan plan, MakePlan(flags, dataset.name()));
  // What was made of other data under these names is not taken for what this run makes.
  plan.train_recommender.set_data_fingerprint(dataset.fingerprint());
  RECSAE_RETURN_IF_ERROR(CheckSettings(session, plan));
  console.Say(absl::StrCat("making ", plan.recommender(), " and ", plan.sae(),
                           "; what an earlier run made under these names is used again"));
  const auto finished = RunPipeline(session, plan, flags.detach);
  if (Interrupted()) console.Say("the same command again goes on from here");
  RECSAE_ASSIGN_OR_RETURN(PipelineResult result, finished);
  result.dataset = dataset;
  RECSAE_RETURN_IF_ERROR(WriteReport(session, flags.report, result));
  if (session.json()) {
    console.Print(ReportJson(result).dump(2) + "\n");
    return absl::OkStatus();
  }
  PrintReport(console, result);
  return Showcase(session, plan.sae(), plan.capture(kTestCapture), flags.users);
}

void Declare(Command& command, PipelineFlags& flags) {
  command
      .Add("--dataset", flags.dataset,
           "Data set [default: ml-1m, or planted if that is not to be had]")
      .Must(Check::Dataset());
  command.Add("--recommender", flags.recommender, "Which recommender to open")
      .Must(Check::OneOf(std::vector<std::string>(std::begin(kKinds), std::end(kKinds))))
      .ShowDefault();
  command.Add("--seed", flags.seed, "Seed of everything [default: 1]").Type("N");
  command.Add("--name", flags.name,
              "Name of what is made; a run under the same name goes on where the last "
              "stopped [default: from data set, recommender, seed and settings]");
  command.Add("--report", flags.report, "Write the measurements to this file, as JSON")
      .Type("FILE")
      .Must(Check::Path());
  command.Add("--users", flags.users, "Users explained at the end [default: 3]")
      .Must(Check::Range(0, 100));
  command
      .Add("--context-rows", flags.context_rows,
           "Training positions that concepts may be verified on [default: 100000]")
      .Must(Check::Positive());
  command.AddSwitch("--detach", flags.detach,
                    "Ctrl-C leaves the running job alone instead of cancelling it");
  AddDatasetFlags(command, flags.dataset_flags);
  AddRecommenderFlags(command, "recommender-", flags.recommender_flags);
  AddSaeFlags(command, "sae-", Values::kOne, flags.sae_flags);
}

}  // namespace

void AddPipelineCommand(CommandLine& line) {
  line.Add<PipelineFlags>(
      line.root(), "pipeline", "Do everything: train, capture, open, name, explain, steer",
      "  recsae pipeline\n"
      "  recsae pipeline --dataset ml-1m-recsae --recommender sasrec --seed 1 --report out.json\n"
      "  recsae pipeline --dataset planted --planted-users 500\n"
      "  recsae pipeline --dataset ml-1m --k 16        # the recommender is trained only once\n"
      "Stages: train the recommender, capture its activations, train the SAE, build and verify\n"
      "concepts, evaluate; then a report, some users' recommendations explained, one steered.",
      Declare, Run);
}

}  // namespace recsae::cli
