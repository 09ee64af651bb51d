// recsae steer.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands/notes.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/subject.h"
#include "clients/cli/render/explanation.h"
#include "clients/cli/render/steering.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/edit.h"
#include "clients/cli/text/errors.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explainer;
using explainer::v1::SteerRequest;

struct SteerFlags {
  SubjectFlags subject;
  std::vector<std::string> edits;
  std::vector<std::string> wishes;
  double strength = 1;
  std::string mode = "delta";
  std::optional<double> max_change;
  std::string popularity;
  int per_text = 0;
  int top_items = 0;
  std::vector<std::string> exclude;
  bool keep_seen = false;
  bool dry_run = false;
  bool ignore_controls = false;
};

SteerRequest::Mode ModeOf(const std::string& name) {
  if (name == "reconstruction") return SteerRequest::MODE_RECONSTRUCTION;
  return name == "projection" ? SteerRequest::MODE_PROJECTION : SteerRequest::MODE_DELTA;
}

// One text; a wish never goes on where another --wish begins.
std::string Wishes(const SteerFlags& flags) { return absl::StrJoin(flags.wishes, "\n"); }

// "own", or steps.
absl::StatusOr<explainer::v1::PopularityChange> ParsePopularity(const std::string& text) {
  explainer::v1::PopularityChange change;
  double steps = 0;
  if (text == "own") {
    change.set_own(true);
  } else if (absl::SimpleAtod(text, &steps)) {
    change.set_steps(steps);
  } else {
    return UsageError(
        absl::StrCat("--popularity must be own, or steps such as -1 or 2, is \"", text, "\""));
  }
  return change;
}

absl::Status CheckFlags(const SteerFlags& flags) {
  // A user's controls may be all there is.
  const bool controls = !flags.subject.user.empty() && !flags.ignore_controls;
  if (flags.edits.empty() && flags.wishes.empty() && flags.popularity.empty() && !controls) {
    return UsageError(
        "say what to change: --wish \"less gore, more comedies\" or --edit horror:+4");
  }
  if (flags.dry_run && flags.wishes.empty()) {
    return UsageError("--dry-run shows how wishes are understood: give a --wish");
  }
  return absl::OkStatus();
}

absl::Status ShowWishes(Session& session, const SteerFlags& flags, const std::string& sae,
                        const explainer::v1::Subject& subject) {
  explainer::v1::ResolveWishesRequest request;
  request.set_sae(sae);
  request.set_text(Wishes(flags));
  *request.mutable_subject() = subject;
  RECSAE_ASSIGN_OR_RETURN(
      const auto response,
      session.Call(session.explainer(), &Explainer::Stub::ResolveWishes, request));
  if (session.json()) return session.PrintJson(response);
  session.console().Print(UnderstoodWishes(response.wishes()));
  return absl::OkStatus();
}

void PrintSteered(Console& console, const std::string& title,
                  const explainer::v1::SteerResponse& response) {
  console.Heading(absl::StrCat(title, ", steered"));
  if (!response.wishes().empty()) {
    console.Print(UnderstoodWishes(response.wishes()));
    console.Print("\n");
  }
  console.Print(AppliedEdits(response));
  console.Print(absl::StrCat("\n", ChangeLine(response), "\n"));
  if (response.has_popularity()) console.Print(absl::StrCat(PopularityLine(response), "\n"));
  console.Print("\n");
  if (response.before().empty()) {
    console.Print(
        "The item vectors are not known here: use --json and score with the returned "
        "activation.\n");
  } else {
    console.Print(BeforeAfter(response));
  }
}

