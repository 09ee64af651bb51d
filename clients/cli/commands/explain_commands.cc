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
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explainer;

// Of a user's history, shown as a reminder.
constexpr size_t kShownHistory = 5;
constexpr int kShownPopularity = 5;
constexpr int kShownAttributes = 15;
// Items of the history weighed as reasons.
constexpr int kDefaultReasons = 20;

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
  bool exact = false;
  bool ignore_controls = false;
  int reasons = kDefaultReasons;
  std::string than;
  bool stepwise = false;
};

struct CounterfactualFlags {
  SubjectFlags subject;
  std::string item;
  std::string of = "history";
  int max_size = 0;
  int top_items = 0;
  std::vector<std::string> exclude;
  bool keep_seen = false;
};

void PrintEvaluation(Console& console, const explainer::v1::Evaluation& evaluation, bool auc) {
  for (const std::string& warning : evaluation.warnings()) console.Say("warning: " + warning);
  console.Print(RankingTable(evaluation));
  console.Print("\n");
  if (const Table lists = ListQualityTable(evaluation); !lists.empty()) {
    console.Print(lists);
    console.Print("\n");
  }
  console.Print(EvaluationDetails(evaluation));
  console.Print("\n");
  PrintComparison(console, evaluation);
  if (const Table fits = AttributeFitTable(evaluation, kShownAttributes); !fits.empty()) {
    console.Print("\n");
    console.Print(fits);
  }
  if (const Table fits = LastReadTable(evaluation, kShownAttributes); !fits.empty()) {
    console.Print("\n");
    console.Print(fits);
  }
  if (const Table splits = SplitTable(evaluation, kShownAttributes); !splits.empty()) {
    console.Print(
        "\nRows that have an attribute, those on which none of its latents fires, and those "
        "of them where another makes up for it:\n");
    console.Print(splits);
  }
  if (const std::string note = PopularityNote(evaluation); !note.empty()) {
    console.Print(absl::StrCat("\n", note, "\n"));
    console.Print(PopularityTable(evaluation, kShownPopularity));
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
  if (const Table why = ReasonSentences(explanation, left_out); !why.empty()) {
    console.Print("\n");
    console.Print(why);
  }
  const Table personal = PersonalItems(explanation, left_out, flags.concepts);
  const bool exact = flags.exact || personal.empty();
  const Table items = exact ? ExplainedItems(explanation, left_out, flags.concepts) : personal;
  if (items.empty()) return;
  console.Print(exact ? "\nRecommended, and what each score is the sum of:\n"
                      : "\nRecommended, and what of each score is this user's own:\n");
  console.Print(items);
  if (const std::string note = ReasonNote(explanation); !exact && !note.empty()) {
    console.PrintLine(note);
  }
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
  if (flags.stepwise && flags.items.empty()) {
    return UsageError("--stepwise finds the reasons of the items of --item: name them");
  }
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.subject.sae));
  RECSAE_ASSIGN_OR_RETURN(const ChosenSubject chosen, ChooseSubject(session, sae, flags.subject));
  explainer::v1::ExplainRequest request;
  request.set_sae(sae.name());
  *request.mutable_subject() = chosen.subject;
  request.set_top_item_count(flags.top_items);
  request.set_keep_seen_items(flags.keep_seen);
  request.set_ignore_controls(flags.ignore_controls);
  for (const std::string& id : flags.exclude) request.add_exclude_item_ids(id);
  for (const std::string& id : flags.items) request.add_item_ids(id);
  request.set_than_item_id(flags.than);
  request.set_stepwise_reasons(flags.stepwise);
  if (!chosen.subject.has_activations()) request.set_reason_count(flags.reasons);
  std::vector<std::string> recent;
  if (!session.json()) recent = Newest(chosen.history, kShownHistory);
  RECSAE_ASSIGN_OR_RETURN(const auto response, ExplainWithRecent(session, request, recent));
  SayNotes(session.console(), response);
  SayControls(session.console(), response);
  if (session.json()) return session.PrintJson(response);
  for (int i = 0; i < response.explanations_size(); ++i) {
    ChosenSubject one = chosen;
    if (response.explanations_size() > 1) absl::StrAppend(&one.title, ", row ", i);
    PrintExplanation(session.console(), one, recent, flags, response.explanations(i));
  }
  return absl::OkStatus();
}

