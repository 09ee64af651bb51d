// A line on the console that says how far a transfer is.
#ifndef RECSAE_CLIENTS_CLI_SESSION_PROGRESS_LINE_H_
#define RECSAE_CLIENTS_CLI_SESSION_PROGRESS_LINE_H_

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/session/session.h"
#include "clients/cli/text/progress.h"

namespace recsae::cli {

// Says how far `what` is, for as long as it lives.
class ProgressLine {
 public:
  ProgressLine(Session& session, std::string what, std::string unit, int64_t total)
      : console_(session.console()),
        what_(std::move(what)),
        unit_(std::move(unit)),
        total_(total) {}
  ~ProgressLine() { console_.ClearProgress(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  void Add(int64_t done) {
    done_ += done;
    meter_.Update(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), done_, total_);
    console_.ShowProgress(absl::StrCat(what_, "  ", DescribeProgress(meter_, unit_)));
  }

 private:
  Console& console_;
  const std::string what_;
  const std::string unit_;
  const int64_t total_;
  int64_t done_ = 0;
  ProgressMeter meter_;
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_SESSION_PROGRESS_LINE_H_
