// How much memory data sets take.
#include "common/budget/bytes.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"

namespace recsae::probe {
namespace {

// Of one allocation, beside what was asked for.
constexpr int64_t kAllocation = 16;
// An item with its title, three attributes and the allocations of all of them.
constexpr int64_t kPlantedItem = 512;
// An id, its sequence's vector, its split.
constexpr int64_t kUser =
    sizeof(std::string) + sizeof(std::vector<int32_t>) + sizeof(int32_t) + 2 * sizeof(Case);
int64_t TextBytes(const std::string& text) {
  return text.capacity() < sizeof(std::string) / 2
             ? 0
             : static_cast<int64_t>(text.capacity()) + kAllocation;
}

}  // namespace

int64_t PlantedBytes(const PlantedOptions& options) {
  return Sum({Product({options.users, options.max_length, sizeof(int32_t)}),
              Product({options.users, kUser + 2 * kAllocation}),
              Product({options.items, kPlantedItem})});
}

int64_t BytesOf(const Dataset& dataset) {
  int64_t bytes = 0;
  for (const Item& item : dataset.items) {
    bytes += static_cast<int64_t>(sizeof(Item)) + TextBytes(item.id) + TextBytes(item.title);
    for (const Attribute& attribute : item.attributes) {
      bytes += static_cast<int64_t>(sizeof(Attribute)) + TextBytes(attribute.key) +
               TextBytes(attribute.value);
    }
  }
  for (const std::string& user : dataset.users) bytes += kUser + kAllocation + TextBytes(user);
  for (const std::vector<int32_t>& sequence : dataset.sequences) {
    bytes += static_cast<int64_t>(sequence.capacity() * sizeof(int32_t));
  }
  return bytes;
}

}  // namespace recsae::probe
