#include "common/jobs/job_table.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/paging.h"

namespace recsae {
namespace {

using jobs::v1::Job;
using jobs::v1::ListJobsRequest;
using jobs::v1::ListJobsResponse;

// Keeps a page well below the largest message (4 MiB) whatever the specs hold.
constexpr size_t kMaxPageBytes = size_t{2} << 20;

void SetNow(google::protobuf::Timestamp* timestamp) {
  const int64_t nanos = absl::ToUnixNanos(absl::Now());
  timestamp->set_seconds(nanos / 1'000'000'000);
  timestamp->set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
}

absl::Status NotFound(absl::string_view name) {
  return Error(absl::StatusCode::kNotFound, "JOB_NOT_FOUND", absl::StrCat("there is no ", name),
               {{"job", std::string(name)}});
}

}  // namespace

JobTable::JobTable(JobStore& store, absl::Duration publish_interval,
                   absl::Duration persist_interval)
    : store_(store),
      publish_interval_(absl::ToChronoNanoseconds(publish_interval)),
      persist_interval_(absl::ToChronoNanoseconds(persist_interval)) {}

absl::Status JobTable::Load() {
  RECSAE_ASSIGN_OR_RETURN(std::vector<JobRecord> records, store_.LoadAll());
  const std::lock_guard<std::mutex> lock(mutex_);
  for (JobRecord& record : records) {
    auto entry = std::make_shared<Entry>();
    by_name_[record.job.name()] = record.sequence;
    entry->record = std::move(record);
    entries_[entry->record.sequence] = std::move(entry);
  }
  return absl::OkStatus();
}

absl::StatusOr<JobRecord> JobTable::Add(absl::string_view kind, absl::string_view target,
                                        const google::protobuf::Any& spec,
                                        Transaction& transaction) {
  const std::lock_guard<std::mutex> lock(mutex_);
  for (const auto& [sequence, other] : entries_) {
    const Job& job = other->record.job;
    if (!target.empty() && !IsFinal(job.state()) && absl::string_view(job.target()) == target) {
      return Error(
          absl::StatusCode::kAlreadyExists, "JOB_ACTIVE",
          absl::StrCat(job.name(), " works on ", target, " already: wait for it or cancel it"),
          {{"job", job.name()}, {"target", std::string(target)}});
    }
  }
  auto entry = std::make_shared<Entry>();
  JobRecord& record = entry->record;
  RECSAE_ASSIGN_OR_RETURN(record.sequence, store_.NextSequence());
  record.job.set_name(absl::StrCat("jobs/", kind, "-", record.sequence));
  record.job.set_kind(std::string(kind));
  record.job.set_state(Job::STATE_PENDING);
  *record.job.mutable_spec() = spec;
  record.job.set_target(std::string(target));
  SetNow(record.job.mutable_create_time());

  store_.Add(transaction.batch(), record);
  RECSAE_RETURN_IF_ERROR(transaction.Commit(record.job.SerializeAsString()));
  by_name_[record.job.name()] = record.sequence;
  entries_[record.sequence] = entry;
  return record;
}

void JobTable::PublishLocked(Entry& entry) {
  ++entry.revision;
  entry.unpublished = false;
  entry.published = Clock::now();
  changed_.notify_all();
}

absl::Status JobTable::Change(uint64_t sequence, const std::function<void(JobRecord&)>& change) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = entries_.find(sequence);
  if (it == entries_.end()) return NotFound(absl::StrCat("job ", sequence));
  Entry& entry = *it->second;
  Job& job = entry.record.job;
  change(entry.record);
  if (job.state() == Job::STATE_RUNNING && !job.has_start_time()) SetNow(job.mutable_start_time());
  if (IsFinal(job.state()) && !job.has_end_time()) SetNow(job.mutable_end_time());
  entry.persisted = Clock::now();
  absl::Status stored = store_.Save(entry.record, Durability::kSynced);
  PublishLocked(entry);
  return stored;
}

void JobTable::Touch(uint64_t sequence, const std::function<void(JobRecord&)>& change) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto it = entries_.find(sequence);
  if (it == entries_.end()) return;
  Entry& entry = *it->second;
  change(entry.record);
  entry.unpublished = true;
  const Clock::time_point now = Clock::now();
  if (now - entry.published >= publish_interval_) PublishLocked(entry);
  if (now - entry.persisted >= persist_interval_) {
    entry.persisted = now;
    // Progress is informative: what cannot be stored now comes with the next change of state, which
    // reports its error.
    store_.Save(entry.record, Durability::kUnsynced).IgnoreError();
  }
}

