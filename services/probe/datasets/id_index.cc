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

std::string_view View(absl::string_view text) { return {text.data(), text.size()}; }

}  // namespace

int32_t IdIndex::Insert(absl::string_view id, bool converted, Reading& reading) {
  const auto found = index_.find(View(id));
  const bool known = found != index_.end();
  const int32_t index = known ? found->second : size();
  if (!known) {
    ids_.emplace_back(id.data(), id.size());
    index_.emplace(ids_.back(), index);
    reading.held += kIdBytes + static_cast<int64_t>(id.size());
  }
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

int32_t IdIndex::Find(absl::string_view id) const {
  const auto found = index_.find(View(id));
  return found == index_.end() ? -1 : found->second;
}

}  // namespace recsae::probe
