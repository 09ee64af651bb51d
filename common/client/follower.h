// Follows the feed of a service: a snapshot, then its changes, over every break of the connection.
#ifndef RECSAE_COMMON_CLIENT_FOLLOWER_H_
#define RECSAE_COMMON_CLIENT_FOLLOWER_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace grpc {
class ClientContext;
}  // namespace grpc

namespace recsae {

// How far the follower's state is.
struct FeedCursor {
  std::string epoch;
  int64_t revision = 0;
};

struct FollowerOptions {
  // Waits between streams: twice as long each time, from the first one again once a stream has
  // brought something.
  absl::Duration first_wait = absl::Milliseconds(50);
  absl::Duration longest_wait = absl::Seconds(5);
};

// Thread-safe; the feed runs in a thread of its own.
//
//   Follower follower("concepts", [&](Follower::Stream& stream) -> absl::Status {
//     WatchConceptsRequest request;
//     if (stream.since()) { request.set_since_revision(stream.since()->revision); ... }
//     const auto reader = stub->WatchConcepts(&stream.context(), request);
//     ... Read; change the state; stream.Advance({epoch, revision}) ...
//     return peer.FromGrpc(reader->Finish());
//   });
class Follower {
 public:
  // One call of the feed.
  class Stream {
   public:
    grpc::ClientContext& context() { return context_; }
    // Where to go on; unset: with a snapshot, which replaces the state once it is complete.
    const std::optional<FeedCursor>& since() const { return since_; }
    // The state now is that of `cursor`. Not while a snapshot is incomplete.
    void Advance(FeedCursor cursor) { follower_.Advance(std::move(cursor)); }

   private:
    friend class Follower;
    Stream(Follower& follower, grpc::ClientContext& context, std::optional<FeedCursor> since)
        : follower_(follower), context_(context), since_(std::move(since)) {}

    Follower& follower_;
    grpc::ClientContext& context_;
    const std::optional<FeedCursor> since_;
  };
  // Reads one stream to its end and says why it ended. OUT_OF_RANGE: the server cannot go on from
  // `since`, so the next stream begins with a snapshot.
  using Feed = std::function<absl::Status(Stream&)>;

  // `what` is followed, for the log.
  Follower(std::string what, Feed feed, FollowerOptions options = {});
  ~Follower();
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;

  // Starts to follow, once.
  void Start();
  // Ends that at once, also while connecting; the state stays. Idempotent.
  void Stop();

  // Waits until the first snapshot is complete, as long as `alive` is OK. Then OK for good, however
  // the connection is. Before: why the last stream ended, or UNAVAILABLE (FEED_STOPPED).
  absl::Status WaitUntilFilled(absl::FunctionRef<absl::Status()> alive) const;
  // Waits until the state is that of `revision` or a later one, at most `limit`.
  void WaitForRevision(int64_t revision, absl::Duration limit,
                       absl::FunctionRef<absl::Status()> alive) const;

  // Of the state; unset before the first snapshot is complete.
  std::optional<FeedCursor> cursor() const;

 private:
  void Run();
  absl::Status RunStream();
  void Advance(FeedCursor cursor);

  const std::string what_;
  const std::string work_;  // the same in other words: following it
  const Feed feed_;
  const FollowerOptions options_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  std::optional<FeedCursor> cursor_;
  bool resume_ = false;    // the next stream goes on from cursor_
  bool received_ = false;  // by the present stream
  // Why the last stream ended; OK until one has, and again once another one brought something.
  absl::Status broken_;
  bool stopping_ = false;
  grpc::ClientContext* context_ = nullptr;  // of the stream that is open, for Stop
  std::thread thread_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_CLIENT_FOLLOWER_H_
