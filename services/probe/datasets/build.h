// The steps that all readers share: dense indices, catalogue facts, time order, k-core, splits.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_
#define RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_

#include <functional>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/options.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {

// Hashes texts of any type alike, so that a table of strings is searched by views. Tables here are
// those of the standard library: absl's are not whole any more once an allocation has failed.
struct TextHash {
  using is_transparent = void;
  size_t operator()(absl::string_view text) const {
    return std::hash<std::string_view>()(std::string_view(text.data(), text.size()));
  }
};

// External ids to dense indices in order of first appearance.
class IdIndex {
 public:
  int32_t Add(absl::string_view id);         // the index of `id`, new or old
  int32_t Find(absl::string_view id) const;  // or -1
  const std::vector<std::string>& ids() const { return ids_; }

 private:
  std::unordered_map<std::string, int32_t, TextHash, std::equal_to<>> index_;
  std::vector<std::string> ids_;
};

enum class Part { kTrain, kDev, kTest };

struct Interaction {
  int32_t user = 0;
  int32_t item = 0;
  double time = 0;  // any unit; ties keep the order of the file
  Part part = Part::kTrain;
};

// Of interactions that the files do not rate: above any threshold.
inline constexpr double kUnrated = std::numeric_limits<double>::infinity();

// What a reader takes from the files. The reader fills it through Add and its public members;
// Assemble makes the data set of it.
struct InteractionLog {
  // Takes one interaction, unless `rating` is below the threshold.
  void Add(absl::string_view user, absl::string_view item, double time, double rating = kUnrated,
           Part part = Part::kTrain);

  double positive_threshold = -std::numeric_limits<double>::infinity();
  bool rated = false;        // the files rate (or count) interactions
  bool ordered = true;       // the files say which interaction came first
  bool split_given = false;  // the files say what is held out
  Dataset dataset;           // its catalogue, in the order of `items`
  Reading reading;
  IdIndex users, items;
  std::vector<Interaction> interactions;
};

// A finite number, or false.
bool ParseNumber(absl::string_view text, double* value);

// Adds `key`=value for each part of `values` (parts separated by '|'; blank parts left out).
void AddAttributes(absl::string_view key, absl::string_view values, Item* item);

// Adds decade=1990s when the title ends in "(1995)".
void AddTitleDecade(Item* item);

// Items that interactions name but no catalogue file describes get their id as title.
void CompleteCatalog(const IdIndex& item_index, Dataset* dataset);

// Splits the sequences: a user's last item is a test case, the last but one a dev case, the rest
// training; users with fewer than 3 interactions train only.
void LeaveOneOut(Dataset* dataset);

// The data set of a log. `options` must have a split and a core. Where the log has no order, one is
// drawn. Errors: INVALID_ARGUMENT (DATASET_SPLIT_UNKNOWN) when the split asked for is not in the
// files, (DATASET_RATINGS_UNKNOWN) when a threshold is and they rate nothing,
// (DATASET_OPTIONS_INVALID) for a core of a given split, (DATASET_EMPTY) when nothing is left; what
// log.reading.proceed returns.
absl::StatusOr<Dataset> Assemble(const std::string& folder, const DatasetOptions& options,
                                 InteractionLog log);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_BUILD_H_
