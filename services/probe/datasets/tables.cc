// Reads the tables of a layout: interactions by the meaning of their columns, items by a
// CatalogBuilder.
#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <limits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "services/probe/datasets/byte_source.h"
#include "services/probe/datasets/catalog.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/split_column.h"
#include "services/probe/datasets/table.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

constexpr Role kAllRoles[] = {Role::kUser,   Role::kItem,  Role::kTime,
                              Role::kRating, Role::kTitle, Role::kSplit};
// A point in time with more digits than seconds have for the next centuries is in milliseconds or
// less: see ParseTime.
constexpr size_t kDigitsOfSeconds = 10;
constexpr double kSecondsOf2001 = 1e9;
// Of rows without a time: before all others.
constexpr double kOldest = -1e15;

TableForm FormOf(const char* columns, bool quotes, const ColumnNames& names) {
  TableForm form;
  form.quotes = quotes;
  form.columns = absl::StrSplit(columns, ' ', absl::SkipEmpty());
  int numbers = 0, given = 0;
  for (const Role role : kAllRoles) {
    int ignored = 0;
    if (names.of(role).empty()) continue;
    ++given;
    numbers += absl::SimpleAtoi(names.of(role), &ignored) ? 1 : 0;
  }
  form.numbered = given > 0 && numbers == given;
  if (form.numbered) form.columns.clear();
  return form;
}

absl::Status UnknownColumn(const std::string& path, const Header& header, Role role,
                           const std::string& named) {
  const std::string why = named.empty() ? absl::StrCat("no column is the ", RoleName(role),
                                                       " (looked for ", UsualNames(role), ")")
                                        : absl::StrCat("there is no column '", ToUtf8(named), "'");
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_COLUMN_UNKNOWN",
               absl::StrCat(path, ":1: ", why, "; ", ListColumns(header), ". Name it: --columns ",
                            RoleName(role),
                            "=NAME, or without a header line by number: --columns user=1,item=2"),
               {{"file", path}, {"columns", absl::StrJoin(header.names, ",")}});
}

bool IsNull(absl::string_view id) {
  id = absl::StripAsciiWhitespace(id);
  if (id.empty()) return true;
  if (id.size() > 4 || absl::ascii_isdigit(id.front())) return false;
  for (const absl::string_view word : {"nan", "null", "none", "\\n", "<na>"}) {
    if (absl::EqualsIgnoreCase(id, word)) return true;
  }
  return false;
}

// "[1, 2]", and what JSON lists became.
bool IsList(absl::string_view id) {
  return absl::StrContains(id, kListSeparator) ||
         (absl::StartsWith(id, "[") && absl::EndsWith(id, "]") && absl::StrContains(id, ','));
}

// Columns that say what a row is: a view, a purchase.
bool IsEventName(absl::string_view name) {
  for (const char* event :
       {"event", "eventtype", "eventname", "behavior", "behaviour", "behaviortype", "action",
        "actiontype", "interaction", "interactiontype", "type"}) {
    if (name == event) return true;
  }
  return false;
}

class InteractionReader {
 public:
  InteractionReader(const Layout& layout, const ColumnNames& names, InteractionLog* log)
      : layout_(layout), names_(names), log_(log), batch_(log) {}

  absl::Status Read(const std::string& path, const TableForm& form, Part part, bool part_given) {
    part_ = part;
    part_given_ = part_given;
    dates_ = {};
    const size_t first = log_->interactions.size();
    RECSAE_RETURN_IF_ERROR(ReadRows(path, form));
    batch_.Flush();
    SettleDates(path, first);
    return absl::OkStatus();
  }

 private:
  // How the dates of a file are written, whose day and month are numbers.
  struct Dates {
    int64_t ambiguous = 0;
    bool day_first = false, month_first = false;  // some are, beyond doubt
  };

  absl::Status ReadRows(const std::string& path, const TableForm& form) {
    return ReadTable(
        path, form, &log_->reading, [&](const Header& header) { return TakeHeader(path, header); },
        [&](const Fields& fields) { return TakeRow(fields); });
  }

