#include "services/probe/datasets/attribute_column.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <unordered_map>
#include <unordered_set>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "services/probe/datasets/columns.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Fewer items say nothing of what values do.
constexpr size_t kFewItems = 10;
// Values longer than this on average are text for people.
constexpr size_t kTextBytes = 60;
// So many different numbers are a measure rather than kinds.
constexpr size_t kManyNumbers = 10;
// Of ten parts of a column's cells so many have to come back, for them to be values.
constexpr size_t kOfTen = 6;

absl::string_view View(std::string_view text) { return {text.data(), text.size()}; }

// Names of columns whose values are ids of other items, or measures, whatever they look like.
bool IsKnownNoAttribute(const std::string& key) {
  static const std::unordered_set<std::string> kNames = {"price",
                                                         "cost",
                                                         "averagerating",
                                                         "ratingnumber",
                                                         "ratingscount",
                                                         "textreviewscount",
                                                         "reviewcount",
                                                         "numratings",
                                                         "image",
                                                         "images",
                                                         "imageurl",
                                                         "imurl",
                                                         "imageurlhighres",
                                                         "thumbnail",
                                                         "videos",
                                                         "url",
                                                         "link",
                                                         "alsobuy",
                                                         "alsoview",
                                                         "alsobought",
                                                         "alsoviewed",
                                                         "boughttogether",
                                                         "related",
                                                         "similaritem",
                                                         "similarbooks",
                                                         "similar",
                                                         "rcomplement",
                                                         "rsubstitute",
                                                         "rank",
                                                         "salesrank",
                                                         "latitude",
                                                         "longitude",
                                                         "postalcode",
                                                         "timestamp",
                                                         "isbn13",
                                                         "asin",
                                                         "imageurls",
                                                         "imageurlm",
                                                         "imageurll",
                                                         "tech1",
                                                         "tech2",
                                                         "details"};
  return kNames.contains(key);
}

struct Shares {
  size_t numbers = 0, decimals = 0, addresses = 0, dates = 0, bytes = 0;
};

Shares Look(const std::vector<std::string_view>& values) {
  Shares shares;
  for (const std::string_view value : values) {
    absl::string_view text = View(value);
    double number = 0;
    DateOrder order = DateOrder::kClear;
    shares.bytes += text.size();
    if (absl::StartsWith(text, "http://") || absl::StartsWith(text, "https://") ||
        absl::StartsWith(text, "www.")) {
      ++shares.addresses;
    }
    for (const absl::string_view sign : {"$", "\xE2\x82\xAC", "\xC2\xA3", "USD", "EUR"}) {
      if (absl::StartsWith(text, sign)) text.remove_prefix(sign.size());
    }
    if (ParseRating(text, &number) && (absl::ascii_isdigit(text.back()))) {
      ++shares.numbers;
      if (text.find_first_of(".,") != absl::string_view::npos) ++shares.decimals;
    } else if (absl::ascii_isdigit(text.front()) || absl::StrContains(text, ':')) {
      shares.dates += ParseTime(text, &number, &order) ? 1 : 0;
    }
  }
  return shares;
}

// Whether parting cells at `separator` finds values that come back in other company: of
// "Tea, Food" and "Cheese, Food", but not of "Leaf & Co, Inc".
bool Parts(const std::vector<std::string_view>& cells, char separator, size_t of_ten) {
  std::unordered_map<std::string_view, std::pair<std::string_view, bool>>
      seen;  // value: a cell, in others too
  std::unordered_set<std::string_view> distinct;
  for (const std::string_view cell : cells) {
    if (!distinct.insert(cell).second) continue;
    for (const std::string_view value : SplitValues(cell, separator)) {
      const auto [at, added] = seen.try_emplace(value, cell, false);
      if (!added && at->second.first != cell) at->second.second = true;
    }
  }
  // Of one cell alone nothing can come back.
  if (distinct.size() == 1 && of_ten < kOfTen) of_ten = 0;
  size_t parted = 0, all = 0, back = 0;
  for (const std::string_view cell : distinct) {
    const std::vector<std::string_view> values = SplitValues(cell, separator);
    if (values.size() < 2) continue;
    ++parted;
    for (const std::string_view value : values) {
      ++all;
      back += seen[value].second ? 1 : 0;
      if (value.size() > kTextBytes) return false;
    }
  }
  return parted > 0 && back * 10 >= all * of_ten;
}

