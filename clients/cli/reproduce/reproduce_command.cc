// recsae reproduce: the tables and figures of the RecSAE paper, and those of Klenitskiy et al.

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/reproduce/language.h"
#include "clients/cli/reproduce/outputs.h"
#include "clients/cli/reproduce/result_table.h"
#include "clients/cli/reproduce/runner.h"
#include "clients/cli/reproduce/study.h"
#include "clients/cli/session/interrupt.h"
#include "clients/cli/text/table.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

// Flags that choose cells or say how they are made, but not what is measured in them.
const std::vector<std::string>& Choices() {
  static const std::vector<std::string> flags = {"help", "out",  "dataset", "recommender",
                                                 "seed", "keep", "detach"};
  return flags;
}

struct Arguments {
  std::string study;
  std::optional<Command> command;
  ReproduceFlags flags;
};

// The flags that decide what is measured, as they can be typed.
std::string Settings(const Command& command) {
  std::vector<std::string> settings;
  for (const auto& [name, values] : command.Given()) {
    if (name.empty() || std::find(Choices().begin(), Choices().end(), name) != Choices().end()) {
      continue;
    }
    settings.push_back(
        absl::StrCat("--", name, values.empty() ? "" : " ", absl::StrJoin(values, ",")));
  }
  std::sort(settings.begin(), settings.end());
  return absl::StrJoin(settings, " ");
}

// Before anything is trained: every data set is there.
absl::Status CheckDatasets(Session& session, const ReproduceFlags& flags) {
  for (const std::string& name : flags.datasets) {
    probe::v1::GetDatasetRequest request;
    *request.mutable_dataset() = MakeDatasetRef(name, flags.dataset_flags);
    RECSAE_ASSIGN_OR_RETURN(const auto dataset,
                            session.Call(session.probe(), &probe::v1::Probe::Stub::GetDataset,
                                         request, kDatasetTimeout));
    session.console().Say(absl::StrCat(
        dataset.name(), ": ", Plural(dataset.user_count(), "user"), ", ",
        Plural(dataset.item_count(), "item"), "; ", FormatCount(dataset.train_interaction_count()),
        " interactions to train on, ", FormatCount(dataset.test_row_count()), " test rows"));
  }
  return absl::OkStatus();
}

// Before anything is trained: there is a model, and this is what it will be asked.
absl::Status CheckLanguage(Session& session, const ReproduceFlags& flags,
                           const std::vector<CellId>& cells, const CellStore& store) {
  if (!flags.llm) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(CheckLanguageModel(session));
  std::vector<CellId> missing;
  std::copy_if(cells.begin(), cells.end(), std::back_inserter(missing),
               [&](const CellId& cell) { return !store.Finished(cell); });
  if (const std::string calls = AnnounceCalls(missing, flags); !calls.empty()) {
    session.console().Say(calls);
  }
  return absl::OkStatus();
}

Table TextTable(const ResultTable& table) {
  std::vector<Column> columns;
  for (const std::string& label : table.labels) columns.push_back({label});
  for (const Metric& metric : table.metrics) columns.push_back({metric.title, true});
  Table text(columns);
  for (const ResultRow& row : table.rows) {
    std::vector<Cell> cells(row.labels.begin(), row.labels.end());
    for (const Metric& metric : table.metrics) {
      const Value* value = table.Find(row, metric.id);
      cells.emplace_back(value == nullptr ? "" : FormatEstimate(value->measured, metric.format));
    }
    if (!row.refused.empty()) cells[table.labels.size()] = "refused";
    text.Add(std::move(cells));
  }
  return text;
}

void PrintTables(Session& session, const std::string& study, const CellStore& store) {
  for (const ResultTable& table : MakeTables(store.cells())) {
    if (study != "all" && table.study != study) continue;
    session.console().Heading(table.title);
    session.console().Print(TextTable(table));
    for (const std::string& note : table.notes) {
      session.console().Print(absl::StrCat("* ", Clean(note), "\n"));
    }
    session.console().Print("\n");
  }
}

absl::Status Run(Session& session, const Arguments& arguments) {
  const ReproduceFlags& flags = arguments.flags;
  Console& console = session.console();
  RECSAE_ASSIGN_OR_RETURN(const std::vector<CellId> cells, PlanCells(arguments.study, flags));
  RECSAE_ASSIGN_OR_RETURN(CellStore store,
                          CellStore::Open(flags.out, Settings(*arguments.command)));
  const bool complete = std::all_of(cells.begin(), cells.end(),
                                    [&](const auto& cell) { return store.Finished(cell); });
  if (!complete) {
    RECSAE_RETURN_IF_ERROR(CheckDatasets(session, flags));
    RECSAE_RETURN_IF_ERROR(CheckLanguage(session, flags, cells, store));
    console.Say(absl::StrCat("finished cells go to ", flags.out,
                             "/cells; whatever stops this run, the same command goes on"));
  }
  const auto write = [&] { return WriteOutputs(store, flags.out); };
  const absl::Status measured = MeasureCells(session, flags, cells, store, write);
  if (Interrupted()) console.Say("the same command again goes on from here");
  RECSAE_RETURN_IF_ERROR(measured);
  RECSAE_RETURN_IF_ERROR(write());
  if (session.json()) {
    console.Print(ResultsJson(store).dump(2) + "\n");
    return absl::OkStatus();
  }
  PrintTables(session, arguments.study, store);
  console.Print(absl::StrCat("look at ", flags.out, "/index.html\n"));
  return absl::OkStatus();
}

