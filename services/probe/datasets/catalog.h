// The catalogue as its tables describe it: titles, and the columns that are attributes.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_CATALOG_H_
#define RECSAE_SERVICES_PROBE_DATASETS_CATALOG_H_

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "services/probe/datasets/attribute_column.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/log.h"
#include "services/probe/datasets/options.h"
#include "services/probe/datasets/table.h"

namespace recsae::probe {

// Collects the lines of tables about items, and makes attributes of their columns once all lines
// are there: lists are parted; columns that say nothing of kinds of items (row numbers, prices,
// texts, addresses, what every item has another of) are left out and said.
class CatalogBuilder {
 public:
  // `log` gets the items and remarks, and must live as long as this.
  CatalogBuilder(const ColumnNames& names, InteractionLog* log) : names_(names), log_(log) {}

  // Reads a table. INVALID_ARGUMENT (DATASET_COLUMN_UNKNOWN) lists its columns where none is an
  // item, or where one named by the caller is not there. Errors also as ReadTable.
  absl::Status Read(const std::string& path, const TableForm& form);

  // Fills the items' attributes. What log->reading.proceed returns.
  absl::Status Finish();

 private:
  struct Column {
    std::string key;
    bool tokens = false;  // values are parted by spaces: RecBole's token_seq
    int64_t cells = 0;    // that say something
    int64_t long_cells = 0;
  };
  struct Cell {
    uint16_t column;
    std::string text;
  };

  absl::Status TakeHeader(const std::string& path, const Header& header);
  std::string TakeRow(const Fields& fields);
  void TakeTitle(absl::string_view text, size_t item, bool is_new);
  void NoteMarks(const std::vector<ColumnVerdict>& verdicts);
  void TakeCell(size_t column, absl::string_view text, std::vector<Cell>& cells);

  const ColumnNames& names_;
  InteractionLog* log_;
  std::vector<Column> columns_;  // of all tables, by key
  std::unordered_map<std::string, size_t> column_of_;
  // Of the table being read:
  int id_ = -1, title_ = -1;
  std::vector<int> target_;               // [column of the table]: of columns_, or -1
  bool some_title_ = false;               // a table had titles
  std::vector<std::vector<Cell>> cells_;  // [item]
  std::vector<bool> titled_;              // [item]
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_CATALOG_H_
