#include "clients/cli/jobs/job_display.h"

#include <google/protobuf/util/time_util.h>

#include <chrono>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/session/console.h"
#include "clients/cli/text/text.h"
#include "recsae/jobs/v1/jobs.pb.h"

namespace recsae::cli {
namespace {

using google::protobuf::util::TimeUtil;
using jobs::v1::Job;

constexpr double kPlainLineSeconds = 5;
constexpr int kBarWidth = 16;
constexpr int kTitleWidth = 24;

// Shown of a job's metrics, as far as it has them, at most two.
struct Shown {
  const char* metric;
  const char* label;
  bool percent;
};
constexpr Shown kShown[] = {
    {"dev_ndcg@10", "dev NDCG@10", false}, {"best_dev_ndcg@10", "best", false},
    {"dev_fvu", "dev FVU", false},         {"fvu", "FVU", false},
    {"dead_fraction", "dead", true},       {"verified", "verified", false},
    {"rows_left_out", "left out", false},  {"loss", "loss", false}};
constexpr size_t kShownAtMost = 2;

}  // namespace

bool Finished(const Job& job) {
  return job.state() == Job::STATE_SUCCEEDED || job.state() == Job::STATE_FAILED ||
         job.state() == Job::STATE_CANCELLED;
}

double JobSeconds(const Job& job) {
  if (!job.has_start_time()) return 0;
  const auto end = job.has_end_time() ? job.end_time() : TimeUtil::GetCurrentTime();
  return static_cast<double>(TimeUtil::DurationToMilliseconds(end - job.start_time())) / 1000;
}

std::string DescribeMetrics(const Job& job) {
  std::vector<std::string> parts;
  for (const Shown& shown : kShown) {
    const auto metric = job.metrics().find(shown.metric);
    if (metric == job.metrics().end() || parts.size() == kShownAtMost) continue;
    parts.push_back(
        absl::StrCat(shown.label, " ",
                     shown.percent ? FormatPercent(metric->second) : FormatNumber(metric->second)));
  }
  return absl::StrJoin(parts, "  ");
}

std::string ProgressLine(absl::string_view title, const Job& job, const ProgressMeter& meter,
                         int bar_width, int width) {
  std::vector<std::string> parts = {PadRight(title, bar_width > 0 ? kTitleWidth : 0)};
  if (job.state() == Job::STATE_PENDING) {
    parts.push_back("waiting for its turn");
  } else {
    if (bar_width > 0 && meter.share()) {
      parts.push_back(absl::StrCat("▕", Bar(*meter.share(), bar_width), "▏"));
    }
    for (const std::string& part : {DescribeProgress(meter, job.progress().unit()),
                                    Clean(job.progress().stage()), DescribeMetrics(job)}) {
      if (!part.empty()) parts.push_back(part);
    }
  }
  const std::string line = absl::StrJoin(parts, "  ");
  return width > 0 ? Truncate(line, width) : line;
}

JobDisplay::JobDisplay(Console& console, std::string title)
    : console_(console), title_(std::move(title)) {}

void JobDisplay::Update(const Job& job, double now) {
  meter_.Update(now, job.progress().done(), job.progress().total());
  if (Finished(job)) return;
  if (console_.shows_progress()) {
    // The last column stays free, or some terminals would wrap.
    console_.ShowProgress(ProgressLine(title_, job, meter_, kBarWidth, console_.error_width() - 1));
  } else if (!has_line_ || now - last_line_ >= kPlainLineSeconds) {
    has_line_ = true;
    last_line_ = now;
    console_.Say(ProgressLine(title_, job, meter_, 0, 0));
  }
}

void JobDisplay::Finish(const Job& job) {
  const bool color = console_.error_color();
  std::vector<std::string> parts;
  if (job.state() == Job::STATE_SUCCEEDED) {
    parts = {absl::StrCat(Paint("✓", Color::kGreen, color), " ", PadRight(title_, kTitleWidth)),
             FormatDuration(JobSeconds(job))};
    if (std::string metrics = DescribeMetrics(job); !metrics.empty()) parts.push_back(metrics);
  } else {
    const bool failed = job.state() == Job::STATE_FAILED;
    parts = {absl::StrCat(Paint("✗", Color::kRed, color), " ", PadRight(title_, kTitleWidth)),
             failed ? "failed" : "cancelled"};
  }
  console_.Say(absl::StrJoin(parts, "  "));
}

}  // namespace recsae::cli
