// Cases as callers see them (item ids) to and from stored ones (positions in the catalogue).
#ifndef RECSAE_SERVICES_PROBE_RPC_CASE_MESSAGES_H_
#define RECSAE_SERVICES_PROBE_RPC_CASE_MESSAGES_H_

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {

// Asked between steps of long work; what it returns, if not OK, ends the work.
using Alive = absl::FunctionRef<absl::Status()>;

// Items of histories and exclusions that the catalogue does not have.
struct SkippedItems {
  int64_t count = 0;
  std::set<std::string> ids;  // the first kMaxUnknownItems
};

// The cases of a recorded batch, without items of their histories and exclusions that are unknown,
// which are added to `skipped`. NOT_FOUND (ITEM_NOT_FOUND) for other items that are unknown, or
// INVALID_ARGUMENT (CASE_INVALID), naming the field, for example "batch.cases[3].target_item_id".
absl::StatusOr<std::vector<StoredCase>> ToStoredCases(
    const google::protobuf::RepeatedPtrField<v1::Case>& cases, const ItemIndex& index,
    SkippedItems& skipped);

// Reads the cases of one capture as callers see them. Used by one thread.
class CaseReader {
 public:
  // NOT_FOUND if the capture's recommender is gone.
  static absl::StatusOr<CaseReader> Open(Resources& resources, const StoredCapture& capture,
                                         Alive alive);

  // The cases of these rows, in their order; without context if the capture has none. Those without
  // ranked items get them where the recommender has a prediction head; `activations`
  // [rows, dim] saves reading them, null = not at hand.
  absl::StatusOr<std::vector<v1::Case>> Read(absl::Span<const int64_t> rows,
                                             const float* activations, Alive alive) const;

 private:
  CaseReader(Resources& resources, const StoredCapture& capture)
      : resources_(&resources), capture_(capture) {}
  absl::Status Rank(absl::Span<const int64_t> rows, const float* activations, Alive alive,
                    std::vector<StoredCase>& cases) const;

  Resources* resources_;
  StoredCapture capture_;
  std::shared_ptr<const ItemIndex> index_;
  std::shared_ptr<const PredictionHead> head_;  // null if there is none
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RPC_CASE_MESSAGES_H_
