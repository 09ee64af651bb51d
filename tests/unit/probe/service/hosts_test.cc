// Streams of model hosts, over real sockets.
#include <gmock/gmock.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "recsae/hosts/v1/hosts.grpc.pb.h"
#include "tests/unit/probe/hosts/small_host.h"
#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

using hosts::v1::HostRecommenderRequest;
using hosts::v1::HostRecommenderResponse;
using ::testing::HasSubstr;

// A host on a stream of its own: dials, sends what it is asked for, answers until it is closed.
class DialledHost {
 public:
  DialledHost(hosts::v1::ModelHosts::Stub& stub, hosts::v1::Description description,
              hosts::v1::ItemRows items = SmallHost::Items(),
              hosts::v1::UserRows users = SmallHost::Users())
      : items_(std::move(items)), users_(std::move(users)) {
    stream_ = stub.HostRecommender(&context_);
    HostRecommenderRequest first;
    *first.mutable_description() = std::move(description);
    stream_->Write(first);
  }
  ~DialledHost() {
    if (serving_.joinable()) Close().IgnoreError();
  }

  // Serves until the probe has accepted it. What it was refused with.
  absl::StatusOr<hosts::v1::Accepted> Accepted() {
    HostRecommenderResponse response;
    while (stream_->Read(&response)) {
      if (response.has_accepted()) {
        serving_ = std::thread([this] { Serve(); });
        return response.accepted();
      }
      Take(response);
    }
    return FromGrpc(stream_->Finish());
  }

  bool asked_for_items() const { return asked_for_items_; }
  int answered() const { return answered_; }

  // Hangs up, or waits until the probe does; what it says.
  absl::Status Close() {
    context_.TryCancel();
    return End();
  }
  absl::Status End() {
    serving_.join();
    return FromGrpc(stream_->Finish());
  }

 private:
  void Serve() {
    HostRecommenderResponse response;
    while (stream_->Read(&response)) Take(response);
  }

  void Take(const HostRecommenderResponse& response) {
    HostRecommenderRequest request;
    if (response.has_welcome()) {
      asked_for_items_ = response.welcome().send_items();
      if (!asked_for_items_) return;
      *request.mutable_items() = items_;
      stream_->Write(request);
      *request.mutable_users() = users_;
      stream_->Write(request);
    } else if (response.has_call()) {
      *request.mutable_answer() = host_.Answer(response.call());
      stream_->Write(request);
      ++answered_;
    }
  }

  const SmallHost host_;
  const hosts::v1::ItemRows items_;
  const hosts::v1::UserRows users_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<HostRecommenderRequest, HostRecommenderResponse>>
      stream_;
  bool asked_for_items_ = false;
  std::atomic<int> answered_ = 0;
  std::thread serving_;
};

class HostsTest : public ProbeServerTest {
 protected:
  std::unique_ptr<DialledHost> Dial(hosts::v1::Description description = SmallHost::Describe()) {
    return std::make_unique<DialledHost>(*hosts_, std::move(description));
  }

  absl::Status Compute(v1::ComputeActivationsResponse* response) {
    v1::ComputeActivationsRequest request;
    request.set_recommender("recommenders/small");
    request.add_queries()->add_history_item_ids("item-3");
    return Run(&Stub::ComputeActivations, request, response);
  }

  v1::Recommender Get() {
    v1::GetRecommenderRequest request;
    request.set_name("recommenders/small");
    v1::Recommender recommender;
    EXPECT_TRUE(Run(&Stub::GetRecommender, request, &recommender).ok());
    return recommender;
  }
};

TEST_F(HostsTest, AHostIsRegisteredAndServes) {
  auto host = Dial();
  const auto accepted = host->Accepted();
  ASSERT_TRUE(accepted.ok()) << accepted.status();
  EXPECT_TRUE(host->asked_for_items());
  const v1::Recommender recommender = Get();
  EXPECT_EQ(recommender.kind(), v1::Recommender::KIND_HOSTED);
  EXPECT_EQ(recommender.catalog(), "catalogs/small");
  EXPECT_EQ(recommender.host_count(), 1);
  EXPECT_TRUE(recommender.has_prediction_head());
  EXPECT_EQ(recommender.probe_sites_size(), 2);
  EXPECT_GT(recommender.metrics().count("test_ndcg@10"), 0u);
  v1::ComputeActivationsResponse response;
  ASSERT_TRUE(Compute(&response).ok());
  EXPECT_EQ(response.activations().shape(1), SmallHost::kDim);
}

