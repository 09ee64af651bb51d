#include "services/probe/datasets/split_column.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/remarks.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

using Names = std::initializer_list<absl::string_view>;

bool IsOneOf(absl::string_view name, Names names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// "0" to "3", and yes and no.
bool ParseNumberOfPart(absl::string_view text, size_t count, size_t* number) {
  double value = 0;
  if (!ParseRating(text, &value) || value < 0 || value >= static_cast<double>(count)) return false;
  *number = static_cast<size_t>(value);
  return static_cast<double>(*number) == value;
}

const char* NameOf(Part part) {
  return part == Part::kTrain ? "training" : part == Part::kDev ? "dev" : "test";
}

}  // namespace

bool ParsePart(absl::string_view text, Part* part) {
  const std::string plain = PlainName(text);
  if (IsOneOf(plain, {"train", "training", "trainset", "trainingset"}))
    return *part = Part::kTrain, true;
  if (IsOneOf(plain, {"dev", "devel", "development", "valid", "val", "validation", "validate",
                      "eval", "devset", "validset", "valset", "validationset"})) {
    return *part = Part::kDev, true;
  }
  if (IsOneOf(plain, {"test", "testing", "testset", "holdout", "heldout"}))
    return *part = Part::kTest, true;
  return false;
}

void SplitColumns::FindFlags(const Header& header) {
  for (size_t c = 0; c < header.names.size(); ++c) {
    const std::string plain = PlainName(header.names[c]);
    const auto add = [&](Part yes) {
      flags_.push_back({static_cast<int>(c), yes, header.names[c]});
    };
    if (IsOneOf(plain, {"istest", "isholdout", "isheldout", "holdout", "heldout"}))
      add(Part::kTest);
    if (IsOneOf(plain, {"isdev", "isvalid", "isval", "isvalidation"})) add(Part::kDev);
    if (IsOneOf(plain, {"istrain", "istraining"})) add(Part::kTrain);
  }
}

void SplitColumns::TakeHeader(const Header& header, int column, bool named) {
  column_ = column;
  flags_.clear();
  if (column < 0) {
    FindFlags(header);
  } else {
    // A yes/no column that the caller names is one of those, too.
    const auto at = static_cast<size_t>(column);
    name_ = header.names[at];
    weak_ = !named && IsOneOf(PlainName(name_), {"set", "subset", "part", "phase", "fold"});
    Header alone;
    alone.names.resize(at + 1);
    alone.names[at] = name_;
    FindFlags(alone);
  }
  flagged_ = flagged_ || !flags_.empty();
}

bool SplitColumns::Uses(int column) const {
  return column == column_ || std::any_of(flags_.begin(), flags_.end(),
                                          [&](const Flag& flag) { return flag.column == column; });
}

std::string SplitColumns::TakeFirst(absl::string_view text) {
  Part part = Part::kTrain;
  size_t number = 0;
  first_ = ToUtf8(text);
  if (ParsePart(text, &part)) {
    kind_ = Kind::kWords;
  } else if (weak_) {
    if (!IsMissing(text)) kind_ = Kind::kNone;
  } else if (ParseNumberOfPart(text, kNumbers, &number)) {
    kind_ = Kind::kNumbers;
  } else {
    return absl::StrCat("split '", text, "' is not train, dev or test, nor 0, 1 or 2");
  }
  return "";
}

std::string SplitColumns::TakeRow(const Fields& fields, Part* part) {
  if (!flags_.empty()) return TakeFlags(fields, part);
  if (column_ < 0 || kind_ == Kind::kNone) return "";
  const absl::string_view text = absl::StripAsciiWhitespace(fields[static_cast<size_t>(column_)]);
  if (kind_ == Kind::kUnknown) {
    std::string problem = TakeFirst(text);
    if (!problem.empty() || kind_ == Kind::kNone || kind_ == Kind::kUnknown) return problem;
  }
  if (kind_ == Kind::kWords) {
    return ParsePart(text, part) ? ""
                                 : absl::StrCat("split '", text, "' is not train, dev or test");
  }
  size_t number = 0;
  if (!ParseNumberOfPart(text, kNumbers, &number))
    return absl::StrCat("split '", text, "' is not 0, 1 or 2");
  ++rows_[number];
  *part = static_cast<Part>(number);  // until Finish says what it means
  return "";
}

