// How work on data sets notices that nobody wants its result any more.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_STOP_H_
#define RECSAE_SERVICES_PROBE_DATASETS_STOP_H_

#include <cstdint>
#include <stop_token>
#include <utility>

#include "absl/status/status.h"
#include "common/base/status.h"

namespace recsae::probe {

// For loops and comparisons: asks the token at every few thousandth call. Not thread-safe.
class StopCheck {
 public:
  explicit StopCheck(std::stop_token stop) : stop_(std::move(stop)) {}

  bool operator()() { return ++calls_ % kEvery == 0 && stop_.stop_requested(); }

 private:
  static constexpr uint64_t kEvery = 4096;

  const std::stop_token stop_;
  uint64_t calls_ = 0;
};

// What is returned instead of the data set.
inline absl::Status Stopped() {
  return Error(absl::StatusCode::kAborted, "DATASET_READ_STOPPED",
               "reading the data set was broken off: nobody waits for it, or the server stops");
}

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_STOP_H_
