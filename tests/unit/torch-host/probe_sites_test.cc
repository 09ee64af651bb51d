// Probe sites of the recommenders that are trained here.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/torch-host/kinds/in_process.h"

namespace recsae::probe {
namespace {

constexpr int kDim = 8;
constexpr int kHistory = 6;

std::unique_ptr<Recommender> Trained(RecommenderKind kind) {
  RecommenderOptions options = DefaultOptions(kind);
  options.dim = kDim;
  options.history = kHistory;
  options.layers = 2;
  options.max_epochs = 1;
  auto model = NewRecommender(options, InProcessTorch());
  EXPECT_TRUE(model.ok()) << model.status();
  const auto data = GeneratePlanted({.users = 60, .items = 80, .concepts = 4, .max_length = 20});
  EXPECT_TRUE((*model)->Train(*data, {}).ok());
  return std::move(*model);
}

class SasrecSitesTest : public testing::Test {
 protected:
  const std::unique_ptr<Recommender> model_ = Trained(RecommenderKind::kSasrec);
  const std::vector<int32_t> one_ = {7}, some_ = {1, 2, 3}, many_ = {9, 8, 7, 6, 5, 4, 3, 2, 1};
  const std::vector<Query> queries_ = {{-1, one_}, {-1, some_}, {-1, many_}};
};

TEST_F(SasrecSitesTest, AreTheEmbeddingTheLayersAndTheUser) {
  const std::vector<ProbeSite> expected = {{"embedding", kDim, true},
                                           {"layers.0", kDim, true},
                                           {"layers.1", kDim, true},
                                           {kUserSite, kDim, false}};
  EXPECT_EQ(model_->ProbeSites(), expected);
}

TEST_F(SasrecSitesTest, TheLastLayerIsTheActivation) {
  const auto user = *model_->Activations(queries_);
  EXPECT_EQ(*model_->ActivationsAt("layers.1", Positions::kLast, queries_), user);
  EXPECT_EQ(*model_->ActivationsAt("user", Positions::kLast, queries_), user);
  EXPECT_EQ(*model_->ActivationsAt("", Positions::kLast, queries_), user);
  EXPECT_NE(*model_->ActivationsAt("layers.0", Positions::kLast, queries_), user);
}

TEST_F(SasrecSitesTest, AllPositionsEndWithTheLast) {
  for (const char* site : {"embedding", "layers.0", "layers.1"}) {
    const auto all = *model_->ActivationsAt(site, Positions::kAll, queries_);
    const auto last = *model_->ActivationsAt(site, Positions::kLast, queries_);
    ASSERT_EQ(all.size(), (1 + 3 + kHistory) * kDim);
    const int ends[] = {1, 1 + 3, 1 + 3 + kHistory};
    for (int query = 0; query < 3; ++query) {
      for (int j = 0; j < kDim; ++j) {
        EXPECT_EQ(all[(ends[query] - 1) * kDim + j], last[query * kDim + j]) << site;
      }
    }
  }
}

TEST_F(SasrecSitesTest, ResumingFromItsOwnActivationsChangesNothing) {
  const auto user = *model_->Activations(queries_);
  for (const ProbeSite& site : model_->ProbeSites()) {
    const auto own = *model_->ActivationsAt(site.name, Positions::kLast, queries_);
    EXPECT_EQ(*model_->Resume(site.name, queries_, own), user) << site.name;
  }
}

TEST_F(SasrecSitesTest, ResumingFromOthersChangesWhatFollows) {
  const std::vector<float> others(queries_.size() * kDim, 0.5F);
  EXPECT_EQ(*model_->Resume("layers.1", queries_, others), others);
  EXPECT_EQ(*model_->Resume("user", queries_, others), others);
  const auto resumed = *model_->Resume("embedding", queries_, others);
  EXPECT_NE(resumed, *model_->Activations(queries_));
  // The first history is this one position: nothing of it is left.
  const std::vector<int32_t> other = {11};
  const auto same = *model_->Resume("embedding", {{-1, other}}, {others.data(), kDim});
  for (int j = 0; j < kDim; ++j) EXPECT_NEAR(same[j], resumed[j], 1e-4);
}

TEST_F(SasrecSitesTest, QueriesAndSitesAreChecked) {
  const std::vector<float> activation(kDim, 0);
  EXPECT_EQ(Reason(model_->ActivationsAt("layers.2", Positions::kLast, queries_).status()),
            "PROBE_SITE_UNKNOWN");
  EXPECT_EQ(Reason(model_->ActivationsAt("user", Positions::kAll, queries_).status()),
            "POSITIONS_UNSUPPORTED");
  EXPECT_EQ(Reason(model_->Resume("layers.0", {{-1, {}}}, activation).status()), "HISTORY_EMPTY");
}

// GPT has a norm between its last layer and the activation; all else as SASRec.
TEST(GptSitesTest, EverySiteResumesAndAllPositionsEndWithTheLast) {
  const auto model = Trained(RecommenderKind::kGpt);
  const std::vector<int32_t> some = {1, 2, 3}, many = {9, 8, 7, 6, 5, 4, 3, 2, 1};
  const std::vector<Query> queries = {{-1, some}, {-1, many}};
  const auto user = *model->Activations(queries);
  EXPECT_NE(*model->ActivationsAt("layers.1", Positions::kLast, queries), user);
  for (const char* site : {"embedding", "layers.0", "layers.1", "user"}) {
    const auto own = *model->ActivationsAt(site, Positions::kLast, queries);
    EXPECT_EQ(*model->Resume(site, queries, own), user) << site;
  }
  const auto all = *model->ActivationsAt("layers.0", Positions::kAll, queries);
  const auto last = *model->ActivationsAt("layers.0", Positions::kLast, queries);
  ASSERT_EQ(all.size(), (3 + kHistory) * kDim);
  for (int j = 0; j < kDim; ++j) EXPECT_EQ(all[2 * kDim + j], last[j]);
}

// The only activation of a history is that of the mask token after it.
TEST(Bert4recSitesTest, TheMaskTokenIsWhatIsCapturedAndResumed) {
  const auto model = Trained(RecommenderKind::kBert4rec);
  const std::vector<int32_t> some = {1, 2, 3}, other = {40, 50};
  const std::vector<Query> queries = {{-1, some}, {-1, other}};
  for (const ProbeSite& site : model->ProbeSites()) {
    EXPECT_FALSE(site.per_position) << site.name;
    const auto own = *model->ActivationsAt(site.name, Positions::kLast, queries);
    EXPECT_EQ(*model->Resume(site.name, queries, own), *model->Activations(queries)) << site.name;
    EXPECT_EQ(Reason(model->ActivationsAt(site.name, Positions::kAll, queries).status()),
              "POSITIONS_UNSUPPORTED");
  }
  // Before the first layer it has seen nothing of the history yet.
  const auto embedded = *model->ActivationsAt("embedding", Positions::kLast, queries);
  const auto seen = *model->ActivationsAt("layers.0", Positions::kLast, queries);
  for (int j = 0; j < kDim; ++j) EXPECT_EQ(embedded[j], embedded[kDim + j]);
  EXPECT_NE(std::vector<float>(seen.begin(), seen.begin() + kDim),
            std::vector<float>(seen.begin() + kDim, seen.end()));
}

TEST(BprmfSitesTest, TheUserIsAll) {
  const auto model = Trained(RecommenderKind::kBprmf);
  EXPECT_EQ(model->ProbeSites(), (std::vector<ProbeSite>{{kUserSite, kDim, false}}));
  const std::vector<Query> queries = {{3, {}}};
  EXPECT_EQ(*model->ActivationsAt("user", Positions::kLast, queries), *model->Activations(queries));
  EXPECT_EQ(Reason(model->ActivationsAt("layers.0", Positions::kLast, queries).status()),
            "PROBE_SITE_UNKNOWN");
}

}  // namespace
}  // namespace recsae::probe