  // Ambiguous dates were read as month/day; the other dates of the file may say otherwise.
  void SettleDates(const std::string& path, size_t first) {
    if (dates_.ambiguous == 0 || (dates_.month_first && !dates_.day_first)) return;
    const bool swap = dates_.day_first && !dates_.month_first;
    for (size_t i = first; swap && i < log_->interactions.size(); ++i) {
      log_->interactions[i].time = WithDayAndMonthSwapped(log_->interactions[i].time);
    }
    if (swap) return;
    log_->remarks.push_back(
        {"DATES_AMBIGUOUS",
         dates_.ambiguous,
         absl::StrCat(Counted(dates_.ambiguous, "date"), " of ",
                      ToUtf8(fs::path(path).filename().string()),
                      " that may be month/day or day/month: read as month/day",
                      dates_.day_first ? ", though others can only be day/month" : ""),
         {},
         dates_.day_first});
  }

  int Find(const Header& header, Role role) {
    if (!names_.of(role).empty()) return FindRole(header, role, names_.of(role));
    for (const absl::string_view meaning :
         absl::StrSplit(layout_.meaning, ' ', absl::SkipEmpty())) {
      const std::pair<absl::string_view, absl::string_view> pair = absl::StrSplit(meaning, '=');
      if (pair.first != RoleName(role)) continue;
      if (const int column = FindRole(header, role, std::string(pair.second)); column >= 0)
        return column;
    }
    if (role == Role::kItem && !common_.empty()) return FindRole(header, role, common_);
    return FindRole(header, role, "");
  }

  absl::Status TakeHeader(const std::string& path, const Header& header) {
    for (const Role role : kAllRoles) {
      const int column = Find(header, role);
      column_[static_cast<size_t>(role)] = column;
      const bool needed = role == Role::kUser || role == Role::kItem;
      if (column < 0 && role != Role::kTitle && (needed || !names_.of(role).empty())) {
        return UnknownColumn(path, header, role, names_.of(role));
      }
    }
    if (part_given_) {
      column_[static_cast<size_t>(Role::kSplit)] = -1;
    } else {
      split_.TakeHeader(header, at(Role::kSplit), !names_.of(Role::kSplit).empty());
    }
    if (at(Role::kRating) >= 0) {
      const std::string name = PlainName(header.names[static_cast<size_t>(at(Role::kRating))]);
      labels_ = name == "label" || name == "click" || name == "clicked" || name == "isclick";
    }
    log_->rated = log_->rated || at(Role::kRating) >= 0;
    log_->timed = log_->timed && at(Role::kTime) >= 0;
    FindDate(header);
    NoteUnused(path, header);
    log_->split_given = log_->split_given || part_given_;
    return absl::OkStatus();
  }

  // Columns that are not read may have been meant. Published layouts have many of them.
  void NoteUnused(const std::string& path, const Header& header) {
    if (noted_) return;
    std::vector<std::string> others, events;
    for (size_t c = 0; c < header.names.size(); ++c) {
      const auto column = static_cast<int>(c);
      const std::string& name = header.names[c];
      if (name.empty() || absl::StartsWithIgnoreCase(name, "unnamed") || column == date_ ||
          split_.Uses(column) || std::find(column_.begin(), column_.end(), column) != column_.end())
        continue;
      others.push_back(name);
      if (IsEventName(PlainName(name))) events.push_back(name);
    }
    const bool untimed = at(Role::kTime) < 0;
    const bool own = layout_.format == Format::kCsv || layout_.format == Format::kRechorus ||
                     layout_.format == Format::kRecbole;
    noted_ = !others.empty() && (untimed || own);
    if (!noted_) return;
    const std::string file = ToUtf8(fs::path(path).filename().string());
    std::string list = absl::StrJoin(others, ", ");
    if (untimed) {
      // The order of the lines counts.
      log_->remarks.push_back(
          {"TIMES_UNKNOWN",
           0,
           absl::StrCat("no column of ", file, " is the time: the order of its lines counts (not ",
                        "used: ", list, "; --columns time=…)"),
           {},
           false});
    }
    if (untimed && events.empty()) return;
    log_->remarks.push_back(
        {"COLUMNS_NOT_USED",
         static_cast<int64_t>(others.size()),
         absl::StrCat("not used of ", file, ": ", list,
                      events.empty() ? "" : ". Rows count alike, whatever their ",
                      absl::StrJoin(events, ", ")),
         {},
         !events.empty()});
  }

