#include "clients/cli/jobs/job_display.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "clients/cli/text/text.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae::cli {
namespace {

using jobs::v1::Job;
using testing::AllOf;
using testing::HasSubstr;

Job RunningJob() {
  Job job;
  job.set_state(Job::STATE_RUNNING);
  job.mutable_progress()->set_stage("epoch 3 of 8");
  job.mutable_progress()->set_done(500);
  job.mutable_progress()->set_total(1000);
  job.mutable_progress()->set_unit("rows");
  (*job.mutable_metrics())["fvu"] = 0.0595;
  (*job.mutable_metrics())["dead_fraction"] = 0.003;
  (*job.mutable_metrics())["loss"] = 1.5;
  return job;
}

ProgressMeter HalfWay() {
  ProgressMeter meter;
  meter.Update(0, 0, 1000);
  meter.Update(10, 500, 1000);
  return meter;
}

TEST(ProgressLineTest, HasBarRateTimeLeftAndMeasurements) {
  const std::string line = ProgressLine("training", RunningJob(), HalfWay(), 4, 0);
  EXPECT_THAT(line, AllOf(HasSubstr("training"), HasSubstr("▕██  ▏"), HasSubstr("50 %"),
                          HasSubstr("50 rows/s"), HasSubstr("0:10 left"), HasSubstr("epoch 3 of 8"),
                          HasSubstr("FVU 0.0595"), HasSubstr("dead 0.3 %")));
}

TEST(ProgressLineTest, FitsTheTerminal) {
  for (const int width : {10, 40, 80}) {
    EXPECT_LE(DisplayWidth(ProgressLine("training", RunningJob(), HalfWay(), 20, width)), width);
  }
}

TEST(ProgressLineTest, PlainLinesHaveNoBar) {
  EXPECT_EQ(ProgressLine("training", RunningJob(), HalfWay(), 0, 0),
            "training   50 %  50 rows/s  0:10 left  epoch 3 of 8  FVU 0.0595  dead 0.3 %");
}

TEST(ProgressLineTest, EarlyStoppingIsShownFirst) {
  Job job = RunningJob();
  (*job.mutable_metrics())["dev_fvu"] = 0.25;
  EXPECT_EQ(DescribeMetrics(job), "dev FVU 0.25  FVU 0.0595");
  (*job.mutable_metrics())["dev_ndcg@10"] = 0.125;
  (*job.mutable_metrics())["best_dev_ndcg@10"] = 0.5;
  EXPECT_EQ(DescribeMetrics(job), "dev NDCG@10 0.125  best 0.5");
}

TEST(ProgressLineTest, PendingJobsWait) {
  Job job;
  job.set_state(Job::STATE_PENDING);
  EXPECT_EQ(ProgressLine("training", job, ProgressMeter(), 0, 0), "training  waiting for its turn");
}

TEST(JobSecondsTest, FromStartToEnd) {
  Job job;
  EXPECT_EQ(JobSeconds(job), 0);
  job.mutable_create_time()->set_seconds(50);
  job.mutable_start_time()->set_seconds(100);
  job.mutable_end_time()->set_seconds(142);
  job.mutable_end_time()->set_nanos(500'000'000);
  EXPECT_DOUBLE_EQ(JobSeconds(job), 42.5);
}

}  // namespace
}  // namespace recsae::cli
