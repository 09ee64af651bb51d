#include "services/probe/datasets/catalog.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// A longer cell is text for people, and not kept.
constexpr size_t kLongCellBytes = 400;
constexpr size_t kLongListBytes = 8000;
constexpr size_t kMaxColumns = 2000;

// The key of a column's attributes: lower case, and the singular of the usual plurals, so that one
// value reads genre=Horror whatever the source called its column.
std::string AttributeKey(const std::string& column) {
  std::string key = absl::AsciiStrToLower(column);
  if (key == "genres") return "genre";
  if (key == "categories") return "category";
  if (key == "tags") return "tag";
  return key;
}

std::string Plain(absl::string_view text) {
  const std::string utf8 = ToUtf8(text);
  return absl::StrContains(utf8, '&') || absl::StrContains(utf8, '<') ? WithoutMarkup(utf8) : utf8;
}

}  // namespace

absl::Status CatalogBuilder::Read(const std::string& path, const TableForm& form) {
  return ReadTable(
      path, form, &log_->reading, [&](const Header& header) { return TakeHeader(path, header); },
      [&](const Fields& fields) { return TakeRow(fields); });
}

absl::Status CatalogBuilder::TakeHeader(const std::string& path, const Header& header) {
  const auto unknown = [&](Role role, absl::string_view why) {
    return Error(absl::StatusCode::kInvalidArgument, "DATASET_COLUMN_UNKNOWN",
                 absl::StrCat(path, ":1: ", why, ": ", ListColumns(header), ". Name it: --columns ",
                              RoleName(role), "=…"),
                 {{"file", path}, {"columns", absl::StrJoin(header.names, ",")}});
  };
  // The column that the caller names is one of the interactions' too, and may be missing here.
  id_ = names_.of(Role::kItem).empty() ? -1 : FindRole(header, Role::kItem, names_.of(Role::kItem));
  if (id_ < 0) id_ = FindRole(header, Role::kItem, "", /*item_ids=*/true);
  if (id_ < 0) {
    return unknown(Role::kItem, absl::StrCat("no column is the item's id (looked for ",
                                             UsualNames(Role::kItem), ")"));
  }
  title_ = FindRole(header, Role::kTitle, names_.of(Role::kTitle));
  if (title_ == id_) title_ = FindLike(header, Role::kTitle);
  if (title_ < 0 && !names_.of(Role::kTitle).empty() && columns_.empty() && !some_title_) {
    return unknown(Role::kTitle,
                   absl::StrCat("there is no column '", names_.of(Role::kTitle), "'"));
  }
  some_title_ = some_title_ || title_ >= 0;
  log_->item_column = PlainName(header.names[static_cast<size_t>(id_)]);
  target_.assign(header.names.size(), -1);
  for (size_t c = 0; c < header.names.size(); ++c) {
    if (static_cast<int>(c) == id_ || static_cast<int>(c) == title_) continue;
    const std::string key = AttributeKey(header.names[c]);
    const auto at = column_of_.find(key);
    if (at == column_of_.end() && columns_.size() >= kMaxColumns) continue;
    target_[c] = static_cast<int>(at == column_of_.end() ? columns_.size() : at->second);
    if (at != column_of_.end()) continue;
    column_of_[key] = columns_.size();
    columns_.push_back({key, header.types[c] == "token_seq", 0, 0});
  }
  return absl::OkStatus();
}

void CatalogBuilder::TakeTitle(absl::string_view text, size_t item, bool is_new) {
  Item& described = log_->dataset.items[item];
  if (!is_new && titled_[item]) return;
  std::string title = log_->reading.Text(absl::StripAsciiWhitespace(text));
  if (IsMissing(title)) return;
  if (absl::StrContains(title, '&') || absl::StrContains(title, '<')) {
    std::string plain = WithoutMarkup(title);
    if (plain != title)
      log_->reading.tallies.Add(Event::kMarkupRemoved, [&] { return log_->reading.At(title); });
    title = std::move(plain);
  }
  std::replace(title.begin(), title.end(), kListSeparator, ' ');
  std::replace(title.begin(), title.end(), '\n', ' ');
  log_->reading.held += static_cast<int64_t>(title.size());
  described.title = std::move(title);
  titled_[item] = true;
}

void CatalogBuilder::TakeCell(size_t column, absl::string_view text, std::vector<Cell>& cells) {
  Column& known = columns_[column];
  text = absl::StripAsciiWhitespace(text);
  if (text.empty()) return;
  if (IsMissing(text)) {
    log_->reading.tallies.Add(Event::kValuesMissing,
                              [&] { return log_->reading.At(absl::StrCat(known.key, " ", text)); });
    return;
  }
  if (!IsCleanUtf8(text)) {
    log_->reading.tallies.Add(Event::kTextConverted, [&] { return log_->reading.At(text); });
  }
  std::string list;
  const bool is_list = text.size() <= kLongListBytes && ParseList(text, &list);
  const std::string value = is_list ? Plain(list) : text.size() > kLongListBytes ? "" : Plain(text);
  const bool parted = absl::StrContains(value, kListSeparator) || absl::StrContains(value, '|');
  ++known.cells;
  if (text.size() > kLongListBytes || value.size() > (parted ? kLongListBytes : kLongCellBytes)) {
    ++known.long_cells;
    return;
  }
  if (value.empty()) return;
  const bool same = std::any_of(cells.begin(), cells.end(), [&](const Cell& cell) {
    return cell.column == column && cell.text == value;
  });
  if (same) return;
  log_->reading.held += static_cast<int64_t>(sizeof(Cell) * 2 + value.size() * 2);
  cells.push_back({static_cast<uint16_t>(column), value});
}

