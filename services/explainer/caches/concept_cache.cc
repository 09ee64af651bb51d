// Follows the change feed of the concept-store.
#include "services/explainer/caches/concept_cache.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::ConceptChange;

constexpr absl::Duration kLongestRevisionWait = absl::Seconds(5);

}  // namespace

// The store has checked them.
KnownErasures KnownErasures::From(const concept_store::v1::Baseline& baseline) {
  KnownErasures known;
  const auto floats = [](const MatrixView& view) {
    return std::vector<float>(view.data, view.data + view.rows * view.cols);
  };
  for (const concept_store::v1::Erasure& stored : baseline.erasures()) {
    const auto covariances = ReadMatrix(stored.covariances(), "covariances", kAnySize, kAnySize);
    const auto readers = ReadMatrix(stored.readers(), "readers", kAnySize, kAnySize);
    if (!covariances.ok() || !readers.ok()) continue;
    Erasure erasure = {0, floats(*covariances), floats(*readers)};
    if (stored.has_attribute()) {
      known.attributes.push_back({stored.attribute().value(), std::move(erasure)});
    } else {
      known.groups[stored.latent()] = std::move(erasure);
    }
  }
  return known;
}

CachedConcept CachedConcept::From(const concept_store::v1::Concept& latent_concept) {
  CachedConcept cached;
  cached.latent = latent_concept.latent();
  cached.description = latent_concept.description();
  cached.correlation = latent_concept.tests().predictive().correlation();
  cached.verified = latent_concept.tests().verified();
  cached.group =
      latent_concept.has_group() ? latent_concept.group().lead_latent() : latent_concept.latent();
  for (const auto& term : latent_concept.terms()) {
    if (!latent_concept.tests().has_predictive() || term.weight() <= 0) {
      cached.terms.clear();
      break;
    }
    cached.terms.emplace_back(term.text(), term.kind());
  }
  const auto& statistics = latent_concept.statistics();
  if (statistics.row_count() > 0) {
    cached.mean = statistics.mean() * static_cast<double>(statistics.active_row_count()) /
                  static_cast<double>(statistics.row_count());
  }
  cached.statistics.active_rows = statistics.active_row_count();
  cached.statistics.mean = statistics.mean();
  cached.statistics.standard_deviation = statistics.standard_deviation();
  cached.statistics.level_thresholds.assign(statistics.level_thresholds().begin(),
                                            statistics.level_thresholds().end());
  return cached;
}

std::string VersionOf(const concept_store::v1::Sae& sae) {
  return absl::StrCat(sae.weights_sha256(), " ", sae.create_time().seconds(), ".",
                      sae.create_time().nanos(), " ", sae.capture(), " ", sae.recommender_uid());
}

ConceptCache::ConceptCache(Peers& peers, MetricsRegistry& metrics)
    : peers_(peers),
      size_(metrics.GetGauge("recsae_explainer_cached_concepts", "Concepts in memory.")),
      follower_("concepts", [this](Follower::Stream& stream) { return Follow(stream); }) {}

std::vector<std::shared_ptr<const CachedConcept>> ConceptCache::Lookup(
    const std::string& sae, absl::Span<const sae::LatentActivation> latents) const {
  std::vector<std::shared_ptr<const CachedConcept>> found(latents.size());
  const absl::MutexLock lock(&mutex_);
  const auto dictionary = state_.dictionaries.find(sae);
  if (dictionary == state_.dictionaries.end()) return found;
  const auto& concepts = dictionary->second.concepts;
  for (size_t i = 0; i < latents.size(); ++i) {
    const auto latent_concept = concepts.find(latents[i].latent);
    if (latent_concept != concepts.end()) found[i] = latent_concept->second;
  }
  return found;
}

std::vector<std::shared_ptr<const CachedConcept>> ConceptCache::Group(const std::string& sae,
                                                                      int32_t lead) const {
  std::vector<std::shared_ptr<const CachedConcept>> members;
  const absl::MutexLock lock(&mutex_);
  const auto dictionary = state_.dictionaries.find(sae);
  if (dictionary == state_.dictionaries.end()) return members;
  const auto group = dictionary->second.groups.find(lead);
  if (group == dictionary->second.groups.end()) return members;
  for (const int32_t latent : group->second) {
    members.push_back(dictionary->second.concepts.at(latent));
  }
  return members;
}

std::shared_ptr<const CachedConcept> ConceptCache::Lookup(const std::string& sae,
                                                          int32_t latent) const {
  return Lookup(sae, {{latent, 0.0f}})[0];
}

std::optional<std::string> ConceptCache::SaeVersion(const std::string& sae) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = state_.saes.find(sae);
  if (found == state_.saes.end()) return std::nullopt;
  return found->second;
}

