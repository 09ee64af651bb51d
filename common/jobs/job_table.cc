#include "common/jobs/job_table.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/id.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/paging.h"
#include "common/messages/time.h"
#include "common/rpc/log.h"

namespace recsae {
namespace {

using jobs::v1::Job;
using jobs::v1::ListJobsRequest;
using jobs::v1::ListJobsResponse;

std::set<std::string> Targets(const Job& job) {
  std::set<std::string> targets(job.further_targets().begin(), job.further_targets().end());
  if (!job.target().empty()) targets.insert(job.target());
  return targets;
}

absl::Status NotFound(absl::string_view name) {
  return Error(absl::StatusCode::kNotFound, "JOB_NOT_FOUND", absl::StrCat("there is no ", name),
               {{"job", std::string(name)}});
}

}  // namespace

JobTable::JobTable(JobStore& store, const JobRunnerOptions& options)
    : store_(store),
      options_(options),
      publish_interval_(absl::ToChronoNanoseconds(options.publish_interval)),
      persist_interval_(absl::ToChronoNanoseconds(options.persist_interval)) {}

absl::Status JobTable::Load() {
  RECSAE_ASSIGN_OR_RETURN(std::vector<JobRecord> records, store_.LoadAll());
  const absl::MutexLock lock(&mutex_);
  for (JobRecord& record : records) {
    auto entry = std::make_shared<Entry>();
    by_name_[record.job.name()] = record.sequence;
    entry->record = std::move(record);
    entries_[entry->record.sequence] = std::move(entry);
  }
  return absl::OkStatus();
}

// Whether the job's targets are free, and there is room for one more.
absl::Status JobTable::CheckTargetsLocked(const Job& job) const {
  const std::set<std::string> wanted = Targets(job);
  int unfinished = 0;
  for (const auto& [sequence, entry] : entries_) {
    const Job& other = entry->record.job;
    if (IsFinal(other.state())) continue;
    ++unfinished;
    for (const std::string& target : Targets(other)) {
      if (!wanted.contains(target)) continue;
      return Error(
          absl::StatusCode::kAlreadyExists, "JOB_ACTIVE",
          absl::StrCat(other.name(), " works on ", target, " already: wait for it or cancel it"),
          {{"job", other.name()}, {"target", target}});
    }
  }
  if (unfinished < options_.max_unfinished) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "JOB_QUEUE_FULL",
               absl::StrCat(unfinished,
                            " jobs are waiting or running, which is the most that this "
                            "server takes: wait for some or cancel them"),
               {{"limit", absl::StrCat(options_.max_unfinished)}});
}

absl::StatusOr<JobRecord> JobTable::Add(Job job, Transaction& transaction) {
  const absl::MutexLock lock(&mutex_);
  RECSAE_RETURN_IF_ERROR(CheckTargetsLocked(job));
  auto entry = std::make_shared<Entry>();
  JobRecord& record = entry->record;
  RECSAE_ASSIGN_OR_RETURN(record.sequence, store_.NextSequence());
  record.job = std::move(job);
  // Not the sequence number: it starts again in an empty folder, and is another replica's too.
  record.job.set_name(absl::StrCat("jobs/", record.job.kind(), "-", NewId()));
  record.job.set_state(Job::STATE_PENDING);
  *record.job.mutable_create_time() = TimestampNow();

  store_.Add(transaction.batch(), record);
  RECSAE_RETURN_IF_ERROR(transaction.Commit(record.job.SerializeAsString()));
  by_name_[record.job.name()] = record.sequence;
  entries_[record.sequence] = entry;
  return record;
}

void JobTable::TellLocked(absl::string_view name, Clock::duration delay) {
  changed_.SignalAll();
  if (listener_) listener_(name, absl::FromChrono(delay));
}

void JobTable::PublishLocked(Entry& entry) {
  ++entry.revision;
  entry.unpublished = false;
  entry.published = Clock::now();
  TellLocked(entry.record.job.name(), Clock::duration::zero());
}

