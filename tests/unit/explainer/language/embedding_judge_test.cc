// The judge over an HTTP server that embeds texts as bags of words: what shares words is near.
#include "services/explainer/language/embedding_judge.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <random>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/explainer/language/case_text.h"
#include "tests/unit/common/endpoint/fake_server.h"
#include "tests/unit/explainer/language/bag_of_words.h"
#include "tests/unit/explainer/language/genre_cases.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;

constexpr int64_t kPlenty = 1'000'000;

// By sorting: of ranks, Mann and Whitney's U.
double ByRanks(const std::vector<double>& of, const std::vector<double>& than) {
  std::vector<double> all = of;
  all.insert(all.end(), than.begin(), than.end());
  double ranks = 0;
  for (const double a : of) {
    double below = 0;
    double same = 0;
    for (const double b : all) {
      below += b < a;
      same += b == a;
    }
    ranks += below + (same + 1) / 2;
  }
  const auto n = static_cast<double>(of.size());
  return (ranks - n * (n + 1) / 2) / (n * static_cast<double>(than.size()));
}

TEST(ShareLargerTest, IsMannAndWhitneys) {
  EXPECT_EQ(ShareLarger(std::vector<double>{1}, std::vector<double>{0}), 1);
  EXPECT_EQ(ShareLarger(std::vector<double>{0}, std::vector<double>{1}), 0);
  EXPECT_EQ(ShareLarger(std::vector<double>{1, 1}, std::vector<double>{1}), 0.5);
  std::mt19937 random(5);
  for (int run = 0; run < 200; ++run) {
    std::vector<double> of(1 + random() % 8);
    std::vector<double> than(1 + random() % 8);
    for (double& value : of) value = random() % 6;
    for (double& value : than) value = random() % 6;
    EXPECT_NEAR(ShareLarger(of, than), ByRanks(of, than), 1e-12);
  }
}

double Cosine(const std::string& a, const std::string& b) {
  const std::vector<float> x = BagOfWords(a);
  const std::vector<float> y = BagOfWords(b);
  double dot = 0;
  double xx = 0;
  double yy = 0;
  for (size_t i = 0; i < x.size(); ++i) {
    dot += x[i] * y[i];
    xx += x[i] * x[i];
    yy += y[i] * y[i];
  }
  return dot / std::sqrt(xx * yy);
}

class EmbeddingJudgeTest : public ::testing::Test {
 protected:
  EmbeddingJudgeTest()
      : folder_(::testing::TempDir() + "/embedding-judge-" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    options_.selection.seed = 3;
    options_.max_texts = kPlenty;
    for (int genre = 0; genre < kGenres; ++genre) {
      // The model is right about half of the latents.
      texts_.push_back({absl::StrCat("g", genre, "x; like film 3-4"),
                        absl::StrCat("g", genre % 2 == 0 ? genre : (genre + 6) % kGenres, "x")});
    }
  }

  std::unique_ptr<TextEmbedder> Open(const FakeServer& server) {
    TextEmbedderSettings settings;
    settings.endpoint = server.options();
    settings.store = folder_;
    settings.store_bytes = 1 << 20;
    return TextEmbedder::Open(std::move(settings), metrics_).value();
  }

  absl::StatusOr<EmbeddingJudgeResults> Run(TextEmbedder& embedder) {
    return RunEmbeddingJudge(embedder, cases_, items_, texts_, options_,
                             {[](int, int) { return absl::OkStatus(); },
                              [] { return absl::OkStatus(); }, [] { return absl::OkStatus(); }});
  }

  std::vector<double> Cosines(const std::string& description,
                              const std::vector<int32_t>& indexes) const {
    std::vector<double> cosines;
    for (const int32_t index : indexes) {
      cosines.push_back(Cosine(description, CaseText(cases_.at(index), items_)));
    }
    return cosines;
  }

  const std::string folder_;
  const std::vector<ItemText> items_ = Items();
  const CaseTable cases_ = Cases();
  std::vector<LatentTexts> texts_;
  EmbeddingJudgeOptions options_;
  MetricsRegistry metrics_;
  BagOfWordsEndpoint bag_;
};

