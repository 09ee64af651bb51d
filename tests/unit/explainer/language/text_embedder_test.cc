#include "services/explainer/language/text_embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "tests/unit/common/endpoint/fake_server.h"
#include "tests/unit/explainer/language/bag_of_words.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;

class TextEmbedderTest : public ::testing::Test {
 protected:
  TextEmbedderTest()
      : folder_(::testing::TempDir() + "/embedder-" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    for (int i = 0; i < 100; ++i) texts_.push_back(absl::StrCat("word", i, " film"));
  }

  std::unique_ptr<TextEmbedder> Open(const FakeServer& server) {
    TextEmbedderSettings settings;
    settings.endpoint = server.options();
    settings.store = folder_;
    settings.store_bytes = 1 << 20;
    return TextEmbedder::Open(std::move(settings), metrics_).value();
  }

  absl::StatusOr<std::vector<UnitVector>> Embed(TextEmbedder& embedder) {
    use_ = {};
    batches_ = 0;
    return embedder.Embed(
        texts_,
        [this] {
          ++batches_;
          return absl::OkStatus();
        },
        use_);
  }

  const std::string folder_;
  std::vector<std::string> texts_;
  MetricsRegistry metrics_;
  EmbeddingUse use_;
  int batches_ = 0;
};

TEST_F(TextEmbedderTest, PaysForEachTextOnce) {
  BagOfWordsEndpoint bag;
  FakeServer server(std::ref(bag));
  std::vector<UnitVector> first;
  {
    const auto embedder = Open(server);
    first = Embed(*embedder).value();
    EXPECT_EQ(use_.paid, 100);
    EXPECT_EQ(batches_, 4) << "32 a request";
    EXPECT_EQ(server.requests, 4);
  }
  ASSERT_EQ(first.size(), texts_.size());
  for (size_t i = 0; i < texts_.size(); ++i) {
    const std::vector<float> bag_of = BagOfWords(texts_[i]);
    ASSERT_EQ(first[i].size(), bag_of.size());
    double squares = 0;
    double dot = 0;
    double norm = 0;
    for (size_t d = 0; d < bag_of.size(); ++d) {
      squares += first[i][d] * first[i][d];
      dot += first[i][d] * bag_of[d];
      norm += bag_of[d] * bag_of[d];
    }
    EXPECT_NEAR(squares, 1, 1e-5);
    EXPECT_NEAR(dot, std::sqrt(norm), 1e-4);
  }
  const auto embedder = Open(server);
  texts_.emplace_back("one more");
  const std::vector<UnitVector> again = Embed(*embedder).value();
  EXPECT_EQ(use_.paid, 1);
  EXPECT_EQ(server.requests, 5);
  EXPECT_EQ(std::vector<UnitVector>(again.begin(), again.begin() + 100), first);
}

TEST_F(TextEmbedderTest, ARefusedTextIsLeftOut) {
  BagOfWordsEndpoint bag;
  FakeServer server([&](int request, const httplib::Request& in, httplib::Response& out) {
    if (absl::StrContains(in.body, "word40 ")) {
      out.status = 400;
      out.set_content(R"({"error": {"message": "too long"}})", "application/json");
    } else {
      bag(request, in, out);
    }
  });
  const auto embedder = Open(server);
  const std::vector<UnitVector> vectors = Embed(*embedder).value();
  for (size_t i = 0; i < vectors.size(); ++i) EXPECT_EQ(vectors[i].empty(), i == 40) << i;
  EXPECT_EQ(use_.paid, 99);
  for (const auto& [text, count] : bag.asked) EXPECT_EQ(count, 1) << text;
}

TEST_F(TextEmbedderTest, AnEndpointThatRefusesEverythingEndsIt) {
  FakeServer never(Always(401, R"({"error": {"message": "who are you?"}})"));
  const absl::Status status = Embed(*Open(never)).status();
  EXPECT_EQ(Reason(status), "ENDPOINT_REFUSED");
  EXPECT_THAT(status.message(), HasSubstr("who are you?"));
  EXPECT_LE(never.requests, 16);
  std::filesystem::remove_all(folder_);
  FakeServer prose(Always(200, R"({"data": "I would rather not"})"));
  EXPECT_EQ(Reason(Embed(*Open(prose)).status()), "ENDPOINT_ANSWER_INVALID");
  std::filesystem::remove_all(folder_);
  FakeServer failing(Always(503, "overloaded"));
  EXPECT_EQ(Reason(Embed(*Open(failing)).status()), "ENDPOINT_FAILED");
  EXPECT_EQ(failing.requests, 3) << "the attempts of one call";
}

TEST_F(TextEmbedderTest, ZerosAreNoDirectionAndSizesMustBeEqual) {
  texts_ = {"nothing"};
  FakeServer zeros(Always(200, R"({"data": [{"embedding": [0, 0, 0]}]})"));
  EXPECT_TRUE(Embed(*Open(zeros)).value()[0].empty());
  texts_ = {"a"};
  FakeServer three(Always(200, R"({"data": [{"embedding": [1, 2, 3]}]})"));
  ASSERT_TRUE(Embed(*Open(three)).ok());
  texts_ = {"a", "b"};
  FakeServer two(Always(200, R"({"data": [{"embedding": [1, 2]}]})"));
  const absl::Status status = Embed(*Open(two)).status();
  EXPECT_EQ(Reason(status), "EMBEDDINGS_MIXED");
  EXPECT_THAT(status.message(), HasSubstr("--embeddings-model"));
}

}  // namespace
}  // namespace recsae::explainer
