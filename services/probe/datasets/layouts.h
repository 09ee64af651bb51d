// The layouts in which data sets come: which files, which columns, what each does by itself. A
// layout is a line of a table; a few have a reader of their own.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_LAYOUTS_H_
#define RECSAE_SERVICES_PROBE_DATASETS_LAYOUTS_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/probe/datasets/log.h"
#include "services/probe/datasets/options.h"
#include "services/probe/datasets/readers.h"

namespace recsae::probe {

// Names of files are patterns (*, ?), any case, several parted by '|': the first that some file has
// counts. Files may be packed (.gz, .zst) or folders of part files.
struct Layout {
  Format format;
  const char* name;          // as users type it
  const char* interactions;  // those of training, where there are files of dev and test
  const char* dev = "";
  const char* test = "";
  const char* items = "";   // each pattern that some file has is read, in their order
  const char* beside = "";  // a file that must be there too, for the layout to be recognised
  const char* files;        // all of it, for people
  // Of the interactions:
  const char* columns = "";  // of files without a header line, parted by spaces
  const char* meaning = "";  // "user=session_id item=…": beyond the usual names
  const char* item_columns = "";
  bool quotes = true;                                       // fields may be quoted
  std::optional<double> positive_threshold = std::nullopt;  // of what is rated; unset: by the scale
  int core = 0;
  // Reads it, where tables are not enough.
  absl::Status (*read)(const std::string& folder, InteractionLog* log) = nullptr;
};

absl::Span<const Layout> Layouts();
const Layout& LayoutOf(Format format);

// The files of a folder that `patterns` name, in the order of their names; empty: none.
std::vector<std::string> FindFiles(const std::string& folder, const char* patterns);

// The layout's files of (training) interactions, the same way.
std::vector<std::string> InteractionFiles(const std::string& folder, const Layout& layout);

// The tables of a folder by the endings of their names, each with its part files if it is a folder,
// in the order of their names.
std::vector<std::vector<std::string>> TablesIn(const std::string& folder);

// <folder>/<name>, or what it is when packed.
std::string FileIn(const std::string& folder, const std::string& name);

// Tables of a folder whose header lines tell what they are, where no layout fits.
struct FoundTables {
  std::vector<std::string> interactions, items;
  std::vector<std::string> others;  // names of files that are neither, with their columns
};
absl::StatusOr<FoundTables> FindTables(const std::string& folder, const ColumnNames& columns,
                                       Reading* reading);

// Reads what a layout's tables say. INVALID_ARGUMENT (DATASET_COLUMN_UNKNOWN) lists the columns of
// a table that lacks one, and says what was looked for.
absl::Status ReadLayout(const std::string& folder, const Layout& layout, const ColumnNames& columns,
                        InteractionLog* log);

// Layouts with readers of their own.
absl::Status ReadMl1m(const std::string& folder, InteractionLog* log);
absl::Status ReadMl100k(const std::string& folder, InteractionLog* log);
absl::Status ReadHetrecLastfm(const std::string& folder, InteractionLog* log);
absl::Status ReadItemSequences(const std::string& folder, InteractionLog* log);
absl::Status ReadMind(const std::string& folder, InteractionLog* log);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_LAYOUTS_H_
