// What the concept-store does as a part of a process: metrics, limits of the wire, broken calls,
// and its life as a module.
#include <gmock/gmock.h>
#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <prometheus/registry.h>

#include <chrono>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/concept-store/module.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using absl::StatusCode;

class ServiceTest : public testing::Test {
 protected:
  ServiceTest() : server_(FreshDirectory(), Transport::kTcp) {}

  absl::Status PublishSample() {
    return Publish(server_, SampleHeader("a"), SampleWeights(SampleSae(), 5)).status();
  }

  absl::Status Upsert(int count) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    for (int i = 0; i < count; ++i) *request.add_concepts() = SampleConcept(i, "c");
    return Call(server_, &Stub::BatchUpsertConcepts, request).status();
  }

  StoreServer server_;
};

std::map<std::string, double> Gauges(const MetricsRegistry& metrics) {
  std::map<std::string, double> values;
  for (const auto& family : metrics.registry()->Collect()) {
    for (const auto& metric : family.metric) values[family.name] = metric.gauge.value;
  }
  return values;
}

TEST_F(ServiceTest, MetricsFollowTheStore) {
  auto gauges = Gauges(server_.metrics());
  EXPECT_EQ(gauges.at("recsae_concept_store_saes"), 0);
  EXPECT_EQ(gauges.at("recsae_concept_store_watchers"), 0);
  ASSERT_TRUE(PublishSample().ok());
  ASSERT_TRUE(Upsert(3).ok());
  ASSERT_TRUE(Upsert(2).ok());
  grpc::ClientContext context;
  const auto stream = server_.stub().WatchConcepts(&context, {});
  v1::ConceptChange change;
  ASSERT_TRUE(stream->Read(&change));
  gauges = Gauges(server_.metrics());
  EXPECT_EQ(gauges.at("recsae_concept_store_saes"), 1);
  EXPECT_EQ(gauges.at("recsae_concept_store_concepts"), 3);
  EXPECT_EQ(gauges.at("recsae_concept_store_revision"), 6);
  EXPECT_EQ(gauges.at("recsae_concept_store_watchers"), 1);
  context.TryCancel();
  stream->Finish();
  server_.Reopen();
  gauges = Gauges(server_.metrics());
  EXPECT_EQ(gauges.at("recsae_concept_store_saes"), 1);
  EXPECT_EQ(gauges.at("recsae_concept_store_concepts"), 3);
  EXPECT_EQ(gauges.at("recsae_concept_store_revision"), 6);
  EXPECT_EQ(gauges.at("recsae_concept_store_watchers"), 0);
}

TEST_F(ServiceTest, APublicationFitsTheMemoryOrIsRefused) {
  MemoryBudget& memory = server_.memory();
  {
    const auto others = *memory.Take(memory.limit() - 100, "other work", "it");
    const absl::Status refused = PublishSample();
    EXPECT_EQ(Reason(refused), "MEMORY_BUDGET") << refused;
    EXPECT_THAT(std::string(refused.message()), testing::HasSubstr("saes/a"));
  }
  EXPECT_TRUE(PublishSample().ok());
  EXPECT_EQ(memory.taken(), 0);
}

TEST_F(ServiceTest, ACancelledPublicationLeavesNothing) {
  const auto weights = SampleWeights(SampleSae(), 5);
  {
    grpc::ClientContext context;
    v1::Sae sae;
    const auto stream = server_.stub().PublishSae(&context, &sae);
    v1::PublishSaeRequest message;
    *message.mutable_header() = SampleHeader("a");
    ASSERT_TRUE(stream->Write(message));
    *message.mutable_weights() = weights[0];
    ASSERT_TRUE(stream->Write(message));
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::CANCELLED);
  }
  v1::GetSaeRequest get;
  get.set_name("saes/a");
  EXPECT_EQ(Reason(Call(server_, &Stub::GetSae, get).status()), "SAE_NOT_FOUND");
  EXPECT_TRUE(PublishSample().ok());
}