absl::StatusOr<JobRecord> JobTable::Change(uint64_t sequence,
                                           const std::function<void(JobRecord&)>& change) {
  const absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(sequence);
  if (it == entries_.end()) return NotFound(absl::StrCat("job ", sequence));
  Entry& entry = *it->second;
  JobRecord changed = entry.record;
  change(changed);
  Job& job = changed.job;
  if (job.state() == Job::STATE_RUNNING && !job.has_start_time()) {
    *job.mutable_start_time() = NotBefore(job.create_time(), TimestampNow());
  }
  if (IsFinal(job.state()) && !job.has_end_time()) {
    *job.mutable_end_time() =
        NotBefore(job.has_start_time() ? job.start_time() : job.create_time(), TimestampNow());
  }
  RECSAE_RETURN_IF_ERROR(store_.Save(changed, Durability::kSynced));
  entry.record = std::move(changed);
  entry.persisted = Clock::now();
  PublishLocked(entry);
  return entry.record;
}

void JobTable::Touch(uint64_t sequence, const std::function<void(JobRecord&)>& change) {
  const absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(sequence);
  if (it == entries_.end()) return;
  Entry& entry = *it->second;
  change(entry.record);
  const Clock::time_point now = Clock::now();
  const Clock::time_point due = entry.published + publish_interval_;
  if (now >= due) {
    PublishLocked(entry);
  } else if (!std::exchange(entry.unpublished, true)) {
    TellLocked(entry.record.job.name(), due - now);
  }
  if (now - entry.persisted >= persist_interval_) PersistLocked(entry);
}

// Progress is informative: what cannot be stored now comes with the next change of state, which is
// not done before it is stored.
void JobTable::PersistLocked(Entry& entry) {
  entry.persisted = Clock::now();
  const absl::Status stored = store_.Save(entry.record, Durability::kUnsynced);
  if (!stored.ok() && progress_stored_) {
    Log(Severity::kWarning, "the progress of a job cannot be stored",
        {{"job", entry.record.job.name()}, {"reason", Reason(stored)}, {"error", stored}});
  }
  progress_stored_ = stored.ok();
}

std::vector<uint64_t> JobTable::RetiredLocked() const {
  std::multimap<int64_t, uint64_t> ended;  // by the time in seconds
  for (const auto& [sequence, entry] : entries_) {
    const Job& job = entry->record.job;
    if (IsFinal(job.state())) ended.emplace(job.end_time().seconds(), sequence);
  }
  const int64_t oldest = absl::ToUnixSeconds(absl::Now() - options_.keep_ended_for);
  int64_t excess = static_cast<int64_t>(ended.size()) - options_.keep_ended;
  std::vector<uint64_t> retired;
  for (const auto& [end, sequence] : ended) {
    if (excess-- <= 0 && end >= oldest) break;
    retired.push_back(sequence);
  }
  return retired;
}

void JobTable::Retire() {
  const absl::MutexLock lock(&mutex_);
  const std::vector<uint64_t> retired = RetiredLocked();
  if (retired.empty()) return;
  const absl::Status deleted = store_.Delete(retired, Durability::kUnsynced);
  if (!deleted.ok()) {
    Log(Severity::kWarning, "ended jobs cannot be removed, which is tried again after the next job",
        {{"jobs", retired.size()}, {"reason", Reason(deleted)}, {"error", deleted}});
    return;
  }
  for (const uint64_t sequence : retired) ForgetLocked(sequence);
}

void JobTable::ForgetLocked(uint64_t sequence) {
  const auto it = entries_.find(sequence);
  const std::shared_ptr<Entry> entry = it->second;
  entry->deleted = true;
  by_name_.erase(entry->record.job.name());
  entries_.erase(it);
  TellLocked(entry->record.job.name(), Clock::duration::zero());
}

absl::StatusOr<std::shared_ptr<JobTable::Entry>> JobTable::FindLocked(
    absl::string_view name) const {
  RECSAE_RETURN_IF_ERROR(ParseName(name, "jobs/{job}").status());
  const auto it = by_name_.find(std::string(name));
  if (it == by_name_.end()) return NotFound(name);
  return entries_.at(it->second);
}

absl::StatusOr<JobRecord> JobTable::Find(absl::string_view name) const {
  const absl::MutexLock lock(&mutex_);
  RECSAE_ASSIGN_OR_RETURN(const auto entry, FindLocked(name));
  return entry->record;
}