std::shared_ptr<const BaselineMeans> ConceptCache::Baseline(const std::string& sae) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = state_.baselines.find(sae);
  return found == state_.baselines.end() ? nullptr : found->second;
}

std::shared_ptr<const KnownErasures> ConceptCache::Erasures(const std::string& sae) const {
  const absl::MutexLock lock(&mutex_);
  const auto found = state_.erasures.find(sae);
  if (found != state_.erasures.end()) return found->second;
  return std::make_shared<const KnownErasures>();
}

absl::Status ConceptCache::WaitUntilFilled(const Caller& caller) const {
  return follower_.WaitUntilFilled([&caller] { return caller.Alive(); });
}

void ConceptCache::WaitForRevision(int64_t revision, const Caller& caller) const {
  follower_.WaitForRevision(revision, kLongestRevisionWait, [&caller] { return caller.Alive(); });
}

absl::Status ConceptCache::Follow(Follower::Stream& stream) {
  concept_store::v1::WatchConceptsRequest request;
  std::optional<State> snapshot;  // until it is complete
  if (stream.since().has_value()) {
    request.set_since_revision(stream.since()->revision);
    request.set_epoch(stream.since()->epoch);
  } else {
    snapshot.emplace();
  }
  const auto reader = peers_.concept_store->WatchConcepts(&stream.context(), request);
  ConceptChange change;
  while (reader->Read(&change)) {
    if (snapshot.has_value() && change.type() != ConceptChange::TYPE_CAUGHT_UP) {
      snapshot->Apply(change);
      continue;
    }
    {
      const absl::MutexLock lock(&mutex_);
      if (snapshot.has_value()) {
        state_ = *std::exchange(snapshot, std::nullopt);
      } else {
        state_.Apply(change);
      }
      size_.Set(static_cast<double>(state_.count));
    }
    stream.Advance({change.epoch(), change.revision()});
  }
  return peers_.concept_store.peer().FromGrpc(reader->Finish());
}

void ConceptCache::Dictionary::Erase(int32_t latent) {
  const auto found = concepts.find(latent);
  if (found == concepts.end()) return;
  const auto group = groups.find(found->second->group);
  group->second.erase(latent);
  if (group->second.empty()) groups.erase(group);
  concepts.erase(found);
}

void ConceptCache::Dictionary::Set(std::shared_ptr<const CachedConcept> latent_concept) {
  const int32_t latent = latent_concept->latent;
  Erase(latent);
  groups[latent_concept->group].insert(latent);
  concepts[latent] = std::move(latent_concept);
}

void ConceptCache::State::Apply(const ConceptChange& change) {
  if (change.type() == ConceptChange::TYPE_SAE_PUBLISHED) {
    saes[change.sae().name()] = VersionOf(change.sae());
    return;
  }
  if (change.type() == ConceptChange::TYPE_SAE_DELETED) {
    saes.erase(change.sae().name());
    baselines.erase(change.sae().name());
    erasures.erase(change.sae().name());
    return;
  }
  if (change.type() == ConceptChange::TYPE_BASELINE_SET) {
    // The store has checked it.
    const auto& baseline = change.baseline();
    const auto activation = ReadVector(baseline.activation(), "activation", kAnySize);
    const auto reconstruction = ReadVector(baseline.reconstruction(), "reconstruction", kAnySize);
    if (!activation.ok() || !reconstruction.ok()) return;
    baselines[baseline.sae()] = std::make_shared<const BaselineMeans>(
        BaselineMeans{{activation->begin(), activation->end()},
                      {reconstruction->begin(), reconstruction->end()}});
    erasures[baseline.sae()] = std::make_shared<const KnownErasures>(KnownErasures::From(baseline));
    return;
  }
  const auto& latent_concept = change.latent_concept();
  const auto ids = ParseName(latent_concept.name(), "saes/{sae}/concepts/{latent}");
  if (!ids.ok()) return;
  const std::string sae = absl::StrCat("saes/", (*ids)[0]);
  Dictionary& dictionary = dictionaries[sae];
  const size_t before = dictionary.concepts.size();
  if (change.type() == ConceptChange::TYPE_DELETED) {
    dictionary.Erase(latent_concept.latent());
  } else if (change.type() == ConceptChange::TYPE_UPSERTED) {
    dictionary.Set(std::make_shared<const CachedConcept>(CachedConcept::From(latent_concept)));
  }
  count = count + dictionary.concepts.size() - before;
  if (dictionary.concepts.empty()) dictionaries.erase(sae);
}

}  // namespace recsae::explainer