  int at(Role role) const { return column_[static_cast<size_t>(role)]; }

  // A column of days beside the one called "time", which then may hold the time of day alone.
  void FindDate(const Header& header) {
    date_ = -1;
    if (at(Role::kTime) < 0 ||
        PlainName(header.names[static_cast<size_t>(at(Role::kTime))]) != "time")
      return;
    for (const char* name : {"date", "day"}) {
      if (date_ < 0) date_ = FindNamed(header, name);
    }
  }

  // Says what is wrong with the time, or "".
  std::string TakeTime(const Fields& fields, double* time) {
    const absl::string_view text = fields[static_cast<size_t>(at(Role::kTime))];
    DateOrder order = DateOrder::kClear;
    if (IsMissing(text)) {
      log_->reading.tallies.Add(Event::kTimesMissing, [&] { return log_->reading.At("no time"); });
      *time = kOldest;
      return "";
    }
    bool known = ParseTime(text, time, &order);
    if (!known && date_ >= 0) {
      known = ParseTime(absl::StrCat(fields[static_cast<size_t>(date_)], " ", text), time, &order);
    }
    if (!known) return absl::StrCat("time '", text, "' is not a number");
    dates_.ambiguous += order == DateOrder::kAmbiguous ? 1 : 0;
    dates_.day_first |= order == DateOrder::kDayFirst;
    dates_.month_first |= order == DateOrder::kMonthFirst;
    const bool epoch = *time >= kSecondsOf2001 && absl::ascii_isdigit(text.front()) &&
                       text.find_first_of("-/:T ") == absl::string_view::npos;
    if (!epoch) return "";
    const bool milliseconds = text.size() > kDigitsOfSeconds && text[kDigitsOfSeconds] != '.';
    if (milliseconds) {
      if (seconds_seen_)
        log_->reading.tallies.Add(Event::kTimesMixed, [&] { return log_->reading.At(text); });
    } else {
      seconds_seen_ = true;
    }
    return "";
  }

  std::string TakeRow(const Fields& fields) {
    double time = 0, rating = kUnrated;
    const absl::string_view user = fields[static_cast<size_t>(at(Role::kUser))];
    const absl::string_view item = fields[static_cast<size_t>(at(Role::kItem))];
    if (IsNull(item)) {
      ++log_->rows;
      log_->reading.tallies.Add(Event::kItemsMissing, [&] { return log_->reading.At(user); });
      return "";
    }
    if (IsList(user) || IsList(item)) {
      return "the user or the item is a list: one record for each interaction is wanted";
    }
    if (IsNull(user)) {
      ++log_->rows;
      log_->reading.tallies.Add(Event::kUsersMissing, [&] { return log_->reading.At(item); });
      return "";
    }
    if (at(Role::kTime) >= 0) {
      const std::string problem = TakeTime(fields, &time);
      if (!problem.empty()) return problem;
    }
    Part part = part_;
    if (!part_given_) {
      if (std::string problem = split_.TakeRow(fields, &part); !problem.empty()) return problem;
    }
    if (at(Role::kRating) >= 0) {
      const absl::string_view text = fields[static_cast<size_t>(at(Role::kRating))];
      if (!ParseRating(text, &rating)) {
        if (!IsMissing(text)) return absl::StrCat("rating '", text, "' is not a number");
        rating = std::numeric_limits<double>::quiet_NaN();
      }
      // What a label says is known, however many of them there are.
      if (labels_ && rating == 0) {
        ++log_->rows;
        log_->reading.tallies.Add(Event::kNegatives,
                                  [&] { return log_->reading.At(absl::StrCat(user, ", ", item)); });
        return "";
      }
    }
    batch_.Add(user, item, time, rating, part);
    return "";
  }