// Columns that usually hold several values.
bool IsUsuallyList(absl::string_view name) {
  for (const absl::string_view start :
       {"genre",    "categor",  "tag",     "keyword",    "topic",    "label",   "subject",
        "theme",    "style",    "shelves", "ingredient", "actor",    "cast",    "kind",
        "type",     "mood",     "colour",  "color",      "material", "flavour", "flavor",
        "platform", "language", "countr",  "instrument"}) {
    if (absl::StartsWith(name, start)) return true;
  }
  return false;
}

char FindSeparator(const ColumnFacts& column) {
  if (column.tokens) return ' ';
  const size_t back = IsUsuallyList(PlainName(column.key)) ? 3 : kOfTen;
  for (const char separator : {',', ';', '/', '>'}) {
    if (Parts(column.cells, separator, back)) return separator;
  }
  return '\0';
}

}  // namespace

std::vector<std::string_view> SplitValues(std::string_view cell, char separator) {
  std::vector<std::string_view> values;
  size_t begin = 0;
  const auto add = [&](size_t end) {
    const absl::string_view value =
        absl::StripAsciiWhitespace(View(cell.substr(begin, end - begin)));
    if (!value.empty()) values.emplace_back(value.data(), value.size());
    begin = end + 1;
  };
  // A list that is one already is not parted further.
  const bool list = cell.find(kListSeparator) != std::string_view::npos;
  for (size_t i = 0; i < cell.size(); ++i) {
    const char c = cell[i];
    if (c == kListSeparator || (!list && (c == '|' || (separator != '\0' && c == separator))))
      add(i);
  }
  add(cell.size());
  return values;
}

ColumnVerdict Judge(const ColumnFacts& column) {
  ColumnVerdict verdict;
  const std::string name = PlainName(column.key);
  if (column.wanted) {
    verdict.separator = FindSeparator(column);
    return verdict;
  }
  if (name.empty() || absl::StartsWith(name, "unnamed")) return {"row numbers", '\0'};
  if (IsKnownNoAttribute(name)) return {"no kind of item by its name", '\0'};
  const size_t all = column.cells.size() + column.long_cells;
  if (column.long_cells * 5 > all) return {"long text", '\0'};
  if (Look(column.cells).addresses * 2 > column.cells.size()) return {"web addresses", '\0'};
  verdict.separator = FindSeparator(column);
  std::vector<std::string_view> values;
  std::unordered_set<std::string_view> distinct;
  for (const std::string_view cell : column.cells) {
    for (const std::string_view value : SplitValues(cell, verdict.separator)) {
      values.push_back(value);
      distinct.insert(value);
    }
  }
  if (values.empty()) return {"nothing in it", '\0'};
  verdict.marks = distinct.size() == 2 && distinct.contains("0") && distinct.contains("1");
  if (verdict.marks) return verdict;
  const Shares shares = Look(values);
  if (shares.bytes > values.size() * kTextBytes) return {"long text", '\0'};
  if (column.cells.size() < kFewItems) return verdict;
  const bool numeric = shares.numbers * 20 > values.size() * 19;
  if (numeric && shares.decimals > 0 && distinct.size() > kManyNumbers)
    return {"prices or measures", '\0'};
  if (numeric && distinct.size() > 2 * kManyNumbers && distinct.size() * 2 > values.size()) {
    return {"numbers", '\0'};
  }
  if (shares.dates * 10 > values.size() * 9 && distinct.size() > kManyNumbers)
    return {"dates", '\0'};
  if (distinct.size() * 20 >= values.size() * 19) return {"every item has another value", '\0'};
  return verdict;
}

}  // namespace recsae::probe
