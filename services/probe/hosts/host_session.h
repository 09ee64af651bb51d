// One host that dialled in: the calls that it was sent and has not answered.
#ifndef RECSAE_SERVICES_PROBE_HOSTS_HOST_SESSION_H_
#define RECSAE_SERVICES_PROBE_HOSTS_HOST_SESSION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "recsae/hosts/v1/hosts.pb.h"
#include "services/probe/hosts/host_link.h"

namespace recsae::probe {

// Thread-safe.
class HostSession final : public HostLink {
 public:
  // Sends a message to the host; never waits, and may be called after the stream has ended.
  using Send = std::function<void(hosts::v1::HostRecommenderResponse)>;

  // Ends the stream with this status; never waits.
  using End = std::function<void(const absl::Status&)>;

  // Sends at most `concurrent_calls` calls before one is answered; further ones wait here.
  HostSession(std::string name, int concurrent_calls, Send send, End end);

  absl::StatusOr<hosts::v1::Answer> Call(hosts::v1::Call call,
                                         const std::function<bool()>& cancelled) const override;
  int parallel_calls() const override { return concurrent_calls_; }

  // An answer came. One that nobody waits for makes room for another call.
  void Take(hosts::v1::Answer answer) const;
  // The host is gone: whoever waits is told `why`, as is every later caller.
  void Close(const absl::Status& why) const;
  // Sends the host away.
  void Dismiss(const absl::Status& why) const { end_(why); }
  // Calls sent or waiting to be.
  int load() const;
  bool closed() const;

 private:
  // A call that was sent.
  struct Waiting {
    std::optional<hosts::v1::Answer> answer;
    absl::CondVar answered;
  };

  // Whether the caller has given up. Asked without the lock, which is held before and after.
  bool GivenUp(const std::function<bool()>& cancelled) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  // Waits for its turn, and takes it.
  absl::Status AwaitTurn(const std::function<bool()>& cancelled) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<hosts::v1::Answer> AwaitAnswer(int64_t id, Waiting& waiting,
                                                const std::function<bool()>& cancelled) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string name_;  // of the recommender
  const int concurrent_calls_;
  const Send send_;
  const End end_;
  mutable absl::Mutex mutex_;
  mutable absl::CondVar turn_;
  mutable absl::Status closed_ ABSL_GUARDED_BY(mutex_);
  mutable int64_t last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable int running_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable int queued_ ABSL_GUARDED_BY(mutex_) = 0;
  mutable std::map<int64_t, Waiting*> waiting_ ABSL_GUARDED_BY(mutex_);
  // Sent, and nobody waits for them: a host that does not answer shall not get ever more.
  mutable std::set<int64_t> abandoned_ ABSL_GUARDED_BY(mutex_);
};

// UNAVAILABLE (HOST_AWAY).
absl::Status HostAway(const std::string& recommender);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_HOSTS_HOST_SESSION_H_
