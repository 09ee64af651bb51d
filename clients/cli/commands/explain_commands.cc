// recsae evaluate and explain.

#include <algorithm>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/commands/notes.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/flags/subject.h"
#include "clients/cli/render/comparison.h"
#include "clients/cli/render/explanation.h"
#include "clients/cli/render/latents.h"
#include "clients/cli/render/result_text.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explainer;

// Of a user's history, shown as a reminder.
constexpr size_t kShownHistory = 5;
constexpr int kShownAttributes = 15;

struct EvaluateFlags {
  std::string sae;
  std::string capture;
  std::vector<std::string> evidence;
  std::vector<std::string> references;
  uint64_t seed = 0;
  bool auc = false;
  JobFlags job;
  std::string request_id;
};

struct ExplainFlags {
  SubjectFlags subject;
  int top_items = 0;
  std::vector<std::string> items;
  std::vector<std::string> exclude;
  bool keep_seen = false;
  int concepts = 3;
  bool latents = false;
};

void PrintEvaluation(Console& console, const explainer::v1::Evaluation& evaluation, bool auc) {
  for (const std::string& warning : evaluation.warnings()) console.Say("warning: " + warning);
  console.Print(RankingTable(evaluation));
  console.Print("\n");
  console.Print(EvaluationDetails(evaluation));
  console.Print("\n");
  PrintComparison(console, evaluation);
  if (const Table fits = AttributeFitTable(evaluation, kShownAttributes); !fits.empty()) {
    console.Print("\n");
    console.Print(fits);
  }
  if (const Table splits = SplitTable(evaluation, kShownAttributes); !splits.empty()) {
    console.Print(
        "\nRows that have an attribute, those on which none of its latents fires, and those "
        "of them where another makes up for it:\n");
    console.Print(splits);
  }
  if (!auc || evaluation.attributes().empty()) return;
  console.Print("\nChosen and reported on the same rows, ties half won:\n");
  console.Print(AttributeTable(evaluation, kShownAttributes));
}

absl::Status Evaluate(Session& session, const EvaluateFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  explainer::v1::EvaluateSaeRequest request;
  request.set_sae(sae.name());
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_capture(), ChooseCapture(session, sae, flags.capture));
  RECSAE_RETURN_IF_ERROR(AddEvidence(session, sae, flags.evidence, request.capture(),
                                     *request.mutable_evidence_captures()));
  for (const std::string& name : flags.references) {
    RECSAE_ASSIGN_OR_RETURN(*request.add_reference_saes(), FullName(name, kSaePattern));
  }
  request.set_seed(flags.seed);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  return FinishJob<explainer::v1::Evaluation>(
      session, session.explainer_jobs(),
      session.Call(session.explainer(), &Explainer::Stub::EvaluateSae, request),
      "evaluating the SAE", flags.job, [&](const explainer::v1::Evaluation& evaluation) {
        PrintEvaluation(session.console(), evaluation, flags.auc);
        return absl::OkStatus();
      });
}

void PrintExplanation(Console& console, const ChosenSubject& chosen,
                      const std::vector<std::string>& recent, const ExplainFlags& flags,
                      const explainer::v1::Explanation& explanation) {
  console.Heading(chosen.title);
  if (const std::string titles = Titles(explanation, recent); !titles.empty()) {
    console.PrintLine("recently: " + titles);
  }
  console.Print(absl::StrCat("\n", ShareExplained(explanation), "\n"));
  console.Print(flags.latents ? ActiveLatents(explanation) : ActiveGroups(explanation));
  std::set<std::string> left_out(recent.begin(), recent.end());
  for (const std::string& id : flags.items) left_out.erase(id);
  const Table items = ExplainedItems(explanation, left_out, flags.concepts);
  if (items.empty()) return;
  console.Print("\nRecommended, and what moves each score:\n");
  console.Print(items);
}

