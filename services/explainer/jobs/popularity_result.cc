#include "services/explainer/jobs/popularity_result.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/random.h"
#include "common/base/status.h"
#include "common/jobs/job_context.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/hosted_runs.h"

namespace recsae::explainer {
namespace {

// Histories of each kind.
constexpr int kMadeUp = 200;
constexpr uint64_t kProfileStream = 41;

// Different items of `from`, in random order.
HostedQuery MakeUp(const LoadedRecommender& recommender, std::vector<int32_t> from,
                   Random& random) {
  HostedQuery query;
  for (int i = 0; i < kReadItems && !from.empty(); ++i) {
    const size_t drawn = random.Below(from.size());
    query.add_history_item_ids(recommender.item_ids[from[drawn]]);
    from[drawn] = from.back();
    from.pop_back();
  }
  return query;
}

// Whether what the probe answers means that the recommender reads no histories, or cannot be run.
bool CannotRead(const absl::Status& status) {
  return absl::IsNotFound(status) || absl::IsInvalidArgument(status) ||
         absl::IsFailedPrecondition(status);
}

// Histories of popular items come first.
absl::StatusOr<PopularityProfiles> MakeProfiles(Backend& backend, const Caller& caller,
                                                uint64_t seed, const LoadedSae& sae,
                                                const LoadedRecommender& recommender,
                                                const ItemPopularity& popularity) {
  PopularityProfiles profiles;
  if (!recommender.resource.hosted()) return profiles;
  std::vector<int32_t> head, tail;
  for (int32_t item = 0; item < popularity.items(); ++item) {
    (popularity.InTail(item) ? tail : head).push_back(item);
  }
  if (head.empty() || tail.empty()) return profiles;
  Random random(seed, kProfileStream);
  std::vector<HostedQuery> queries;
  queries.reserve(size_t{2} * kMadeUp);
  for (int i = 0; i < 2 * kMadeUp; ++i) {
    queries.push_back(MakeUp(recommender, i < kMadeUp ? head : tail, random));
  }
  const int dim = sae.model.dim();
  const absl::StatusOr<std::vector<float>> activations =
      ComputeAtSite(backend, caller, recommender.resource.name(), sae.probe_site, queries, dim);
  if (!activations.ok()) {
    if (CannotRead(activations.status())) return profiles;
    return activations.status();
  }
  for (int i = 0; i < 2 * kMadeUp; ++i) {
    (i < kMadeUp ? profiles.popular : profiles.unpopular)
        .push_back(sae.model.Encode(activations->data() + static_cast<size_t>(i) * dim));
  }
  return profiles;
}

}  // namespace

std::vector<int64_t> CountsOrZeros(const LoadedRecommender& recommender) {
  if (!recommender.training_counts.empty()) return recommender.training_counts;
  return std::vector<int64_t>(recommender.texts.size());
}

absl::Status WritePopularity(Backend& backend, const Caller& caller, JobContext& job, uint64_t seed,
                             const std::string& sae_name, const LoadedSae& sae,
                             const LoadedRecommender& recommender, const ItemPopularity& popularity,
                             const PopularityRows& rows, v1::PopularityLatents* out) {
  if (!popularity.known()) {
    out->set_missing(
        "how often items were interacted with is not known: the probe did not train this "
        "recommender, and its host tells no interactions");
    return absl::OkStatus();
  }
  if (rows.codes.empty()) {
    out->set_missing("no row of the capture has recommended items");
    return absl::OkStatus();
  }
  job.SetProgress("looking for popularity", 0, 0, "");
  RECSAE_ASSIGN_OR_RETURN(const PopularityProfiles profiles,
                          MakeProfiles(backend, caller, seed, sae, recommender, popularity));
  RECSAE_ASSIGN_OR_RETURN(
      const PopularityLatentsResult found,
      FindPopularityLatents(rows, profiles, recommender.training_counts, sae.model.latents(), seed,
                            [&job] { return job.Interrupted(); }));
  out->set_head_item_count(popularity.head_items());
  out->set_profile_count(found.profiles);
  out->set_made_up_profiles(found.made_up);
  out->set_shuffled_correlation(found.shuffled_correlation);
  out->set_shuffled_effect(found.shuffled_effect);
  for (const LatentPopularity& latent : found.latents) {
    v1::PopularityLatent* written = out->add_latents();
    written->set_latent(latent.latent);
    written->set_recommended_correlation(latent.recommended_correlation);
    written->set_read_correlation(latent.read_correlation);
    written->set_effect(latent.effect);
    if (const auto named = backend.concepts.Lookup(sae_name, latent.latent); named != nullptr) {
      written->set_description(named->description);
    }
  }
  return absl::OkStatus();
}

void WriteLists(const ListQuality& lists, v1::ListQuality* out) {
  out->set_list_count(lists.lists());
  out->set_coverage(lists.coverage());
  out->set_gini(lists.gini());
  if (const auto share = lists.tail_share()) out->set_tail_share(*share);
  if (const auto novelty = lists.novelty()) out->set_novelty(*novelty);
  if (const auto diversity = lists.diversity()) out->set_diversity(*diversity);
}

}  // namespace recsae::explainer
