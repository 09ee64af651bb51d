// epoch_length [--distinct N] [--latents F] [--epochs N] [--threads N] ROWS...
// Trains on planted rows that repeat, as those of a recommender with one vector a user, with epochs
// of about so many rows each (services/trainer/rows/distinct_rows.h), and says what steps and time
// lead to which FVU. ROWS of 0 = all rows.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "common/math/row_order.h"
#include "common/sae/metrics.h"
#include "common/sae/trainer.h"
#include "services/trainer/rows/distinct_rows.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae {
namespace {

constexpr int kDim = 64;
constexpr int kDirections = 200;
constexpr int kActive = 12;
constexpr int64_t kHeldOut = 2000;

struct Options {
  int64_t distinct = 14'000;
  int latents = 512;
  int epochs = 24;
  int threads = 2;
  std::vector<int64_t> rows;
};

// Counts as of users' interactions: lognormal, a hundred on average.
trainer::RowTable PlantedTable(int64_t distinct) {
  const std::vector<float> values = sae::PlantedRows(distinct, kDim, kDirections, kActive, 5);
  const std::shared_ptr<float[]> copy(new float[values.size()]);
  std::copy(values.begin(), values.end(), copy.get());
  trainer::RowTable table;
  table.rows = distinct;
  table.values = copy;
  std::mt19937_64 bits(3);
  std::lognormal_distribution<double> count(4.0, 1.1);
  for (int64_t row = 0; row < distinct; ++row) {
    table.weights.push_back(static_cast<float>(std::clamp(std::floor(count(bits)), 1.0, 2000.0)));
  }
  return table;
}

sae::TrainConfig ConfigOf(const Options& options) {
  sae::TrainConfig config = sae::DefaultConfig(kDim);
  config.architecture = sae::Architecture::kBatchTopK;
  config.latents = options.latents;
  config.matryoshka_prefixes = sae::DefaultPrefixes(options.latents);
  return config;
}

// One epoch after the other, as the trainer reads them from its cache. False if a step fails.
bool Train(sae::Trainer& trainer, const trainer::RowTable& epoch, int epochs) {
  std::vector<float> rows;
  std::vector<float> weights;
  for (int e = 0; e < epochs; ++e) {
    const RowOrder order(epoch.rows, kDim, Shuffle{1, e});
    for (int64_t window = 0; window < order.windows(); ++window) {
      for (const int64_t row : order.Rows(window)) {
        const auto at = static_cast<size_t>(row);
        const float* values = epoch.values.get() + (epoch.at.empty() ? row : epoch.at[at]) * kDim;
        rows.insert(rows.end(), values, values + kDim);
        weights.push_back(epoch.weights.empty() ? 1.0f : epoch.weights[at]);
        const auto n = static_cast<int64_t>(weights.size());
        if (n < trainer.config().batch_rows) continue;
        if (!trainer.Step(rows.data(), n, nullptr, weights.data()).ok()) return false;
        rows.clear();
        weights.clear();
      }
    }
  }
  return true;
}

int Run(const Options& options) {
  const trainer::RowTable table = PlantedTable(options.distinct);
  double all = 0.0;
  for (const float count : table.weights) all += count;
  std::printf("%.0f rows, %ld of them distinct\n", all, static_cast<long>(table.rows));
  const std::vector<float> held_out = sae::PlantedRows(kHeldOut, kDim, kDirections, kActive, 99);
  for (const int64_t rows : options.rows) {
    const trainer::RowTable epoch =
        trainer::EpochOf(table, rows > 0 ? rows : static_cast<int64_t>(all));
    const auto trainer =
        sae::Trainer::Create(ConfigOf(options), kDim, epoch.rows * options.epochs,
                             table.values.get(), table.rows, options.threads, table.weights.data());
    const auto start = std::chrono::steady_clock::now();
    if (!trainer.ok() || !Train(**trainer, epoch, options.epochs)) return 1;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    const auto model = sae::SaeModel::Create((*trainer)->weights());
    if (!model.ok()) return 1;
    sae::MetricsAccumulator trained(kDim, options.latents);
    sae::MetricsAccumulator other(kDim, options.latents);
    const auto alive = [] { return absl::OkStatus(); };
    trained.Add(*model, table.values.get(), table.rows, alive, table.weights.data()).IgnoreError();
    other.Add(*model, held_out.data(), kHeldOut);
    std::printf("epoch of %8ld rows: %6ld steps, %6.1f s, FVU %.4f, held out %.4f\n",
                static_cast<long>(epoch.rows), static_cast<long>((*trainer)->steps()),
                seconds.count(), trained.Result().fvu, other.Result().fvu);
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace
}  // namespace recsae

int main(int argc, char** argv) {
  CLI::App app("What epochs of fewer rows cost and save where rows repeat");
  recsae::Options options;
  app.add_option("--distinct", options.distinct, "Distinct rows")->check(CLI::PositiveNumber);
  app.add_option("--latents", options.latents, "Latents")->check(CLI::Range(8, 1 << 20));
  app.add_option("--epochs", options.epochs, "Epochs")->check(CLI::PositiveNumber);
  app.add_option("--threads", options.threads, "Threads")->check(CLI::PositiveNumber);
  app.add_option("ROWS", options.rows, "Rows of an epoch; 0 = all")->required();
  CLI11_PARSE(app, argc, argv);
  return recsae::Run(options);
}
