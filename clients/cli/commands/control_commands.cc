// recsae controls: what users want more or less of.

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/render/render.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/json.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/span.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/messages/time.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using concept_store::v1::Control;
using explainer::v1::Explainer;

struct SetFlags {
  std::string sae;
  std::string user;
  std::vector<std::string> words;
  std::optional<int> latent;
  double strength = 0;
  std::string expires;
  std::string request_id;
};

struct ListFlags {
  std::string sae;
  std::string user;
  bool expired = false;
  int limit = 50;
};

struct DeleteFlags {
  std::string sae;
  std::string name;
  std::string request_id;
};

std::string PolarityText(Control::Polarity polarity) {
  switch (polarity) {
    case Control::POLARITY_MORE:
      return "more";
    case Control::POLARITY_LESS:
      return "less";
    case Control::POLARITY_NEVER:
      return "never";
    default:
      return "";
  }
}

std::string ConceptText(const Control& control) {
  const std::string latent = absl::StrCat("#", control.lead_latent());
  return control.description().empty() ? latent
                                       : absl::StrCat(latent, " ", Clean(control.description()));
}

std::string UntilText(const Control& control) {
  if (control.has_delete_time()) {
    return absl::StrCat("deleted ", FormatTime(control.delete_time()));
  }
  return control.has_expire_time() ? FormatTime(control.expire_time()) : "";
}

Table ControlTable(const std::vector<Control>& controls) {
  Table table({{"CONTROL"},
               {"USER"},
               {"WANTS"},
               {"STRENGTH", true},
               {"CONCEPT", false, true},
               {"UNTIL"},
               {"SET BY"}});
  for (const Control& control : controls) {
    table.Add({LastId(control.name()), Clean(control.user_id()), PolarityText(control.polarity()),
               control.strength() == 0 ? "" : FormatNumber(control.strength()),
               ConceptText(control), UntilText(control), Clean(control.creator())});
  }
  return table;
}

// "less" where the latent is named by its number.
absl::StatusOr<Control::Polarity> ParsePolarity(const std::vector<std::string>& words) {
  const std::string word = absl::AsciiStrToLower(absl::StrJoin(words, " "));
  for (const Control::Polarity polarity :
       {Control::POLARITY_MORE, Control::POLARITY_LESS, Control::POLARITY_NEVER}) {
    if (word == PolarityText(polarity)) return polarity;
  }
  return UsageError(absl::StrCat("with --latent write more, less or never, not '", word, "'"));
}

// Controls that the words ask for, without a user. What is not understood is an error: nothing is
// set of a wish that was understood by half.
absl::StatusOr<std::vector<Control>> Understand(Session& session, const std::string& sae,
                                                const std::vector<std::string>& words) {
  explainer::v1::ResolveWishesRequest request;
  request.set_sae(sae);
  request.set_text(absl::StrJoin(words, " "));
  RECSAE_ASSIGN_OR_RETURN(
      const auto response,
      session.Call(session.explainer(), &Explainer::Stub::ResolveWishes, request));
  std::vector<Control> controls;
  for (const auto& wish : response.wishes()) {
    if (wish.popularity_steps() != 0) {
      return Error(absl::StatusCode::kInvalidArgument, "WISH_NOT_UNDERSTOOD",
                   absl::StrCat("'", wish.text(),
                                "': a control is about a concept; how popular items are is for "
                                "recsae steer --popularity; nothing was set"),
                   {{"wish", wish.text()}});
    }
    if (!wish.problem().empty() || wish.concepts().empty()) {
      return Error(absl::StatusCode::kInvalidArgument, "WISH_NOT_UNDERSTOOD",
                   absl::StrCat("'", wish.text(), "': ",
                                wish.problem().empty() ? "no concept matches" : wish.problem(),
                                "; nothing was set"),
                   {{"wish", wish.text()}});
    }
    if (wish.has_by_meaning()) {
      session.console().Say(absl::StrCat("'", wish.text(), "' was understood by its meaning, as ",
                                         Clean(wish.concepts(0).description())));
    }
    for (const auto& found : wish.concepts()) {
      Control& control = controls.emplace_back();
      control.set_lead_latent(found.lead_latent());
      // The numbers of both enumerations are the same.
      control.set_polarity(static_cast<Control::Polarity>(wish.polarity()));
    }
  }
  return controls;
}

