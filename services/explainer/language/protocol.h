// Describes latents and judges descriptions with a language model, on the cases of the RecSAE
// paper's protocol (section 3.3).
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_PROTOCOL_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_PROTOCOL_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/language/language_model.h"
#include "services/explainer/verification/case_selection.h"
#include "services/explainer/verification/paper_protocol.h"

namespace recsae::explainer {

// In one call, or a call a case.
enum class LanguageJudge { kDetection, kLevels };

struct LanguageProtocolOptions {
  SelectionOptions selection;
  LanguageJudge judge = LanguageJudge::kDetection;
  bool judge_only = false;  // writes no descriptions
};

struct JudgedText {
  std::string text;
  bool by_model = false;
  Tally tally;
  int64_t unix_seconds = 0;  // when it was judged
};

// What was found out about one latent.
struct LanguageResult {
  std::vector<JudgedText> judged;  // best first; of equal ones the statistical
  // Its cases judged by the description of another latent, which says something else.
  std::optional<Tally> control;
};

// Whether two judgements of the same case agree.
struct Retest {
  int both = 0;     // activated both times
  int neither = 0;  // not activated both times
  int first = 0;    // activated the first time alone
  int second = 0;

  int cases() const { return both + neither + first + second; }
  double Agreement() const;  // 0 without cases
  double Kappa() const;      // Cohen's; 0 where it is not defined
};

struct LanguageResults {
  std::vector<LanguageResult> latents;
  Retest retest;
  int unreadable = 0;   // answers that said nothing that was asked
  std::string stopped;  // why not all were asked about; "" where they were
};

// Called with (latents done, all), from one thread at a time; a status that is not OK ends the
// work. `alive` may be called by several.
struct LanguageCallbacks {
  std::function<absl::Status(int done, int total)> progress;
  std::function<absl::Status()> alive;
};

// `statistical`: a description for each latent, "" where it has none; these are judged, and only
// these latents asked about. A function of its arguments and the model's answers: it asks what it
// asks, and in blocks of latents whose order does not depend on threads. An answer that cannot be
// read, and an endpoint that refuses a single question, leave a latent out; an endpoint that does
// not answer ends the work with its error, and so do several refusals in a row. The end of the
// budget ends it with what is there.
absl::StatusOr<LanguageResults> RunLanguageProtocol(LanguageModel& model, LanguageBudget& budget,
                                                    const CaseTable& cases,
                                                    const ItemFeatures& features,
                                                    std::span<const ItemText> items,
                                                    std::span<const std::string> statistical,
                                                    const LanguageProtocolOptions& options,
                                                    const LanguageCallbacks& callbacks);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_PROTOCOL_H_
