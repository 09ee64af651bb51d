// Rows of SynthSAEBench-16k against the step that they are made for, on one thread each.
#include <benchmark/benchmark.h>

#include <vector>

#include "absl/status/status.h"
#include "clients/cli/bench/controls.h"
#include "clients/cli/bench/sampler.h"
#include "clients/cli/bench/study.h"
#include "clients/cli/bench/world.h"

namespace recsae::cli::bench {
namespace {

constexpr int kRows = 1024;

const World& World16k() {
  static const World world = [] {
    WorldSpec spec = *FindPreset("16k");
    spec.orthogonal_steps = 0;  // of no influence on time
    math::WorkerPool pool(1);
    return *MakeWorld(spec, 42, pool, [](int64_t, int64_t) { return absl::OkStatus(); });
  }();
  return world;
}

void BM_MakeRows(benchmark::State& state) {
  const Sampler sampler(World16k(), 1);
  math::WorkerPool pool(1);
  std::vector<float> rows(static_cast<size_t>(kRows) * sampler.world().spec.dim);
  int64_t first = 0;
  for (auto _ : state) {
    sampler.Generate(first, kRows, pool, rows.data(), nullptr);
    first += kRows;
  }
  state.SetItemsProcessed(state.iterations() * kRows);
}
BENCHMARK(BM_MakeRows)->Unit(benchmark::kMillisecond);

void BM_TrainOnRows(benchmark::State& state) {
  const int64_t batch = state.range(0);
  const WorldSpec& spec = World16k().spec;
  const Sampler sampler(World16k(), 1);
  math::WorkerPool pool(1);
  StudySettings settings;
  settings.latents = spec.latents;
  settings.k = spec.k;
  settings.learning_rate = spec.learning_rate;
  settings.batch_rows = static_cast<int>(batch);
  settings.dead_after_rows = 1'000'000;
  const sae::TrainConfig config = MakeConfig(settings, "matryoshka", 1);
  auto trainer = *StartTraining(sampler, config, spec.train_samples, 2048, 1, pool);
  std::vector<float> rows(static_cast<size_t>(batch) * spec.dim);
  sampler.Generate(0, batch, pool, rows.data(), nullptr);
  for (auto _ : state) {
    if (!trainer->Step(rows.data(), batch).ok()) state.SkipWithError("step");
  }
  state.SetItemsProcessed(state.iterations() * batch);
}
BENCHMARK(BM_TrainOnRows)->Arg(256)->Arg(512)->Arg(1024)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace recsae::cli::bench
BENCHMARK_MAIN();
