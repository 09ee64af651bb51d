// External ids as dense indices.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_ID_INDEX_H_
#define RECSAE_SERVICES_PROBE_DATASETS_ID_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/probe/datasets/reading.h"

namespace recsae::probe {

// Hashes texts of any type alike, so that a table of strings is searched by views. Tables here are
// those of the standard library: absl's are not whole any more once an allocation has failed.
struct TextHash {
  using is_transparent = void;
  size_t operator()(absl::string_view text) const {
    return std::hash<std::string_view>()(std::string_view(text.data(), text.size()));
  }
};

// External ids to dense indices in order of first appearance. Ids are valid UTF-8, without spaces
// around them and without the ".0" of whole numbers that pandas made decimal ones; what was changed
// for that is counted in `reading`.
class IdIndex {
 public:
  // The index of the id that a file writes as `id`, new or old.
  int32_t Add(absl::string_view id, Reading& reading);
  int32_t Find(absl::string_view id) const;  // of an id as it is kept, or -1
  // Asks for the memory in which these are looked up, at most kFetched: Add finds it at hand then.
  // A table of millions is in no cache, and each look waits as long as reading the line took.
  void Fetch(absl::Span<const absl::string_view> ids) const;
  static constexpr size_t kFetched = 32;
  int32_t size() const { return static_cast<int32_t>(ids_.size()); }
  // Valid as long as the index lives.
  absl::string_view id(int32_t index) const { return ids_[static_cast<size_t>(index)]; }

 private:
  // Where an id may be found: a part of its hash spares most looks at its text.
  struct Slot {
    uint32_t hash = 0;
    int32_t index = -1;  // none
  };

  int32_t Insert(absl::string_view id, bool converted, Reading& reading);

  // What an id is found by: the small number that it is, else its hash.
  struct Key {
    size_t number, hash;
  };

  static Key KeyOf(absl::string_view id);
  size_t SlotOf(const Key& key) const { return key.hash & (slots_.size() - 1); }
  int32_t Known(absl::string_view id, const Key& key) const;
  void Remember(absl::string_view id, const Key& key, int32_t index, Reading& reading);
  absl::string_view Keep(absl::string_view id, Reading& reading);
  void Widen(Reading& reading);

  // Tens of millions of ids are kept: texts one behind the other, and a table without nodes.
  std::vector<std::unique_ptr<char[]>> texts_;
  size_t left_ = 0;  // bytes of the last of them
  std::vector<absl::string_view> ids_;
  std::vector<Slot> slots_;         // of what by_number_ has not; a power of two, at most half full
  size_t used_ = 0;                 // of them
  std::vector<int32_t> by_number_;  // most ids are small numbers: found without a hash; -1: none
  // Ids that came in other bytes than they are kept in: whether they also came as they are kept.
  std::unordered_map<int32_t, bool> converted_;
  std::string last_;  // as written; files often have runs of one id
  int32_t last_index_ = -1;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_ID_INDEX_H_
