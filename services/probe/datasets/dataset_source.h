// Finds and reads the data sets that requests name, and keeps the last ones in memory.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_DATASET_SOURCE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_DATASET_SOURCE_H_

#include <future>
#include <list>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/locate.h"

namespace recsae::probe {

struct LoadedDataset {
  Dataset data;
  v1::DatasetFormat format = v1::DATASET_FORMAT_UNSPECIFIED;
  std::string location;  // folder it was read from; empty for a generated one
  std::string state;     // names, sizes and times of its files when it was read
};

// Adds the violations of the reference's documentation; `field` is its path in the request.
void CheckRef(const v1::DatasetRef& ref, const std::string& field, BadRequest& bad);

// Thread-safe.
class DatasetSource {
 public:
  explicit DatasetSource(LocateOptions options) : options_(std::move(options)) {}
  // Stops and waits.
  ~DatasetSource() { Stop(absl::InfiniteFuture()).IgnoreError(); }
  DatasetSource(const DatasetSource&) = delete;
  DatasetSource& operator=(const DatasetSource&) = delete;

  // Finds (or downloads) and reads it on a thread of its own, which callers of the same one share.
  // `alive` is asked every few milliseconds; what it returns, if not OK, ends the wait, and the
  // work too where nobody else waits for it. Errors: INVALID_ARGUMENT (see CheckRef),
  // LocateDataset, ReadDataset, GeneratePlanted.
  absl::StatusOr<std::shared_ptr<const LoadedDataset>> Load(
      const v1::DatasetRef& ref, absl::FunctionRef<absl::Status()> alive);

  // Breaks off what is being downloaded or read, and all that begins later. DEADLINE_EXCEEDED if
  // some of it has not ended by `deadline`.
  absl::Status Stop(absl::Time deadline);

 private:
  using Result = absl::StatusOr<std::shared_ptr<const LoadedDataset>>;
  struct Entry {
    std::string key;
    std::stop_source stop;
    int waiting = 0;  // calls of Load
    std::shared_future<Result> result;
  };
  using EntryPtr = std::shared_ptr<Entry>;

  // The entry of `ref`, with one more that waits for it.
  EntryPtr Join(const v1::DatasetRef& ref);
  void Leave(const EntryPtr& entry);
  Result Read(const v1::DatasetRef& ref, const std::stop_token& stop) const;

  const LocateOptions options_;
  std::mutex mutex_;
  bool stopping_ = false;
  std::list<EntryPtr> entries_;  // last used first
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_DATASET_SOURCE_H_
