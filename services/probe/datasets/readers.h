// The readers of data sets: published layouts, the ReChorus folder, plain tables, generated data.
//
// All of them: malformed lines are skipped, counted and named in the data set; more than 1 % of a
// file is INVALID_ARGUMENT (DATASET_MALFORMED) naming file and line; a missing file is NOT_FOUND
// (DATA_FILE_NOT_FOUND) naming the file. A title that ends in "(1995)" gives the attribute
// decade=1990s.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_READERS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_READERS_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/datasets/options.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {

struct InteractionLog;

enum class Format { kAuto, kMl1m, kMl100k, kRechorus, kCsv, kHetrecLastfm, kItemSequences };

// Reads `folder` in the given format; kAuto tells it from the files that are there
// (INVALID_ARGUMENT, DATASET_FORMAT_UNKNOWN, lists what each format would need). Options that are
// not set take the rule of the format, given with its reader below. Errors also as Assemble, and
// what `proceed` returns, which is asked every few milliseconds.
absl::StatusOr<Dataset> ReadDataset(const std::string& folder, Format format = Format::kAuto,
                                    const DatasetOptions& options = {},
                                    const Proceed& proceed = {});

// What kAuto takes the folder for, from the files that are there; errors as ReadDataset.
absl::StatusOr<Format> DetectFormat(const std::string& folder);

// The formats by the names users type: auto, ml-1m, ml-100k, rechorus, csv, hetrec-lastfm,
// item-sequences.
absl::StatusOr<Format> ParseFormat(const std::string& name);

// The readers proper: what the files say, before any option but the threshold is applied.

// MovieLens as published. By themselves: ratings of 4 and more, 5-core, leave-one-out.
absl::Status ReadMl1m(const std::string& folder, InteractionLog* log);
absl::Status ReadMl100k(const std::string& folder, InteractionLog* log);

// train.csv, dev.csv, test.csv, item_meta.csv. By itself: all, in the split given.
absl::Status ReadRechorus(const std::string& folder, InteractionLog* log);

// interactions.csv (user, item[, time][, rating][, split]) and items.csv (item, title[, attribute
// columns]), comma or tab, header lines. Without time the order of the file counts; split is train,
// dev or test. By itself: with rating only ratings of 4 and more, leave-one-out, no core.
absl::Status ReadCsv(const std::string& folder, InteractionLog* log);

// Last.fm of HetRec 2011 as published: artists, listening counts, and as tag=<...> of an artist the
// (at most 10) tags that most people gave to it, at least two each. There are no times. By itself:
// all counts, 5-core, leave-one-out at random.
absl::Status ReadHetrecLastfm(const std::string& folder, InteractionLog* log);

// sequences.txt (a user, then item ids, oldest first) and items.tsv (item_id, short_text or title,
// attributes). Of an item's attributes the first is its brand unless it stands in a later place
// elsewhere; the others are its categories. By itself: all, leave-one-out, no core.
absl::Status ReadItemSequences(const std::string& folder, InteractionLog* log);

// Catalogue table with an item (item_id, item, id) and a title column; every other column is an
// attribute named after it, with several values separated by '|'.
absl::Status ReadItemTable(const std::string& path, InteractionLog* log);

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

// Bytes that ReadDataset holds at most after so many bytes of text.
int64_t ReadingBytes(int64_t text_bytes);

// Bytes that a data set holds.
int64_t BytesOf(const Dataset& dataset);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_READERS_H_