void SayReplaced(Session& session, const Control& control) {
  session.console().Say(
      absl::StrCat("in place of: ", PolarityText(control.polarity()), " ", ConceptText(control)));
}

absl::Status Set(Session& session, const SetFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  std::vector<Control> wanted;
  if (flags.latent.has_value()) {
    RECSAE_ASSIGN_OR_RETURN(const Control::Polarity polarity, ParsePolarity(flags.words));
    wanted.emplace_back().set_lead_latent(*flags.latent);
    wanted.back().set_polarity(polarity);
  } else {
    RECSAE_ASSIGN_OR_RETURN(wanted, Understand(session, sae.name(), flags.words));
  }
  absl::Time end = absl::InfiniteFuture();
  if (!flags.expires.empty()) {
    RECSAE_ASSIGN_OR_RETURN(const absl::Duration span, ParseSpan(flags.expires));
    end = absl::Now() + span;
  }

  concept_store::v1::ListControlsResponse set;
  std::vector<Control> replaced;
  const std::string request_id = flags.request_id.empty() ? NewRequestId() : flags.request_id;
  for (size_t i = 0; i < wanted.size(); ++i) {
    concept_store::v1::CreateControlRequest request;
    request.set_parent(sae.name());
    *request.mutable_control() = wanted[i];
    request.mutable_control()->set_user_id(flags.user);
    if (wanted[i].polarity() != Control::POLARITY_NEVER) {
      request.mutable_control()->set_strength(flags.strength);
    }
    if (end != absl::InfiniteFuture()) {
      *request.mutable_control()->mutable_expire_time() = ToTimestamp(end);
    }
    request.set_request_id(i == 0 ? request_id : absl::StrCat(request_id, "-", i));
    auto response =
        session.Call(session.concept_store(), &ConceptStore::Stub::CreateControl, request);
    if (!response.ok() && i > 0) {
      return Annotate(response.status(), absl::StrCat(i, " of ", wanted.size(), " were set"));
    }
    RECSAE_RETURN_IF_ERROR(response.status());
    if (response->has_replaced()) replaced.push_back(response->replaced());
    *set.add_controls() = std::move(*response->mutable_control());
  }
  if (session.json()) return session.PrintJson(set);
  session.console().Print(ControlTable({set.controls().begin(), set.controls().end()}));
  for (const Control& control : replaced) SayReplaced(session, control);
  return absl::OkStatus();
}

absl::Status List(Session& session, const ListFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  concept_store::v1::ListControlsRequest request;
  request.set_parent(sae.name());
  request.set_user_id(flags.user);
  request.set_show_expired(flags.expired);
  RECSAE_ASSIGN_OR_RETURN(
      const auto all,
      session.List(session.concept_store(), &ConceptStore::Stub::ListControls, request,
                   &concept_store::v1::ListControlsResponse::controls_size, flags.limit));
  if (session.json()) return session.PrintJson(all);
  if (all.controls().empty()) {
    session.console().Say(
        absl::StrCat(flags.user.empty() ? "no controls" : "no controls of " + flags.user, " in ",
                     sae.name(), "; set one with recsae controls set --user USER less WORDS"));
    return absl::OkStatus();
  }
  session.console().Print(ControlTable({all.controls().begin(), all.controls().end()}));
  if (!all.next_page_token().empty()) session.console().Say("there are more; see --limit");
  return absl::OkStatus();
}

absl::StatusOr<std::string> NameOf(Session& session, const DeleteFlags& flags) {
  if (flags.name.find('/') != std::string::npos) return FullName(flags.name, kControlPattern);
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  return absl::StrCat(sae.name(), "/controls/", flags.name);
}

