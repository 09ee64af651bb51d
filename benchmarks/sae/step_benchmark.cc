// sae_step_benchmark: training runs whose time and result can be held against PyTorch's, and the
// training step held against the bare product of its encoder. Prints JSON.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <memory>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "benchmarks/sae/step_timing.h"
#include "benchmarks/sae/training_case.h"
#include "common/base/status.h"
#include "common/files/npy.h"
#include "common/sae/metrics.h"
#include "common/sae/trainer.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::sae {
namespace {

// Intervals that the course of the FVU is averaged over.
constexpr int64_t kIntervals = 20;

struct CaseFlags {
  std::string folder;
  std::string preset = "default";
  std::string activations;
  int dim = 64;
  int latents = 1024;
  int k = 8;
  int batch_rows = 1024;
  int64_t rows = 65'536;
  int64_t steps = 0;
  int64_t dead_after_rows = 0;
  uint64_t seed = 1;
};

// The rows to train on, in random order, and their width.
absl::StatusOr<cli::NpyArray> LoadRows(const CaseFlags& flags) {
  if (flags.activations.empty()) {
    // Fewer directions than latents, so that some latents die.
    return cli::NpyArray{{flags.rows, flags.dim},
                         PlantedRows(flags.rows, flags.dim, std::max(flags.latents / 16, 1),
                                     std::max(flags.k / 2, 1), flags.seed)};
  }
  RECSAE_ASSIGN_OR_RETURN(cli::NpyArray array, cli::ReadNpy(flags.activations));
  if (array.shape.size() != 2 || array.shape[1] < 1) {
    return Error(absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
                 flags.activations + ": must be [rows, dim]", {{"file", flags.activations}});
  }
  const int64_t d = array.shape[1];
  std::mt19937_64 random(flags.seed);
  for (int64_t r = array.shape[0] - 1; r > 0; --r) {
    const auto other = static_cast<int64_t>(random() % static_cast<uint64_t>(r + 1));
    std::swap_ranges(&array.values[r * d], &array.values[r * d] + d, &array.values[other * d]);
  }
  return array;
}

absl::StatusOr<nlohmann::json> WriteNewCase(const CaseFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(cli::NpyArray rows, LoadRows(flags));
  const int dim = static_cast<int>(rows.shape[1]);
  TrainConfig config = flags.preset == "paper" ? PaperConfig(dim) : DefaultConfig(dim);
  config.latents = flags.latents;
  config.k = flags.k;
  if (flags.preset == "trainer") {
    config.architecture = Architecture::kBatchTopK;
    config.matryoshka_prefixes = DefaultPrefixes(flags.latents);
  }
  config.batch_rows = flags.batch_rows;
  config.seed = flags.seed;
  if (flags.dead_after_rows > 0) config.dead_after_rows = flags.dead_after_rows;
  const int64_t steps = flags.steps > 0 ? flags.steps : rows.shape[0] / config.batch_rows;
  RECSAE_ASSIGN_OR_RETURN(const TrainingCase training_case,
                          MakeCase(config, dim, steps * config.batch_rows, std::move(rows.values)));
  RECSAE_RETURN_IF_ERROR(WriteCase(training_case, flags.folder));
  return nlohmann::json{
      {"case", flags.folder}, {"dim", dim}, {"rows", training_case.row_count()}, {"steps", steps}};
}

double FinalFvu(const Trainer& trainer, const TrainingCase& training_case) {
  MetricsAccumulator metrics(trainer.dim(), trainer.weights().latents);
  const absl::StatusOr<SaeModel> model = SaeModel::Create(trainer.weights());
  metrics.Add(*model, training_case.rows.data(), training_case.row_count());
  return metrics.Result().fvu;
}

// Means over kIntervals equal intervals (fewer when there are fewer values).
std::vector<double> IntervalMeans(const std::vector<double>& values) {
  const auto count = static_cast<int64_t>(values.size());
  const int64_t intervals = std::min(kIntervals, count);
  std::vector<double> means;
  for (int64_t i = 0; i < intervals; ++i) {
    const int64_t begin = count * i / intervals;
    const int64_t end = count * (i + 1) / intervals;
    double sum = 0.0;
    for (int64_t at = begin; at < end; ++at) sum += values[static_cast<size_t>(at)];
    means.push_back(sum / static_cast<double>(end - begin));
  }
  return means;
}

absl::StatusOr<nlohmann::json> TrainCase(const std::string& folder, int threads) {
  RECSAE_ASSIGN_OR_RETURN(const TrainingCase training_case, ReadCase(folder));
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::CreateFrom(training_case.config, training_case.initial, training_case.variance,
                          training_case.total_rows, threads));
  const int64_t steps = trainer->total_steps();
  std::vector<double> fvu;
  int64_t dead = 0;
  int64_t steps_with_dead = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int64_t step = 0; step < steps; ++step) {
    dead += trainer->dead_latents();
    steps_with_dead += trainer->dead_latents() > 0 ? 1 : 0;
    RECSAE_ASSIGN_OR_RETURN(const StepStats stats, trainer->Step(training_case.Batch(step),
                                                                 training_case.config.batch_rows));
    fvu.push_back(stats.fvu);
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  const auto share = [steps](int64_t count) {
    return static_cast<double>(count) / static_cast<double>(steps);
  };
  return nlohmann::json{{"seconds", seconds.count()},
                        {"steps", steps},
                        {"threads", threads},
                        {"fvu", FinalFvu(*trainer, training_case)},
                        {"mean_dead", share(dead)},
                        {"aux_share", share(steps_with_dead)},
                        {"fvu_curve", IntervalMeans(fvu)}};
}