 public:
  // After the last file.
  void Finish() { split_.Finish(log_); }

  void SetCommon(std::string item) { common_ = std::move(item); }

 private:
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

// The name of the item's column that both tables have: of "asin" and "parent_asin" the one that the
// catalogue is made by.
std::string CommonItem(const Header& interactions, const Header& items) {
  Header both;
  for (const std::string& name : interactions.names) {
    for (const std::string& other : items.names) {
      if (PlainName(name) != PlainName(other)) continue;
      both.names.push_back(name);
      both.types.emplace_back();
    }
  }
  const int column = FindRole(both, Role::kItem, "");
  return column < 0 ? "" : both.names[static_cast<size_t>(column)];
}

// Which part the name of a file, or of its folder, says that it holds: "movies_train.csv".
bool PartOfName(const std::string& path, const std::string& folder, Part* part) {
  const std::string name = fs::path(path).lexically_relative(folder).string();
  for (const absl::string_view word :
       absl::StrSplit(WithoutPacking(name), absl::ByAnyChar("/._- "))) {
    if (ParsePart(word, part)) return true;
  }
  return false;
}

struct Files {
  std::vector<std::pair<std::string, Part>> interactions;
  std::vector<std::string> items;
  bool parted = false;  // by files
};

absl::StatusOr<Files> FilesOf(const std::string& folder, const Layout& layout,
                              const ColumnNames& names, InteractionLog* log) {
  Files files;
  for (const std::string& path : InteractionFiles(folder, layout))
    files.interactions.emplace_back(path, Part::kTrain);
  for (const auto& [patterns, part] :
       {std::pair(layout.dev, Part::kDev), std::pair(layout.test, Part::kTest)}) {
    if (*patterns == '\0') continue;
    files.parted = true;
    const std::vector<std::string> paths = FindFiles(folder, patterns);
    for (const std::string& path : paths) files.interactions.emplace_back(path, part);
    if (!paths.empty()) continue;
    const bool test = part == Part::kTest;
    if (test) {
      return Error(
          absl::StatusCode::kNotFound, "DATA_FILE_NOT_FOUND",
          absl::StrCat(
              "cannot read ", folder,
              "/test.csv, which belongs to train.csv; check that it is there and readable"),
          {{"file", folder + "/test.csv"}});
    }
    log->remarks.push_back(
        {"NO_DEV_FILE",
         0,
         "there is no file of dev rows (dev.csv, valid.csv, val.csv, validation.csv): "
         "nothing tells the best epoch",
         {},
         true});
  }
  for (const absl::string_view pattern : absl::StrSplit(layout.items, '|', absl::SkipEmpty())) {
    for (std::string& path : FindFiles(folder, std::string(pattern).c_str())) {
      if (std::find(files.items.begin(), files.items.end(), path) == files.items.end())
        files.items.push_back(std::move(path));
    }
  }
  if (!files.interactions.empty() || layout.format != Format::kCsv) return files;
  RECSAE_ASSIGN_OR_RETURN(const FoundTables found, FindTables(folder, names, &log->reading));
  std::array<bool, 3> named = {};
  for (const std::string& path : found.interactions) {
    Part part = Part::kTrain;
    if (PartOfName(path, folder, &part)) named[static_cast<size_t>(part)] = true;
    files.interactions.emplace_back(path, part);
  }
  // One word of "train" or "test" among the names says nothing of what is held out.
  files.parted =
      named[static_cast<size_t>(Part::kTrain)] && named[static_cast<size_t>(Part::kTest)];
  if (files.items.empty()) files.items = found.items;
  if (!found.others.empty()) {
    log->remarks.push_back({"FILES_NOT_READ",
                            static_cast<int64_t>(found.others.size()),
                            absl::StrCat("not read, since neither interactions nor items: ",
                                         absl::StrJoin(found.others, "; ")),
                            {},
                            false});
  }
  return files;
}

}  // namespace

