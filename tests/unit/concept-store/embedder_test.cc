#include "services/concept-store/embedding/embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <functional>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "tests/unit/common/endpoint/fake_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Json = nlohmann::json;

// Texts about the same thing have the same embedding.
std::vector<float> Topic(const std::string& text) {
  if (absl::StrContains(text, "Horror") || absl::StrContains(text, "scary")) return {1, 0, 0};
  if (absl::StrContains(text, "Sci-Fi") || absl::StrContains(text, "rocket")) return {0, 1, 0};
  return {0.5, 0.5, 1};
}

class EmbedderTest : public testing::Test {
 protected:
  EmbedderTest()
      : directory_(absl::StrCat(testing::TempDir(), "/embedder_test.",
                                testing::UnitTest::GetInstance()->current_test_info()->name(), ".",
                                getpid())),
        server_([this](int, const httplib::Request& in, httplib::Response& out) {
          const Json asked = Json::parse(in.body);
          {
            const std::lock_guard<std::mutex> lock(mutex_);
            key_ = in.get_header_value("Authorization");
            for (const auto& text : asked["input"]) texts_.push_back(text.get<std::string>());
          }
          const bool refuse = !refused_.empty() && absl::StrContains(in.body, refused_);
          if (status_ != 200 || refuse) {
            out.status = refuse ? 400 : status_.load();
            out.set_content("{}", "application/json");
            return;
          }
          Json data = Json::array();
          for (const auto& text : asked["input"]) {
            data.push_back({{"index", data.size()}, {"embedding", Topic(text.get<std::string>())}});
          }
          out.set_content(Json{{"data", data}}.dump(), "application/json");
        }) {
    std::filesystem::remove_all(directory_);
  }
  ~EmbedderTest() override { Close(); }

  void Open(const std::string& model = "small", const std::string& key_file = "") {
    Close();
    embedder_ = Embedder::Create({server_.options().url, model, key_file}, metrics_).value();
    store_ = Store::Open(directory_, {.texts = &embedder_->texts()}).value();
    embedder_->Start(*store_);
  }
  void Close() {
    if (embedder_ != nullptr) embedder_->Stop();
    store_.reset();
    embedder_.reset();
  }

  void PublishAndDescribe() {
    const auto upload = store_->BeginPublish(SampleHeader("a")).value();
    for (const v1::SaeWeights& chunk : SampleWeights(SampleSae(), 5)) {
      ASSERT_TRUE(upload->Add(chunk).ok());
    }
    ASSERT_TRUE(upload->Finish().ok());
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    *request.add_concepts() = SampleConcept(1, "Horror", {});
    *request.add_concepts() = SampleConcept(2, "Sci-Fi", {});
    *request.add_concepts() = SampleConcept(3, "Western", {});
    ASSERT_TRUE(store_->BatchUpsertConcepts(request).ok());
  }

  v1::SearchConceptsResponse Search(const std::string& query, bool words_only = false) {
    v1::SearchConceptsRequest request;
    request.set_parent("saes/a");
    request.set_query(query);
    request.set_words_only(words_only);
    return store_->SearchConcepts(request, [&] { return embedder_->Ask(query); }).value();
  }

