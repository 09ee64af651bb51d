#include "services/probe/hosts/host_registry.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

// Calls at a time, over all hosts of one recommender.
constexpr int kMaxParallelCalls = 16;

}  // namespace

class HostRegistry::Link final : public HostLink {
 public:
  Link(const HostRegistry& registry, std::string uid, std::string name)
      : registry_(registry), uid_(std::move(uid)), name_(std::move(name)) {}

  absl::StatusOr<hosts::v1::Answer> Call(hosts::v1::Call call,
                                         const std::function<bool()>& cancelled) const override {
    while (true) {
      const auto session = registry_.LeastLoaded(uid_);
      if (session == nullptr) return HostAway(name_);
      auto answer = session->Call(call, cancelled);
      // Nothing is lost by asking another one: calls change nothing.
      if (Reason(answer.status()) != "HOST_AWAY") return answer;
      if (cancelled && cancelled()) return answer;
    }
  }

  int parallel_calls() const override {
    int calls = 0;
    for (const auto& session : registry_.Sessions(uid_)) calls += session->parallel_calls();
    return std::clamp(calls, 1, kMaxParallelCalls);
  }

 private:
  const HostRegistry& registry_;
  const std::string uid_, name_;
};

void HostRegistry::Add(const std::string& uid, std::shared_ptr<const HostSession> session) {
  const absl::MutexLock lock(&mutex_);
  sessions_.emplace(uid, std::move(session));
  on_count_(static_cast<int64_t>(sessions_.size()));
}

void HostRegistry::Remove(const std::string& uid, const HostSession* session) {
  const absl::MutexLock lock(&mutex_);
  const auto [begin, end] = sessions_.equal_range(uid);
  const auto found =
      std::find_if(begin, end, [&](const auto& entry) { return entry.second.get() == session; });
  if (found == end) return;
  sessions_.erase(found);
  on_count_(static_cast<int64_t>(sessions_.size()));
}

void HostRegistry::Dismiss(const std::string& uid, const std::string& name) {
  for (const auto& session : Sessions(uid)) {
    session->Dismiss(Error(absl::StatusCode::kNotFound, "RECOMMENDER_DELETED",
                           absl::StrCat(name, " was deleted; host it again to make it anew"),
                           {{"recommender", name}}));
  }
}

std::shared_ptr<const HostLink> HostRegistry::LinkTo(const std::string& uid,
                                                     const std::string& name) const {
  return std::make_shared<const Link>(*this, uid, name);
}

std::vector<std::shared_ptr<const HostSession>> HostRegistry::Sessions(
    const std::string& uid) const {
  const absl::MutexLock lock(&mutex_);
  std::vector<std::shared_ptr<const HostSession>> sessions;
  const auto [begin, end] = sessions_.equal_range(uid);
  for (auto it = begin; it != end; ++it) sessions.push_back(it->second);
  return sessions;
}

std::shared_ptr<const HostSession> HostRegistry::LeastLoaded(const std::string& uid) const {
  std::shared_ptr<const HostSession> least;
  int least_load = 0;
  for (const auto& session : Sessions(uid)) {
    if (session->closed()) continue;
    const int load = session->load();
    if (least != nullptr && load >= least_load) continue;
    least = session;
    least_load = load;
  }
  return least;
}

}  // namespace recsae::probe
