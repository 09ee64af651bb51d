// What a prediction head ranks highest for captured activations.
#ifndef RECSAE_SERVICES_PROBE_RESOURCES_RANKED_ITEMS_H_
#define RECSAE_SERVICES_PROBE_RESOURCES_RANKED_ITEMS_H_

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "common/messages/tensor.h"
#include "services/probe/captures/case_codec.h"
#include "services/probe/resources/prediction_head.h"

namespace recsae::probe {

inline constexpr int kDefaultRankedItems = 10;

// Fills `ranked` with the n best items, best first, for every case that has none; the items of its
// history and its excluded ones are left out. activations [cases, head.dim]. `alive` is asked
// every few milliseconds; what it returns, if not OK, ends the work.
absl::Status FillRankedItems(const PredictionHead& head, const MatrixView& activations, int n,
                             absl::FunctionRef<absl::Status()> alive, absl::Span<StoredCase> cases);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RESOURCES_RANKED_ITEMS_H_