absl::Status FindCounterfactual(Session& session, const CounterfactualFlags& flags) {
  using Request = explainer::v1::FindCounterfactualRequest;
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.subject.sae));
  RECSAE_ASSIGN_OR_RETURN(const ChosenSubject chosen, ChooseSubject(session, sae, flags.subject));
  Request request;
  request.set_sae(sae.name());
  *request.mutable_subject() = chosen.subject;
  request.set_item_id(flags.item);
  request.set_of(flags.of == "concepts" ? Request::OF_CONCEPTS : Request::OF_HISTORY);
  request.set_max_size(flags.max_size);
  request.set_top_item_count(flags.top_items);
  request.set_keep_seen_items(flags.keep_seen);
  for (const std::string& id : flags.exclude) request.add_exclude_item_ids(id);
  RECSAE_ASSIGN_OR_RETURN(
      const auto response,
      session.Call(session.explainer(), &Explainer::Stub::FindCounterfactual, request));
  Console& console = session.console();
  SayNotes(console, response);
  if (session.json()) return session.PrintJson(response);
  console.Heading(chosen.title);
  console.PrintLine(response.sentence());
  if (response.found()) {
    console.PrintLine(absl::StrCat(
        response.smallest() ? "No smaller set does: all were tried" : "Found step by step (greedy)",
        ", ", response.tried_count(), " sets."));
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
      "  recsae explain --user 42 --item 1214        # why is this one not higher?\n"
      "  recsae explain --user 42 --item 1214 --than 260   # why that rather than this?\n"
      "A score is what everyone gets, and what is this user's own: by concept, above or below "
      "what\n"
      "others have of it. \"by\": items of the history, and what the score has by them.",
      [](Command& command, ExplainFlags& flags) {
        AddSubjectFlags(command, flags.subject);
        command.Add("--top", flags.top_items, "Items to recommend [default: 10]")
            .Must(Check::Positive());
        command.Add("--item", flags.items, "Explain these as well, whatever their rank")
            .SeparatedBy(',')
            .Type("ID,...");
        AddExcludeFlags(command, flags.exclude, flags.keep_seen);
        AddIgnoreControls(command, flags.ignore_controls);
        command.AddSwitch("--latents", flags.latents,
                          "Show active latents one by one, not those that say the same as one");
        command
            .Add("--reasons", flags.reasons,
                 "Items of the history weighed as reasons, the newest; 0: none [default: 20]")
            .Must(Check::Range(0, 100));
        command.Add("--than", flags.than, "Say why each item rather than this one").Type("ID");
        command.AddSwitch("--stepwise", flags.stepwise,
                          "Find the reasons of the items of --item one after the other, each "
                          "without those before it: slower, and the effects add up");
        command.AddSwitch("--exact", flags.exact,
                          "Show the exact sum: each concept's contribution, bias, residual");
        command.Add("--concepts", flags.concepts, "Contributions shown for an item [default: 3]")
            .Must(Check::NonNegative());
      },
      ExplainUser);
}

void AddCounterfactual(CommandLine& line) {
  line.Add<CounterfactualFlags>(
      line.root(), "counterfactual", "Say without what an item would not be recommended",
      "  recsae counterfactual --user 42 --item 1214                  # items of the history\n"
      "  recsae counterfactual --user 42 --item 1214 --of concepts",
      [](Command& command, CounterfactualFlags& flags) {
        AddSubjectFlags(command, flags.subject);
        command.Add("--item", flags.item, "The recommended item").Required().Type("ID");
        command
            .Add("--of", flags.of,
                 "What may be away: items of the history (the recommender is run again), or "
                 "concepts")
            .Must(Check::OneOf({"history", "concepts"}))
            .ShowDefault();
        command.Add("--max-size", flags.max_size, "How much at most [default: 5]")
            .Must(Check::Range(1, 20));
        command.Add("--top", flags.top_items, "Length of the list [default: 10]")
            .Must(Check::Positive());
        AddExcludeFlags(command, flags.exclude, flags.keep_seen);
      },
      FindCounterfactual);
}

}  // namespace

void AddExplainCommands(CommandLine& line) {
  AddEvaluate(line);
  AddExplain(line);
  AddCounterfactual(line);
}

}  // namespace recsae::cli
