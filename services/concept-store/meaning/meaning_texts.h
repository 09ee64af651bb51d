// The texts of all concepts and their embeddings, as far as they are known: each text once, however
// many concepts say it.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_TEXTS_H_
#define RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_TEXTS_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/budget/bytes.h"

namespace recsae::concept_store {

// Embeddings that are held in memory, and stored. Of 384 numbers: 170,000 different texts.
inline constexpr int64_t kMaxMeaningBytes = 256 * kMib;

// Of length 1.
using Embedding = std::vector<float>;

// The same direction with length 1; null where there is none (all zero).
std::shared_ptr<const Embedding> Normalized(std::span<const float> values);

// What keeps a text from being compared.
enum class MeaningGap { kPending, kFull };

// Thread-safe. Nothing in it waits for anything but its own lock.
class MeaningTexts {
 public:
  explicit MeaningTexts(int64_t max_bytes = kMaxMeaningBytes) : max_bytes_(max_bytes) {}
  MeaningTexts(const MeaningTexts&) = delete;
  MeaningTexts& operator=(const MeaningTexts&) = delete;

  // One concept more, or one less, says this. A text that nobody says is forgotten. Empty: nothing.
  void Use(const std::string& text);
  void Drop(const std::string& text);

  // Takes up to `most` texts that have no embedding yet, the oldest first; waits for the first one.
  // Empty once Stop was called.
  std::vector<std::string> WaitForWanted(size_t most);
  // They go back to the end of those that are wanted.
  void WantAgain(std::span<const std::string> texts);
  // Waits for this long, or until Stop.
  void Pause(absl::Duration duration);
  void Stop();
  bool stopped() const;

  // Of a text that is in use; of others it is dropped. Values that have no length (all zero) mean
  // nothing, and count as Pending for good. Where there is no room, the text counts as Full until
  // others go.
  void Set(const std::string& text, std::span<const float> values);

  // Of those that are in use, in no order.
  std::vector<std::string> All() const;

  struct Known {
    std::shared_ptr<const Embedding> embedding;  // null: not known,
    MeaningGap gap = MeaningGap::kPending;       // because of this
  };
  // One for each text.
  std::vector<Known> Find(std::span<const absl::string_view> texts) const;

  struct Counts {
    int64_t known = 0;
    int64_t wanted = 0;  // pending or full
    int64_t bytes = 0;
  };
  Counts counts() const;

 private:
  struct Entry {
    int64_t uses = 0;
    std::shared_ptr<const Embedding> embedding;
    bool full = false;
  };

  bool Awake() const ABSL_SHARED_LOCKS_REQUIRED(mutex_) { return stopped_ || !wanted_.empty(); }

  const int64_t max_bytes_;
  mutable absl::Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> wanted_ ABSL_GUARDED_BY(mutex_);  // some may not be in use any more
  int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t known_ ABSL_GUARDED_BY(mutex_) = 0;
  int64_t full_ ABSL_GUARDED_BY(mutex_) = 0;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_MEANING_MEANING_TEXTS_H_
