// The SAE engine piece by piece: selection, encoding, Adam, and whole steps of every architecture.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "benchmarks/sae/bare_sgemm.h"
#include "common/math/simd/kernels.h"
#include "common/math/simd/top_k.h"
#include "common/sae/model.h"
#include "common/sae/trainer.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

// Batches of rows that a benchmark goes round over.
constexpr int64_t kBatches = 8;

// Arguments: d, F, k.
void Dictionaries(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgNames({"d", "F", "k"})->Args({64, 1024, 8})->Args({512, 16384, 32});
}

SaeModel ModelOf(const benchmark::State& state) {
  return *SaeModel::Create(RandomWeights(static_cast<int>(state.range(0)),
                                         static_cast<int>(state.range(1)),
                                         static_cast<int>(state.range(2)), Architecture::kTopK, 1));
}

void BM_SelectTopK(benchmark::State& state) {
  const auto n = static_cast<int>(state.range(0));
  const auto k = static_cast<int>(state.range(1));
  const std::vector<float> values = RandomValues(64 * int64_t{n}, 1);
  std::vector<LatentActivation> code(static_cast<size_t>(k));
  int64_t row = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(math::SelectTopK(values.data() + row++ % 64 * n, n, k,
                                              /*positive_only=*/true, code.data()));
  }
}
BENCHMARK(BM_SelectTopK)->ArgNames({"n", "k"})->Args({1024, 8})->Args({16384, 32});

void BM_BareSgemm(benchmark::State& state) {
  constexpr int64_t kRows = 1024;
  const auto d = state.range(0);
  BareSgemm sgemm({state.range(1), d}, kRows, /*threads=*/1);
  const std::vector<float> rows = RandomValues(kRows * d, 1);
  for (auto _ : state) sgemm.Run(rows.data());
  state.SetItemsProcessed(state.iterations() * kRows);
  state.SetLabel(sgemm.name());
}
BENCHMARK(BM_BareSgemm)->Apply(Dictionaries)->Unit(benchmark::kMicrosecond);

void BM_EncodeBatch(benchmark::State& state) {
  constexpr int64_t kRows = 1024;
  const SaeModel model = ModelOf(state);
  const std::vector<float> rows = RandomValues(kRows * model.dim(), 1);
  for (auto _ : state) benchmark::DoNotOptimize(model.EncodeBatch(rows.data(), kRows));
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(BM_EncodeBatch)->Apply(Dictionaries)->Unit(benchmark::kMicrosecond);

void BM_EncodeRow(benchmark::State& state) {
  const SaeModel model = ModelOf(state);
  const std::vector<float> rows = RandomValues(64 * int64_t{model.dim()}, 1);
  int64_t row = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(model.Encode(rows.data() + row++ % 64 * model.dim()));
  }
}
BENCHMARK(BM_EncodeRow)->Apply(Dictionaries)->Unit(benchmark::kMicrosecond);

// Parameters without and with a gradient.
void BM_Adam(benchmark::State& state) {
  const auto n = static_cast<int>(state.range(0));
  const std::vector<float> gradient = RandomValues(n, 1);
  std::vector<float> parameter = RandomValues(n, 2);
  std::vector<float> first(static_cast<size_t>(n));
  std::vector<float> second(static_cast<size_t>(n));
  const math::AdamStep step{1e-3f, 0.9f, 0.999f, 6.25e-10f, 1.0f, 1.0f, 1.0f};
  const float* given = state.range(1) != 0 ? gradient.data() : nullptr;
  for (auto _ : state) {
    math::ApplyAdam(step, given, n, parameter.data(), first.data(), second.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * n);
}
BENCHMARK(BM_Adam)
    ->ArgNames({"parameters", "gradient"})
    ->ArgsProduct({{2 * 64 * 1024, 2 * 512 * 16384}, {0, 1}})
    ->Unit(benchmark::kMicrosecond);

void RunSteps(benchmark::State& state, TrainConfig config, int dim, int threads) {
  const int64_t n = kBatches * config.batch_rows;
  const std::vector<float> rows = PlantedRows(n, dim, config.latents / 2, config.k, 1);
  const absl::StatusOr<std::unique_ptr<Trainer>> trainer =
      Trainer::Create(config, dim, int64_t{1} << 40, rows.data(), n, threads);
  if (!trainer.ok()) {
    state.SkipWithError(std::string(trainer.status().message()).c_str());
    return;
  }
  for (auto _ : state) {
    const int64_t batch = (*trainer)->steps() % kBatches;
    benchmark::DoNotOptimize(
        (*trainer)->Step(rows.data() + batch * config.batch_rows * dim, config.batch_rows));
  }
  state.SetItemsProcessed(state.iterations() * config.batch_rows);
}

// Arguments: rows a step, d, F, k, threads.
void BM_Step(benchmark::State& state) {
  const auto d = static_cast<int>(state.range(1));
  TrainConfig config = DefaultConfig(d);
  config.batch_rows = static_cast<int>(state.range(0));
  config.latents = static_cast<int>(state.range(2));
  config.k = static_cast<int>(state.range(3));
  RunSteps(state, config, d, static_cast<int>(state.range(4)));
}
BENCHMARK(BM_Step)
    ->ArgNames({"rows", "d", "F", "k", "threads"})
    ->ArgsProduct({{16, 256, 1024, 4096}, {64}, {1024}, {8}, {1, 2}})
    ->ArgsProduct({{1024}, {512}, {16384}, {32}, {1, 2}})
    ->Unit(benchmark::kMicrosecond)
    ->UseRealTime();

struct NamedConfig {
  const char* name;
  TrainConfig config;
};

// d = 64, F = 1,024, k = 8.
std::vector<NamedConfig> Architectures() {
  const TrainConfig defaults = DefaultConfig(64);
  std::vector<NamedConfig> all = {{"TopK", defaults},      {"TopKSigned", defaults},
                                  {"BatchTopK", defaults}, {"JumpReLU", defaults},
                                  {"ReLU", defaults},      {"Matryoshka", defaults}};
  all[1].config.architecture = Architecture::kTopKSigned;
  all[2].config.architecture = Architecture::kBatchTopK;
  all[3].config.architecture = Architecture::kJumpRelu;
  all[3].config.sparsity_weight = 1.0;
  all[4].config.architecture = Architecture::kRelu;
  all[5].config.matryoshka_prefixes = {64, 128, 256, 512};
  return all;
}

void RegisterArchitectures() {
  for (const NamedConfig& named : Architectures()) {
    benchmark::RegisterBenchmark(("BM_StepOf/" + std::string(named.name)).c_str(),
                                 [config = named.config](benchmark::State& state) {
                                   RunSteps(state, config, 64, /*threads=*/1);
                                 })
        ->Unit(benchmark::kMicrosecond)
        ->UseRealTime();
  }
}

}  // namespace
}  // namespace recsae::sae

int main(int argc, char** argv) {
  recsae::sae::RegisterArchitectures();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
}
