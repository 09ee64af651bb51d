// What is shown of a running job: a bar on a terminal, now and then a line elsewhere.
#ifndef RECSAE_CLIENTS_CLI_JOBS_JOB_DISPLAY_H_
#define RECSAE_CLIENTS_CLI_JOBS_JOB_DISPLAY_H_

#include <string>

#include "absl/strings/string_view.h"
#include "clients/cli/text/progress.h"

namespace recsae::jobs::v1 {
class Job;
}  // namespace recsae::jobs::v1

namespace recsae::cli {

class Console;

// Whether the job succeeded, failed or was cancelled.
bool Finished(const jobs::v1::Job& job);

// Seconds that the job ran, so far or in all; 0 if it has not started.
double JobSeconds(const jobs::v1::Job& job);

// The measurements that tell most of how a job goes: "fvu 0.0595  dead 0.3 %".
std::string DescribeMetrics(const jobs::v1::Job& job);

// The pieces of a progress line, cut to `width` columns (0 = any): title, bar where the share is
// known and `bar_width` > 0, numbers, stage, measurements.
std::string ProgressLine(absl::string_view title, const jobs::v1::Job& job,
                         const ProgressMeter& meter, int bar_width, int width);

// Not thread-safe.
class JobDisplay {
 public:
  // `title`: "training the SAE".
  JobDisplay(Console& console, std::string title);

  // `now`: seconds on a clock that does not go back.
  void Update(const jobs::v1::Job& job, double now);
  // The last line, which stays: "✓ training the SAE  0:42  fvu 0.0595".
  void Finish(const jobs::v1::Job& job);

 private:
  Console& console_;
  const std::string title_;
  ProgressMeter meter_;
  // Of the last plain line; none was written yet.
  double last_line_ = 0;
  bool has_line_ = false;
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_JOBS_JOB_DISPLAY_H_
