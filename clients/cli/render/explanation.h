// Explanations and steered recommendations as text.
#ifndef RECSAE_CLIENTS_CLI_RENDER_EXPLANATION_H_
#define RECSAE_CLIENTS_CLI_RENDER_EXPLANATION_H_

#include <cstddef>
#include <set>
#include <string>
#include <vector>

#include "clients/cli/text/table.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

class Console;

// "87.1 % of the activation is in these concepts:", or that the SAE does not explain it.
std::string ShareExplained(const explainer::v1::Explanation& explanation);

// "#412 horror, 1980s", its description cut where it is long; "#412" without one.
std::string LatentLabel(int latent, const std::string& description);

// What an activation is about: its active latents by what they mean.
Table ActiveGroups(const explainer::v1::Explanation& explanation);

// The latents one by one: number, activation, strength as a bar of its level, correlation, meaning.
Table ActiveLatents(const explainer::v1::Explanation& explanation);

// Each item but those of `left_out`: what everyone gets, the `concepts` groups that are most above
// or below what others have, and what is left of the user's own; then the items of the history that
// it comes from.
Table PersonalItems(const explainer::v1::Explanation& explanation,
                    const std::set<std::string>& left_out, int concepts);

// "  1  Alien (1979)  Because of ...", a line for each item that there is something to say of.
Table ReasonSentences(const explainer::v1::Explanation& explanation,
                      const std::set<std::string>& left_out);

// How reasons were found, and what was left out of them; empty without reasons.
std::string ReasonNote(const explainer::v1::Explanation& explanation);

// Each item but those of `left_out`, with the contributions of the `concepts` groups that move its
// score most and one line for the rest (other groups, bias, residual).
Table ExplainedItems(const explainer::v1::Explanation& explanation,
                     const std::set<std::string>& left_out, int concepts);

// The last `count` of a history, the newest first.
std::vector<std::string> Newest(const std::vector<std::string>& history, size_t count);

// "Alien (1979) · Aliens (1986)": titles of those items that the explanation holds, in the order of
// `ids`.
std::string Titles(const explainer::v1::Explanation& explanation,
                   const std::vector<std::string>& ids);

// The edits as they were applied.
Table AppliedEdits(const explainer::v1::SteerResponse& response);

// Before and after side by side, with where each item went or came from.
Table BeforeAfter(const explainer::v1::SteerResponse& response);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_EXPLANATION_H_