absl::StatusOr<std::shared_ptr<JobTable::Entry>> JobTable::FindLocked(
    absl::string_view name) const {
  RECSAE_RETURN_IF_ERROR(ParseName(name, "jobs/{job}").status());
  const auto it = by_name_.find(std::string(name));
  if (it == by_name_.end()) return NotFound(name);
  return entries_.at(it->second);
}

absl::StatusOr<JobRecord> JobTable::Find(absl::string_view name) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  RECSAE_ASSIGN_OR_RETURN(const auto entry, FindLocked(name));
  return entry->record;
}

std::vector<JobRecord> JobTable::All() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  std::vector<JobRecord> records;
  records.reserve(entries_.size());
  for (const auto& [sequence, entry] : entries_) records.push_back(entry->record);
  return records;
}

absl::StatusOr<ListJobsResponse> JobTable::List(const ListJobsRequest& request) const {
  const std::string filter = absl::StrCat("jobs ", request.state(), " ", request.kind());
  RECSAE_ASSIGN_OR_RETURN(const Page page,
                          ReadPage(request.page_size(), request.page_token(), filter));
  const std::lock_guard<std::mutex> lock(mutex_);
  auto it = entries_.rbegin();
  if (!page.position.empty()) {
    uint64_t last = 0;
    if (!absl::SimpleAtoi(page.position, &last)) {
      return Error(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID",
                   "page_token is not one of ListJobs");
    }
    it = std::make_reverse_iterator(entries_.lower_bound(last));
  }
  ListJobsResponse response;
  uint64_t last = 0;
  size_t bytes = 0;
  for (; it != entries_.rend(); ++it) {
    const Job& job = it->second->record.job;
    if (!request.kind().empty() && job.kind() != request.kind()) continue;
    if (request.state() != Job::STATE_UNSPECIFIED && job.state() != request.state()) continue;
    bytes += job.ByteSizeLong();
    if (response.jobs_size() == page.size || (response.jobs_size() > 0 && bytes > kMaxPageBytes)) {
      response.set_next_page_token(MakePageToken(absl::StrCat(last), filter));
      break;
    }
    *response.add_jobs() = job;
    last = it->first;
  }
  return response;
}

absl::StatusOr<uint64_t> JobTable::Watch(absl::string_view name, uint64_t seen,
                                         absl::Duration timeout, Job* job) {
  const Clock::time_point deadline = Clock::now() + absl::ToChronoNanoseconds(timeout);
  std::unique_lock<std::mutex> lock(mutex_);
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, FindLocked(name));
  while (true) {
    if (entry->deleted) return NotFound(name);
    const Clock::time_point now = Clock::now();
    // The last change of a handler that has gone quiet becomes due here.
    const Clock::time_point due = entry->published + publish_interval_;
    if (entry->unpublished && now >= due) PublishLocked(*entry);
    if (entry->revision != seen) {
      *job = entry->record.job;
      return entry->revision;
    }
    if (watches_ended_ && !IsFinal(entry->record.job.state())) {
      return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                   absl::StrCat("the server is stopping; ", name, " goes on when it is back"));
    }
    if (now >= deadline) return entry->revision;
    changed_.wait_until(lock, entry->unpublished ? std::min(deadline, due) : deadline);
  }
}

absl::Status JobTable::Delete(absl::string_view name) {
  const std::lock_guard<std::mutex> lock(mutex_);
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, FindLocked(name));
  if (!IsFinal(entry->record.job.state())) {
    return Error(absl::StatusCode::kFailedPrecondition, "JOB_NOT_FINISHED",
                 absl::StrCat(name, " is not finished: cancel it first"),
                 {{"job", std::string(name)}});
  }
  RECSAE_RETURN_IF_ERROR(store_.Delete(entry->record.sequence));
  entry->deleted = true;
  by_name_.erase(entry->record.job.name());
  entries_.erase(entry->record.sequence);
  changed_.notify_all();
  return absl::OkStatus();
}

void JobTable::EndWatches() {
  const std::lock_guard<std::mutex> lock(mutex_);
  watches_ended_ = true;
  changed_.notify_all();
}

}  // namespace recsae
