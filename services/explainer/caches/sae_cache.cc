// Reads SAEs from the concept-store.
#include "services/explainer/caches/sae_cache.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/names/names.h"
#include "common/status/status.h"
#include "common/tensor/tensor.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::Sae;
using concept_store::v1::SaeWeights;

// Enough for every SAE that is in use at a time; one of 1,024 x 64 takes 1 MiB.
constexpr size_t kCapacity = 32;

absl::Status Incomplete(const Sae& sae, absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "WEIGHTS_INCOMPLETE",
               absl::StrCat("the concept-store sent weights of ", sae.name(), " that ", what),
               {{"sae", sae.name()}});
}

sae::SaeWeights EmptyWeights(const Sae& sae) {
  sae::SaeWeights weights;
  weights.dim = sae.activation_dim();
  weights.latents = sae.latents();
  weights.k = sae.k();
  weights.architecture = static_cast<sae::Architecture>(sae.architecture());
  weights.input_scale = sae.scale();
  const size_t matrix = static_cast<size_t>(weights.latents) * weights.dim;
  weights.encoder.resize(matrix);
  weights.encoder_bias.resize(weights.latents);
  weights.decoder.resize(matrix);
  weights.pre_bias.resize(weights.dim);
  return weights;
}

// Copies one chunk to its place and adds its size to `received`.
absl::Status AddChunk(const Sae& sae, const SaeWeights& chunk, sae::SaeWeights& weights,
                      size_t& received) {
  const bool matrix = chunk.array() == SaeWeights::W_ENC || chunk.array() == SaeWeights::W_DEC;
  std::vector<float>* array = nullptr;
  switch (chunk.array()) {
    case SaeWeights::W_ENC:
      array = &weights.encoder;
      break;
    case SaeWeights::B_ENC:
      array = &weights.encoder_bias;
      break;
    case SaeWeights::W_DEC:
      array = &weights.decoder;
      break;
    case SaeWeights::B_PRE:
      array = &weights.pre_bias;
      break;
    default:
      return Incomplete(sae, "name an unknown array");
  }
  absl::Span<const float> values;
  if (matrix) {
    RECSAE_ASSIGN_OR_RETURN(const MatrixView view,
                            ReadMatrix(chunk.values(), "values", kAnySize, weights.dim));
    values = view.flat();
  } else {
    RECSAE_ASSIGN_OR_RETURN(values, ReadVector(chunk.values(), "values", kAnySize));
  }
  const int64_t begin = chunk.start_row() * (matrix ? weights.dim : 1);
  if (chunk.start_row() < 0 || begin + values.size() > array->size()) {
    return Incomplete(sae, "go beyond their array");
  }
  std::copy(values.begin(), values.end(), array->begin() + begin);
  received += values.size();
  return absl::OkStatus();
}

std::string RecommenderOf(const Sae& sae) {
  const auto ids = ParseName(sae.capture(), "recommenders/{recommender}/captures/{capture}");
  return ids.ok() ? absl::StrCat("recommenders/", (*ids)[0]) : "";
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
  size_t received = 0;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    weights = EmptyWeights(sae);
    received = 0;
    concept_store::v1::ReadSaeWeightsRequest request;
    request.set_name(name);
    const auto reader = peers.concept_store->ReadSaeWeights(&context, request);
    SaeWeights chunk;
    while (reader->Read(&chunk)) {
      const absl::Status added = AddChunk(sae, chunk, weights, received);
      if (!added.ok()) {
        context.TryCancel();
        reader->Finish();
        return added;
      }
    }
    return peers.concept_store.peer().FromGrpc(reader->Finish());
  }));
  if (received !=
      2 * weights.encoder.size() + weights.encoder_bias.size() + weights.pre_bias.size()) {
    return Incomplete(sae, "lack rows");
  }
  RECSAE_ASSIGN_OR_RETURN(sae::SaeModel model, sae::SaeModel::Create(std::move(weights)));
  return std::make_shared<const LoadedSae>(
      LoadedSae{name, RecommenderOf(sae), sae.weights_sha256(), std::move(model)});
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
  for (const auto& [name, loaded] : cache_.Entries()) {
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
