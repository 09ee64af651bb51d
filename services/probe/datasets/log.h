// What the readers take from the files of a data set.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_LOG_H_
#define RECSAE_SERVICES_PROBE_DATASETS_LOG_H_

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/id_index.h"
#include "services/probe/datasets/reading.h"

namespace recsae::probe {

enum class Part { kTrain, kDev, kTest };

struct Interaction {
  int32_t user = 0;
  uint32_t item : 30 = 0;
  uint32_t part : 2 = 0;  // a Part
  double time = 0;        // any unit; ties keep the order of the file
};
static_assert(sizeof(Interaction) == 16);

// Of interactions that the files do not rate: above any threshold.
inline constexpr double kUnrated = std::numeric_limits<double>::infinity();

// What a reader takes from the files. The reader fills it through Add and its public members;
// Assemble makes the data set of it.
struct InteractionLog {
  // Takes one interaction, unless `rating` is below the threshold. A rating that is no number is
  // missing: counted, and not taken.
  void Add(absl::string_view user, absl::string_view item, double time, double rating = kUnrated,
           Part part = Part::kTrain);

  // Unset while it is to be derived from the scale of the ratings, which are then kept.
  std::optional<double> positive_threshold = -std::numeric_limits<double>::infinity();
  bool rated = false;           // the files rate (or count) interactions
  bool ordered = true;          // the files say which interaction came first
  bool timed = true;            // the files say when each was
  bool split_given = false;     // the files say what is held out
  bool described = true;        // there is a table of items
  bool own_core = false;        // the core is the format's rule, not asked for
  int64_t rows = 0;             // interactions in the files
  int64_t below = 0;            // of them, those rated below the threshold
  std::vector<Remark> remarks;  // beside reading.tallies
  std::string item_column;      // what the table of items calls its ids; empty: unknown
  Dataset dataset;              // its catalogue, in the order of `items`
  Reading reading;
  IdIndex users, items;
  std::vector<Interaction> interactions;
  std::vector<float> ratings;  // of the interactions, while the threshold is unset
};

// Interactions on their way into a log, some at a time, so that the ids of all of them are fetched
// together (IdIndex::Fetch). In the order given; Flush before the log is looked at.
class InteractionBatch {
 public:
  explicit InteractionBatch(InteractionLog* log) : log_(log) {}
  // Copies the ids; they are of the line that log->reading is at.
  void Add(absl::string_view user, absl::string_view item, double time, double rating, Part part);
  void Flush();

 private:
  struct Row {
    size_t user_end, item_end;  // in texts_; the user's id begins where the last row ends
    double time, rating;
    Part part;
    int64_t line;
  };

  InteractionLog* log_;
  std::string texts_;
  std::vector<Row> rows_;
};

// Where a catalogue's line about an item goes: into log->dataset.items at `index`, which is filled
// with the id as title when it is new. An item that was described before is counted as merged.
struct CatalogPlace {
  size_t index = 0;
  bool is_new = true;
};
CatalogPlace PlaceItem(absl::string_view id, InteractionLog* log);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_LOG_H_
