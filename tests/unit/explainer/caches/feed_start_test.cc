// How soon an explainer knows the dictionary, however long its history.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/client/peer.h"
#include "services/explainer/caches/concept_cache.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::explainer {
namespace {

constexpr int kConcepts = 500;

// A store whose 500 concepts were written `rewrites` times.
void Fill(concept_store::StoreServer& server, int rewrites) {
  auto header = concept_store::SampleHeader("a");
  header.mutable_sae()->set_latent_count(kConcepts);
  ASSERT_TRUE(Publish(server, header, concept_store::SampleWeights(header.sae(), 500)).ok());
  for (int i = 0; i < rewrites; ++i) {
    concept_store::v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    for (int latent = 0; latent < kConcepts; ++latent) {
      *request.add_concepts() = concept_store::SampleConcept(latent, absl::StrCat("rewrite ", i));
    }
    ASSERT_TRUE(Call(server, &concept_store::Stub::BatchUpsertConcepts, request).ok());
  }
}

// Seconds from the start of the feed until it has everything.
double SecondsUntilFilled(concept_store::StoreServer& server, const std::string& description) {
  MetricsRegistry metrics;
  const auto peer = std::make_shared<Peer>("concept-store");
  peer->SetChannel(server.server().InProcessChannel({}));
  Peers peers(std::make_shared<Peer>("probe"), peer);
  ConceptCache cache(peers, metrics);
  const auto start = std::chrono::steady_clock::now();
  cache.Start();
  EXPECT_TRUE(cache.WaitUntilFilled(Caller(absl::InfiniteDuration(), {})).ok());
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  EXPECT_EQ(cache.Lookup("saes/a", kConcepts - 1)->description, description);
  return seconds.count();
}

TEST(FeedStart, DoesNotDependOnTheHistory) {
  concept_store::StoreServer fresh(concept_store::FreshDirectory("fresh"),
                                   concept_store::Transport::kInProcess);
  concept_store::StoreServer old(concept_store::FreshDirectory("old"),
                                 concept_store::Transport::kInProcess);
  Fill(fresh, 1);
  Fill(old, 40);
  ASSERT_EQ(old.store().revision(), 1 + 20'000);
  double fresh_seconds = 1e9;
  double old_seconds = 1e9;
  for (int i = 0; i < 5; ++i) {  // in turn, so that both meet the same machine
    fresh_seconds = std::min(fresh_seconds, SecondsUntilFilled(fresh, "rewrite 0"));
    old_seconds = std::min(old_seconds, SecondsUntilFilled(old, "rewrite 39"));
  }
  std::cout << "500 concepts are here after " << 1e3 * fresh_seconds << " ms, after 20,000 "
            << "revisions of them " << 1e3 * old_seconds << " ms\n";
  // A replay would take 40 times as long.
  EXPECT_LT(old_seconds, 5 * fresh_seconds);
}

}  // namespace
}  // namespace recsae::explainer
