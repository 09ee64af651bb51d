// Points in time as messages hold them.
#ifndef RECSAE_COMMON_MESSAGES_TIME_H_
#define RECSAE_COMMON_MESSAGES_TIME_H_

#include <google/protobuf/timestamp.pb.h>

#include <cstdint>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace recsae {

// To the nanosecond; a time before 1970 has nanoseconds of at least 0, too.
inline google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  constexpr int64_t kNanos = 1'000'000'000;
  const int64_t nanos = absl::ToUnixNanos(time);
  const int64_t seconds = nanos / kNanos - (nanos % kNanos < 0 ? 1 : 0);
  google::protobuf::Timestamp timestamp;
  timestamp.set_seconds(seconds);
  timestamp.set_nanos(static_cast<int32_t>(nanos - seconds * kNanos));
  return timestamp;
}

inline google::protobuf::Timestamp TimestampNow() { return ToTimestamp(absl::Now()); }

// The time of something that came after `earlier`, where the clock may have been set back since.
inline google::protobuf::Timestamp NotBefore(const google::protobuf::Timestamp& earlier,
                                             const google::protobuf::Timestamp& time) {
  const bool later = time.seconds() != earlier.seconds() ? time.seconds() > earlier.seconds()
                                                         : time.nanos() >= earlier.nanos();
  return later ? time : earlier;
}

}  // namespace recsae

#endif  // RECSAE_COMMON_MESSAGES_TIME_H_
