// Writers at the same time: no update is lost, no request is stored twice.
#include <gtest/gtest.h>

#include <atomic>
#include <barrier>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

class ConcurrencyTest : public testing::Test {
 protected:
  ConcurrencyTest() : server_(FreshDirectory(), Transport::kTcp) {
    EXPECT_TRUE(Publish(server_, SampleHeader("a"), SampleWeights(SampleSae(), 16)).ok());
  }

  absl::StatusOr<v1::Concept> Create(int32_t latent, const std::string& description) {
    v1::CreateConceptRequest request;
    request.set_parent("saes/a");
    *request.mutable_latent_concept() = SampleConcept(latent, description);
    return Call(server_, &Stub::CreateConcept, request);
  }

  absl::StatusOr<v1::Concept> Get(const std::string& name) {
    v1::GetConceptRequest request;
    request.set_name(name);
    return Call(server_, &Stub::GetConcept, request);
  }

  StoreServer server_;
};

// Each thread counts up what it has read; with lost updates the sum would be smaller.
TEST_F(ConcurrencyTest, NoUpdateWithAnEtagIsLost) {
  constexpr int kThreads = 4;
  constexpr int kIncrements = 25;
  const auto created = Create(1, "0");
  ASSERT_TRUE(created.ok()) << created.status();
  std::atomic<int> conflicts = 0;
  std::barrier all_have_read(kThreads);
  const auto increment = [&] {
    bool first = true;
    for (int done = 0; done < kIncrements;) {
      v1::UpdateConceptRequest request;
      *request.mutable_latent_concept() = *Get(created->name());
      if (first) all_have_read.arrive_and_wait();
      first = false;
      int count = 0;
      ASSERT_TRUE(absl::SimpleAtoi(request.latent_concept().description(), &count));
      request.mutable_latent_concept()->set_description(absl::StrCat(count + 1));
      request.mutable_update_mask()->add_paths("description");
      const auto updated = Call(server_, &Stub::UpdateConcept, request);
      if (updated.ok()) {
        ++done;
      } else {
        ASSERT_EQ(Reason(updated.status()), "ETAG_MISMATCH") << updated.status();
        ++conflicts;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(increment);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(Get(created->name())->description(), absl::StrCat(kThreads * kIncrements));
  EXPECT_EQ(server_.store().revision(), 2 + kThreads * kIncrements);
  // All read the first state, so all but one had to try again.
  EXPECT_GE(conflicts, kThreads - 1);
}

TEST_F(ConcurrencyTest, OfManyCreatorsOneWins) {
  for (int latent = 0; latent < 8; ++latent) {
    std::atomic<int> winners = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i) {
      threads.emplace_back([&, i] {
        const auto created = Create(latent, absl::StrCat("by ", i));
        if (created.ok()) {
          ++winners;
        } else {
          EXPECT_EQ(Reason(created.status()), "CONCEPT_EXISTS");
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(winners, 1);
  }
}

TEST_F(ConcurrencyTest, RetriesThatOvertakeEachOtherAreStoredOnce) {
  ASSERT_TRUE(Create(1, "one").ok());
  for (int round = 0; round < 10; ++round) {
    v1::UpdateConceptRequest request;
    request.mutable_latent_concept()->set_name("saes/a/concepts/1");
    request.mutable_latent_concept()->set_description(absl::StrCat("round ", round));
    request.mutable_update_mask()->add_paths("description");
    request.set_request_id(absl::StrCat("request ", round));
    std::vector<std::thread> threads;
    std::vector<int64_t> revisions(4);
    for (size_t i = 0; i < revisions.size(); ++i) {
      threads.emplace_back([&, i] {
        const auto updated = Call(server_, &Stub::UpdateConcept, request);
        if (updated.ok()) revisions[i] = updated->revision();
      });
    }
    for (std::thread& thread : threads) thread.join();
    EXPECT_EQ(revisions, std::vector<int64_t>(4, 3 + round));
  }
}

TEST_F(ConcurrencyTest, ReadersSeeWholeBatches) {
  std::atomic<bool> stop = false;
  std::thread reader([&] {
    v1::ListConceptsRequest request;
    request.set_parent("saes/a");
    while (!stop) {
      const auto page = Call(server_, &Stub::ListConcepts, request);
      ASSERT_TRUE(page.ok()) << page.status();
      EXPECT_TRUE(page->total_size() == 0 || page->total_size() == 16) << page->total_size();
      for (const auto& found : page->concepts()) {
        EXPECT_EQ(found.description(), page->concepts(0).description());
      }
    }
  });
  for (int round = 0; round < 30; ++round) {
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    for (int i = 0; i < 16; ++i) {
      *request.add_concepts() = SampleConcept(i, absl::StrCat("round ", round));
    }
    ASSERT_TRUE(Call(server_, &Stub::BatchUpsertConcepts, request).ok());
  }
  stop = true;
  reader.join();
}

}  // namespace
}  // namespace recsae::concept_store