// What the host tells of its users is known of them afterwards, and what speaks against it is said.
TEST_F(HostsTest, InteractionsOfAHostAreUsersPasts) {
  auto host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  const v1::Recommender recommender = Get();
  ASSERT_EQ(recommender.metrics().count("test_seen_share"), 1u);
  EXPECT_EQ(recommender.metrics().at("test_seen_share"), 0);
  ASSERT_EQ(recommender.dataset_remarks_size(), 1);
  EXPECT_EQ(recommender.dataset_remarks(0).code(), "TEST_ITEMS_UNTRAINED");
  EXPECT_EQ(recommender.dataset_remarks(0).count(), 5);

  v1::ComputeActivationsRequest by_id, by_items;
  for (auto* request : {&by_id, &by_items}) {
    request->set_recommender("recommenders/small");
    request->set_with_past(true);
  }
  by_id.add_queries()->set_user_id("user-0");
  for (const char* item : {"item-0", "item-5", "item-10"}) {
    if (by_items.queries().empty()) by_items.add_queries();
    by_items.mutable_queries(0)->add_history_item_ids(item);
  }
  v1::ComputeActivationsResponse response, expected;
  const absl::Status computed = Run(&Stub::ComputeActivations, by_id, &response);
  ASSERT_TRUE(computed.ok()) << computed;
  ASSERT_TRUE(Run(&Stub::ComputeActivations, by_items, &expected).ok());
  EXPECT_EQ(response.activations().data(), expected.activations().data());
  EXPECT_TRUE(response.pasts(0).known());
  EXPECT_EQ(response.pasts(0).trained_count(), 2);
  EXPECT_THAT(response.pasts(0).item_ids(), ::testing::ElementsAre("item-0", "item-5", "item-10"));

  by_id.mutable_queries(0)->set_user_id("nobody");
  const absl::Status unknown = Run(&Stub::ComputeActivations, by_id, &response);
  EXPECT_EQ(unknown.code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(Reason(unknown), "USER_NOT_FOUND");
  by_id.mutable_queries(0)->clear_user_id();
  EXPECT_EQ(Reason(Run(&Stub::ComputeActivations, by_id, &response)), "HISTORY_EMPTY");
}

TEST_F(HostsTest, AUserWithoutAPastNeedsAHistory) {
  hosts::v1::Description silent = SmallHost::Describe();
  silent.set_has_interactions(false);
  auto host = Dial(silent);
  ASSERT_TRUE(host->Accepted().ok());
  v1::ComputeActivationsRequest request;
  request.set_recommender("recommenders/small");
  request.add_queries()->set_user_id("user-0");
  v1::ComputeActivationsResponse response;
  const absl::Status refused = Run(&Stub::ComputeActivations, request, &response);
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(refused), "HISTORY_UNKNOWN");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("give history_item_ids"));
  request.mutable_queries(0)->add_history_item_ids("item-3");
  EXPECT_TRUE(Run(&Stub::ComputeActivations, request, &response).ok());
}

TEST_F(HostsTest, WithoutHostsCallsAreUnavailableUntilOneIsBack) {
  auto host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  v1::ComputeActivationsResponse first, second;
  ASSERT_TRUE(Compute(&first).ok());
  host->Close().IgnoreError();
  while (Get().host_count() > 0) std::this_thread::yield();
  const absl::Status away = Compute(&second);
  EXPECT_EQ(away.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(away), "HOST_AWAY");

  host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  EXPECT_FALSE(host->asked_for_items());
  ASSERT_TRUE(Compute(&second).ok());
  EXPECT_EQ(first.activations().data(), second.activations().data());
}

TEST_F(HostsTest, TheRecommenderOutlivesTheProbe) {
  auto host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  const std::string uid = Get().uid();
  host.reset();
  Stop();
  Start();
  v1::ComputeActivationsResponse response;
  EXPECT_EQ(Reason(Compute(&response)), "HOST_AWAY");
  host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  EXPECT_EQ(Get().uid(), uid);
  EXPECT_TRUE(Compute(&response).ok());
}

