#include "common/process/health.h"

#include <optional>
#include <utility>

namespace recsae {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

// One Watch call. Sends the newest state whenever the last write is done, so a slow reader misses
// states in between but never the last one. Deletes itself when the call is over.
class HealthService::Watcher : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  Watcher(HealthService* health, std::string service)
      : health_(health), service_(std::move(service)) {}

  const std::string& service() const { return service_; }

  // `end` finishes the call once `state` was sent.
  void Update(State state, bool end) {
    std::lock_guard<std::mutex> lock(mutex_);
    wanted_ = state;
    end_ = end_ || end;
    Advance();
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard<std::mutex> lock(mutex_);
    writing_ = false;
    if (!ok) end_ = true;
    Advance();
  }

  void OnCancel() override {
    std::lock_guard<std::mutex> lock(mutex_);
    sent_ = wanted_;
    end_ = true;
    Advance();
  }

  void OnDone() override {
    health_->Forget(this);
    delete this;
  }

 private:
  void Advance() {
    if (writing_ || finished_) return;
    if (wanted_ != sent_ && wanted_.has_value()) {
      response_.set_status(*wanted_);
      sent_ = wanted_;
      writing_ = true;
      StartWrite(&response_);
    } else if (end_) {
      finished_ = true;
      Finish(grpc::Status(grpc::StatusCode::UNAVAILABLE, "the server stops"));
    }
  }

  HealthService* const health_;
  const std::string service_;
  std::mutex mutex_;
  HealthCheckResponse response_;
  std::optional<State> wanted_;
  std::optional<State> sent_;
  bool writing_ = false;
  bool end_ = false;
  bool finished_ = false;
};

HealthService::HealthService() { Add(""); }

HealthService::~HealthService() = default;

void HealthService::Add(const std::string& service) {
  std::lock_guard<std::mutex> lock(mutex_);
  states_[service] = server_state_;
}

void HealthService::SetServing(bool serving) {
  std::lock_guard<std::mutex> lock(mutex_);
  server_state_ = serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  for (auto& [service, state] : states_) state = server_state_;
  for (Watcher* watcher : watchers_) {
    if (states_.count(watcher->service()) > 0) watcher->Update(server_state_, ending_);
  }
}

void HealthService::EndWatches() {
  std::lock_guard<std::mutex> lock(mutex_);
  ending_ = true;
  for (Watcher* watcher : watchers_) {
    const auto found = states_.find(watcher->service());
    watcher->Update(found == states_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second,
                    true);
  }
}

grpc::ServerUnaryReactor* HealthService::Check(grpc::CallbackServerContext* context,
                                               const HealthCheckRequest* request,
                                               HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  std::unique_lock<std::mutex> lock(mutex_);
  const auto found = states_.find(request->service());
  if (found == states_.end()) {
    lock.unlock();
    reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND,
                                 "no service '" + request->service() + "' in this server"));
    return reactor;
  }
  response->set_status(found->second);
  lock.unlock();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthService::Watch(
    grpc::CallbackServerContext* /*context*/, const HealthCheckRequest* request) {
  auto* watcher = new Watcher(this, request->service());
  std::lock_guard<std::mutex> lock(mutex_);
  watchers_.insert(watcher);
  const auto found = states_.find(request->service());
  watcher->Update(found == states_.end() ? HealthCheckResponse::SERVICE_UNKNOWN : found->second,
                  ending_);
  return watcher;
}

void HealthService::Forget(Watcher* watcher) {
  std::lock_guard<std::mutex> lock(mutex_);
  watchers_.erase(watcher);
}

}  // namespace recsae
