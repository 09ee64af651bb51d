// The readers of data sets: published layouts, tables of one's own, generated data.
//
// All of them: malformed lines are skipped, counted and named in the data set; more than 1 % of a
// file is INVALID_ARGUMENT (DATASET_MALFORMED) naming file and line; a missing file is NOT_FOUND
// (DATA_FILE_NOT_FOUND) naming the file. Texts are valid UTF-8 whatever the files hold. A title
// that ends in "(1995)" gives the attribute decade=1990s. What is dropped, guessed, merged or
// converted is in Dataset::remarks.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_READERS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_READERS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/options.h"
#include "services/probe/datasets/reading.h"

namespace recsae::probe {

enum class Format {
  kAuto,
  kMl1m,
  kMl100k,
  kRechorus,
  kCsv,
  kHetrecLastfm,
  kItemSequences,
  kMlCsv,
  kRecbole,
  kAmazonReviews,
  kSteam,
  kYelp,
  kGoodreads,
  kBookCrossing,
  kKuairec,
  kYoochoose,
  kDiginetica,
  kLfm,
  kMind
};

// Reads `folder` in the given format; kAuto tells it from the files that are there
// (INVALID_ARGUMENT, DATASET_FORMAT_UNKNOWN, lists what each format would need, and the columns of
// the tables that are there). Options that are not set take the rule of the format (layouts.cc).
// Errors also as Assemble, DATASET_COLUMN_UNKNOWN (lists a table's columns and says what was looked
// for), and what `proceed` returns, which is asked every few milliseconds.
absl::StatusOr<Dataset> ReadDataset(const std::string& folder, Format format = Format::kAuto,
                                    const DatasetOptions& options = {},
                                    const Proceed& proceed = {});

// What kAuto takes the folder for, from the files that are there; errors as ReadDataset.
absl::StatusOr<Format> DetectFormat(const std::string& folder, const ColumnNames& columns = {});

// The formats by the names users type: auto, ml-1m, ml-100k, rechorus, csv, ...
absl::StatusOr<Format> ParseFormat(const std::string& name);

// Generated interactions whose concepts are known.
struct PlantedOptions {
  int users = 1000;
  int items = 600;
  int concepts = 12;    // 1 to 1000
  int min_length = 20;  // of a user's sequence, drawn evenly from min to max
  int max_length = 60;
  double stay = 0.95;  // probability that the next item is of the same concept
  double popularity_skew =
      0.8;  // within a concept, item of rank r is drawn with weight (1+r)^-skew
  uint64_t seed = 1;
};

// Items belong to exactly one concept each, whose invented name is a word of the title and the
// attribute concept=<name>; titles also carry noise words. Users' sequences stay in a concept, then
// switch. Leave-one-out. Same options, same data set.
// INVALID_ARGUMENT (PLANTED_OPTIONS_INVALID) names the option that is out of range, as the contract
// calls it.
// What `proceed` returns, which is asked every few milliseconds.
absl::StatusOr<Dataset> GeneratePlanted(const PlantedOptions& options, const Proceed& proceed = {});

// Bytes that GeneratePlanted holds at most.
int64_t PlantedBytes(const PlantedOptions& options);

// Bytes that ReadDataset holds before it has read anything.
inline constexpr int64_t kReadingBytes = int64_t{1} << 20;

// Bytes that a data set holds.
int64_t BytesOf(const Dataset& dataset);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_READERS_H_
