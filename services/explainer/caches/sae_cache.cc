// Reads SAEs from the concept-store.
#include "services/explainer/caches/sae_cache.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/messages/sae_messages.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::Sae;

// Enough for every SAE that is in use at a time; one of 1,024 x 64 takes 1 MiB.
constexpr size_t kCapacity = 32;

std::string RecommenderOf(const Sae& sae) {
  const auto ids = ParseName(sae.capture(), "recommenders/{recommender}/captures/{capture}");
  return ids.ok() ? absl::StrCat("recommenders/", (*ids)[0]) : "";
}

// The site's name; empty for the vector just before scoring, as captures have it.
std::string SiteOf(const Sae& sae) { return sae.probe_site() == "user" ? "" : sae.probe_site(); }

absl::Status ReadWeights(Peers& peers, const Sae& sae, grpc::ClientContext& context,
                         sae::SaeWeights& weights) {
  RECSAE_ASSIGN_OR_RETURN(WeightAssembler assembler, WeightAssembler::Create(sae));
  concept_store::v1::ReadSaeWeightsRequest request;
  request.set_name(sae.name());
  const auto reader = peers.concept_store->ReadSaeWeights(&context, request);
  concept_store::v1::SaeWeights piece;
  while (reader->Read(&piece)) {
    const absl::Status added = assembler.Add(piece);
    if (added.ok()) continue;
    context.TryCancel();
    reader->Finish();
    return added;
  }
  RECSAE_RETURN_IF_ERROR(peers.concept_store.peer().FromGrpc(reader->Finish()));
  RECSAE_ASSIGN_OR_RETURN(weights, assembler.Finish());
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const LoadedSae>> Load(Peers& peers, const std::string& name,
                                                      const Caller& caller) {
  Sae sae;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    concept_store::v1::GetSaeRequest request;
    request.set_name(name);
    return peers.concept_store.peer().FromGrpc(
        peers.concept_store->GetSae(&context, request, &sae));
  }));
  sae::SaeWeights weights;
  RECSAE_RETURN_IF_ERROR(caller.Call(
      [&](grpc::ClientContext& context) { return ReadWeights(peers, sae, context, weights); }));
  RECSAE_ASSIGN_OR_RETURN(sae::SaeModel model, sae::SaeModel::Create(std::move(weights)));
  return std::make_shared<const LoadedSae>(
      LoadedSae{name, RecommenderOf(sae), SiteOf(sae), sae.weights_sha256(), std::move(model)});
}

}  // namespace

SaeCache::SaeCache(Peers& peers, MetricsRegistry& metrics)
    : peers_(peers),
      cache_(kCapacity, metrics.GetGauge("recsae_explainer_cached_saes",
                                         "SAEs whose weights are in memory.")) {}

absl::StatusOr<std::shared_ptr<const LoadedSae>> SaeCache::Get(const std::string& name,
                                                               const Caller& caller) {
  return cache_.Get(name, caller, [&] { return Load(peers_, name, caller); });
}

void SaeCache::Refresh(const Caller& caller) {
  for (const auto& [key, loaded] : cache_.Entries()) {
    const std::string& name = key;  // Clang 14 takes no binding into a lambda
    Sae sae;
    const absl::Status status = caller.Call([&](grpc::ClientContext& context) {
      concept_store::v1::GetSaeRequest request;
      request.set_name(name);
      return peers_.concept_store.peer().FromGrpc(
          peers_.concept_store->GetSae(&context, request, &sae));
    });
    if (absl::IsNotFound(status) ||
        (status.ok() && sae.weights_sha256() != loaded->weights_sha256)) {
      cache_.Drop(name, loaded);
    }
  }
}

}  // namespace recsae::explainer
