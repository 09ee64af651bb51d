// One way to change a store: check the request id, replay or do, one batch with its log entry,
// sync.
#ifndef RECSAE_COMMON_STORAGE_MUTATION_H_
#define RECSAE_COMMON_STORAGE_MUTATION_H_

#include <optional>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "common/storage/database.h"
#include "common/storage/request_log.h"

namespace recsae {

// See RequestLog::Begin.
struct MutationRequest {
  absl::string_view method;
  absl::string_view request_id;
  absl::string_view content;
};

// A change that takes effect as a whole, together with the record that makes a repeat of its
// request harmless. Used by one thread.
class Transaction {
 public:
  Transaction(Database& database, RequestTicket ticket)
      : database_(database), ticket_(std::move(ticket)), batch_(database.NewBatch()) {}
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;

  WriteBatch& batch() { return batch_; }
  // Writes the batch; on disk on return. `response` is what a repeat is answered with. Once.
  absl::Status Commit(absl::string_view response);
  bool committed() const { return committed_; }

 private:
  Database& database_;
  const RequestTicket ticket_;
  WriteBatch batch_;
  bool committed_ = false;
};

// Runs `change` and returns nothing; or, if the request was answered before, that answer. `change`
// takes the store's lock, fills the batch, commits, and shows the result to readers, in this order;
// or fails before it has committed. Errors: those of RequestLog::Begin and of `change`.
absl::StatusOr<std::optional<std::string>> MutateOrReplay(
    RequestLog& log, const MutationRequest& request,
    absl::FunctionRef<absl::Status(Transaction&)> change);

// DATA_LOSS (STORE_CORRUPT).
absl::Status ReplayCorrupt(absl::string_view method);

// The same for a response that is a protobuf message: `change` fills it and commits its bytes.
template <typename Message>
absl::Status Mutate(RequestLog& log, const MutationRequest& request, Message* response,
                    absl::FunctionRef<absl::Status(Transaction&)> change) {
  RECSAE_ASSIGN_OR_RETURN(const std::optional<std::string> replay,
                          MutateOrReplay(log, request, change));
  if (!replay.has_value() || response->ParseFromString(*replay)) return absl::OkStatus();
  return ReplayCorrupt(request.method);
}

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_MUTATION_H_
