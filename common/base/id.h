// Ids that are never given twice: not by another process, not by a server that lost its folder.
#ifndef RECSAE_COMMON_BASE_ID_H_
#define RECSAE_COMMON_BASE_ID_H_

#include <cstdint>
#include <mutex>
#include <string>

namespace recsae {

// A new ULID in lower case: 26 characters of Crockford's base 32, the first 10 of them the time in
// milliseconds, the others 80 random bits from the operating system. Valid as a resource id and as
// the end of one (common/base/names.h). Those of one process ascend in the order they were made,
// whatever the clock does; those of several processes by time. Thread-safe.
std::string NewId();

// What NewId asks, with a clock of the caller's. Thread-safe.
class IdSequence {
 public:
  // At the time `unix_millis`; if that is not after the last id's, the id still is.
  std::string Next(uint64_t unix_millis);

 private:
  std::mutex mutex_;
  // The last id's 128 bits.
  uint64_t high_ = 0;
  uint64_t low_ = 0;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_ID_H_