// Explains `recent` along with what the request asks for, for their titles. Those that the
// catalogue does not have are taken out of it: they are named with the rest of the history.
absl::StatusOr<explainer::v1::ExplainResponse> ExplainWithRecent(
    Session& session, const explainer::v1::ExplainRequest& request,
    std::vector<std::string>& recent) {
  const std::set<std::string> asked(request.item_ids().begin(), request.item_ids().end());
  while (true) {
    explainer::v1::ExplainRequest with_recent = request;
    for (const std::string& id : recent) {
      if (asked.count(id) == 0) with_recent.add_item_ids(id);
    }
    auto response = session.Call(session.explainer(), &Explainer::Stub::Explain, with_recent);
    if (response.ok() || Reason(response.status()) != "ITEM_NOT_FOUND") return response;
    const auto unknown = std::find_if(recent.begin(), recent.end(), [&](const std::string& id) {
      const auto metadata = Metadata(response.status());
      return asked.count(id) == 0 &&
             std::find(metadata.begin(), metadata.end(),
                       std::pair<std::string, std::string>("item", id)) != metadata.end();
    });
    if (unknown == recent.end()) return response;
    recent.erase(unknown);
  }
}

absl::Status ExplainUser(Session& session, const ExplainFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.subject.sae));
  RECSAE_ASSIGN_OR_RETURN(const ChosenSubject chosen, ChooseSubject(session, sae, flags.subject));
  explainer::v1::ExplainRequest request;
  request.set_sae(sae.name());
  *request.mutable_subject() = chosen.subject;
  request.set_top_item_count(flags.top_items);
  request.set_keep_seen_items(flags.keep_seen);
  for (const std::string& id : flags.exclude) request.add_exclude_item_ids(id);
  for (const std::string& id : flags.items) request.add_item_ids(id);
  std::vector<std::string> recent;
  if (!session.json()) recent = Newest(chosen.history, kShownHistory);
  RECSAE_ASSIGN_OR_RETURN(const auto response, ExplainWithRecent(session, request, recent));
  SayNotes(session.console(), response);
  if (session.json()) return session.PrintJson(response);
  for (int i = 0; i < response.explanations_size(); ++i) {
    ChosenSubject one = chosen;
    if (response.explanations_size() > 1) absl::StrAppend(&one.title, ", row ", i);
    PrintExplanation(session.console(), one, recent, flags, response.explanations(i));
  }
  return absl::OkStatus();
}

void AddEvaluate(CommandLine& line) {
  line.Add<EvaluateFlags>(
      line.root(), "evaluate", "Measure what an SAE keeps of the recommendations",
      "  recsae evaluate --sae movies\n"
      "  recsae evaluate --sae movies-seed1 --reference-sae movies-seed2",
      [](Command& command, EvaluateFlags& flags) {
        command.Add("--sae", flags.sae, "SAE [default: the only one]");
        command.Add("--capture", flags.capture,
                    "Cases with held-out items [default: the test capture]");
        command.Add("--evidence", flags.evidence,
                    "Captures on which dictionaries are compared as well; may be repeated "
                    "[default: all with cases]");
        command
            .Add("--reference-sae", flags.references,
                 "An SAE of the same activations and another seed, in which the latents are "
                 "looked for; may be repeated, at most 4")
            .Type("SAE")
            .OneArgumentEach();
        command.Add("--seed", flags.seed,
                    "Of users' roles and of the untrained dictionaries [default: 0]");
        command.AddSwitch(
            "--auc", flags.auc,
            "Print the ROC AUC of single latents, too, chosen and reported on the same rows");
        AddRequestId(command, flags.request_id);
        AddJobFlags(command, flags.job);
      },
      Evaluate);
}

void AddExplain(CommandLine& line) {
  line.Add<ExplainFlags>(
      line.root(), "explain", "Say which concepts move a user's recommendations",
      "  recsae explain --user 42\n"
      "  recsae explain --history 1196,260,1210 --top 5\n"
      "  recsae explain --user 42 --item 1214        # why is this one not higher?",
      [](Command& command, ExplainFlags& flags) {
        AddSubjectFlags(command, flags.subject);
        command.Add("--top", flags.top_items, "Items to recommend [default: 10]")
            .Must(Check::Positive());
        command.Add("--item", flags.items, "Explain these as well, whatever their rank")
            .SeparatedBy(',')
            .Type("ID,...");
        AddExcludeFlags(command, flags.exclude, flags.keep_seen);
        command.AddSwitch("--latents", flags.latents,
                          "Show active latents one by one, not those that say the same as one");
        command.Add("--concepts", flags.concepts, "Contributions shown for an item [default: 3]")
            .Must(Check::NonNegative());
      },
      ExplainUser);
}

}  // namespace

void AddExplainCommands(CommandLine& line) {
  AddEvaluate(line);
  AddExplain(line);
}

}  // namespace recsae::cli
