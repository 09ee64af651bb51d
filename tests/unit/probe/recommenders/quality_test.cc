// Trains on MovieLens-1M and holds the quality to what the paper's public code gives on this split.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>

#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/evaluation.h"
#include "services/probe/recommenders/recommender.h"

namespace recsae::probe {
namespace {

// The data set's folder below $RECSAE_DATA_DIR, or "" if it is not there.
std::string DataFolder(const std::string& name) {
  const char* root = std::getenv("RECSAE_DATA_DIR");
  if (root == nullptr) return "";
  const std::filesystem::path folder = std::filesystem::path(root) / name;
  return std::filesystem::is_directory(folder) ? folder.string() : "";
}

bool PrintProgress(const TrainProgress& p) {
  if (p.epoch_done) {
    std::cout << "epoch " << p.epoch << " loss " << p.loss << " dev ndcg@10 " << p.dev_ndcg
              << " best " << p.best_dev_ndcg << std::endl;
  }
  return true;
}

TEST(QualityTest, SasrecOnMl1mRecsaeReachesThePublicCode) {
  const std::string folder = DataFolder("ml-1m-recsae");
  if (folder.empty()) GTEST_SKIP() << "ml-1m-recsae is not in $RECSAE_DATA_DIR";
  const auto dataset = ReadDataset(folder);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  auto model = NewRecommender(DefaultOptions(RecommenderKind::kSasrec));
  ASSERT_TRUE(model.ok()) << model.status();
  const auto report = (*model)->Train(*dataset, PrintProgress);
  ASSERT_TRUE(report.ok()) << report.status();
  const auto test = EvaluateRecommender(**model, *dataset, dataset->test);
  ASSERT_TRUE(test.ok()) << test.status();
  std::cout << "test hr@10 " << test->hr(10) << " ndcg@10 " << test->ndcg(10) << std::endl;
  EXPECT_GE(test->hr(10), 0.161);
  EXPECT_GE(test->ndcg(10), 0.088);
}

}  // namespace
}  // namespace recsae::probe
