// Calls to hosts that dialled in: in any order, some at a time, cancelled, and when a host goes
// away.
#include "services/probe/hosts/host_session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "services/probe/hosts/host_registry.h"

namespace recsae::probe {
namespace {

using hosts::v1::HostRecommenderResponse;
using ::testing::HasSubstr;

// What was sent to a host.
class Sent {
 public:
  HostSession::Send Send() {
    return [this](HostRecommenderResponse message) {
      const absl::MutexLock lock(&mutex_);
      messages_.push_back(std::move(message));
    };
  }
  // Waits for the message of this number.
  HostRecommenderResponse Await(size_t number) {
    const absl::MutexLock lock(&mutex_);
    const auto there = [&] { return messages_.size() > number; };
    mutex_.Await(absl::Condition(&there));
    return messages_[number];
  }
  size_t count() {
    const absl::MutexLock lock(&mutex_);
    return messages_.size();
  }

 private:
  absl::Mutex mutex_;
  std::vector<HostRecommenderResponse> messages_;
};

std::shared_ptr<HostSession> NewSession(Sent& sent, int calls, HostSession::End end = {}) {
  return std::make_shared<HostSession>("recommenders/r", calls, sent.Send(), std::move(end));
}

using Result = absl::StatusOr<hosts::v1::Answer>;

std::future<Result> CallAsync(std::shared_ptr<const HostLink> link, int64_t mark,
                              std::function<bool()> cancelled = {}) {
  return std::async(std::launch::async, [link, mark, cancelled] {
    hosts::v1::Call call;
    call.mutable_read_interactions()->set_start_user(mark);
    return link->Call(call, cancelled);
  });
}

hosts::v1::Answer AnswerTo(const hosts::v1::Call& call) {
  hosts::v1::Answer answer;
  answer.set_id(call.id());
  answer.mutable_interactions()->add_users()->add_items(
      static_cast<int32_t>(call.read_interactions().start_user()));
  return answer;
}

int32_t MarkOf(const Result& result) { return result->interactions().users(0).items(0); }

TEST(HostSessionTest, AnswersComeInAnyOrder) {
  Sent sent;
  const auto session = NewSession(sent, 2);
  auto first = CallAsync(session, 11);
  const auto a = sent.Await(0).call();
  auto second = CallAsync(session, 22);
  const auto b = sent.Await(1).call();
  EXPECT_NE(a.id(), b.id());
  session->Take(AnswerTo(b));
  EXPECT_EQ(MarkOf(second.get()), 22);
  session->Take(AnswerTo(a));
  EXPECT_EQ(MarkOf(first.get()), 11);
}

TEST(HostSessionTest, SendsNoMoreThanTheHostTakesAtATime) {
  Sent sent;
  const auto session = NewSession(sent, 1);
  auto first = CallAsync(session, 1);
  const auto a = sent.Await(0).call();
  auto second = CallAsync(session, 2);
  while (session->load() < 2) std::this_thread::yield();
  EXPECT_EQ(sent.count(), 1u);
  session->Take(AnswerTo(a));
  session->Take(AnswerTo(sent.Await(1).call()));
  EXPECT_EQ(MarkOf(first.get()), 1);
  EXPECT_EQ(MarkOf(second.get()), 2);
  EXPECT_EQ(session->load(), 0);
}

TEST(HostSessionTest, ACancelledCallIsToldAndHoldsItsPlaceUntilItIsAnswered) {
  Sent sent;
  const auto session = NewSession(sent, 1);
  std::atomic<bool> cancelled = false;
  auto first = CallAsync(session, 1, [&] { return cancelled.load(); });
  const auto a = sent.Await(0).call();
  cancelled = true;
  EXPECT_EQ(first.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(sent.Await(1).cancelled_call_id(), a.id());

  // A host that does not answer is not sent ever more.
  auto second = CallAsync(session, 2, [] { return true; });
  EXPECT_EQ(second.get().status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(sent.count(), 2u);
  auto third = CallAsync(session, 3);
  while (session->load() < 2) std::this_thread::yield();
  EXPECT_EQ(sent.count(), 2u);
  session->Take(AnswerTo(a));
  session->Take(AnswerTo(sent.Await(2).call()));
  EXPECT_EQ(MarkOf(third.get()), 3);
}

TEST(HostSessionTest, WhatTheHostSaysReachesTheCaller) {
  struct Told {
    absl::StatusCode by_host, to_caller;
    const char* reason;
  };
  for (const Told& told :
       {Told{absl::StatusCode::kInvalidArgument, absl::StatusCode::kInvalidArgument, ""},
        {absl::StatusCode::kUnimplemented, absl::StatusCode::kUnimplemented, ""},
        {absl::StatusCode::kInternal, absl::StatusCode::kFailedPrecondition, "MODEL_FAILED"},
        {absl::StatusCode::kNotFound, absl::StatusCode::kFailedPrecondition, "MODEL_FAILED"}}) {
    Sent sent;
    const auto session = NewSession(sent, 1);
    auto result = CallAsync(session, 1);
    hosts::v1::Answer answer;
    answer.set_id(sent.Await(0).call().id());
    answer.mutable_error()->set_code(static_cast<int>(told.by_host));
    answer.mutable_error()->set_message("what the model said");
    session->Take(answer);
    const absl::Status status = result.get().status();
    EXPECT_EQ(status.code(), told.to_caller) << status;
    EXPECT_EQ(Reason(status), told.reason);
    EXPECT_THAT(std::string(status.message()), HasSubstr("what the model said"));
  }
}

TEST(HostSessionTest, WhoWaitsIsToldWhenTheHostGoesAway) {
  Sent sent;
  const auto session = NewSession(sent, 1);
  auto sending = CallAsync(session, 1);
  sent.Await(0);
  auto queued = CallAsync(session, 2);
  while (session->load() < 2) std::this_thread::yield();
  session->Close(HostAway("recommenders/r"));
  EXPECT_EQ(Reason(sending.get().status()), "HOST_AWAY");
  EXPECT_EQ(Reason(queued.get().status()), "HOST_AWAY");
  EXPECT_EQ(Reason(CallAsync(session, 3).get().status()), "HOST_AWAY");
}

TEST(HostRegistryTest, WithoutAHostCallsAreUnavailableByName) {
  HostRegistry registry([](int64_t) {});
  const auto result = CallAsync(registry.LinkTo("uid", "recommenders/r"), 1).get();
  EXPECT_EQ(result.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(result.status()), "HOST_AWAY");
  EXPECT_THAT(std::string(result.status().message()), HasSubstr("recommenders/r"));
}

TEST(HostRegistryTest, TheHostWithTheFewestCallsIsAsked) {
  std::atomic<int64_t> hosts = 0;
  HostRegistry registry([&](int64_t count) { hosts = count; });
  Sent sent_a, sent_b, sent_other;
  const auto a = NewSession(sent_a, 4), b = NewSession(sent_b, 4),
             other = NewSession(sent_other, 4);
  registry.Add("uid", a);
  registry.Add("uid", b);
  registry.Add("another", other);
  EXPECT_EQ(hosts, 3);
  EXPECT_EQ(registry.Count("uid"), 2);
  const auto link = registry.LinkTo("uid", "recommenders/r");
  EXPECT_EQ(link->parallel_calls(), 8);
  auto first = CallAsync(link, 1);
  sent_a.Await(0);
  auto second = CallAsync(link, 2);
  sent_b.Await(0);
  a->Take(AnswerTo(sent_a.Await(0).call()));
  b->Take(AnswerTo(sent_b.Await(0).call()));
  EXPECT_EQ(MarkOf(first.get()), 1);
  EXPECT_EQ(MarkOf(second.get()), 2);
  EXPECT_EQ(sent_other.count(), 0u);
}

TEST(HostRegistryTest, ACallWhoseHostGoesAwayIsAskedOfAnother) {
  HostRegistry registry([](int64_t) {});
  Sent sent_a, sent_b;
  const auto a = NewSession(sent_a, 4), b = NewSession(sent_b, 4);
  registry.Add("uid", a);
  auto result = CallAsync(registry.LinkTo("uid", "recommenders/r"), 7);
  sent_a.Await(0);
  registry.Add("uid", b);
  registry.Remove("uid", a.get());
  a->Close(HostAway("recommenders/r"));
  b->Take(AnswerTo(sent_b.Await(0).call()));
  EXPECT_EQ(MarkOf(result.get()), 7);
}

TEST(HostRegistryTest, HostsOfADeletedRecommenderAreSentAway) {
  HostRegistry registry([](int64_t) {});
  Sent sent;
  absl::Status told;
  registry.Add("uid", NewSession(sent, 1, [&](const absl::Status& why) { told = why; }));
  registry.Dismiss("other", "recommenders/other");
  EXPECT_TRUE(told.ok());
  registry.Dismiss("uid", "recommenders/r");
  EXPECT_EQ(told.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(told), "RECOMMENDER_DELETED");
}

}  // namespace
}  // namespace recsae::probe
