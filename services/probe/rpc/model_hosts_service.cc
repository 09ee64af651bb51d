#include "services/probe/rpc/model_hosts_service.h"

#include <grpcpp/server_context.h>
#include <grpcpp/support/server_callback.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/trace.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/request_stream.h"
#include "services/probe/admission/admission.h"
#include "services/probe/hosts/hosted_model.h"

namespace recsae::probe {
namespace {

using hosts::v1::HostRecommenderRequest;
using hosts::v1::HostRecommenderResponse;

constexpr int kDefaultCalls = 2;
constexpr size_t kMaxHosts = 1000;
// Until a host that is to send its items and does not is sent away.
constexpr std::chrono::seconds kPartPatience{60};
// From a drain until streams whose hosts do not take their end are cancelled.
constexpr std::chrono::milliseconds kDrainGrace{300};

absl::Status Draining() {
  return Error(absl::StatusCode::kUnavailable, "SERVER_DRAINING",
               "the server is stopping; dial again");
}

absl::Status HostGone() {
  return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the host is gone");
}

}  // namespace

struct ModelHosts::Admitting {
  std::thread thread;
  std::shared_ptr<std::atomic<bool>> done;
};

// One host's stream. Reads are started one at a time, by whoever has used the message before;
// writes by whoever finds none under way.
class ModelHosts::Stream final
    : public grpc::ServerBidiReactor<HostRecommenderRequest, HostRecommenderResponse>,
      public std::enable_shared_from_this<Stream> {
 public:
  Stream(ModelHosts& hosts, grpc::CallbackServerContext* context)
      : hosts_(hosts), context_(context), trace_(TraceOf(context)), peer_(context->peer()) {}

  void Begin() { StartRead(&incoming_); }

  // Runs the admission; in a thread of its own.
  void Admit();

  // Ends the stream with `status`, once.
  void End(const absl::Status& status);
  void Cancel() { context_->TryCancel(); }

  void OnReadDone(bool ok) override;
  void OnWriteDone(bool ok) override;
  void OnCancel() override { End(HostGone()); }
  void OnDone() override { hosts_.Remove(this); }

 private:
  void Send(HostRecommenderResponse message);
  absl::Status Use();
  absl::Status Describe();
  absl::Status Serve();
  absl::StatusOr<HostRecommenderRequest> NextPart();

  ModelHosts& hosts_;
  grpc::CallbackServerContext* const context_;  // gone with the call
  const std::optional<TraceContext> trace_;
  const std::string peer_;
  HostRecommenderRequest incoming_;  // of the read that is under way, or of who uses it

  std::mutex mutex_;
  std::condition_variable came_;
  std::deque<HostRecommenderResponse> outgoing_;  // the first one is being written
  std::optional<HostRecommenderRequest> part_;    // for the admission
  std::optional<absl::Status> end_;
  bool finished_ = false;
  hosts::v1::Description description_;
  std::shared_ptr<const HostSession> session_;
  std::string uid_;  // under which it is registered
};

void ModelHosts::Stream::Send(HostRecommenderResponse message) {
  const std::lock_guard lock(mutex_);
  if (end_.has_value()) return;
  outgoing_.push_back(std::move(message));
  if (outgoing_.size() == 1) StartWrite(&outgoing_.front());
}

void ModelHosts::Stream::OnWriteDone(bool ok) {
  if (!ok) End(HostGone());
  const std::lock_guard lock(mutex_);
  outgoing_.pop_front();
  if (end_.has_value()) {
    if (!std::exchange(finished_, true)) Finish(ToGrpc(*end_));
  } else if (!outgoing_.empty()) {
    StartWrite(&outgoing_.front());
  }
}

void ModelHosts::Stream::End(const absl::Status& status) {
  std::shared_ptr<const HostSession> session;
  std::string uid, name;
  const std::string peer = peer_;
  const TraceScope trace(trace_);
  {
    const std::lock_guard lock(mutex_);
    if (end_.has_value()) return;
    end_ = status;
    session = session_;
    uid = uid_;
    name = absl::StrCat("recommenders/", description_.recommender_id());
    // A message that is being written must stay; OnWriteDone then goes on here.
    if (outgoing_.empty() && !std::exchange(finished_, true)) Finish(ToGrpc(status));
  }
  came_.notify_all();
  if (session == nullptr) {
    // It dials again and again.
    if (!status.ok() && Reason(status) != Reason(Draining())) {
      Log(Severity::kWarning, "a model host was not admitted", {{"peer", peer}, {"why", status}});
    }
    return;
  }
  hosts_.registry_.Remove(uid, session.get());
  session->Close(HostAway(name));
  if (uid.empty()) {
    Log(Severity::kWarning, "a model host was not admitted",
        {{"recommender", name}, {"peer", peer}, {"why", status}});
  } else {
    Log(Severity::kInfo, "a model host is gone", {{"recommender", name}, {"why", status}});
  }
}

void ModelHosts::Stream::OnReadDone(bool ok) {
  if (!ok) return End(absl::OkStatus());
  const absl::Status used = Contain("serving a model host", [this] { return Use(); });
  if (!used.ok()) End(used);
}

absl::Status ModelHosts::Stream::Use() {
  if (session_ == nullptr) return Describe();
  if (incoming_.has_description()) {
    return StreamOrderInvalid("only the first message may hold `description`");
  }
  if (incoming_.has_answer()) {
    session_->Take(std::move(*incoming_.mutable_answer()));
    StartRead(&incoming_);
    return absl::OkStatus();
  }
  const std::lock_guard lock(mutex_);
  part_ = std::move(incoming_);  // the next read starts once this one was taken
  came_.notify_all();
  return absl::OkStatus();
}

absl::Status ModelHosts::Stream::Describe() {
  if (!incoming_.has_description()) {
    return StreamOrderInvalid("the first message must hold `description`");
  }
  RECSAE_RETURN_IF_ERROR(CheckDescription(incoming_.description()));
  const std::shared_ptr<Stream> self = shared_from_this();
  const std::weak_ptr<Stream> weak = self;
  {
    const std::lock_guard lock(mutex_);
    description_ = incoming_.description();
    const int calls = description_.concurrent_calls();
    session_ = std::make_shared<const HostSession>(
        absl::StrCat("recommenders/", description_.recommender_id()),
        calls == 0 ? kDefaultCalls : calls,
        [weak](HostRecommenderResponse message) {
          if (const auto stream = weak.lock()) stream->Send(std::move(message));
        },
        [weak](const absl::Status& why) {
          if (const auto stream = weak.lock()) stream->End(why);
        });
  }
  StartRead(&incoming_);
  hosts_.StartAdmission(self);
  return absl::OkStatus();
}

absl::StatusOr<HostRecommenderRequest> ModelHosts::Stream::NextPart() {
  std::unique_lock lock(mutex_);
  const bool came =
      came_.wait_for(lock, kPartPatience, [this] { return part_.has_value() || end_.has_value(); });
  if (end_.has_value())
    return HostAway(absl::StrCat("recommenders/", description_.recommender_id()));
  if (!came) {
    return Error(absl::StatusCode::kDeadlineExceeded, "HOST_SILENT",
                 absl::StrCat("the host sent nothing for ", kPartPatience.count(), " s"));
  }
  HostRecommenderRequest part = *std::exchange(part_, std::nullopt);
  StartRead(&incoming_);
  return part;
}

absl::Status ModelHosts::Stream::Serve() {
  Admission admission(
      hosts_.resources_, hosts_.memory_, description_, session_,
      [this](HostRecommenderResponse message) { Send(std::move(message)); },
      [this] { return NextPart(); });
  RECSAE_ASSIGN_OR_RETURN(const v1::Recommender recommender, admission.Run());
  {
    const std::lock_guard lock(mutex_);
    if (end_.has_value()) return absl::OkStatus();
    uid_ = recommender.uid();
    hosts_.registry_.Add(uid_, session_);
  }
  HostRecommenderResponse message;
  *message.mutable_accepted()->mutable_recommender() = recommender;
  for (const std::string& remark : admission.remarks())
    message.mutable_accepted()->add_remarks(remark);
  Send(std::move(message));
  Log(Severity::kInfo, "a model host serves",
      {{"recommender", recommender.name()}, {"host", description_.display_name()}});
  return absl::OkStatus();
}

void ModelHosts::Stream::Admit() {
  const TraceScope trace(trace_);
  const absl::Status served = Contain("admitting a model host", [this] { return Serve(); });
  if (!served.ok()) End(served);
}

ModelHosts::ModelHosts(Resources& resources, HostRegistry& registry, MemoryBudget& memory)
    : resources_(resources), registry_(registry), memory_(memory) {}

ModelHosts::~ModelHosts() {
  for (Admitting& one : admitting_) one.thread.join();
}

grpc::ServerBidiReactor<HostRecommenderRequest, HostRecommenderResponse>*
ModelHosts::HostRecommender(grpc::CallbackServerContext* context) {
  const auto stream = std::make_shared<Stream>(*this, context);
  absl::Status refused;
  {
    const std::lock_guard lock(mutex_);
    streams_.insert(stream);
    if (draining_) refused = Draining();
    if (streams_.size() > kMaxHosts) {
      refused = Error(absl::StatusCode::kResourceExhausted, "TOO_MANY_HOSTS",
                      absl::StrCat("there are ", kMaxHosts, " hosts already"));
    }
  }
  if (refused.ok()) {
    stream->Begin();
  } else {
    stream->End(refused);
  }
  return stream.get();
}

void ModelHosts::StartAdmission(const std::shared_ptr<Stream>& stream) {
  const std::lock_guard lock(mutex_);
  for (auto one = admitting_.begin(); one != admitting_.end();) {
    if (!*one->done) {
      ++one;
      continue;
    }
    one->thread.join();
    one = admitting_.erase(one);
  }
  const auto done = std::make_shared<std::atomic<bool>>(false);
  admitting_.push_back({std::thread([stream, done] {
                          stream->Admit();
                          *done = true;
                        }),
                        done});
}

void ModelHosts::Remove(Stream* stream) {
  std::shared_ptr<Stream> last;  // destroyed after the lock is released
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(streams_.begin(), streams_.end(),
                                  [&](const auto& one) { return one.get() == stream; });
  if (found == streams_.end()) return;
  last = *found;
  streams_.erase(found);
  removed_.notify_all();
}

void ModelHosts::Drain() {
  std::vector<std::shared_ptr<Stream>> streams;
  {
    const std::lock_guard lock(mutex_);
    draining_ = true;
    streams.assign(streams_.begin(), streams_.end());
  }
  for (const auto& stream : streams) stream->End(Draining());
  std::unique_lock lock(mutex_);
  removed_.wait_for(lock, kDrainGrace, [this] { return streams_.empty(); });
  for (const auto& stream : streams_) stream->Cancel();
}

}  // namespace recsae::probe
