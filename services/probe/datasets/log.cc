#include "services/probe/datasets/log.h"

#include <array>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace recsae::probe {
namespace {

// Of an interaction while the data set is made: it is sorted into a copy of all, and its item is in
// a sequence.
constexpr int64_t kInteractionBytes = 2 * sizeof(Interaction) + 2 * sizeof(int32_t);
constexpr int64_t kItemBytes = sizeof(Item) + 64;

}  // namespace

void InteractionLog::Add(absl::string_view user, absl::string_view item, double time, double rating,
                         Part part) {
  ++rows;
  if (std::isnan(rating)) {
    reading.tallies.Add(Event::kRatingsMissing,
                        [&] { return reading.At(absl::StrCat(user, ", ", item)); });
    return;
  }
  if (positive_threshold && rating < *positive_threshold) {
    ++below;
    return;
  }
  Interaction one;
  one.user = users.Add(user, reading);
  one.item = static_cast<uint32_t>(items.Add(item, reading)) & 0x3FFFFFFF;
  one.part = static_cast<uint32_t>(part);
  one.time = time;
  interactions.push_back(one);
  reading.held += kInteractionBytes;
  if (!positive_threshold) {
    ratings.push_back(static_cast<float>(rating));
    reading.held += static_cast<int64_t>(sizeof(float));
  }
}

void InteractionBatch::Add(absl::string_view user, absl::string_view item, double time,
                           double rating, Part part) {
  texts_.append(user.data(), user.size());
  const size_t user_end = texts_.size();
  texts_.append(item.data(), item.size());
  rows_.push_back({user_end, texts_.size(), time, rating, part, log_->reading.line});
  if (rows_.size() == IdIndex::kFetched) Flush();
}

void InteractionBatch::Flush() {
  std::array<absl::string_view, IdIndex::kFetched> users, items;
  const absl::string_view texts = texts_;
  size_t begin = 0;
  for (size_t i = 0; i < rows_.size(); ++i) {
    users[i] = texts.substr(begin, rows_[i].user_end - begin);
    items[i] = texts.substr(rows_[i].user_end, rows_[i].item_end - rows_[i].user_end);
    begin = rows_[i].item_end;
  }
  log_->users.Fetch(absl::MakeConstSpan(users).first(rows_.size()));
  log_->items.Fetch(absl::MakeConstSpan(items).first(rows_.size()));
  const int64_t line = log_->reading.line;
  for (size_t i = 0; i < rows_.size(); ++i) {
    log_->reading.line = rows_[i].line;
    log_->Add(users[i], items[i], rows_[i].time, rows_[i].rating, rows_[i].part);
  }
  log_->reading.line = line;
  rows_.clear();
  texts_.clear();
}

CatalogPlace PlaceItem(absl::string_view id, InteractionLog* log) {
  const int32_t index = log->items.Add(id, log->reading);
  if (static_cast<size_t>(index) < log->dataset.items.size()) {
    log->reading.tallies.Add(Event::kItemsMerged, [&] { return log->reading.At(id); });
    return {static_cast<size_t>(index), false};
  }
  const std::string kept(log->items.id(index));
  log->dataset.items.push_back({kept, kept, {}});
  log->reading.held += kItemBytes;
  return {static_cast<size_t>(index), true};
}

}  // namespace recsae::probe
