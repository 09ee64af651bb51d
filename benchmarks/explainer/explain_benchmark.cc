// Time to explain one activation, and to steer one, as the server computes it once its caches are
// warm: d = 64, F = 1,024, k = 8, 3,125 items (the sizes of ml-1m-recsae).
#include <benchmark/benchmark.h>

#include <cstdint>
#include <random>
#include <vector>

#include "common/ranking/prediction_head.h"
#include "common/sae/model.h"
#include "services/explainer/attribution/attribution.h"
#include "services/explainer/steering/steering.h"

namespace recsae::explainer {
namespace {

constexpr int kDim = 64;
constexpr int kLatents = 1024;
constexpr int kItems = 3125;

std::vector<float> Normal(size_t size, std::mt19937_64& random) {
  std::normal_distribution<float> normal;
  std::vector<float> values(size);
  for (float& value : values) value = normal(random);
  return values;
}

struct World {
  World() {
    std::mt19937_64 random(1);
    sae::SaeWeights weights;
    weights.dim = kDim;
    weights.latents = kLatents;
    weights.k = 8;
    weights.encoder = Normal(kLatents * kDim, random);
    weights.encoder_bias = Normal(kLatents, random);
    weights.decoder = Normal(kLatents * kDim, random);
    weights.pre_bias = Normal(kDim, random);
    sae = *sae::SaeModel::Create(weights);
    head.dim = kDim;
    head.vectors = Normal(kItems * kDim, random);
    for (int i = 0; i < 200; ++i) excluded.push_back(static_cast<int32_t>(random() % kItems));
    for (int i = 0; i < 64; ++i) activations.push_back(Normal(kDim, random));
  }

  absl::StatusOr<sae::SaeModel> sae = absl::UnknownError("not made");
  PredictionHead head;
  std::vector<int32_t> excluded;
  std::vector<std::vector<float>> activations;
};

const World& TheWorld() {
  static const World* world = new World;
  return *world;
}

void BM_Explain(benchmark::State& state) {
  const World& world = TheWorld();
  const ItemChoice choice{static_cast<int>(state.range(0)), world.excluded, {}};
  size_t i = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(
        ExplainActivation(*world.sae, &world.head, world.activations[i++ % 64], choice));
  }
}
BENCHMARK(BM_Explain)->Arg(10)->Arg(100)->Arg(1000)->Unit(benchmark::kMicrosecond);

void BM_Steer(benchmark::State& state) {
  const World& world = TheWorld();
  const std::vector<LatentEdit> edits = {{7, LatentEdit::Operation::kSet, 4}};
  size_t i = 0;
  for (auto _ : state) {
    const std::vector<float>& x = world.activations[i++ % 64];
    const auto steered = SteerActivation(*world.sae, x, edits, {SteeringMode::kDelta});
    benchmark::DoNotOptimize(
        CompareRecommendations(world.head, x, steered->activation, 10, world.excluded));
  }
}
BENCHMARK(BM_Steer)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace recsae::explainer

BENCHMARK_MAIN();