int Print(const absl::StatusOr<nlohmann::json>& result) {
  if (!result.ok()) {
    std::cerr << "sae_step_benchmark: " << result.status().message() << '\n';
    return 1;
  }
  std::cout << result->dump() << '\n';
  return 0;
}

void AddShapeFlags(CLI::App& app, StepShape& shape) {
  const auto add = [&app](const char* name, int& value, const char* what) {
    app.add_option(name, value, what)->check(CLI::PositiveNumber)->capture_default_str();
  };
  add("--dim", shape.dim, "Values of a row, d");
  add("--latents", shape.latents, "F");
  add("--k", shape.k, "Active latents per row");
  add("--rows", shape.rows, "Rows per step");
  app.add_flag("--top-k", shape.top_k,
               "TopK, instead of the trainer's default: Matryoshka BatchTopK");
  app.add_flag_callback("--avx2", StayWithAvx2,
                        "Use no wider instructions, neither here nor in the products");
}

int Main(int argc, char** argv) {
  CLI::App app("Training runs and steps of the SAE engine, timed. Prints one JSON line.");
  app.require_subcommand(1);

  CaseFlags flags;
  CLI::App* make = app.add_subcommand(
      "make-case", "Write a training run: configuration, initial weights, rows in random order");
  make->add_option("folder", flags.folder, "Folder to write to")->required();
  make->add_option("--activations", flags.activations,
                   ".npy file [rows, d] to train on; without it rows are generated from planted "
                   "directions");
  make->add_option("--rows", flags.rows, "Rows to generate")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  make->add_option("--dim", flags.dim, "Values of a generated row, d")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  make->add_option("--preset", flags.preset,
                   "Recipe: TopK, the paper's, or the trainer's default, Matryoshka BatchTopK")
      ->check(CLI::IsMember({"default", "paper", "trainer"}))
      ->capture_default_str();
  make->add_option("--latents", flags.latents, "F")
      ->check(CLI::Range(2, 1 << 24))
      ->capture_default_str();
  make->add_option("--k", flags.k, "Active latents per row")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  make->add_option("--batch-rows", flags.batch_rows, "Rows per step")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  make->add_option("--steps", flags.steps, "Steps to train; 0 = one epoch")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  make->add_option("--dead-after-rows", flags.dead_after_rows,
                   "Rows without firing that make a latent dead; 0 = the recipe's")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  make->add_option("--seed", flags.seed, "Of weights, order and generated rows")
      ->capture_default_str();

  std::string folder;
  int threads = 2;
  CLI::App* train = app.add_subcommand(
      "train",
      "Train a case from start to end: seconds of all steps, FVU of all rows with the final "
      "weights, mean number of dead latents, share of the steps with the auxiliary loss at work, "
      "FVU "
      "of the batches over 20 intervals");
  train->add_option("folder", folder, "Folder that make-case wrote")->required();
  train->add_option("--threads", threads, "Threads")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();

  StepShape shape;
  double seconds = 5.0;
  CLI::App* step = app.add_subcommand(
      "step",
      "A training step against the bare product of its encoder (medians of rounds in turn), the "
      "share of its parts, and its speed-up over one thread");
  AddShapeFlags(*step, shape);
  step->add_option("--dead-share", shape.dead_share,
                   "Share of the latents held dead, for the auxiliary loss to work on")
      ->check(CLI::Range(0.0, 0.9))
      ->capture_default_str();
  CLI::App* encode = app.add_subcommand(
      "encode",
      "Encoding on one thread: the rate of a batch as a share of the bare product's, and "
      "microseconds of a single row");
  AddShapeFlags(*encode, shape);
  for (CLI::App* timed : {step, encode}) {
    timed->add_option("--seconds", seconds, "Seconds of rounds")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }
  CLI::App* memory = app.add_subcommand(
      "memory", "A few training steps: peak memory as a multiple of the parameters' bytes");
  AddShapeFlags(*memory, shape);
  for (CLI::App* threaded : {step, memory}) {
    threaded->add_option("--threads", shape.threads, "Threads")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
  }

  CLI11_PARSE(app, argc, argv);
  if (make->parsed()) return Print(WriteNewCase(flags));
  if (train->parsed()) return Print(TrainCase(folder, threads));
  if (step->parsed()) return Print(TimeStep(shape, seconds));
  if (encode->parsed()) return Print(TimeEncoding(shape, seconds));
  return Print(MeasureMemory(shape));
}

}  // namespace
}  // namespace recsae::sae

int main(int argc, char** argv) { return recsae::sae::Main(argc, argv); }
