// How fast a job goes and when it will be done, from what it said so far.
#ifndef RECSAE_CLIENTS_CLI_TEXT_PROGRESS_H_
#define RECSAE_CLIENTS_CLI_TEXT_PROGRESS_H_

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae::cli {

// The rate is taken over the last 30 seconds, so that it follows a job that changes its pace, or
// between the last two changes of a job that counts more slowly. Not thread-safe.
class ProgressMeter {
 public:
  // `now`: seconds on any clock that does not go back. Progress that goes back (a job taken up
  // again from its checkpoint, another unit) starts the measurement afresh.
  void Update(double now, int64_t done, int64_t total);

  // Share done, 0 to 1; none while the total is not known.
  std::optional<double> share() const;
  // Units a second; none before there are two different moments to compare.
  std::optional<double> rate() const;
  // Counts down while a slow job is between two changes.
  std::optional<double> seconds_left() const;

 private:
  struct Sample {
    double time;
    int64_t done;
  };
  // Changes of `done`.
  std::deque<Sample> samples_;
  double now_ = 0;
  int64_t done_ = 0;
  int64_t total_ = 0;
};

// "42 %  1,234 rows/s  0:42 left"; what is not known is left out.
std::string DescribeProgress(const ProgressMeter& meter, absl::string_view unit);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_PROGRESS_H_