std::vector<JobRecord> JobTable::All() const {
  const absl::MutexLock lock(&mutex_);
  std::vector<JobRecord> records;
  records.reserve(entries_.size());
  for (const auto& [sequence, entry] : entries_) records.push_back(entry->record);
  return records;
}

void JobTable::CountUnfinished(std::map<std::string, UnfinishedJobs>& counts) const {
  const absl::Time now = absl::Now();
  const absl::MutexLock lock(&mutex_);
  for (const auto& [sequence, entry] : entries_) {
    const Job& job = entry->record.job;
    const auto count = counts.find(job.kind());
    if (count == counts.end()) continue;
    if (job.state() == Job::STATE_PENDING) {
      ++count->second.pending;
      const absl::Time created = absl::FromUnixSeconds(job.create_time().seconds()) +
                                 absl::Nanoseconds(job.create_time().nanos());
      count->second.oldest_pending = std::max(count->second.oldest_pending, now - created);
    }
    if (job.state() == Job::STATE_RUNNING) ++count->second.running;
  }
}

std::string JobTable::NameOf(uint64_t sequence) const {
  const absl::MutexLock lock(&mutex_);
  const auto it = entries_.find(sequence);
  return it == entries_.end() ? "" : it->second->record.job.name();
}

absl::StatusOr<ListJobsResponse> JobTable::List(const ListJobsRequest& request) const {
  const std::string filter = absl::StrCat("jobs ", request.state(), " ", request.kind());
  RECSAE_ASSIGN_OR_RETURN(const Page page,
                          ReadPage(request.page_size(), request.page_token(), filter));
  const absl::MutexLock lock(&mutex_);
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
  PageBytes room(page.size);
  for (; it != entries_.rend(); ++it) {
    const Job& job = it->second->record.job;
    if (!request.kind().empty() && job.kind() != request.kind()) continue;
    if (request.state() != Job::STATE_UNSPECIFIED && job.state() != request.state()) continue;
    if (!room.Takes(job.ByteSizeLong())) {
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
  const absl::MutexLock lock(&mutex_);
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, FindLocked(name));
  while (true) {
    if (entry->deleted) return NotFound(name);
    const Clock::time_point now = Clock::now();
    // The last change of a handler that has gone quiet becomes due here.
    const Clock::time_point due = entry->published + publish_interval_;
    if (entry->unpublished && now >= due) PublishLocked(*entry);
    // Whoever does not wait here is told when to come again.
    if (entry->unpublished && listener_) listener_(name, absl::FromChrono(due - now));
    if (entry->revision != seen) {
      *job = entry->record.job;
      return entry->revision;
    }
    if (watches_ended_ && !IsFinal(entry->record.job.state())) {
      return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
                   absl::StrCat("the server is stopping; ", name, " goes on when it is back"));
    }
    if (now >= deadline) return entry->revision;
    const Clock::time_point end = entry->unpublished ? std::min(deadline, due) : deadline;
    changed_.WaitWithTimeout(&mutex_, absl::FromChrono(end - now));
  }
}

absl::Status JobTable::Delete(absl::string_view name) {
  const absl::MutexLock lock(&mutex_);
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<Entry> entry, FindLocked(name));
  if (!IsFinal(entry->record.job.state())) {
    return Error(absl::StatusCode::kFailedPrecondition, "JOB_NOT_FINISHED",
                 absl::StrCat(name, " is not finished: cancel it first"),
                 {{"job", std::string(name)}});
  }
  const uint64_t sequence = entry->record.sequence;
  RECSAE_RETURN_IF_ERROR(store_.Delete({sequence}, Durability::kSynced));
  ForgetLocked(sequence);
  return absl::OkStatus();
}

void JobTable::SetListener(JobListener listener) {
  const absl::MutexLock lock(&mutex_);
  listener_ = std::move(listener);
}

void JobTable::EndWatches() {
  const absl::MutexLock lock(&mutex_);
  watches_ended_ = true;
  TellLocked("", Clock::duration::zero());
}

}  // namespace recsae
