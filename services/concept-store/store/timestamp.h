// absl::Time as google.protobuf.Timestamp.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_TIMESTAMP_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_TIMESTAMP_H_

#include <google/protobuf/timestamp.pb.h>

#include "absl/time/time.h"

namespace recsae::concept_store {

inline google::protobuf::Timestamp ToTimestamp(absl::Time time) {
  google::protobuf::Timestamp timestamp;
  const int64_t nanos = absl::ToUnixNanos(time);
  timestamp.set_seconds(nanos / 1'000'000'000);
  timestamp.set_nanos(static_cast<int32_t>(nanos % 1'000'000'000));
  return timestamp;
}

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_TIMESTAMP_H_
