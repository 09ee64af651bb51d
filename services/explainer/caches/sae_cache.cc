// Reads SAEs from the concept-store.
#include "services/explainer/caches/sae_cache.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/messages/sae_messages.h"
#include "common/sae/training_memory.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::Sae;

// Of the memory budget, for SAEs that nobody uses at the moment.
constexpr int64_t kShare = 4;

std::string RecommenderOf(const Sae& sae) {
  const auto ids = ParseName(sae.capture(), "recommenders/{recommender}/captures/{capture}");
  return ids.ok() ? absl::StrCat("recommenders/", (*ids)[0]) : "";
}

// The site's name; empty for the vector just before scoring, as captures have it.
std::string SiteOf(const Sae& sae) { return sae.probe_site() == "user" ? "" : sae.probe_site(); }

absl::Status ReadWeights(Peers& peers, const Sae& sae, grpc::ClientContext& context,
                         Caller::Heard heard, sae::SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(WeightAssembler assembler, WeightAssembler::Create(sae));
  concept_store::v1::ReadSaeWeightsRequest request;
  request.set_name(sae.name());
  const auto reader = peers.concept_store->ReadSaeWeights(&context, request);
  concept_store::v1::SaeWeights piece;
  while (reader->Read(&piece)) {
    const absl::Status added = assembler.Add(piece);
    heard();
    if (added.ok()) continue;
    context.TryCancel();
    reader->Finish();
    return added;
  }
  RECSAE_RETURN_IF_ERROR(peers.concept_store.peer().FromGrpc(reader->Finish()));
  RECSAE_ASSIGN_OR_RETURN(weights, assembler.Finish());
  return absl::OkStatus();
}

absl::StatusOr<Sae> GetSae(Peers& peers, const std::string& name, const Caller& caller) {
  Sae sae;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    concept_store::v1::GetSaeRequest request;
    request.set_name(name);
    return peers.concept_store.peer().FromGrpc(
        peers.concept_store->GetSae(&context, request, &sae));
  }));
  return sae;
}

}  // namespace

SaeCache::SaeCache(Peers& peers, const ConceptCache& concepts, MetricsRegistry& metrics,
                   MemoryBudget& memory)
    : peers_(peers),
      concepts_(concepts),
      memory_(memory),
      cache_("saes", memory, memory.limit() / kShare,
             [size = metrics.GetGauge("recsae_explainer_cached_saes",
                                      "SAEs whose weights are in memory.")](size_t saes, int64_t) {
               size.Set(static_cast<double>(saes));
             }) {}

absl::StatusOr<SaeCache::Cache::Loaded> SaeCache::Load(const std::string& name,
                                                       const Caller& caller) {
  RECSAE_ASSIGN_OR_RETURN(const Sae sae, GetSae(peers_, name, caller));
  const int64_t bytes = sae::EstimateModelBytes(sae.latent_count(), sae.activation_dim());
  // Its weights as they arrive, and what becomes of them.
  RECSAE_ASSIGN_OR_RETURN(
      Permit permit,
      memory_.Take(SaturatingProduct(bytes, 2), absl::StrCat("loading ", name), "its latents"));
  sae::SaeWeights weights;
  RECSAE_RETURN_IF_ERROR(caller.Stream([&](grpc::ClientContext& context, Caller::Heard heard) {
    return ReadWeights(peers_, sae, context, heard, weights);
  }));
  RECSAE_ASSIGN_OR_RETURN(sae::SaeModel model, sae::SaeModel::Create(std::move(weights)));
  RECSAE_RETURN_IF_ERROR(permit.Resize(bytes));
  return Cache::Loaded{std::move(permit), std::make_shared<const LoadedSae>(LoadedSae{
                                              name, RecommenderOf(sae), sae.recommender_uid(),
                                              SiteOf(sae), std::move(model)})};
}

absl::StatusOr<std::shared_ptr<const LoadedSae>> SaeCache::Get(const std::string& name,
                                                               const Caller& caller) {
  std::optional<std::string> version = concepts_.SaeVersion(name);
  if (!version.has_value()) {
    // Just published, or not there: the store knows.
    RECSAE_ASSIGN_OR_RETURN(const Sae sae, GetSae(peers_, name, caller));
    version = VersionOf(sae);
  }
  return cache_.Get(
      {name, *version}, [&] { return caller.Alive(); }, [&] { return Load(name, caller); });
}

}  // namespace recsae::explainer
