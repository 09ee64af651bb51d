// Follows the change feed of the concept-store.
#include "services/explainer/caches/concept_cache.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/rpc/log.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::ConceptChange;

constexpr auto kFirstWait = std::chrono::milliseconds(100);
constexpr auto kLongestWait = std::chrono::milliseconds(5000);
constexpr auto kPoll = std::chrono::milliseconds(20);
constexpr auto kLongestRevisionWait = std::chrono::seconds(5);

}  // namespace

CachedConcept CachedConcept::From(const concept_store::v1::Concept& latent_concept) {
  CachedConcept cached;
  cached.description = latent_concept.description();
  cached.confidence = latent_concept.extended_score().confidence();
  cached.verified = latent_concept.extended_score().verified();
  const auto& statistics = latent_concept.statistics();
  cached.statistics.standard_deviation = statistics.standard_deviation();
  cached.statistics.level_thresholds.assign(statistics.level_thresholds().begin(),
                                            statistics.level_thresholds().end());
  return cached;
}

ConceptCache::ConceptCache(Peers& peers, MetricsRegistry& metrics)
    : peers_(peers),
      size_(metrics.GetGauge("recsae_explainer_cached_concepts", "Concepts in memory.")) {}

ConceptCache::~ConceptCache() { Stop(); }

void ConceptCache::Start() {
  thread_ = std::thread([this] { Follow(); });
}

void ConceptCache::Stop() {
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stopping_ = true;
    if (stream_ != nullptr) stream_->TryCancel();
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

std::vector<std::shared_ptr<const CachedConcept>> ConceptCache::Lookup(
    const std::string& sae, absl::Span<const sae::LatentActivation> latents) const {
  std::vector<std::shared_ptr<const CachedConcept>> found(latents.size());
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto concepts = concepts_.find(sae);
  if (concepts == concepts_.end()) return found;
  for (size_t i = 0; i < latents.size(); ++i) {
    const auto latent_concept = concepts->second.find(latents[i].latent);
    if (latent_concept != concepts->second.end()) found[i] = latent_concept->second;
  }
  return found;
}

std::shared_ptr<const CachedConcept> ConceptCache::Lookup(const std::string& sae,
                                                          int32_t latent) const {
  return Lookup(sae, {{latent, 0.0f}})[0];
}

absl::Status ConceptCache::WaitUntilFilled(const Caller& caller) const {
  std::unique_lock<std::mutex> lock(mutex_);
  while (!filled_ && broken_.ok() && !stopping_) {
    changed_.wait_for(lock, kPoll);
    RECSAE_RETURN_IF_ERROR(caller.Alive());
  }
  return filled_ ? absl::OkStatus() : broken_;
}

void ConceptCache::WaitForRevision(int64_t revision, const Caller& caller) const {
  const auto end = std::chrono::steady_clock::now() + kLongestRevisionWait;
  std::unique_lock<std::mutex> lock(mutex_);
  while (revision_ < revision && !stopping_ && std::chrono::steady_clock::now() < end &&
         caller.Alive().ok()) {
    changed_.wait_for(lock, kPoll);
  }
}

void ConceptCache::Follow() {
  auto wait = kFirstWait;
  std::unique_lock<std::mutex> lock(mutex_);
  while (!stopping_) {
    const int64_t before = revision_;
    lock.unlock();
    const absl::Status status = FollowOnce();
    lock.lock();
    if (stopping_) return;
    broken_ = status;
    changed_.notify_all();
    if (revision_ != before) wait = kFirstWait;
    if (absl::IsOutOfRange(status)) {
      // The store is another one, or was reset: its revisions end before ours.
      concepts_.clear();
      count_ = 0;
      revision_ = 0;
      size_.Set(0);
    }
    Log(Severity::kWarning, "the feed of concepts broke; explaining goes on with what is cached",
        {{"status", status}, {"revision", revision_}});
    changed_.wait_for(lock, wait, [this] { return stopping_; });
    wait = std::min(wait * 2, kLongestWait);
  }
}

absl::Status ConceptCache::FollowOnce() {
  grpc::ClientContext context;
  concept_store::v1::WatchConceptsRequest request;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (stopping_) return absl::OkStatus();
    stream_ = &context;
    request.set_since_revision(revision_);
  }
  const auto reader = peers_.concept_store->WatchConcepts(&context, request);
  ConceptChange change;
  while (reader->Read(&change)) Apply(change);
  const grpc::Status status = reader->Finish();
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    stream_ = nullptr;
  }
  if (status.ok()) {
    return Error(absl::StatusCode::kUnavailable, "WATCH_ENDED",
                 "the concept-store ended its feed of changes");
  }
  return peers_.concept_store.peer().FromGrpc(status);
}

void ConceptCache::Apply(const ConceptChange& change) {
  const auto& latent_concept = change.latent_concept();
  const auto ids = ParseName(latent_concept.name(), "saes/{sae}/concepts/{latent}");
  const std::lock_guard<std::mutex> lock(mutex_);
  revision_ = std::max(revision_, change.revision());
  if (change.type() == ConceptChange::TYPE_CAUGHT_UP) {
    filled_ = true;
  } else if (ids.ok()) {
    auto& concepts = concepts_[absl::StrCat("saes/", (*ids)[0])];
    const size_t before = concepts.size();
    if (change.type() == ConceptChange::TYPE_DELETED) {
      concepts.erase(latent_concept.latent());
    } else {
      concepts[latent_concept.latent()] =
          std::make_shared<const CachedConcept>(CachedConcept::From(latent_concept));
    }
    count_ = count_ + concepts.size() - before;
    size_.Set(static_cast<double>(count_));
  }
  changed_.notify_all();
}

}  // namespace recsae::explainer