std::string SplitColumns::TakeFlags(const Fields& fields, Part* part) const {
  bool test_known = false, not_train = false;
  *part = Part::kTrain;
  for (const Flag& flag : flags_) {
    const absl::string_view text = fields[static_cast<size_t>(flag.column)];
    size_t yes = 0;
    if (!ParseNumberOfPart(text, 2, &yes) && !IsMissing(text))
      return absl::StrCat(flag.name, " '", text, "' is neither yes nor no");
    test_known = test_known || flag.yes == Part::kTest;
    if (flag.yes == Part::kTrain) {
      not_train = yes == 0;
    } else if (yes == 1) {
      *part = flag.yes;
    }
  }
  if (not_train && *part == Part::kTrain) *part = test_known ? Part::kDev : Part::kTest;
  return "";
}

void SplitColumns::FinishNumbers(InteractionLog* log) const {
  std::vector<size_t> numbers;
  for (size_t n = 0; n < kNumbers; ++n) {
    if (rows_[n] > 0) numbers.push_back(n);
  }
  const auto most =
      static_cast<size_t>(std::max_element(rows_.begin(), rows_.end()) - rows_.begin());
  std::array<Part, kNumbers> parts = {};
  const bool usable = numbers.size() == 2 || numbers.size() == 3;
  // Of two the larger part is that of training; three are in their order.
  if (numbers.size() == 2) parts[numbers[0] == most ? numbers[1] : numbers[0]] = Part::kTest;
  if (numbers.size() == 3) parts[numbers[1]] = Part::kDev, parts[numbers[2]] = Part::kTest;
  for (Interaction& one : log->interactions) one.part = static_cast<uint32_t>(parts[one.part]) & 3U;
  log->split_given = log->split_given || usable;
  std::vector<std::string> read;
  read.reserve(numbers.size());
  for (const size_t n : numbers) {
    read.push_back(
        usable ? absl::StrCat(n, " as ", NameOf(parts[n]), " (", Counted(rows_[n], "row"), ")")
               : absl::StrCat(n));
  }
  const std::string column = absl::StrCat("column '", ToUtf8(name_), "'");
  log->remarks.push_back(
      {usable ? "SPLIT_GUESSED" : "SPLIT_IGNORED",
       static_cast<int64_t>(numbers.size()),
       usable ? absl::StrCat(column, " tells what is held out: ", absl::StrJoin(read, ", "),
                             " (words, train, dev and test, leave no doubt)")
              : absl::StrCat(column, " tells nothing of what is held out: it holds ",
                             absl::StrJoin(read, ", "), " (wanted: train, dev, test or 0, 1, 2)"),
       {},
       !usable || numbers[0] != most});
}

void SplitColumns::Finish(InteractionLog* log) const {
  if (flagged_) {
    std::vector<std::string> names;
    for (const Flag& flag : flags_) names.push_back(ToUtf8(flag.name));
    log->split_given = true;
    log->remarks.push_back(
        {"SPLIT_GUESSED",
         static_cast<int64_t>(names.size()),
         absl::StrCat("what is held out is told by ", absl::StrJoin(names, ", ")),
         {},
         false});
  }
  if (kind_ == Kind::kWords) log->split_given = true;
  if (kind_ == Kind::kNumbers) FinishNumbers(log);
  if (kind_ == Kind::kNone) {
    log->remarks.push_back(
        {"SPLIT_IGNORED",
         1,
         absl::StrCat("column '", ToUtf8(name_),
                      "' is not taken for what is held out, since it holds '", first_,
                      "' (--columns split=", ToUtf8(name_), " with train, dev, test or 0, 1, 2)"),
         {},
         false});
  }
}

}  // namespace recsae::probe