TEST_F(EmbeddingJudgeTest, TellsWhatIsRightFromWhatIsDealt) {
  FakeServer server(std::ref(bag_));
  const EmbeddingJudgeResults results = Run(*Open(server)).value();
  const CaseSelector selector(cases_, options_.selection);
  double dealt = 0;
  for (int genre = 0; genre < kGenres; ++genre) {
    const EmbeddingJudgement& latent = results.latents[static_cast<size_t>(genre)];
    ASSERT_TRUE(latent.statistical && latent.by_model && latent.control);
    const CaseSelection selected = selector.Select(genre);
    const std::string said = absl::StrCat("g", genre, "x");
    EXPECT_NEAR(latent.statistical->nearer,
                ByRanks(Cosines(said, selected.positives), Cosines(said, selected.negatives)),
                1e-6);
    EXPECT_GT(latent.statistical->nearer, 0.8) << genre;
    EXPECT_GE(latent.statistical->told.Confidence(), 0.8) << genre;
    EXPECT_EQ(latent.statistical->told.cases(), 10);
    if (genre % 2 == 0) {
      EXPECT_EQ(latent.by_model->nearer, latent.statistical->nearer);
    }
    dealt += latent.control->nearer / kGenres;
  }
  EXPECT_LT(dealt, 0.6);
  EXPECT_EQ(results.left_out, 0);
  EXPECT_EQ(results.stopped, "");
  EXPECT_EQ(results.texts, static_cast<int64_t>(bag_.asked.size()));
  EXPECT_EQ(results.paid, results.texts);
  for (const auto& [text, count] : bag_.asked) {
    EXPECT_EQ(count, 1) << text;
    EXPECT_FALSE(absl::StrContains(text, "like film")) << "examples are not embedded: " << text;
  }
}

TEST_F(EmbeddingJudgeTest, StopsWhereItsTextsAreUsedUpAndGoesOnFromThere) {
  FakeServer server(std::ref(bag_));
  const auto embedder = Open(server);
  options_.max_texts = 60;
  const EmbeddingJudgeResults part = Run(*embedder).value();
  EXPECT_LE(part.texts, 60);
  EXPECT_EQ(static_cast<int64_t>(bag_.asked.size()), part.texts);
  EXPECT_THAT(part.stopped, HasSubstr("of 12 latents"));
  EXPECT_TRUE(part.latents.front().statistical.has_value());
  EXPECT_FALSE(part.latents.back().statistical.has_value());
  options_.max_texts = kPlenty;
  const EmbeddingJudgeResults whole = Run(*embedder).value();
  EXPECT_EQ(whole.paid, whole.texts - part.texts);
  EXPECT_EQ(whole.latents.front().statistical->nearer, part.latents.front().statistical->nearer);
  for (const auto& [text, count] : bag_.asked) EXPECT_EQ(count, 1) << text;
}

TEST_F(EmbeddingJudgeTest, LeavesOutALatentWhoseTextIsRefused) {
  FakeServer server([&](int request, const httplib::Request& in, httplib::Response& out) {
    if (absl::StrContains(in.body, "\"g4x\"")) {
      out.status = 400;
    } else {
      bag_(request, in, out);
    }
  });
  const EmbeddingJudgeResults results = Run(*Open(server)).value();
  EXPECT_EQ(results.left_out, 1);
  EXPECT_FALSE(results.latents[4].statistical.has_value());
  EXPECT_TRUE(results.latents[5].statistical.has_value());
}

TEST_F(EmbeddingJudgeTest, JudgesOnlyWhatIsDescribed) {
  FakeServer server(std::ref(bag_));
  texts_[0] = {};
  texts_[1].by_model = "";
  const EmbeddingJudgeResults results = Run(*Open(server)).value();
  EXPECT_FALSE(results.latents[0].statistical || results.latents[0].control);
  EXPECT_TRUE(results.latents[1].statistical.has_value());
  EXPECT_FALSE(results.latents[1].by_model.has_value());
  EXPECT_EQ(results.left_out, 0);
}

}  // namespace
}  // namespace recsae::explainer