void AddLanguageFlags(Command& command, ReproduceFlags& flags) {
  command.AddSwitch("--llm", flags.llm,
                    "Have the explainer's language model (the server is started with --llm-url "
                    "and --llm-model) describe latents and judge descriptions by levels, as in the "
                    "paper, beside the statistical judge");
  command
      .Add("--llm-calls", flags.llm_calls,
           "Calls that the concepts of one SAE may cost; the latents after that go without "
           "[default: 100,000]")
      .Type("N")
      .Must(Check::Positive());
  command.Add("--llm-tokens", flags.llm_tokens, "Tokens that they may cost [default: 100 million]")
      .Type("N")
      .Must(Check::Positive());
}

void Declare(const std::string& study, Command& command, Arguments& arguments) {
  arguments.study = study;
  arguments.command = command;
  ReproduceFlags& flags = arguments.flags;
  std::vector<std::string> kinds(std::begin(kKinds), std::end(kKinds));
  kinds.resize(4);  // the others are baselines, not to be opened, or of the other paper
  const bool other_paper = study == kFirstBlockStudy;
  if (other_paper) {
    kinds = {std::begin(kFirstBlockRecommenders), std::end(kFirstBlockRecommenders)};
    flags.recommenders = kinds;
  }
  command
      .Add("--out", flags.out,
           "Folder for the results; with the same one a run goes on where the last stopped")
      .Type("DIR")
      .Must(Check::Path())
      .ShowDefault();
  command
      .Add("--dataset", flags.datasets,
           "Data sets, separated by commas: ml-1m-recsae, amazon-beauty, "
           "hetrec2011-lastfm-2k, planted, ... [default: ml-1m-recsae]")
      .SeparatedBy(',')
      .OneArgumentEach();
  command
      .Add("--recommender", flags.recommenders,
           other_paper ? "Recommenders to open, separated by commas [default: gpt,bert4rec]"
                       : "Recommenders to open, separated by commas [default: all four]")
      .SeparatedBy(',')
      .OneArgumentEach()
      .Must(Check::OneOf(kinds));
  command.Add("--seed", flags.seeds, "Seeds, separated by commas [default: 1]")
      .SeparatedBy(',')
      .OneArgumentEach()
      .Type("N");
  command
      .Add("--context-rows", flags.context_rows,
           "Training positions that concepts may be verified on [default: 100000]")
      .Must(Check::Positive());
  command.Add("--attribute", flags.attribute,
              "table7: the attribute value whose latent is scaled [default: Horror, or what "
              "a latent tells best]");
  command.Add("--cases", flags.cases, "table7: test cases steered at most [default: 500]")
      .Type("N")
      .Must(Check::Positive());
  // The other paper has no concepts.
  if (!other_paper) AddLanguageFlags(command, flags);
  command.AddSwitch("--keep", flags.keep, "Leave intermediate captures and SAEs on the servers");
  command.AddSwitch("--detach", flags.detach,
                    "Ctrl-C leaves the running job alone instead of cancelling it");
  AddDatasetFlags(command, flags.dataset_flags);
  AddRecommenderFlags(command, "recommender-", flags.recommender_flags);
  AddSaeFlags(command, "sae-", Values::kOne, flags.sae_flags);
}

void AddStudy(CommandLine& line, Command& group, const std::string& id,
              const std::string& summary) {
  line.Add<Arguments>(
      group, id, summary,
      absl::StrCat("  recsae reproduce ", id, " --recommender ",
                   id == kFirstBlockStudy ? "gpt" : "bprmf", "\n", "  recsae reproduce ", id,
                   " --out DIR --dataset ml-1m-recsae --seed 1,2,3\n", "  recsae reproduce ", id,
                   " --dataset planted   # needs no data\n",
                   id == kFirstBlockStudy
                       ? ""
                       : absl::StrCat("  recsae reproduce ", id,
                                      " --llm --llm-calls 20000   # and by a language model\n"),
                   "Each measurement is a cell, kept in DIR/cells as soon as it is done; the same "
                   "command\nagain measures only what is missing. DIR/index.html shows everything "
                   "that is there."),
      [id](Command& command, Arguments& arguments) { Declare(id, command, arguments); }, Run);
}

}  // namespace

void AddReproduceCommands(CommandLine& line) {
  Command group = line.AddGroup(
      "reproduce", "The tables and figures of the papers, by one command",
      "  recsae reproduce table3 --recommender bprmf     one recommender, a few minutes\n"
      "  recsae reproduce all --out study --seed 1,2,3   everything, hours; can be stopped\n"
      "  firefox study/index.html\n"
      "Trains recommenders and SAEs on the servers, builds and verifies concepts, and writes "
      "JSON,\n"
      "Markdown tables and one self-contained page. What one table measured the others use.");
  for (const Study& study : kStudies) AddStudy(line, group, study.id, study.summary);
  AddStudy(line, group, "all", "Everything above of the RecSAE paper");
}

}  // namespace recsae::cli
