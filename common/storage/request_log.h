// Replay of mutations: the first response of a request_id, stored with the write it answers.
#ifndef RECSAE_COMMON_STORAGE_REQUEST_LOG_H_
#define RECSAE_COMMON_STORAGE_REQUEST_LOG_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/storage/database.h"

namespace recsae {

// One request under its request_id. While it lives, the same id of the same method waits in Begin,
// so that a retry which overtakes its first attempt is still stored once.
class RequestTicket {
 public:
  RequestTicket(RequestTicket&&) noexcept;
  RequestTicket& operator=(RequestTicket&&) noexcept;
  ~RequestTicket();

  // The serialized first response if this is a replay: return it and write nothing.
  const std::optional<std::string>& replay() const;
  // Adds the response to the batch of the write, and takes a few records that are too old out of
  // the log. Does nothing without a request_id.
  void Record(WriteBatch& batch, absl::string_view response) const;

 private:
  friend class RequestLog;
  struct Impl;
  explicit RequestTicket(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Thread-safe. One for each Database; its records lie in kRequestFamily. Stores use it through
// Mutate (common/storage/mutation.h).
class RequestLog {
 public:
  // Records older than `keep` are forgotten.
  explicit RequestLog(Database& database, absl::Duration keep = absl::Hours(24 * 7));
  ~RequestLog();
  RequestLog(const RequestLog&) = delete;
  RequestLog& operator=(const RequestLog&) = delete;

  // `request` is the request's bytes, the same for the same request (for messages with maps:
  // serialized deterministically). An empty request_id is always new. Waits for another request of
  // this id only as long as somebody waits for the answer (CheckCaller). INVALID_ARGUMENT:
  //   REQUEST_ID_INVALID  longer than 128 characters or not printable ASCII
  //   REQUEST_ID_REUSED   the id was used for another request of this method
  absl::StatusOr<RequestTicket> Begin(absl::string_view method, absl::string_view request_id,
                                      absl::string_view request);

  Database& database() { return database_; }

 private:
  friend class RequestTicket;
  struct Impl;
  Database& database_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_REQUEST_LOG_H_
