// Upkeep of the caches.
#include "services/explainer/backend/backend.h"

#include <chrono>
#include <utility>

namespace recsae::explainer {
namespace {

constexpr auto kRefreshInterval = std::chrono::seconds(5);
constexpr absl::Duration kRefreshTimeout = absl::Seconds(2);

}  // namespace

Backend::Backend(std::shared_ptr<Peer> probe, std::shared_ptr<Peer> concept_store,
                 MetricsRegistry& metrics)
    : peers(std::move(probe), std::move(concept_store)),
      saes(peers, metrics),
      recommenders(peers, metrics),
      concepts(peers, metrics) {}

Backend::~Backend() { Stop(); }

void Backend::Start() {
  concepts.Start();
  refresher_ = std::thread([this] { RefreshUntilStopped(); });
}

void Backend::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  stop_.request_stop();
  concepts.Stop();
  if (refresher_.joinable()) refresher_.join();
}

void Backend::RefreshUntilStopped() {
  const Caller upkeep(kRefreshTimeout, stop_.get_token());
  std::unique_lock<std::mutex> lock(mutex_);
  while (!changed_.wait_for(lock, kRefreshInterval, [this] { return stopping_; })) {
    lock.unlock();
    saes.Refresh(upkeep);
    recommenders.Refresh(upkeep);
    lock.lock();
  }
}

}  // namespace recsae::explainer
