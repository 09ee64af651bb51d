// Which rows are held out, where a column of the interactions says it.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_SPLIT_COLUMN_H_
#define RECSAE_SERVICES_PROBE_DATASETS_SPLIT_COLUMN_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/log.h"
#include "services/probe/datasets/table.h"

namespace recsae::probe {

// "train", "dev", "test" and what else people call them; false for anything else.
bool ParsePart(absl::string_view text, Part* part);

// Reads the parts of rows: of a column of words (train, dev, test) or of numbers (0, 1, 2), or of
// columns of yes and no (is_test, is_train). The first row tells which; a column whose name may
// mean something else ("set") counts if it holds such words. For the tables of one log, one after
// the other; not thread-safe.
class SplitColumns {
 public:
  // Begins with a table: `column` is the one of that role, or -1; `named`: the caller says so.
  void TakeHeader(const Header& header, int column, bool named);
  // Whether a column of the table is read.
  bool Uses(int column) const;
  // Sets `part` if the row says one; says what is wrong with the row, or "".
  std::string TakeRow(const Fields& fields, Part* part);
  // After the last table: gives numbers their meaning in log->interactions, sets log->split_given
  // and says what was guessed.
  void Finish(InteractionLog* log) const;

 private:
  enum class Kind { kUnknown, kWords, kNumbers, kNone };
  struct Flag {
    int column;
    Part yes;  // kTrain: no is a test row, or a dev row beside a column of test rows
    std::string name;
  };
  static constexpr size_t kNumbers = 4;  // 0 to 3

  void FindFlags(const Header& header);
  std::string TakeFirst(absl::string_view text);
  std::string TakeFlags(const Fields& fields, Part* part) const;
  void FinishNumbers(InteractionLog* log) const;

  int column_ = -1;
  bool weak_ = false;  // its name may mean something else
  std::string name_, first_;
  Kind kind_ = Kind::kUnknown;
  std::array<int64_t, kNumbers> rows_ = {};  // by number
  std::vector<Flag> flags_;
  bool flagged_ = false;  // some table has flags
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_SPLIT_COLUMN_H_
