#include "common/storage/mutation.h"

#include "absl/strings/str_cat.h"

namespace recsae {

absl::Status Transaction::Commit(absl::string_view response) {
  ticket_.Record(batch_, response);
  RECSAE_RETURN_IF_ERROR(database_.Write(std::move(batch_)));
  committed_ = true;
  return absl::OkStatus();
}

absl::StatusOr<std::optional<std::string>> MutateOrReplay(
    RequestLog& log, const MutationRequest& request,
    absl::FunctionRef<absl::Status(Transaction&)> change) {
  RECSAE_ASSIGN_OR_RETURN(RequestTicket ticket,
                          log.Begin(request.method, request.request_id, request.content));
  if (ticket.replay().has_value()) return ticket.replay();
  Transaction transaction(log.database(), std::move(ticket));
  RECSAE_RETURN_IF_ERROR(change(transaction));
  if (transaction.committed()) return std::nullopt;
  return Error(absl::StatusCode::kInternal, "STORE_ERROR",
               absl::StrCat(request.method, " committed nothing"));
}

absl::Status ReplayCorrupt(absl::string_view method) {
  return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
               absl::StrCat("the stored response of ", method, " cannot be read"));
}

}  // namespace recsae