absl::Status Steer(Session& session, const SteerFlags& flags) {
  RECSAE_RETURN_IF_ERROR(CheckFlags(flags));
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.subject.sae));
  RECSAE_ASSIGN_OR_RETURN(const ChosenSubject chosen, ChooseSubject(session, sae, flags.subject));
  if (flags.dry_run) return ShowWishes(session, flags, sae.name(), chosen.subject);
  SteerRequest request;
  request.set_sae(sae.name());
  *request.mutable_subject() = chosen.subject;
  for (const std::string& edit : flags.edits) {
    RECSAE_ASSIGN_OR_RETURN(*request.add_edits(), ParseEdit(edit, flags.per_text));
  }
  request.set_wishes(Wishes(flags));
  request.set_wish_strength(flags.strength);
  request.set_mode(ModeOf(flags.mode));
  if (flags.max_change.has_value()) request.set_max_change(*flags.max_change);
  if (!flags.popularity.empty()) {
    RECSAE_ASSIGN_OR_RETURN(*request.mutable_popularity(), ParsePopularity(flags.popularity));
  }
  request.set_top_item_count(flags.top_items);
  request.set_keep_seen_items(flags.keep_seen);
  request.set_ignore_controls(flags.ignore_controls);
  for (const std::string& id : flags.exclude) request.add_exclude_item_ids(id);
  RECSAE_ASSIGN_OR_RETURN(const auto response,
                          session.Call(session.explainer(), &Explainer::Stub::Steer, request));
  Console& console = session.console();
  SayNotes(console, response);
  SayControls(console, response);
  for (const auto& ineffective : response.ineffective_edits()) {
    const int edit = ineffective.edit();
    const bool known = edit >= 0 && static_cast<size_t>(edit) < flags.edits.size();
    console.Say(absl::StrCat("--edit ", known ? flags.edits[static_cast<size_t>(edit)] : "",
                             " changes nothing: ", ineffective.reason()));
  }
  if (session.json()) return session.PrintJson(response);
  PrintSteered(console, chosen.title, response);
  return absl::OkStatus();
}

void AddEditFlags(Command& command, SteerFlags& flags) {
  command.Add("--edit", flags.edits, "What to change; may be repeated")
      .OneArgumentEach()
      .Type("WHAT:HOW")
      .Must(Check([](const std::string& text) {
        return std::string(ParseEdit(text, 1).status().message());
      }));
  command
      .Add("--wish", flags.wishes,
           "What is wanted, in English; may be repeated. Done before the edits")
      .OneArgumentEach()
      .Type("WORDS");
  command.Add("--strength", flags.strength, "How strongly wishes act, above 0, at most 10")
      .ShowDefault()
      .Must(Check::Positive());
  command
      .Add("--popularity", flags.popularity,
           "How popular shall be what is recommended: steps more (1) or less (-1), or own: as what "
           "the user's history holds")
      .Type("STEPS|own");
  command.AddSwitch("--dry-run", flags.dry_run,
                    "Only show how the wishes are understood; nothing is steered");
  command
      .Add("--per-text", flags.per_text,
           "Concepts that the words of one edit may choose [default: all active ones that match to "
           "scale, remove and take from, the best one to add and set]")
      .Must(Check::Positive());
  command
      .Add("--mode", flags.mode,
           "delta: only what changes is added; projection: what is removed is taken out of the "
           "rest of the activation, too; reconstruction: as in the paper")
      .Must(Check::OneOf({"delta", "projection", "reconstruction"}))
      .ShowDefault();
  command
      .Add("--max-change", flags.max_change,
           "Bound of the change, as a share of what sets the user apart; 0 = none [default: 1]")
      .Must(Check::NonNegative());
}

}  // namespace

void AddSteerCommand(CommandLine& line) {
  line.Add<SteerFlags>(
      line.root(), "steer", "Change concepts and see what would be recommended then",
      "  recsae steer --user 42 --wish \"less gore, more 90s thrillers, no musicals\"\n"
      "  recsae steer --user 42 --wish \"no horror\" --dry-run   # how is that understood?\n"
      "  recsae steer --user 42 --edit horror:+4              # 4 standard deviations more\n"
      "  recsae steer --user 42 --edit horror:off --edit '#17:x2' --mode projection\n"
      "  recsae steer --user 42 --wish \"hidden gems\"          # less popular; or --popularity "
      "-1\n"
      "  recsae steer --user 42 --popularity own              # as popular as what they know\n"
      "  recsae steer --history 1196,260 --edit '#17:=3' --mode reconstruction\n"
      "A wish is for more, for less (less, fewer, too much) or for none (no, without, never).\n"
      "An edit is WHAT:HOW. WHAT: #LATENT, @LATENT (the group that it leads), or words that\n"
      "concepts are searched for. HOW: +4 or -4 (standard deviations), x10 (times), =2 (set),\n"
      "off (remove).",
      [](Command& command, SteerFlags& flags) {
        AddSubjectFlags(command, flags.subject);
        AddEditFlags(command, flags);
        command.Add("--top", flags.top_items, "Items in each list [default: 10]")
            .Must(Check::Positive());
        AddExcludeFlags(command, flags.exclude, flags.keep_seen);
        AddIgnoreControls(command, flags.ignore_controls);
      },
      Steer);
}

}  // namespace recsae::cli
