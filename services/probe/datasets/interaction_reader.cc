#include "services/probe/datasets/interaction_reader.h"

#include <algorithm>
#include <filesystem>
#include <iterator>
#include <limits>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/remarks.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

// A point in time with more digits than seconds have for the next centuries is in milliseconds or
// less: see ParseTime.
constexpr size_t kDigitsOfSeconds = 10;
constexpr double kSecondsOf2001 = 1e9;
// Of rows without a time: before all others.
constexpr double kOldest = -1e15;

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

}  // namespace

absl::Status InteractionReader::Read(const std::string& path, const TableForm& form, Part part,
                                     bool part_given) {
  part_ = part;
  part_given_ = part_given;
  dates_ = {};
  const size_t first = log_->interactions.size();
  RECSAE_RETURN_IF_ERROR(ReadRows(path, form));
  batch_.Flush();
  SettleDates(path, first);
  return absl::OkStatus();
}

absl::Status InteractionReader::ReadRows(const std::string& path, const TableForm& form) {
  return ReadTable(
      path, form, &log_->reading, [&](const Header& header) { return TakeHeader(path, header); },
      [&](const Fields& fields) { return TakeRow(fields); });
}

void InteractionReader::SettleDates(const std::string& path, size_t first) {
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

int InteractionReader::Find(const Header& header, Role role) {
  if (!names_.of(role).empty()) return FindRole(header, role, names_.of(role));
  for (const absl::string_view meaning : absl::StrSplit(layout_.meaning, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> pair = absl::StrSplit(meaning, '=');
    if (pair.first != RoleName(role)) continue;
    if (const int column = FindRole(header, role, std::string(pair.second)); column >= 0)
      return column;
  }
  if (role == Role::kItem && !common_.empty()) return FindRole(header, role, common_);
  return FindRole(header, role, "");
}

absl::Status InteractionReader::TakeHeader(const std::string& path, const Header& header) {
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

void InteractionReader::NoteUnused(const std::string& path, const Header& header) {
  if (noted_) return;
  std::vector<std::string> others, events;
  for (size_t c = 0; c < header.names.size(); ++c) {
    const auto column = static_cast<int>(c);
    const std::string& name = header.names[c];
    // Titles are those of the table of items.
    const bool used = std::any_of(std::begin(kAllRoles), std::end(kAllRoles), [&](Role role) {
      return role != Role::kTitle && at(role) == column;
    });
    if (name.empty() || absl::StartsWithIgnoreCase(name, "unnamed") || used || column == date_ ||
        split_.Uses(column))
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
  log_->remarks.push_back({"COLUMNS_NOT_USED",
                           static_cast<int64_t>(others.size()),
                           absl::StrCat("not used of ", file, ": ", list,
                                        events.empty() ? "" : ". Rows count alike, whatever their ",
                                        absl::StrJoin(events, ", ")),
                           {},
                           !events.empty()});
}

void InteractionReader::FindDate(const Header& header) {
  date_ = -1;
  if (at(Role::kTime) < 0 ||
      PlainName(header.names[static_cast<size_t>(at(Role::kTime))]) != "time")
    return;
  for (const char* name : {"date", "day"}) {
    if (date_ < 0) date_ = FindNamed(header, name);
  }
}

std::string InteractionReader::TakeTime(const Fields& fields, double* time) {
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

std::string InteractionReader::TakeRow(const Fields& fields) {
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

}  // namespace recsae::probe
