// What the subject's user wants for good: controls of the concept-store, applied before anything
// that a call asks for.
#ifndef RECSAE_SERVICES_EXPLAINER_CALLS_CONTROLS_H_
#define RECSAE_SERVICES_EXPLAINER_CALLS_CONTROLS_H_

#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/explainer/calls/steer_edits.h"

namespace google::protobuf {
template <typename T>
class RepeatedPtrField;
}  // namespace google::protobuf

namespace recsae::explainer::v1 {
class AppliedControl;
class ExplainRequest;
class Subject;
}  // namespace recsae::explainer::v1

namespace recsae::explainer {

struct ResolvedSubject;

using UserControls = std::vector<concept_store::v1::Control>;

// The id of the user that a subject is; empty for one that does not say.
absl::string_view UserOf(const v1::Subject& subject);

// The controls of the subject's user that are in force, none for a subject without an id. Fails as
// ListControls of the concept-store, with UNAVAILABLE too: nobody is shown by mistake what they
// want never to see. A store that knows no controls has none.
absl::StatusOr<UserControls> ReadControls(Backend& backend, const Caller& caller,
                                          const std::string& sae, const v1::Subject& subject);

// Where a control stands among the origins of edits: behind all edits that a request can hold.
inline int PlaceOfControl(size_t control) { return 1'000'000 + static_cast<int>(control); }

// The edits that do them, to `resolved`.
void ResolveControls(const SteeringContext& context,
                     absl::Span<const concept_store::v1::Control> controls,
                     ResolvedEdits& resolved);

// One for each to `out`; `effective` says of each edit whether it changed something.
void WriteControls(absl::Span<const concept_store::v1::Control> controls,
                   const ResolvedEdits& resolved, const std::vector<bool>& effective,
                   google::protobuf::RepeatedPtrField<v1::AppliedControl>* out);

// For Explain: changes the subject's activation as its user's controls say, and tells of them.
// Errors as ReadControls, SteerActivation and ResumeFromSite.
absl::Status ApplyControls(Backend& backend, const Caller& caller,
                           const v1::ExplainRequest& request, ResolvedSubject& subject,
                           google::protobuf::RepeatedPtrField<v1::AppliedControl>* out);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_CALLS_CONTROLS_H_