TEST_F(ServiceTest, AMessageAboveTheLimitIsRefusedAndTheServerLives) {
  ASSERT_TRUE(PublishSample().ok());
  v1::UpdateConceptRequest request;
  request.mutable_latent_concept()->set_name("saes/a/concepts/1");
  request.mutable_latent_concept()->set_description(std::string(size_t{5} << 20, 'x'));
  request.mutable_update_mask()->add_paths("description");
  EXPECT_EQ(Call(server_, &Stub::UpdateConcept, request).status().code(),
            StatusCode::kResourceExhausted);
  request.mutable_latent_concept()->set_description(std::string(size_t{3} << 20, 'x'));
  EXPECT_EQ(Call(server_, &Stub::UpdateConcept, request).status().code(),
            StatusCode::kInvalidArgument);
  EXPECT_TRUE(Upsert(1).ok());
}

TEST_F(ServiceTest, AManyFaultedRequestGetsAnAnswerThatFitsTheTrailers) {
  ASSERT_TRUE(PublishSample().ok());
  v1::BatchUpsertConceptsRequest request;
  request.set_parent("saes/a");
  for (int i = 0; i < 500; ++i) {
    *request.add_concepts() = SampleConcept(-1, std::string(1001, 'x'));
  }
  const absl::Status status = Call(server_, &Stub::BatchUpsertConcepts, request).status();
  EXPECT_EQ(status.code(), StatusCode::kInvalidArgument) << status;
  EXPECT_EQ(Reason(status), "INVALID_REQUEST");
}

TEST_F(ServiceTest, ADeadlineThatPassedIsReportedAsThat) {
  ASSERT_TRUE(PublishSample().ok());
  grpc::ClientContext context;
  // gRPC rounds up to whole milliseconds, in which a call may still be answered.
  context.set_deadline(std::chrono::system_clock::now() - std::chrono::seconds(1));
  v1::GetSaeRequest request;
  request.set_name("saes/a");
  v1::Sae sae;
  EXPECT_EQ(server_.stub().GetSae(&context, request, &sae).error_code(), grpc::DEADLINE_EXCEEDED);

  grpc::ClientContext watch_context;
  watch_context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(300));
  const auto stream = server_.stub().WatchConcepts(&watch_context, {});
  v1::ConceptChange change;
  while (stream->Read(&change)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::DEADLINE_EXCEEDED);
}

TEST(ConceptStoreModule, OpensDrainsAndStops) {
  MetricsRegistry metrics;
  ModuleContext context;
  context.data_dir = FreshDirectory();
  context.metrics = &metrics;
  for (int64_t round = 0; round < 2; ++round) {
    ConceptStoreModule module;
    EXPECT_EQ(module.name(), "concept-store");
    EXPECT_FALSE(module.uses_jobs());
    ASSERT_TRUE(module.Open(context).ok());
    grpc::ServerBuilder builder;
    for (grpc::Service* service : module.services()) builder.RegisterService(service);
    const auto server = builder.BuildAndStart();
    ASSERT_TRUE(module.Start().ok());
    const auto stub = v1::ConceptStore::NewStub(server->InProcessChannel({}));
    v1::ListSaesResponse saes;
    grpc::ClientContext list_context;
    EXPECT_TRUE(stub->ListSaes(&list_context, {}, &saes).ok());
    grpc::ClientContext watch_context;
    const auto stream = stub->WatchConcepts(&watch_context, {});
    v1::ConceptChange change;
    ASSERT_TRUE(stream->Read(&change));
    module.Drain();
    EXPECT_FALSE(stream->Read(&change));
    EXPECT_EQ(stream->Finish().error_code(), grpc::UNAVAILABLE);
    server->Shutdown();
    server->Wait();
    EXPECT_TRUE(module.Stop(absl::InfiniteFuture()).ok());
  }
  // A directory that is already open is one line of error.
  ConceptStoreModule one;
  ConceptStoreModule other;
  ASSERT_TRUE(one.Open(context).ok());
  EXPECT_EQ(Reason(other.Open(context)), "STORE_LOCKED");
}

}  // namespace
}  // namespace recsae::concept_store
