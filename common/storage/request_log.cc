#include "common/storage/request_log.h"

#include <algorithm>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae {
namespace {

constexpr size_t kMaxRequestIdLength = 128;
// Begins between two purges.
constexpr uint64_t kPurgeEvery = 1024;

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
  std::mutex mutex;
  std::condition_variable released;
  std::set<std::string> active;
  uint64_t begins = 0;

  bool Expired(absl::string_view record) const {
    return record.size() < kHeaderBytes ||
           absl::FromUnixSeconds(static_cast<int64_t>(ReadBigEndian64(record))) + keep <
               absl::Now();
  }
};

struct RequestTicket::Impl {
  RequestLog::Impl* log = nullptr;
  std::string key;  // empty: no request_id
  uint64_t fingerprint = 0;
  std::optional<std::string> replay;

  ~Impl() {
    if (key.empty()) return;
    {
      const std::lock_guard<std::mutex> lock(log->mutex);
      log->active.erase(key);
    }
    log->released.notify_all();
  }
};

RequestTicket::RequestTicket(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
RequestTicket::RequestTicket(RequestTicket&&) noexcept = default;
RequestTicket& RequestTicket::operator=(RequestTicket&&) noexcept = default;
RequestTicket::~RequestTicket() = default;

const std::optional<std::string>& RequestTicket::replay() const { return impl_->replay; }

void RequestTicket::Record(WriteBatch& batch, absl::string_view response) const {
  if (impl_->key.empty()) return;
  const uint64_t now = static_cast<uint64_t>(absl::ToUnixSeconds(absl::Now()));
  batch.Put(kRequestFamily, impl_->key,
            absl::StrCat(BigEndian64(now), BigEndian64(impl_->fingerprint), response));
}

RequestLog::RequestLog(Database& database, absl::Duration keep)
    : impl_(new Impl{
          .database = database, .keep = keep, .mutex = {}, .released = {}, .active = {}}) {}
RequestLog::~RequestLog() = default;

absl::StatusOr<RequestTicket> RequestLog::Begin(absl::string_view method,
                                                absl::string_view request_id,
                                                absl::string_view request) {
  RECSAE_RETURN_IF_ERROR(CheckRequestId(request_id));
  auto ticket = std::make_unique<RequestTicket::Impl>();
  if (request_id.empty()) return RequestTicket(std::move(ticket));

  const std::string key = absl::StrCat(KeyPrefix({method}), request_id);
  bool purge = false;
  {
    std::unique_lock<std::mutex> lock(impl_->mutex);
    impl_->released.wait(lock, [&] { return impl_->active.count(key) == 0; });
    impl_->active.insert(key);
    purge = impl_->begins++ % kPurgeEvery == 0;
  }
  ticket->log = impl_.get();
  ticket->key = key;
  ticket->fingerprint = Fingerprint(request);
  if (purge) RECSAE_RETURN_IF_ERROR(Purge());

  const auto record = impl_->database.Get(kRequestFamily, key);
  if (absl::IsNotFound(record.status())) return RequestTicket(std::move(ticket));
  RECSAE_RETURN_IF_ERROR(record.status());
  if (impl_->Expired(*record)) return RequestTicket(std::move(ticket));
  if (ReadBigEndian64(absl::string_view(*record).substr(8)) != ticket->fingerprint) {
    return Error(absl::StatusCode::kInvalidArgument, "REQUEST_ID_REUSED",
                 absl::StrCat("request_id \"", request_id, "\" was used for a different ", method,
                              " request: use a new one for each request"),
                 {{"request_id", std::string(request_id)}});
  }
  ticket->replay = record->substr(kHeaderBytes);
  return RequestTicket(std::move(ticket));
}

absl::Status RequestLog::Purge() {
  WriteBatch batch = impl_->database.NewBatch();
  auto scan = impl_->database.Scan(kRequestFamily, "", {.bulk = true});
  for (; scan->Valid(); scan->Next()) {
    if (impl_->Expired(scan->value())) batch.Delete(kRequestFamily, scan->key());
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return impl_->database.Write(std::move(batch), Durability::kUnsynced);
}

}  // namespace recsae