absl::StatusOr<FoundTables> FindTables(const std::string& folder, const ColumnNames& names,
                                       Reading* reading) {
  FoundTables found;
  std::vector<std::pair<std::vector<std::string>, Header>> candidates;
  const TableForm form = FormOf("", true, names);
  std::vector<std::string> seen;  // for messages
  for (const std::vector<std::string>& parts : TablesIn(folder)) {
    const absl::StatusOr<Header> header = PeekHeader(parts.front(), form, reading);
    const std::string name = ToUtf8(fs::path(parts.front()).lexically_relative(folder).string());
    if (!header.ok()) {
      if (Reason(header.status()) != "DATASET_MALFORMED" &&
          Reason(header.status()) != "DATA_FILE_NOT_FOUND")
        return header.status();
      found.others.push_back(absl::StrCat(name, " (unreadable)"));
      continue;
    }
    seen.push_back(absl::StrCat(name, " (", ListColumns(*header), ")"));
    const bool user = FindRole(*header, Role::kUser, names.of(Role::kUser)) >= 0;
    const bool item = FindRole(*header, Role::kItem, names.of(Role::kItem), !user) >= 0;
    if (user && item) {
      candidates.emplace_back(parts, *header);
    } else if (item && header->names.size() > 1 && !form.numbered) {
      found.items.insert(found.items.end(), parts.begin(), parts.end());
    } else {
      found.others.push_back(name);
    }
  }
  if (candidates.empty()) {
    return Error(
        absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
        absl::StrCat(
            folder, " holds no data set that is recognised",
            seen.empty() ? "" : absl::StrCat(": its tables are ", absl::StrJoin(seen, "; "))),
        {{"path", folder}});
  }
  for (const auto& [parts, header] : candidates) {
    // Parts of one log have the same columns.
    if (header.names == candidates.front().second.names) {
      found.interactions.insert(found.interactions.end(), parts.begin(), parts.end());
    } else {
      found.others.push_back(ToUtf8(fs::path(parts.front()).lexically_relative(folder).string()));
    }
  }
  return found;
}

absl::Status ReadLayout(const std::string& folder, const Layout& layout, const ColumnNames& columns,
                        InteractionLog* log) {
  RECSAE_ASSIGN_OR_RETURN(const Files files, FilesOf(folder, layout, columns, log));
  if (files.interactions.empty()) {
    return Error(absl::StatusCode::kNotFound, "DATA_FILE_NOT_FOUND",
                 absl::StrCat(folder, " has no file of interactions; ", layout.name, " needs ",
                              layout.files),
                 {{"file", folder}});
  }
  const TableForm form = FormOf(layout.columns, layout.quotes, columns);
  TableForm item_form = FormOf(layout.item_columns, layout.quotes, {});
  InteractionReader reader(layout, columns, log);
  log->described = !files.items.empty();
  if (log->described) {
    ColumnNames names = columns;
    if (columns.of(Role::kItem).empty()) {
      RECSAE_ASSIGN_OR_RETURN(const Header interactions,
                              PeekHeader(files.interactions.front().first, form, &log->reading));
      RECSAE_ASSIGN_OR_RETURN(const Header items,
                              PeekHeader(files.items.front(), item_form, &log->reading));
      names.of(Role::kItem) = CommonItem(interactions, items);
      reader.SetCommon(names.of(Role::kItem));
    }
    if (form.numbered) names.of(Role::kTitle).clear();
    CatalogBuilder catalog(names, log);
    for (const std::string& path : files.items)
      RECSAE_RETURN_IF_ERROR(catalog.Read(path, item_form));
    RECSAE_RETURN_IF_ERROR(catalog.Finish());
  } else {
    log->remarks.push_back({"NO_ITEM_FILE",
                            0,
                            "there is no table of items: their ids are the titles, and concepts "
                            "have no words but them "
                            "(put an items.csv with item and title beside the interactions)",
                            {},
                            true});
  }
  for (const auto& [path, part] : files.interactions) {
    RECSAE_RETURN_IF_ERROR(reader.Read(path, form, part, files.parted));
  }
  reader.Finish();
  return absl::OkStatus();
}

}  // namespace recsae::probe
