#include "common/storage/request_log.h"

#include <algorithm>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "common/base/caller.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae {
namespace {

constexpr size_t kMaxRequestIdLength = 128;
// Records, and bytes of them, that a write looks at to find old ones: a few more than it adds.
constexpr size_t kPurgeRecords = 8;
constexpr size_t kPurgeBytes = 64 << 10;
// How soon a wait notices that its caller has gone.
constexpr absl::Duration kCallerCheck = absl::Milliseconds(20);

// A record: seconds since the epoch, fingerprint of the request, response.
constexpr size_t kHeaderBytes = 16;

absl::Status CheckRequestId(absl::string_view id) {
  const bool printable =
      std::all_of(id.begin(), id.end(), [](char c) { return c >= ' ' && c <= '~'; });
  if (printable && id.size() <= kMaxRequestIdLength) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_INVALID",
               absl::StrCat("request_id must be at most ", kMaxRequestIdLength,
                            " printable ASCII characters"));
}

}  // namespace

struct RequestLog::Impl {
  Database& database;
  const absl::Duration keep;
  absl::Mutex mutex;
  // Keys that a ticket holds.
  std::set<std::string> active ABSL_GUARDED_BY(mutex);
  // Up to where records were looked at for their age.
  std::string purged_to ABSL_GUARDED_BY(mutex);

  Impl(Database& db, absl::Duration how_long) : database(db), keep(how_long) {}

  bool Expired(absl::string_view record) const {
    return record.size() < kHeaderBytes ||
           absl::FromUnixSeconds(static_cast<int64_t>(ReadBigEndian64(record))) + keep <
               absl::Now();
  }
  absl::Status Acquire(const std::string& key) ABSL_LOCKS_EXCLUDED(mutex);
  // The next few records, as far as they are too old and free; the caller holds them from then on.
  absl::StatusOr<std::vector<std::string>> AcquireOld() ABSL_LOCKS_EXCLUDED(mutex);
  // Gives back those of `held` that were written anew before the caller held them.
  void ReleaseRenewed(std::vector<std::string>& held) ABSL_LOCKS_EXCLUDED(mutex);
};

struct RequestTicket::Impl {
  RequestLog::Impl* log = nullptr;
  std::string key;  // empty: no request_id
  std::vector<std::string> old_keys;
  uint64_t fingerprint = 0;
  std::optional<std::string> replay;

  ~Impl() {
    if (key.empty()) return;
    const absl::MutexLock lock(&log->mutex);
    log->active.erase(key);
    for (const std::string& old : old_keys) log->active.erase(old);
  }
};

RequestTicket::RequestTicket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RequestTicket::RequestTicket(RequestTicket&&) noexcept = default;
RequestTicket& RequestTicket::operator=(RequestTicket&&) noexcept = default;
RequestTicket::~RequestTicket() = default;

const std::optional<std::string>& RequestTicket::replay() const { return impl_->replay; }

void RequestTicket::Record(WriteBatch& batch, absl::string_view response) const {
  if (impl_->key.empty()) return;
  for (const std::string& old : impl_->old_keys) batch.Delete(kRequestFamily, old);
  const uint64_t now = static_cast<uint64_t>(absl::ToUnixSeconds(absl::Now()));
  batch.Put(kRequestFamily, impl_->key,
            absl::StrCat(BigEndian64(now), BigEndian64(impl_->fingerprint), response));
}

RequestLog::RequestLog(Database& database, absl::Duration keep)
    : database_(database), impl_(new Impl(database, keep)) {}
RequestLog::~RequestLog() = default;

absl::Status RequestLog::Impl::Acquire(const std::string& key) {
  const auto is_free = [&]()
                           ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return active.count(key) == 0; };
  const absl::MutexLock lock(&mutex);
  while (!mutex.AwaitWithTimeout(absl::Condition(&is_free), kCallerCheck)) {
    RECSAE_RETURN_IF_ERROR(CheckCaller());
  }
  active.insert(key);
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> RequestLog::Impl::AcquireOld() {
  ScanOptions from;
  {
    const absl::MutexLock lock(&mutex);
    from.from = purged_to;
  }
  std::vector<std::string> old;
  size_t bytes = 0;
  auto scan = database.Scan(kRequestFamily, "", from);
  for (size_t i = 0; scan->Valid() && i < kPurgeRecords && bytes < kPurgeBytes; scan->Next(), ++i) {
    bytes += scan->value().size();
    if (Expired(scan->value())) old.emplace_back(scan->key());
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  const absl::MutexLock lock(&mutex);
  purged_to = scan->Valid() ? std::string(scan->key()) : "";
  // What another request holds is its own to replace, or to delete.
  const auto held = [&](const std::string& key)
                        ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex) { return !active.insert(key).second; };
  old.erase(std::remove_if(old.begin(), old.end(), held), old.end());
  return old;
}

void RequestLog::Impl::ReleaseRenewed(std::vector<std::string>& held) {
  const auto renewed = std::partition(held.begin(), held.end(), [&](const std::string& key) {
    const auto record = database.Get(kRequestFamily, key);
    return record.ok() && Expired(*record);
  });
  const absl::MutexLock lock(&mutex);
  for (auto key = renewed; key != held.end(); ++key) active.erase(*key);
  held.erase(renewed, held.end());
}

absl::StatusOr<RequestTicket> RequestLog::Begin(absl::string_view method,
                                                absl::string_view request_id,
                                                absl::string_view request) {
  RECSAE_RETURN_IF_ERROR(CheckRequestId(request_id));
  auto ticket = std::make_unique<RequestTicket::Impl>();
  if (request_id.empty()) return RequestTicket(std::move(ticket));

  const std::string key = absl::StrCat(KeyPrefix({method}), request_id);
  RECSAE_RETURN_IF_ERROR(impl_->Acquire(key));
  ticket->log = impl_.get();
  ticket->key = key;
  ticket->fingerprint = Fingerprint(request);

  const auto record = database_.Get(kRequestFamily, key);
  if (!record.ok() && !absl::IsNotFound(record.status())) return record.status();
  if (!record.ok() || impl_->Expired(*record)) {
    RECSAE_ASSIGN_OR_RETURN(ticket->old_keys, impl_->AcquireOld());
    impl_->ReleaseRenewed(ticket->old_keys);
    return RequestTicket(std::move(ticket));
  }
  if (ReadBigEndian64(absl::string_view(*record).substr(8)) != ticket->fingerprint) {
    return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                 absl::StrCat("request_id \"", request_id, "\" was used for a different ", method,
                              " request: use a new one for each request"),
                 {{"request_id", std::string(request_id)}});
  }
  ticket->replay = record->substr(kHeaderBytes);
  return RequestTicket(std::move(ticket));
}

}  // namespace recsae