TEST_F(HostsTest, SeveralHostsShareTheCalls) {
  auto a = Dial(), b = Dial();
  ASSERT_TRUE(a->Accepted().ok());
  ASSERT_TRUE(b->Accepted().ok());
  EXPECT_EQ(Get().host_count(), 2);
  const int before_a = a->answered(), before_b = b->answered();
  std::vector<std::thread> callers;
  std::atomic<int> failed = 0;
  for (int i = 0; i < 4; ++i) {
    callers.emplace_back([&] {
      for (int j = 0; j < 50; ++j) {
        v1::ComputeActivationsResponse response;
        failed += Compute(&response).ok() ? 0 : 1;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(a->answered(), before_a);
  EXPECT_GT(b->answered(), before_b);
}

TEST_F(HostsTest, AnotherModelUnderTheSameNameIsRefused) {
  auto host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  hosts::v1::Description other = SmallHost::Describe();
  other.set_fingerprint("two");
  const absl::Status refused = Dial(other)->Accepted().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(refused), "HOST_DIFFERS");

  MakeCatalog(3);
  MakeRecommender(4);
  EXPECT_EQ(Reason(Dial(SmallHost::Describe("r"))->Accepted().status()), "RECOMMENDER_EXISTS");
}

TEST_F(HostsTest, OtherItemsThanDescribedAreRefused) {
  hosts::v1::ItemRows repeated = SmallHost::Items();
  repeated.mutable_items(7)->set_id("item-3");
  hosts::v1::ItemRows nameless = SmallHost::Items();
  nameless.mutable_items(7)->clear_id();
  hosts::v1::Description more = SmallHost::Describe();
  more.set_item_count(SmallHost::kItems + 1);
  hosts::v1::Description fewer = SmallHost::Describe();
  fewer.set_item_count(SmallHost::kItems - 1);
  const auto refusal = [&](const hosts::v1::Description& description,
                           const hosts::v1::ItemRows& items) {
    return DialledHost(*hosts_, description, items).Accepted().status();
  };
  EXPECT_THAT(std::string(refusal(SmallHost::Describe(), repeated).message()),
              HasSubstr("\"item-3\" came twice"));
  EXPECT_EQ(Reason(refusal(SmallHost::Describe(), nameless)), "ITEM_ID_INVALID");
  EXPECT_EQ(Reason(refusal(more, SmallHost::Items())), "HOST_INCOMPLETE");
  EXPECT_EQ(Reason(refusal(fewer, SmallHost::Items())), "HOST_INCOMPLETE");
  // Nothing of them is left.
  v1::ListCatalogsResponse catalogs;
  ASSERT_TRUE(Run(&Stub::ListCatalogs, v1::ListCatalogsRequest(), &catalogs).ok());
  EXPECT_EQ(catalogs.catalogs_size(), 0);
}

TEST_F(HostsTest, AStreamThatDoesNotBeginWithADescriptionIsRefused) {
  grpc::ClientContext context;
  auto stream = hosts_->HostRecommender(&context);
  HostRecommenderRequest answer;
  answer.mutable_answer()->set_id(1);
  stream->Write(answer);
  HostRecommenderResponse response;
  EXPECT_FALSE(stream->Read(&response));
  EXPECT_EQ(Reason(FromGrpc(stream->Finish())), "STREAM_ORDER_INVALID");
}

TEST_F(HostsTest, DeletingTheRecommenderSendsItsHostsAway) {
  auto host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  v1::DeleteRecommenderRequest request;
  request.set_name("recommenders/small");
  google::protobuf::Empty nothing;
  ASSERT_TRUE(Run(&Stub::DeleteRecommender, request, &nothing).ok());
  EXPECT_EQ(Reason(host->End()), "RECOMMENDER_DELETED");
}

TEST_F(HostsTest, ADrainingProbeSendsHostsAwayAsUnavailable) {
  auto host = Dial();
  ASSERT_TRUE(host->Accepted().ok());
  module_->Drain();
  const absl::Status told = host->End();
  EXPECT_EQ(told.code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Reason(told), "SERVER_DRAINING");
  EXPECT_EQ(Reason(Dial()->Accepted().status()), "SERVER_DRAINING");
}

}  // namespace
}  // namespace recsae::probe