absl::Status Delete(Session& session, const DeleteFlags& flags) {
  concept_store::v1::DeleteControlRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), NameOf(session, flags));
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(
      const auto empty,
      session.Call(session.concept_store(), &ConceptStore::Stub::DeleteControl, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say(absl::StrCat("deleted ", request.name(),
                                     "; for a day recsae controls undo ", LastId(request.name()),
                                     " brings it back"));
  return absl::OkStatus();
}

absl::Status Undo(Session& session, const DeleteFlags& flags) {
  concept_store::v1::UndeleteControlRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), NameOf(session, flags));
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(
      const auto response,
      session.Call(session.concept_store(), &ConceptStore::Stub::UndeleteControl, request));
  if (session.json()) return session.PrintJson(response);
  session.console().Print(ControlTable({response}));
  return absl::OkStatus();
}

void AddName(Command& command, DeleteFlags& flags) {
  command
      .Add("CONTROL", flags.name,
           "As recsae controls list shows it, or SAE/CONTROL, or the "
           "whole name")
      .Required();
}

void AddSae(Command& command, std::string& sae) {
  command.Add("--sae", sae, "SAE [default: the only one]");
}

}  // namespace

void AddControlCommands(CommandLine& line) {
  Command group =
      line.AddGroup("controls", "What users want more or less of, until they say otherwise",
                    "  recsae controls set --user 42 less horror\n"
                    "  recsae controls list --user 42\n"
                    "  recsae controls delete 01k9x4r5m8f2t6v0w3y7z1a2bc");
  line.Add<SetFlags>(
      group, "set", "Set what a user wants more or less of, or never",
      "  recsae controls set --user 42 less horror\n"
      "  recsae controls set --user 42 more 90s thrillers, no musicals --expires 30d\n"
      "  recsae controls set --user 42 less --latent 17 --strength 2\n"
      "Explain and Steer of this user go by it from then on. Words are understood as concepts of "
      "the SAE and shown;\nwhere they are not, nothing is set. A control of the same concept takes "
      "the place of the one before.\n\"never\" (or \"no\") takes the concept out altogether, and "
      "has no strength.",
      [](Command& command, SetFlags& flags) {
        command
            .Add("WISHES", flags.words,
                 "more, less or no and what, parted by commas; with --latent: more, less or never")
            .Required();
        AddSae(command, flags.sae);
        command.Add("--user", flags.user, "Whose: the id by which Explain and Steer are asked")
            .Required();
        command
            .Add("--latent", flags.latent,
                 "The concept by its number, that of the first of its group (recsae concepts list)")
            .Must(Check::NonNegative());
        command
            .Add("--strength", flags.strength,
                 "Of more and less: 1 is about a point of NDCG@10 at most; up to 10 [default: 1]")
            .Must(Check::NonNegative());
        command
            .Add("--expires", flags.expires,
                 "For how long: 12h, 30d, 2w [default: until it is deleted]")
            .Type("SPAN")
            .Must(Check([](const std::string& text) {
              return std::string(ParseSpan(text).status().message());
            }));
        AddRequestId(command, flags.request_id);
      },
      Set);
  line.Add<ListFlags>(
      group, "list", "List what users want, by user",
      "  recsae controls list --user 42\n  recsae controls list --expired --limit 0",
      [](Command& command, ListFlags& flags) {
        AddSae(command, flags.sae);
        command.Add("--user", flags.user, "Only of this user [default: all]");
        command.AddSwitch("--expired", flags.expired,
                          "Those, too, that expired or were deleted within a day");
        command.Add("--limit", flags.limit, "At most so many; 0 = all [default: 50]")
            .Must(Check::NonNegative());
      },
      List);
  line.Add<DeleteFlags>(
      group, "delete", "Take a control back", "  recsae controls delete 01k9x4r5m8f2t6v0w3y7z1a2bc",
      [](Command& command, DeleteFlags& flags) {
        AddName(command, flags);
        AddSae(command, flags.sae);
        AddRequestId(command, flags.request_id);
      },
      Delete);
  line.Add<DeleteFlags>(
      group, "undo", "Have a control again that was deleted within a day",
      "  recsae controls list --expired --user 42\n"
      "  recsae controls undo 01k9x4r5m8f2t6v0w3y7z1a2bc",
      [](Command& command, DeleteFlags& flags) {
        AddName(command, flags);
        AddSae(command, flags.sae);
        AddRequestId(command, flags.request_id);
      },
      Undo);
}

}  // namespace recsae::cli
