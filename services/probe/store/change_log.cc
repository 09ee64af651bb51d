#include "services/probe/store/change_log.h"

#include <algorithm>

#include "common/base/id.h"
#include "common/storage/epochs.h"

namespace recsae::probe {

ChangeLog::ChangeLog(size_t kept) : kept_(kept), epoch_(NewId()) {}

int64_t ChangeLog::revision() const {
  const absl::MutexLock lock(&mutex_);
  return floor_ + static_cast<int64_t>(names_.size());
}

void ChangeLog::Add(absl::Span<const std::string> names) {
  if (names.empty()) return;
  {
    const absl::MutexLock lock(&mutex_);
    names_.insert(names_.end(), names.begin(), names.end());
    while (names_.size() > kept_) {
      names_.pop_front();
      ++floor_;
    }
  }
  const absl::MutexLock lock(&callback_mutex_);
  callback_();
}

absl::Status ChangeLog::Read(int64_t after, size_t max,
                             std::vector<std::pair<int64_t, std::string>>* changes) const {
  const absl::MutexLock lock(&mutex_);
  if (after < floor_) return RevisionCompacted(after, floor_);
  const auto from = static_cast<size_t>(after - floor_);
  for (size_t i = from; i < std::min(names_.size(), from + max); ++i) {
    changes->emplace_back(floor_ + static_cast<int64_t>(i) + 1, names_[i]);
  }
  return absl::OkStatus();
}

absl::Status ChangeLog::Check(absl::string_view epoch, int64_t revision) const {
  if (!epoch.empty() && epoch != epoch_) return StoreChanged(epoch);
  const absl::MutexLock lock(&mutex_);
  const int64_t last = floor_ + static_cast<int64_t>(names_.size());
  if (revision > last) return RevisionUnknown(revision, last);
  if (revision < floor_) return RevisionCompacted(revision, floor_);
  return absl::OkStatus();
}

void ChangeLog::SetCallback(std::function<void()> callback) {
  const absl::MutexLock lock(&callback_mutex_);
  callback_ = std::move(callback);
}

}  // namespace recsae::probe
