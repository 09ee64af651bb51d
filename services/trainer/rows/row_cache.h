// A capture held in memory while a job trains on it, so that each epoch need not be sent again.
#ifndef RECSAE_SERVICES_TRAINER_ROWS_ROW_CACHE_H_
#define RECSAE_SERVICES_TRAINER_ROWS_ROW_CACHE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "services/trainer/rows/activation_source.h"

namespace recsae {
class JobContext;
}  // namespace recsae

namespace recsae::trainer {

// Reads the first `rows` rows of the capture from `source`, which must outlive what is returned:
// readers of these rows, in the very orders that the source would send them in. Everything else is
// read from the source. `progress` is called with the rows read. Ends soon after the job is
// interrupted; errors as RowStream::Next.
absl::StatusOr<std::unique_ptr<ActivationSource>> LoadRowCache(
    ActivationSource& source, const std::string& capture, int dim, int64_t rows,
    const JobContext& job, const std::function<void(int64_t)>& progress);

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_ROWS_ROW_CACHE_H_
