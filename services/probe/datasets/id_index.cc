#include "services/probe/datasets/id_index.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Of one id, beside its text: a string, its place in a table, a sequence.
constexpr int64_t kIdBytes = 160;

// Ids below are looked up by their number.
constexpr size_t kSmallNumbers = size_t{1} << 22;

// The number that `id` is written as, or kSmallNumbers: "7", not "07".
size_t SmallNumber(absl::string_view id) {
  constexpr size_t kDigits = 7;
  if (id.empty() || id.size() > kDigits || (id[0] == '0' && id.size() > 1)) return kSmallNumbers;
  size_t number = 0;
  for (const char c : id) {
    if (!absl::ascii_isdigit(c)) return kSmallNumbers;
    number = number * 10 + static_cast<size_t>(c - '0');
  }
  return std::min(number, kSmallNumbers);
}

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

int32_t IdIndex::Known(absl::string_view id) const {
  const size_t number = SmallNumber(id);
  if (number < kSmallNumbers) return number < by_number_.size() ? by_number_[number] : -1;
  const auto found = index_.find(View(id));
  return found == index_.end() ? -1 : found->second;
}

void IdIndex::Remember(absl::string_view id, int32_t index, Reading& reading) {
  ids_.emplace_back(id.data(), id.size());
  reading.held += kIdBytes + static_cast<int64_t>(id.size());
  const size_t number = SmallNumber(id);
  if (number == kSmallNumbers) {
    index_.emplace(ids_.back(), index);
    return;
  }
  if (number >= by_number_.size()) {
    const size_t before = by_number_.size();
    by_number_.resize(std::min(kSmallNumbers, 2 * number + 1), -1);
    reading.held += static_cast<int64_t>((by_number_.size() - before) * sizeof(int32_t));
  }
  by_number_[number] = index;
}

int32_t IdIndex::Insert(absl::string_view id, bool converted, Reading& reading) {
  const int32_t found = Known(id);
  const bool known = found >= 0;
  const int32_t index = known ? found : size();
  if (!known) Remember(id, index, reading);
  if (!converted && converted_.empty()) return index;
  const auto before = converted_.find(index);
  bool merged = false;
  if (before == converted_.end()) {
    merged = converted && known;
    if (converted) converted_[index] = merged;
  } else {
    merged = !converted && !before->second;
    before->second |= merged;
  }
  if (merged) reading.tallies.Add(Event::kIdsMerged, [&] { return reading.At(id); });
  return index;
}

int32_t IdIndex::Add(absl::string_view id, Reading& reading) {
  if (last_index_ >= 0 && id == last_) return last_index_;
  const absl::string_view written = id;
  bool changed = false;
  if (!id.empty() && (absl::ascii_isspace(id.front()) || absl::ascii_isspace(id.back()))) {
    id = absl::StripAsciiWhitespace(id);
    reading.tallies.Add(Event::kSpacesTrimmed,
                        [&] { return reading.At(absl::StrCat("'", written, "'")); });
  }
  std::string converted;
  if (!IsCleanUtf8(id)) {
    converted = ToUtf8(id);
    id = converted;
    changed = true;
    reading.tallies.Add(Event::kTextConverted, [&] { return reading.At(id); });
  }
  const absl::string_view whole = WithoutDecimals(id);
  if (whole.size() != id.size()) {
    reading.tallies.Add(Event::kFloatIds, [&] { return reading.At(id); });
    id = whole;
  }
  const int32_t index = Insert(id, changed, reading);
  // Changed ids are counted each time.
  last_index_ = !changed && id.size() == written.size() ? index : -1;
  if (last_index_ >= 0) last_.assign(written.data(), written.size());
  return index;
}

int32_t IdIndex::Find(absl::string_view id) const { return Known(id); }

}  // namespace recsae::probe
