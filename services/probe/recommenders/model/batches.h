// Spreads queries over threads, some at a time, and knows which rows are whose.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_BATCHES_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_BATCHES_H_

#include <cstddef>
#include <functional>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/types/span.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Calls work(first, count) for parts of 0 ... n - 1 of at most `size` each, on up to `threads`
// threads. The error of the first part that had one; parts that have not begun by then are left
// out. CANCELLED once `cancelled`, if given, says so.
absl::Status InBatches(size_t n, size_t size, int threads, const std::function<bool()>& cancelled,
                       absl::FunctionRef<absl::Status(size_t first, size_t count)> work);

// Queries to answer at once, of n: a quarter, so that the few of one call are spread over threads
// as well, but at least 4 and at most `most`. Of n alone, so that no answer depends on the machine.
size_t BatchSize(size_t n, size_t most);

// Items of a query's history that a recommender reads which reads at most `history` of them.
size_t RowsOf(const Query& query, int history);

// Where the rows of each query begin in what ActivationsAt returns, and where the last one's end.
std::vector<size_t> RowStarts(absl::Span<const Query> queries, Positions positions, int history);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_BATCHES_H_
