// Whether a column of a catalogue is an attribute, and how its values are parted.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_ATTRIBUTE_COLUMN_H_
#define RECSAE_SERVICES_PROBE_DATASETS_ATTRIBUTE_COLUMN_H_

#include <string>
#include <string_view>
#include <vector>

namespace recsae::probe {

struct ColumnFacts {
  std::string key;
  std::vector<std::string_view> cells;  // of different items; none empty; lists parted
  size_t long_cells = 0;                // that are not among them, since they are too long
  bool tokens = false;                  // values are parted by spaces
  bool wanted = false;                  // named by the caller: an attribute whatever it holds
};

struct ColumnVerdict {
  std::string why_not;    // why it is no attribute; empty: it is one
  char separator = '\0';  // that parts values beside '|' and kListSeparator; '\0': none
  bool marks = false;     // 1 says that an item has it, 0 that it has not
};

ColumnVerdict Judge(const ColumnFacts& column);

// The values of a cell.
std::vector<std::string_view> SplitValues(std::string_view cell, char separator);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_ATTRIBUTE_COLUMN_H_
