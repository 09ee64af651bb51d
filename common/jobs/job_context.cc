#include "common/jobs/job_context.h"

#include <google/protobuf/any.pb.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {

void JobContext::Impl::Interrupt(std::atomic<bool>& flag) {
  const std::lock_guard<std::mutex> lock(mutex);
  flag = true;
  interrupted.notify_all();
  for (const auto& [id, callback] : std::exchange(callbacks, {})) callback();
}

JobContext::JobContext(std::shared_ptr<Impl> impl) : impl_(std::move(impl)) {}
JobContext::~JobContext() = default;

const std::string& JobContext::name() const { return impl_->record.job.name(); }
const std::string& JobContext::target() const { return impl_->record.job.target(); }
const google::protobuf::Any& JobContext::spec() const {
  const jobs::v1::Job& job = impl_->record.job;
  return job.has_resolved_spec() ? job.resolved_spec() : job.spec();
}
int JobContext::resumes() const { return impl_->record.job.resume_count(); }

void JobContext::SetProgress(absl::string_view stage, int64_t done, int64_t total,
                             absl::string_view unit) {
  impl_->table.Touch(impl_->record.sequence, [&](JobRecord& record) {
    jobs::v1::Progress& progress = *record.job.mutable_progress();
    progress.set_stage(stage.data(), stage.size());
    progress.set_done(done);
    progress.set_total(total);
    progress.set_unit(unit.data(), unit.size());
  });
}

void JobContext::SetMetric(absl::string_view name, double value) {
  impl_->table.Touch(impl_->record.sequence, [&](JobRecord& record) {
    (*record.job.mutable_metrics())[std::string(name)] = value;
  });
}

bool JobContext::cancelled() const { return impl_->cancelled; }
bool JobContext::stopping() const { return impl_->stopping; }

absl::Status JobContext::Interrupted() const {
  if (cancelled()) {
    return Error(absl::StatusCode::kCancelled, "JOB_CANCELLED",
                 absl::StrCat(name(), " was cancelled"));
  }
  if (stopping()) {
    return Error(absl::StatusCode::kAborted, "JOB_STOPPED",
                 absl::StrCat(name(), " pauses: the server is stopping"));
  }
  return absl::OkStatus();
}

absl::Status JobContext::Sleep(absl::Duration timeout) const {
  std::unique_lock<std::mutex> lock(impl_->mutex);
  impl_->interrupted.wait_for(lock, absl::ToChronoNanoseconds(timeout),
                              [this] { return impl_->IsInterrupted(); });
  return Interrupted();
}

JobContext::CancelCallback JobContext::OnCancel(std::function<void()> callback) const {
  const std::lock_guard<std::mutex> lock(impl_->mutex);
  const uint64_t id = impl_->next_callback++;
  if (impl_->IsInterrupted()) {
    callback();
  } else {
    impl_->callbacks.emplace(id, std::move(callback));
  }
  return CancelCallback(impl_, id);
}

JobContext::CancelCallback::CancelCallback(std::shared_ptr<Impl> context, uint64_t id)
    : context_(std::move(context)), id_(id) {}
JobContext::CancelCallback::CancelCallback(CancelCallback&& other) noexcept = default;

JobContext::CancelCallback::~CancelCallback() {
  if (context_ == nullptr) return;
  const std::lock_guard<std::mutex> lock(context_->mutex);
  context_->callbacks.erase(id_);
}

absl::Status JobContext::SaveCheckpoint(absl::string_view bytes) {
  const std::lock_guard<std::mutex> lock(impl_->checkpoint_mutex);
  RECSAE_RETURN_IF_ERROR(impl_->store.SaveCheckpoint(impl_->record.sequence, bytes));
  // Once is enough: crashes are counted when the process starts. Stored, or the next one would be
  // taken for one too many.
  if (impl_->record.crashes == 0 || std::exchange(impl_->crashes_forgiven, true)) {
    return absl::OkStatus();
  }
  return impl_->table.Change(impl_->record.sequence, [](JobRecord& record) { record.crashes = 0; })
      .status();
}

absl::StatusOr<std::string> JobContext::LoadCheckpoint() const {
  return impl_->store.LoadCheckpoint(impl_->record.sequence);
}

}  // namespace recsae
