// Finds and reads the data sets that requests name, and keeps the last ones in memory.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_DATASET_SOURCE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_DATASET_SOURCE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/budget/cache.h"
#include "common/budget/memory_budget.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/locate.h"

namespace recsae::probe {

struct LoadedDataset {
  Dataset data;
  v1::DatasetFormat format = v1::DATASET_FORMAT_UNSPECIFIED;
  std::string location;     // folder it was read from; empty for a generated one
  std::string state;        // names, sizes and times of its files when it was read
  std::string fingerprint;  // FingerprintOf(data)
};

// What a message says of the reading of a data set.
void AddRemarks(const std::vector<Remark>& remarks,
                google::protobuf::RepeatedPtrField<v1::DatasetRemark>& messages);

// Adds the violations of the reference's documentation; `field` is its path in the request.
void CheckRef(const v1::DatasetRef& ref, const std::string& field, BadRequest& bad);

// Thread-safe.
class DatasetSource {
 public:
  // Data sets are read, and kept, within `memory`.
  DatasetSource(LocateOptions options, MemoryBudget& memory);
  DatasetSource(const DatasetSource&) = delete;
  DatasetSource& operator=(const DatasetSource&) = delete;

  // Finds (or downloads) and reads it, or makes it; once for all who ask for the same one, and a
  // few at a time. `alive` is asked every few milliseconds, while it waits and while it works; what
  // it returns, if not OK, ends both (who else waits for the same one then reads it). Errors:
  // INVALID_ARGUMENT (see CheckRef), RESOURCE_EXHAUSTED (MEMORY_BUDGET), LocateDataset,
  // ReadDataset, GeneratePlanted.
  absl::StatusOr<std::shared_ptr<const LoadedDataset>> Load(
      const v1::DatasetRef& ref, absl::FunctionRef<absl::Status()> alive);

 private:
  using Cache = WeighedCache<std::string, LoadedDataset>;
  class Slot;

  absl::StatusOr<Cache::Loaded> Read(const v1::DatasetRef& ref,
                                     absl::FunctionRef<absl::Status()> alive);
  absl::Status ReadFiles(const v1::DatasetRef& ref, absl::FunctionRef<absl::Status()> alive,
                         Permit& permit, LoadedDataset& loaded) const;

  const LocateOptions options_;
  MemoryBudget& memory_;
  Cache cache_;
  absl::Mutex mutex_;
  absl::CondVar slot_free_;
  int reading_ ABSL_GUARDED_BY(mutex_) = 0;  // data sets being read or made
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_DATASET_SOURCE_H_
