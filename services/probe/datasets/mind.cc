// Reads MIND: behaviors.tsv (impression, user, time, history, shown items with 1 for a click) and
// news.tsv.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "services/probe/datasets/catalog.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/table.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

TableForm Form(const char* columns) {
  TableForm form;
  form.columns = absl::StrSplit(columns, ' ');
  form.delimiter = "\t";
  form.quotes = false;
  return form;
}

std::vector<absl::string_view> Ids(absl::string_view text) {
  return absl::StrSplit(text, ' ', absl::SkipEmpty());
}

// The history of a user is the same in all rows: it comes before the first of them.
void AddHistory(absl::string_view user, absl::string_view history, InteractionLog* log) {
  const std::vector<absl::string_view> items = Ids(history);
  for (size_t i = 0; i < items.size(); ++i) {
    log->Add(user, items[i], -static_cast<double>(items.size() - i));
  }
}

// Clicks are taken at `time`; what was shown without a click is counted. Says what is wrong, or "".
std::string AddImpressions(absl::string_view user, absl::string_view shown, double time,
                           InteractionLog* log) {
  // The test part is published without labels: who clicked what is not known.
  if (!Ids(shown).empty() && !absl::StrContains(shown, '-')) {
    ++log->rows;
    log->reading.tallies.Add(Event::kUnlabelled, [&] { return log->reading.At(user); });
    return "";
  }
  for (const absl::string_view one : Ids(shown)) {
    const size_t dash = one.rfind('-');
    if (dash == absl::string_view::npos || dash == 0)
      return absl::StrCat("impression '", one, "' is not ITEM-0 or ITEM-1");
    const absl::string_view item = one.substr(0, dash), clicked = one.substr(dash + 1);
    if (clicked == "1") {
      log->Add(user, item, time);
    } else if (clicked == "0") {
      ++log->rows;
      log->reading.tallies.Add(Event::kNegatives,
                               [&] { return log->reading.At(absl::StrCat(user, ", ", item)); });
    } else {
      return absl::StrCat("impression '", one, "' is not ITEM-0 or ITEM-1");
    }
  }
  return "";
}

}  // namespace

absl::Status ReadMind(const std::string& folder, InteractionLog* log) {
  const ColumnNames names;
  CatalogBuilder catalog(names, log);
  RECSAE_RETURN_IF_ERROR(catalog.Read(
      FileIn(folder, "news.tsv"),
      Form("news_id category subcategory title abstract url title_entities abstract_entities")));
  RECSAE_RETURN_IF_ERROR(catalog.Finish());
  return ReadTable(
      FileIn(folder, "behaviors.tsv"), Form("impression_id user_id time history impressions"),
      &log->reading, [](const Header&) { return absl::OkStatus(); },
      [&](const Fields& fields) -> std::string {
        double time = 0;
        DateOrder order = DateOrder::kClear;  // the layout's are month/day
        const absl::string_view user = absl::StripAsciiWhitespace(fields[1]);
        if (user.empty()) return "empty user";
        if (!ParseTime(fields[2], &time, &order))
          return absl::StrCat("time '", fields[2], "' is none");
        const bool is_new = log->users.Find(user) < 0;
        if (is_new) AddHistory(user, fields[3], log);
        return AddImpressions(user, fields[4], time, log);
      });
}

}  // namespace recsae::probe
