// Reads tables of interactions by the meaning of their columns.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_INTERACTION_READER_H_
#define RECSAE_SERVICES_PROBE_DATASETS_INTERACTION_READER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/log.h"
#include "services/probe/datasets/options.h"
#include "services/probe/datasets/split_column.h"
#include "services/probe/datasets/table.h"

namespace recsae::probe {

inline constexpr Role kAllRoles[] = {Role::kUser,   Role::kItem,  Role::kTime,
                                     Role::kRating, Role::kTitle, Role::kSplit};

// Takes the rows of a log's tables, one table after the other, then Finish. What it refers to must
// live as long as this. Not thread-safe.
class InteractionReader {
 public:
  InteractionReader(const Layout& layout, const ColumnNames& names, InteractionLog* log)
      : layout_(layout), names_(names), log_(log), batch_(log) {}

  // The item's column that the catalogue has too, by its name; empty: as it is usually called.
  void SetCommon(std::string item) { common_ = std::move(item); }

  // Reads a table, whose rows are of `part` if that is given. INVALID_ARGUMENT
  // (DATASET_COLUMN_UNKNOWN) lists its columns where one is missing. Errors also as ReadTable.
  absl::Status Read(const std::string& path, const TableForm& form, Part part, bool part_given);

  // After the last table.
  void Finish() { split_.Finish(log_); }

 private:
  // How the dates of a file are written, whose day and month are numbers.
  struct Dates {
    int64_t ambiguous = 0;
    bool day_first = false, month_first = false;  // some are, beyond doubt
  };

  int at(Role role) const { return column_[static_cast<size_t>(role)]; }

  absl::Status ReadRows(const std::string& path, const TableForm& form);
  // Ambiguous dates were read as month/day; the other dates of the file may say otherwise.
  void SettleDates(const std::string& path, size_t first);
  int Find(const Header& header, Role role);
  absl::Status TakeHeader(const std::string& path, const Header& header);
  // Columns that are not read may have been meant. Published layouts have many of them.
  void NoteUnused(const std::string& path, const Header& header);
  // A column of days beside the one called "time", which then may hold the time of day alone.
  void FindDate(const Header& header);
  // Says what is wrong with the time, or "".
  std::string TakeTime(const Fields& fields, double* time);
  std::string TakeRow(const Fields& fields);

  const Layout& layout_;
  const ColumnNames& names_;
  InteractionLog* log_;
  InteractionBatch batch_;
  SplitColumns split_;
  std::string common_;  // the column of items that the catalogue has too
  std::array<int, kRoles> column_ = {};
  Part part_ = Part::kTrain;
  bool part_given_ = false;
  bool labels_ = false;
  bool seconds_seen_ = false;
  bool noted_ = false;  // what is not used
  int date_ = -1;       // beside a column of times of day
  Dates dates_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_INTERACTION_READER_H_
