#include "clients/cli/text/json.h"

#include <gtest/gtest.h>

#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::cli {
namespace {

TEST(AsJsonTest, CountsAreNumbersUpToWhatEveryReaderTakes) {
  probe::v1::Dataset dataset;
  dataset.set_user_count(60);
  dataset.set_name("12");
  const auto json = AsJson(dataset);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_TRUE((*json)["userCount"].is_number_integer());
  EXPECT_EQ((*json)["userCount"], 60);
  EXPECT_EQ((*json)["name"], "12") << "text stays text";

  trainer::v1::TrainingConfig config;
  config.set_seed((uint64_t{1} << 53) + 1);
  EXPECT_EQ((*AsJson(config))["seed"], "9007199254740993");
  config.set_seed(uint64_t{1} << 53);
  EXPECT_EQ((*AsJson(config))["seed"], int64_t{1} << 53);
}

TEST(AsJsonTest, InWhatAJobHolds) {
  probe::v1::Capture capture;
  capture.set_row_count(600);
  jobs::v1::Job job;
  job.mutable_result()->PackFrom(capture);
  const auto json = AsJson(job);
  ASSERT_TRUE(json.ok()) << json.status();
  EXPECT_EQ((*json)["result"]["rowCount"], 600);
}

}  // namespace
}  // namespace recsae::cli
