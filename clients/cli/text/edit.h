// The edits of `recsae steer`, as people write them.
#ifndef RECSAE_CLIENTS_CLI_TEXT_EDIT_H_
#define RECSAE_CLIENTS_CLI_TEXT_EDIT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::explainer::v1 {
class Edit;
}  // namespace recsae::explainer::v1

namespace recsae::cli {

// WHAT:HOW, where WHAT is "#17" (a latent), "@17" (the group of concepts that latent 17 leads) or
// words that a concept's description matches, and HOW is
//   +4 or -4   add so many standard deviations of the latent, or of the group
//   x10        multiply the latent's activation (x0.5, x-1)
//   =2         set it, in the SAE's units, >= 0
//   push-1.5   add to it in the SAE's units, below 0, too (what evaluate-steering prints)
//   off        remove the latent
// The last colon divides, so that words may hold colons. `max_latents`: how many concepts words may
// choose, 0 = as Edit.max_latents of the explainer has it. INVALID_ARGUMENT says what is wrong and
// shows an edit that is right.
absl::StatusOr<explainer::v1::Edit> ParseEdit(absl::string_view text, int max_latents);

// Back to WHAT:HOW, for messages.
std::string FormatEdit(const explainer::v1::Edit& edit);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_EDIT_H_
