// What a request may be that becomes a job. Internal to common/jobs.
#ifndef RECSAE_COMMON_JOBS_JOB_SPEC_H_
#define RECSAE_COMMON_JOBS_JOB_SPEC_H_

#include <cstddef>

#include "absl/status/status.h"

namespace google::protobuf {
class Any;
}  // namespace google::protobuf

namespace recsae {

// INVALID_ARGUMENT with a violation for each field, however deep, that this process does not know
// (at most 20 are named), or if the spec has more than `max_bytes` (reason JOB_SPEC_TOO_LARGE).
absl::Status CheckSpec(const google::protobuf::Any& spec, size_t max_bytes);

}  // namespace recsae

#endif  // RECSAE_COMMON_JOBS_JOB_SPEC_H_