  // Whether `done` comes true within some seconds.
  static bool Soon(const std::function<bool()>& done) {
    for (int i = 0; i < 1000; ++i) {
      if (done()) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }
  bool AllEmbedded() {
    return Soon([&] { return embedder_->texts().counts().wanted == 0; });
  }
  std::vector<std::string> TakeTexts() {
    const std::lock_guard<std::mutex> lock(mutex_);
    return std::exchange(texts_, {});
  }

  const std::string directory_;
  std::mutex mutex_;
  std::vector<std::string> texts_;  // that the endpoint was asked for
  std::string key_;
  std::atomic<int> status_ = 200;
  std::string refused_;  // a batch with this; set before Open
  FakeServer server_;
  MetricsRegistry metrics_;
  std::unique_ptr<Embedder> embedder_;
  std::unique_ptr<Store> store_;
};

TEST_F(EmbedderTest, FindsWhatIsMeant) {
  Open();
  PublishAndDescribe();
  ASSERT_TRUE(AllEmbedded());
  const v1::SearchConceptsResponse found = Search("a journey by rocket");
  ASSERT_EQ(found.matches_size(), 3);
  EXPECT_EQ(found.matches(0).latent_concept().description(), "Sci-Fi");
  EXPECT_TRUE(found.matches(0).by_meaning());
  EXPECT_NEAR(found.matches(0).similarity(), 1, 1e-6);
  EXPECT_EQ(found.meaning().compared_count(), 3);
  EXPECT_EQ(found.meaning().not_compared_count(), 0);
  EXPECT_EQ(found.meaning().reason(), "");
  EXPECT_EQ(found.meaning().model(), "small");

  const v1::SearchConceptsResponse by_words = Search("western");
  EXPECT_EQ(by_words.matches(0).latent_concept().latent(), 3);
  EXPECT_FALSE(by_words.matches(0).by_meaning());
  EXPECT_TRUE(by_words.matches(0).has_similarity());

  const v1::SearchConceptsResponse words_only = Search("a journey by rocket", true);
  EXPECT_EQ(words_only.matches_size(), 0);
  EXPECT_EQ(words_only.meaning().reason(), "WORDS_ONLY");
  EXPECT_EQ(words_only.meaning().not_compared_count(), 3);
}

TEST_F(EmbedderTest, AsksForNothingTwice) {
  Open();
  PublishAndDescribe();
  ASSERT_TRUE(AllEmbedded());
  EXPECT_THAT(TakeTexts(), ElementsAre("Horror", "Sci-Fi", "Western"));
  Search("scary things");
  Search("scary things");
  EXPECT_THAT(TakeTexts(), ElementsAre("scary things"));
  Open();
  ASSERT_TRUE(AllEmbedded());
  EXPECT_THAT(TakeTexts(), ElementsAre()) << "the store has them";
  Open("another");
  ASSERT_TRUE(AllEmbedded());
  EXPECT_THAT(TakeTexts(), ElementsAre("Horror", "Sci-Fi", "Western")) << "of another model";
}

TEST_F(EmbedderTest, GoesByWordsWhileTheEndpointFailsAndSaysSo) {
  status_ = 500;
  Open();
  PublishAndDescribe();
  ASSERT_TRUE(Soon([&] { return Search("horror").meaning().reason() == "ENDPOINT_FAILED"; }));
  const v1::SearchConceptsResponse found = Search("horror");
  ASSERT_EQ(found.matches_size(), 1);
  EXPECT_EQ(found.meaning().compared_count(), 0);
  EXPECT_EQ(found.meaning().not_compared_count(), 3);
  EXPECT_THAT(found.meaning().message(), HasSubstr("127.0.0.1"));
  TakeTexts();
  Search("something else");
  for (const std::string& text : TakeTexts()) EXPECT_NE(text, "something else") << "no pause";
  status_ = 200;
  EXPECT_TRUE(AllEmbedded()) << "asked again by itself";
  EXPECT_TRUE(Soon([&] { return Search("scary").matches(0).has_similarity(); }));
}

TEST_F(EmbedderTest, ATextThatIsRefusedHoldsUpNoOther) {
  refused_ = "Sci-Fi";
  Open();
  PublishAndDescribe();
  ASSERT_TRUE(Soon([&] { return embedder_->texts().counts().known == 2; }));
  const v1::SearchConceptsResponse found = Search("scary stories");
  EXPECT_EQ(found.matches(0).latent_concept().latent(), 1);
  EXPECT_EQ(found.meaning().not_compared_count(), 1);
}

TEST_F(EmbedderTest, WhatIsWrittenWhileItRunsIsEmbeddedToo) {
  Open();
  PublishAndDescribe();
  ASSERT_TRUE(AllEmbedded());
  v1::UpdateConceptRequest update;
  update.mutable_latent_concept()->set_name("saes/a/concepts/3");
  update.mutable_latent_concept()->set_description("out there by rocket");
  update.mutable_update_mask()->add_paths("description");
  ASSERT_TRUE(store_->UpdateConcept(update).ok());
  ASSERT_TRUE(AllEmbedded());
  const v1::SearchConceptsResponse found = Search("a rocket and its crew");
  EXPECT_NEAR(found.matches(1).similarity(), 1, 1e-6);
}

TEST_F(EmbedderTest, SendsItsKeyAndTellsNobody) {
  const std::string file = absl::StrCat(directory_, ".key");
  {
    std::FILE* out = std::fopen(file.c_str(), "w");
    std::fputs("very-secret\n", out);
    std::fclose(out);
  }
  status_ = 401;
  testing::internal::CaptureStderr();
  Open("small", file);
  PublishAndDescribe();
  ASSERT_TRUE(Soon([&] { return Search("horror").meaning().reason() == "ENDPOINT_REFUSED"; }));
  EXPECT_THAT(Search("horror").DebugString(), testing::Not(HasSubstr("very-secret")));
  Close();
  EXPECT_THAT(testing::internal::GetCapturedStderr(), testing::Not(HasSubstr("very-secret")));
  EXPECT_EQ(key_, "Bearer very-secret");
}

TEST_F(EmbedderTest, StopsWhileARequestIsOnItsWay) {
  FakeServer slow(
      [](int, const httplib::Request&, httplib::Response&) { absl::SleepFor(absl::Seconds(3)); });
  embedder_ = Embedder::Create({slow.options().url, "small", ""}, metrics_).value();
  store_ = Store::Open(directory_, {.texts = &embedder_->texts()}).value();
  embedder_->Start(*store_);
  PublishAndDescribe();
  ASSERT_TRUE(Soon([&] { return slow.requests > 0; }));
  const absl::Time begun = absl::Now();
  embedder_->Stop();
  EXPECT_LT(absl::Now() - begun, absl::Seconds(1));
}

TEST(EmbedderFlags, NeedAUrl) {
  MetricsRegistry metrics;
  EXPECT_EQ(Reason(Embedder::Create({"ftp://x", "small", ""}, metrics).status()),
            "ENDPOINT_URL_INVALID");
}

}  // namespace
}  // namespace recsae::concept_store
