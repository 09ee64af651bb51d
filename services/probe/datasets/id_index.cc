#include "services/probe/datasets/id_index.h"

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Texts are kept in pieces of this size; a longer one has a piece to itself.
constexpr size_t kTextBytes = size_t{64} << 10;
constexpr size_t kFirstSlots = 64;
// Of one id, here and in what is made of it: a view, a string, a sequence.
constexpr int64_t kIdBytes = 112;

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

// Spaces of all kinds, and what is not seen at all.
absl::string_view WithoutSpaces(absl::string_view id) {
  size_t before = 0;
  while (id.size() != before) {
    before = id.size();
    id = absl::StripAsciiWhitespace(id);
    for (const absl::string_view space : {"\u00A0", "\u200B", "\u3000", "\uFEFF"}) {
      absl::ConsumePrefix(&id, space);
      absl::ConsumeSuffix(&id, space);
    }
  }
  return id;
}

// Whether something may be stripped.
bool EndsOddly(absl::string_view id) {
  const auto odd = [](char c) { return absl::ascii_isspace(c) || (c & 0x80) != 0; };
  return !id.empty() && (odd(id.front()) || odd(id.back()));
}

}  // namespace

IdIndex::Key IdIndex::KeyOf(absl::string_view id) {
  const size_t number = SmallNumber(id);
  return {number, number < kSmallNumbers ? 0 : TextHash()(id)};
}

int32_t IdIndex::Known(absl::string_view id, const Key& key) const {
  const auto& [number, hash] = key;
  if (number < kSmallNumbers) return number < by_number_.size() ? by_number_[number] : -1;
  if (slots_.empty()) return -1;
  const size_t mask = slots_.size() - 1;
  for (size_t at = SlotOf(key); slots_[at].index >= 0; at = (at + 1) & mask) {
    if (slots_[at].hash == hash >> 32U && this->id(slots_[at].index) == id) return slots_[at].index;
  }
  return -1;
}

absl::string_view IdIndex::Keep(absl::string_view id, Reading& reading) {
  if (texts_.empty() || id.size() > left_) {
    const size_t size = std::max(kTextBytes, id.size());
    texts_.push_back(std::make_unique<char[]>(size));
    left_ = size;
    reading.held += static_cast<int64_t>(size);
  }
  // A piece is filled from its end.
  left_ -= id.size();
  char* text = texts_.back().get() + left_;
  std::copy(id.begin(), id.end(), text);
  return {text, id.size()};
}

// Makes room for one more in the table.
void IdIndex::Widen(Reading& reading) {
  if ((used_ + 1) * 2 <= slots_.size()) return;
  std::vector<Slot> wider(std::max(kFirstSlots, slots_.size() * 2));
  const size_t mask = wider.size() - 1;
  for (const Slot& slot : slots_) {
    if (slot.index < 0) continue;
    size_t at = TextHash()(id(slot.index)) & mask;
    while (wider[at].index >= 0) at = (at + 1) & mask;
    wider[at] = slot;
  }
  reading.held += static_cast<int64_t>((wider.size() - slots_.size()) * sizeof(Slot));
  slots_ = std::move(wider);
}

void IdIndex::Remember(absl::string_view id, const Key& key, int32_t index, Reading& reading) {
  const auto& [number, hash] = key;
  if (number == kSmallNumbers) Widen(reading);
  ids_.push_back(Keep(id, reading));
  reading.held += kIdBytes + static_cast<int64_t>(id.size());
  if (number == kSmallNumbers) {
    const size_t mask = slots_.size() - 1;
    size_t at = hash & mask;
    while (slots_[at].index >= 0) at = (at + 1) & mask;
    slots_[at] = {static_cast<uint32_t>(hash >> 32U), index};
    ++used_;
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
  const Key key = KeyOf(id);
  const int32_t found = Known(id, key);
  const bool known = found >= 0;
  const int32_t index = known ? found : size();
  if (!known) Remember(id, key, index, reading);
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
  if (EndsOddly(id)) id = WithoutSpaces(id);
  if (id.size() != written.size()) {
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

int32_t IdIndex::Find(absl::string_view id) const { return Known(id, KeyOf(id)); }

void IdIndex::Fetch(absl::Span<const absl::string_view> ids) const {
  if (slots_.empty()) return;
  // A step for all of them before the next one, which needs what it brought.
  std::array<size_t, kFetched> slots = {};
  size_t count = 0;
  for (const absl::string_view id : ids) {
    const Key key = KeyOf(id);
    if (key.number < kSmallNumbers) continue;
    slots[count] = SlotOf(key);
    __builtin_prefetch(&slots_[slots[count++]]);
  }
  std::array<int32_t, kFetched> known = {};
  for (size_t i = 0; i < count; ++i) {
    known[i] = slots_[slots[i]].index;
    if (known[i] >= 0) __builtin_prefetch(&ids_[static_cast<size_t>(known[i])]);
  }
  for (size_t i = 0; i < count; ++i) {
    if (known[i] >= 0) __builtin_prefetch(id(known[i]).data());
  }
}

}  // namespace recsae::probe
