#include "services/concept-store/meaning/meaning_texts.h"

#include <cmath>
#include <numeric>

namespace recsae::concept_store {
namespace {

int64_t BytesOf(size_t values) { return static_cast<int64_t>(values * sizeof(float)); }

}  // namespace

std::shared_ptr<const Embedding> Normalized(std::span<const float> values) {
  const double length =
      std::sqrt(std::inner_product(values.begin(), values.end(), values.begin(), 0.0));
  if (!(length > 0) || !std::isfinite(length)) return nullptr;
  auto embedding = std::make_shared<Embedding>();
  embedding->reserve(values.size());
  for (const float value : values) {
    embedding->push_back(static_cast<float>(static_cast<double>(value) / length));
  }
  return embedding;
}

void MeaningTexts::Use(const std::string& text) {
  if (text.empty()) return;
  const absl::MutexLock lock(&mutex_);
  Entry& entry = entries_[text];
  if (++entry.uses == 1) wanted_.push_back(text);
}

void MeaningTexts::Drop(const std::string& text) {
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(text);
  if (found == entries_.end() || --found->second.uses > 0) return;
  if (found->second.full) --full_;
  if (found->second.embedding != nullptr) {
    bytes_ -= BytesOf(found->second.embedding->size());
    --known_;
    if (full_ > 0) {  // there is room for one of them
      for (auto& [other, entry] : entries_) {
        if (!entry.full) continue;
        entry.full = false;
        wanted_.push_back(other);
      }
      full_ = 0;
    }
  }
  entries_.erase(found);
}

std::vector<std::string> MeaningTexts::WaitForWanted(size_t most) {
  const absl::MutexLock lock(&mutex_);
  std::vector<std::string> texts;
  while (texts.empty()) {
    mutex_.Await(absl::Condition(
        +[](MeaningTexts* self) ABSL_SHARED_LOCKS_REQUIRED(self->mutex_) { return self->Awake(); },
        this));
    if (stopped_) return {};
    while (!wanted_.empty() && texts.size() < most) {
      const auto entry = entries_.find(wanted_.front());
      if (entry != entries_.end() && entry->second.embedding == nullptr) {
        texts.push_back(std::move(wanted_.front()));
      }
      wanted_.pop_front();
    }
  }
  return texts;
}

void MeaningTexts::WantAgain(std::span<const std::string> texts) {
  const absl::MutexLock lock(&mutex_);
  wanted_.insert(wanted_.end(), texts.begin(), texts.end());
}

void MeaningTexts::Pause(absl::Duration duration) {
  const absl::MutexLock lock(&mutex_);
  mutex_.AwaitWithTimeout(absl::Condition(&stopped_), duration);
}

void MeaningTexts::Stop() {
  const absl::MutexLock lock(&mutex_);
  stopped_ = true;
}

bool MeaningTexts::stopped() const {
  const absl::ReaderMutexLock lock(&mutex_);
  return stopped_;
}

void MeaningTexts::Set(const std::string& text, std::span<const float> values) {
  std::shared_ptr<const Embedding> embedding = Normalized(values);
  if (embedding == nullptr) return;
  const absl::MutexLock lock(&mutex_);
  const auto found = entries_.find(text);
  if (found == entries_.end() || found->second.embedding != nullptr || found->second.full) return;
  if (bytes_ + BytesOf(embedding->size()) > max_bytes_) {
    found->second.full = true;
    ++full_;
    return;
  }
  bytes_ += BytesOf(embedding->size());
  ++known_;
  found->second.embedding = std::move(embedding);
}

std::vector<std::string> MeaningTexts::All() const {
  const absl::ReaderMutexLock lock(&mutex_);
  std::vector<std::string> texts;
  texts.reserve(entries_.size());
  for (const auto& [text, entry] : entries_) texts.push_back(text);
  return texts;
}

std::vector<MeaningTexts::Known> MeaningTexts::Find(
    std::span<const absl::string_view> texts) const {
  std::vector<Known> found;
  found.reserve(texts.size());
  const absl::ReaderMutexLock lock(&mutex_);
  for (const absl::string_view text : texts) {
    const auto entry = entries_.find(std::string(text));
    if (entry == entries_.end()) {
      found.emplace_back();
    } else {
      found.push_back(
          {entry->second.embedding, entry->second.full ? MeaningGap::kFull : MeaningGap::kPending});
    }
  }
  return found;
}

MeaningTexts::Counts MeaningTexts::counts() const {
  const absl::ReaderMutexLock lock(&mutex_);
  return {known_, static_cast<int64_t>(entries_.size()) - known_, bytes_};
}

}  // namespace recsae::concept_store
