#include "clients/cli/text/progress.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr double kWindowSeconds = 30;
// Below this the clock says more about the network than about the job.
constexpr double kShortestSpan = 0.2;

// "21,000 rows/s", or "4.2 s/epoch" for slow ones.
std::string FormatRate(double rate, absl::string_view unit) {
  if (rate >= 1) return absl::StrCat(FormatNumber(std::round(rate)), " ", unit, "/s");
  return absl::StrCat(FormatNumber(std::round(10 / rate) / 10), " s/",
                      absl::StripSuffix(unit, "s"));
}

}  // namespace

void ProgressMeter::Update(double now, int64_t done, int64_t total) {
  if (done < done_ || total != total_) samples_.clear();
  now_ = now;
  done_ = done;
  total_ = total;
  if (!samples_.empty() && samples_.back().done == done) return;
  samples_.push_back({now, done});
  // One sample at or before the window's start stays, to measure over the whole window.
  while (samples_.size() > 2 && samples_[1].time <= now - kWindowSeconds) samples_.pop_front();
}

std::optional<double> ProgressMeter::share() const {
  if (total_ <= 0) return std::nullopt;
  return std::clamp(static_cast<double>(done_) / static_cast<double>(total_), 0.0, 1.0);
}

std::optional<double> ProgressMeter::rate() const {
  if (samples_.size() < 2) return std::nullopt;
  const double span = samples_.back().time - samples_.front().time;
  const auto units = static_cast<double>(samples_.back().done - samples_.front().done);
  if (span < kShortestSpan || units <= 0) return std::nullopt;
  return units / span;
}

std::optional<double> ProgressMeter::seconds_left() const {
  const std::optional<double> speed = rate();
  if (!speed || total_ <= 0) return std::nullopt;
  const double from_last = static_cast<double>(std::max<int64_t>(0, total_ - done_)) / *speed;
  return std::max(0.0, from_last - (now_ - samples_.back().time));
}

std::string DescribeProgress(const ProgressMeter& meter, absl::string_view unit) {
  std::vector<std::string> parts;
  if (const auto share = meter.share()) {
    parts.push_back(PadLeft(absl::StrCat(static_cast<int>(std::floor(*share * 100)), " %"), 5));
  }
  if (const auto rate = meter.rate()) {
    parts.push_back(FormatRate(*rate, unit));
  }
  if (const auto left = meter.seconds_left()) {
    parts.push_back(absl::StrCat(FormatDuration(*left), " left"));
  }
  return absl::StrJoin(parts, "  ");
}

}  // namespace recsae::cli
