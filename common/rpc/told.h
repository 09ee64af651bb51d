// A counter of what is counted elsewhere.
#ifndef RECSAE_COMMON_RPC_TOLD_H_
#define RECSAE_COMMON_RPC_TOLD_H_

#include <utility>

#include "common/rpc/metrics.h"

namespace recsae {

// Is told the sum each time, and adds what is new. Used by one thread at a time, as the callbacks
// of MetricsRegistry::OnCollect are.
class Told {
 public:
  explicit Told(Counter counter) : counter_(counter) {}
  void Set(double sum) { counter_.Increment(sum - std::exchange(told_, sum)); }

 private:
  Counter counter_;
  double told_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_RPC_TOLD_H_
