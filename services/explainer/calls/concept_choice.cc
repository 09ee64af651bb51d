#include "services/explainer/calls/concept_choice.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <numeric>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/query_words.h"
#include "common/base/status.h"
#include "common/base/words.h"

namespace recsae::explainer {
namespace {

// As many as a search returns at most.
constexpr int kSearched = 100;
constexpr size_t kNamedToPeople = 3;

absl::StatusOr<concept_store::v1::SearchConceptsResponse> Search(Backend& backend,
                                                                 const Caller& caller,
                                                                 const std::string& sae,
                                                                 const std::string& words,
                                                                 bool words_only) {
  concept_store::v1::SearchConceptsResponse response;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    concept_store::v1::SearchConceptsRequest request;
    request.set_parent(sae);
    request.set_query(words);
    request.set_max_results(kSearched);
    request.set_words_only(words_only);
    return backend.peers.concept_store.peer().FromGrpc(
        backend.peers.concept_store->SearchConcepts(&context, request, &response));
  }));
  return response;
}

MatchLevel LevelOfConcept(const std::vector<FoldedWord>& query,
                          const concept_store::v1::Concept& latent_concept) {
  const std::string terms = absl::StrJoin(
      latent_concept.terms(), ", ", [](std::string* out, const concept_store::v1::Term& term) {
        absl::StrAppend(out, term.text());
      });
  return LevelOf(query, latent_concept.description(), terms);
}

std::vector<NamedLatent> WithConcepts(absl::Span<const NamedLatent> latents) {
  std::vector<NamedLatent> named(latents.begin(), latents.end());
  named.erase(std::remove_if(named.begin(), named.end(),
                             [](const NamedLatent& latent) { return latent.named == nullptr; }),
              named.end());
  return named;
}

std::string Named(absl::Span<const NamedLatent> latents) {
  return absl::StrJoin(
      latents.subspan(0, kNamedToPeople), ", ", [](std::string* out, const NamedLatent& latent) {
        absl::StrAppend(out, "\"", latent.named->description, "\" (#", latent.latent, ")");
      });
}

double Cosine(std::span<const float> a, std::span<const float> b) {
  const auto dot = [](std::span<const float> x, std::span<const float> y) {
    return std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  };
  const double lengths = std::sqrt(dot(a, a) * dot(b, b));
  return lengths > 0 ? dot(a, b) / lengths : 0;
}

NamedLatent NamedBy(const concept_store::v1::Concept& latent_concept) {
  return {latent_concept.latent(),
          std::make_shared<const CachedConcept>(CachedConcept::From(latent_concept))};
}

// Those that say what the nearest by meaning says.
absl::StatusOr<FoundConcepts> FindByMeaning(
    Backend& backend, const Caller& caller, const std::string& sae,
    const concept_store::v1::SearchConceptsResponse& response,
    absl::Span<const NamedLatent> active) {
  const auto& nearest = response.matches(0);
  const auto& meaning = response.meaning();
  if (meaning.has_typical_similarity() && nearest.similarity() <= meaning.typical_similarity()) {
    return FoundConcepts();
  }
  const std::string said(PartsOf(nearest.latent_concept().description()).said);
  FoundConcepts found;
  if (!SearchWords(said).empty() && CheckNotNegated(said).ok()) {
    RECSAE_ASSIGN_OR_RETURN(found, FindConcepts(backend, caller, sae, said, active, true));
  }
  if (found.best.empty()) {
    found.best.push_back(NamedBy(nearest.latent_concept()));
    const auto is_nearest = [&](const NamedLatent& latent) {
      return latent.latent == found.best.front().latent;
    };
    if (std::any_of(active.begin(), active.end(), is_nearest)) found.active = found.best;
  }
  found.by_meaning = nearest.similarity();
  return found;
}

}  // namespace

