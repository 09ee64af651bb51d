// One suite for every store: nothing that was acknowledged is lost with the power, and the store
// always opens.
#ifndef RECSAE_TESTS_CONTRACT_POWER_LOSS_POWER_LOSS_H_
#define RECSAE_TESTS_CONTRACT_POWER_LOSS_POWER_LOSS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "common/base/random.h"
#include "common/storage/environment.h"

namespace recsae {

// A store and what it has acknowledged.
class Subject {
 public:
  virtual ~Subject() = default;
  // Opens it, as its server does, and closes it.
  virtual absl::Status Open(const std::string& directory, const Environment& environment) = 0;
  virtual void Close() = 0;
  // A few changes. Those that succeeded count as acknowledged if `counts` is true afterwards; it
  // may become false at any time.
  virtual void Work(Random& random, const std::function<bool()>& counts) = 0;
  // What was acknowledged and is not there as it was, or is there by half; "" if nothing.
  virtual std::string FindLost() = 0;
};

using MakeSubject = std::function<std::unique_ptr<Subject>()>;

// Cuts from the environment variable RECSAE_POWER_CUTS, for each store; else those of CI.
int PowerCuts();

struct Losses {
  // Cuts after which something was lost, and the first of them.
  int lost = 0;
  std::string first;
  // Files that a cut took something from: none would mean that nothing was tried.
  int files_hurt = 0;
};

// Cuts the power so many times, anywhere: in changes, in opening, in what goes on behind; begins
// with an empty directory now and then. `sync`: see Environment.
Losses CutPowerOften(const MakeSubject& make, int cuts, bool sync);

// The tests of the suite, for a file with one TEST for each.
void ExpectNothingIsLost(const MakeSubject& make);
// Were nothing lost without syncs, the test above could not fail.
void ExpectLossesWithoutSyncs(const MakeSubject& make);
// Writes that fail by chance end in an error that says so, and what was acknowledged is kept.
void ExpectFaultsAreErrors(const MakeSubject& make);

}  // namespace recsae

#endif  // RECSAE_TESTS_CONTRACT_POWER_LOSS_POWER_LOSS_H_
