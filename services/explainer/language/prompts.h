// What a language model is told: templates that users can change.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_PROMPTS_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_PROMPTS_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/endpoint/chat.h"

namespace recsae::explainer {

// Messages with {{names}} in them, from a text in which lines "[system]", "[user]" and
// "[assistant]" stand before the message of that role.
class PromptTemplate {
 public:
  // INVALID_ARGUMENT (PROMPT_INVALID) if the text has no [user] message or lacks one of `names`.
  static absl::StatusOr<PromptTemplate> Parse(absl::string_view text,
                                              const std::vector<std::string>& names);

  // Each {{name}} replaced by its value; values are not looked into.
  std::vector<ChatMessage> Fill(
      const std::vector<std::pair<std::string, std::string>>& values) const;

 private:
  std::vector<ChatMessage> messages_;
};

// Immutable and thread-safe.
struct Prompts {
  PromptTemplate describe;  // {{active}}, {{inactive}}: cases, a line each, with levels
  PromptTemplate detect;    // {{description}}, {{cases}}: a numbered line each
  PromptTemplate level;     // {{description}}, {{case}}
  std::string hash;         // SHA-256 of the texts
};

// Our own, each replaced by describe.txt, detect.txt or level.txt in `folder` where that is there
// ("" = none are). INVALID_ARGUMENT (PROMPT_INVALID) names the file.
absl::StatusOr<Prompts> LoadPrompts(const std::string& folder);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_PROMPTS_H_
