// What explanations and steered lists come with.
#ifndef RECSAE_CLIENTS_CLI_COMMANDS_NOTES_H_
#define RECSAE_CLIENTS_CLI_COMMANDS_NOTES_H_

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/session/console.h"
#include "clients/cli/text/text.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

// What the caller should know of ids and of the subject.
template <typename Response>
void SayNotes(Console& console, const Response& response) {
  for (const std::string& warning : response.warnings()) console.Say("warning: " + warning);
  if (response.unknown_item_ids().empty()) return;
  console.Say(absl::StrCat("not in the catalogue, and left out: ",
                           absl::StrJoin(response.unknown_item_ids(), ", ")));
}

// What the user's controls did: "control: less horror".
template <typename Response>
void SayControls(Console& console, const Response& response) {
  for (const auto& control : response.controls()) {
    std::string what = explainer::v1::Polarity_Name(control.polarity());
    what = absl::AsciiStrToLower(what.substr(what.rfind('_') + 1));
    console.Say(
        absl::StrCat("control: ", what, " ", Clean(control.description()),
                     control.no_effect().empty() ? "" : " changes nothing: ", control.no_effect()));
  }
}

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_COMMANDS_NOTES_H_
