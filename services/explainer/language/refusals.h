// Answers of an endpoint that are about one question.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_REFUSALS_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_REFUSALS_H_

#include <string>

#include "absl/status/status.h"
#include "common/base/status.h"

namespace recsae::explainer {

// So many refused questions in a row are the endpoint's fault and not theirs.
inline constexpr int kMaxRefused = 5;

// Whether it is about one question, and others may be answered.
inline bool IsRefusal(const absl::Status& status) {
  const std::string reason = Reason(status);
  return reason == "ENDPOINT_ANSWER_INVALID" || reason == "ENDPOINT_ANSWER_TOO_LARGE" ||
         reason == "ENDPOINT_REFUSED";
}

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_REFUSALS_H_