std::string CatalogBuilder::TakeRow(const Fields& fields) {
  const absl::string_view id = absl::StripAsciiWhitespace(fields[static_cast<size_t>(id_)]);
  if (id.empty()) return "empty item id";
  const CatalogPlace place = PlaceItem(id, log_);
  cells_.resize(log_->dataset.items.size());
  titled_.resize(log_->dataset.items.size());
  if (title_ >= 0) TakeTitle(fields[static_cast<size_t>(title_)], place.index, place.is_new);
  for (size_t c = 0; c < fields.size(); ++c) {
    if (target_[c] >= 0) TakeCell(static_cast<size_t>(target_[c]), fields[c], cells_[place.index]);
  }
  return "";
}

void CatalogBuilder::NoteMarks(const std::vector<ColumnVerdict>& verdicts) {
  std::vector<std::string> names;
  for (size_t c = 0; c < verdicts.size(); ++c) {
    if (verdicts[c].why_not.empty() && verdicts[c].marks) names.push_back(ToUtf8(columns_[c].key));
  }
  if (names.empty()) return;
  const auto count = static_cast<int64_t>(names.size());
  log_->remarks.push_back(
      {"MARKS_READ",
       count,
       absl::StrCat(Counted(count, "column"), " of the items with 1 and 0 alone: ",
                    "1 is read as yes, 0 as nothing (", absl::StrJoin(names, ", "), ")"),
       {},
       false});
}

absl::Status CatalogBuilder::Finish() {
  std::vector<ColumnFacts> facts(columns_.size());
  for (size_t c = 0; c < columns_.size(); ++c) {
    facts[c] = {columns_[c].key,
                {},
                static_cast<size_t>(columns_[c].long_cells),
                columns_[c].tokens,
                std::any_of(names_.attributes.begin(), names_.attributes.end(),
                            [&](const std::string& name) {
                              return AttributeKey(name) == columns_[c].key;
                            })};
  }
  for (const std::vector<Cell>& cells : cells_) {
    for (const Cell& cell : cells) facts[cell.column].cells.emplace_back(cell.text);
  }
  std::vector<ColumnVerdict> verdicts(columns_.size());
  std::vector<std::string> left_out;
  for (size_t c = 0; c < columns_.size(); ++c) {
    RECSAE_RETURN_IF_ERROR(log_->reading.MayProceed());
    verdicts[c] = Judge(facts[c]);
    if (!names_.attributes.empty() && !facts[c].wanted)
      verdicts[c].why_not = "not among the columns named";
    if (verdicts[c].why_not.empty() || columns_[c].cells == 0) continue;
    left_out.push_back(absl::StrCat(columns_[c].key.empty() ? "(no name)" : ToUtf8(columns_[c].key),
                                    ": ", verdicts[c].why_not));
  }
  NoteMarks(verdicts);
  int64_t untitled = 0;
  for (size_t i = 0; i < cells_.size(); ++i) {
    Item& item = log_->dataset.items[i];
    // In the order of the columns; several values of one in the order in which they came.
    std::stable_sort(cells_[i].begin(), cells_[i].end(),
                     [](const Cell& a, const Cell& b) { return a.column < b.column; });
    for (const Cell& cell : cells_[i]) {
      if (!verdicts[cell.column].why_not.empty()) continue;
      for (const std::string_view value : SplitValues(cell.text, verdicts[cell.column].separator)) {
        // 1990.0 as pandas writes 1990.
        Attribute attribute{columns_[cell.column].key,
                            std::string(WithoutDecimals({value.data(), value.size()}))};
        if (IsMissing({value.data(), value.size()})) continue;
        if (verdicts[cell.column].marks) {
          if (value == "0") continue;
          attribute.value = "yes";
        }
        if (std::find(item.attributes.begin(), item.attributes.end(), attribute) !=
            item.attributes.end())
          continue;
        item.attributes.push_back(std::move(attribute));
      }
    }
    AddTitleDecade(&item);
    if (titled_[i]) continue;
    if (some_title_) log_->reading.tallies.Add(Event::kTitlesMissing, [&] { return item.id; });
    ++untitled;
  }
  if (!some_title_ && untitled > 0) {
    log_->remarks.push_back(
        {"TITLES_UNKNOWN",
         untitled,
         "the table of items has no titles (--columns title=…): the ids are the titles",
         {},
         true});
  }
  if (!left_out.empty()) {
    const auto count = static_cast<int64_t>(left_out.size());
    log_->remarks.push_back(
        {"COLUMNS_LEFT_OUT",
         count,
         absl::StrCat(Counted(count, "column"), " of the items left out of the attributes: ",
                      absl::StrJoin(left_out, "; "), " (--columns attribute=… says otherwise)"),
         {},
         false});
  }
  cells_.clear();
  return absl::OkStatus();
}

}  // namespace recsae::probe
