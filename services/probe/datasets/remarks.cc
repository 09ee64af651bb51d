#include "services/probe/datasets/remarks.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_replace.h"
#include "common/base/utf8.h"
#include "services/probe/datasets/encoding.h"

namespace recsae::probe {
namespace {

struct Wording {
  const char* code;
  const char* noun;  // what is counted
  const char* text;  // after the count
  bool warning;
};

constexpr std::array<Wording, static_cast<size_t>(Event::kCount)> kWordings = {{
    {"TEXT_CONVERTED", "text", "not in UTF-8: read as Windows-1252 and converted", false},
    {"SPACES_TRIMMED", "id", "with spaces around: read without them", false},
    {"FLOAT_IDS", "id", "written as a decimal number (12.0): read as a whole one (12)", false},
    {"IDS_MERGED", "id", "written in two ways in the files: taken for one", true},
    {"HEADERS_REPEATED", "header line", "within the files: left out", false},
    {"ITEMS_MERGED", "line",
     "about an item that was described before: its attributes are put together, "
     "the first title counts",
     false},
    {"TITLES_MISSING", "item", "without a title: the id is the title", false},
    {"MARKUP_REMOVED", "title", "with HTML tags or entities: read as plain text", false},
    {"VALUES_MISSING", "attribute value", "that say nothing (nan, None, \\N): left out", false},
    {"RATINGS_MISSING", "row",
     "without a rating: left out, since nothing says that they were liked; "
     "without the rating column all rows count",
     false},
    {"USERS_MISSING", "row", "without a user: left out", true},
    {"ITEMS_MISSING", "row", "without an item: left out", true},
    {"NEGATIVES_DROPPED", "row", "of items that were shown and not chosen (label 0): left out",
     false},
    {"LABELS_MISSING", "impression",
     "without labels, as in MIND's test part: what was clicked is not known, and only the users' "
     "histories count",
     true},
    {"TIMES_MISSING", "row", "without a time: taken for the user's oldest", true},
    {"TIMES_MIXED", "time", "in milliseconds beside others in seconds: brought to seconds", false},
    {"VALUES_NESTED", "nested value", "that are no text: left out", false},
}};

}  // namespace

void Tallies::Keep(Tally& tally, const std::string& example) {
  tally.examples.push_back(ShortenedUtf8(ToUtf8(example), kExampleBytes));
}

std::vector<Remark> Tallies::Remarks() const {
  std::vector<Remark> remarks;
  for (size_t e = 0; e < tallies_.size(); ++e) {
    const Tally& tally = tallies_[e];
    if (tally.count == 0) continue;
    const Wording& wording = kWordings[e];
    remarks.push_back({wording.code, tally.count,
                       absl::StrCat(Counted(tally.count, wording.noun), " ", wording.text),
                       tally.examples, wording.warning});
  }
  return remarks;
}

std::string Counted(int64_t count, const std::string& noun) {
  std::string digits = absl::StrCat(count);
  for (int64_t at = static_cast<int64_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<size_t>(at), ",");
  }
  return absl::StrCat(digits, noun.empty() ? "" : " ", noun, count == 1 || noun.empty() ? "" : "s");
}

std::string Percent(int64_t part, int64_t whole) {
  if (whole == 0 || part == 0) return "0 %";
  const double percent = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  if (percent < 0.1) return "< 0.1 %";
  if (part < whole && percent > 99.9) return "> 99.9 %";
  return percent < 10 ? absl::StrFormat("%.1f %%", percent) : absl::StrFormat("%.0f %%", percent);
}

}  // namespace recsae::probe