std::vector<NamedLatent> ActiveLatents(const Backend& backend, const std::string& sae,
                                       absl::Span<const sae::LatentActivation> code) {
  std::vector<sae::LatentActivation> strongest(code.begin(), code.end());
  std::stable_sort(strongest.begin(), strongest.end(),
                   [](const auto& a, const auto& b) { return a.value > b.value; });
  const auto concepts = backend.concepts.Lookup(sae, strongest);
  std::vector<NamedLatent> active;
  for (size_t i = 0; i < strongest.size(); ++i) {
    if (strongest[i].value != 0) active.push_back({strongest[i].latent, concepts[i]});
  }
  return active;
}

absl::StatusOr<FoundConcepts> FindConcepts(Backend& backend, const Caller& caller,
                                           const std::string& sae, const std::string& words,
                                           absl::Span<const NamedLatent> active, bool words_only) {
  RECSAE_ASSIGN_OR_RETURN(const auto response, Search(backend, caller, sae, words, words_only));
  FoundConcepts found;
  if (response.matches().empty()) return found;
  if (response.matches(0).by_meaning()) {
    return FindByMeaning(backend, caller, sae, response, active);
  }
  const std::vector<FoldedWord> query = QueryWords(words);
  const MatchLevel best = LevelOfConcept(query, response.matches(0).latent_concept());
  std::map<int32_t, std::shared_ptr<const CachedConcept>> matching;
  for (const auto& match : response.matches()) {
    const auto& latent_concept = match.latent_concept();
    if (match.by_meaning() || LevelOfConcept(query, latent_concept) < best) continue;
    // What the store says now, even where the feed is a moment behind.
    found.best.push_back(NamedBy(latent_concept));
    matching[found.best.back().latent] = found.best.back().named;
  }
  // There may be more of them than a search returns.
  for (const NamedLatent& latent : active) {
    const auto match = matching.find(latent.latent);
    if (match != matching.end()) {
      found.active.push_back({latent.latent, match->second});
    } else if (latent.named != nullptr && best.words > 0 &&
               LevelOf(query, latent.named->description) >= best) {
      found.active.push_back(latent);
    }
  }
  return found;
}

std::vector<NamedLatent> GroupLedBy(const Backend& backend, const std::string& sae, int32_t lead) {
  std::vector<NamedLatent> group;
  for (const auto& member : backend.concepts.Group(sae, lead)) {
    group.push_back({member->latent, member});
  }
  return group;
}

std::vector<NamedLatent> GroupOf(const Backend& backend, const std::string& sae,
                                 const NamedLatent& member) {
  std::vector<NamedLatent> group = GroupLedBy(backend, sae, member.named->group);
  const bool there = std::any_of(group.begin(), group.end(), [&](const NamedLatent& other) {
    return other.latent == member.latent;
  });
  if (!there) group.push_back(member);
  return group;
}

std::vector<LatentFiring> FiringOfGroup(absl::Span<const NamedLatent> group) {
  std::vector<LatentFiring> firings;
  for (const NamedLatent& latent : group) {
    const FiringStatistics& statistics = latent.named->statistics;
    firings.push_back({latent.latent, static_cast<double>(statistics.active_rows), statistics.mean,
                       statistics.standard_deviation});
  }
  return firings;
}

std::string NearestActive(const sae::SaeModel& model, int32_t latent,
                          absl::Span<const NamedLatent> active) {
  std::vector<std::pair<double, NamedLatent>> nearest;
  for (const NamedLatent& other : WithConcepts(active)) {
    nearest.emplace_back(Cosine(model.Direction(latent), model.Direction(other.latent)), other);
  }
  if (nearest.empty()) return "no concept is active here";
  std::stable_sort(nearest.begin(), nearest.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<NamedLatent> ordered;
  ordered.reserve(nearest.size());
  for (const auto& [cosine, other] : nearest) ordered.push_back(other);
  return absl::StrCat("nearest of those that are: ", Named(ordered));
}

std::string StrongestActive(absl::Span<const NamedLatent> active) {
  const std::vector<NamedLatent> named = WithConcepts(active);
  return named.empty() ? "" : absl::StrCat("active here: ", Named(named));
}

}  // namespace recsae::explainer
