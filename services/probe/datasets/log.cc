#include "services/probe/datasets/log.h"

#include <cmath>

#include "absl/strings/str_cat.h"

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
