// recsae bench synthetic: what each architecture finds of a world whose features are known.

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/bench/results.h"
#include "clients/cli/bench/study.h"
#include "clients/cli/bench/world.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/text/progress.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

struct BenchFlags {
  std::string preset = "small";
  std::vector<std::string> architecture;
  std::vector<uint64_t> seed = {1};
  std::optional<int64_t> samples;
  std::optional<int64_t> test_samples;
  std::optional<int> latents;
  std::optional<int> k;
  std::vector<int> matryoshka;
  std::optional<double> learning_rate;
  double k_anneal_from = 2.0;
  double k_anneal = 0.9;
  double decoder_rate = 3.0;
  std::string initial_decoder = "rows";
  std::optional<int64_t> dead_after;
  double warmup = 0.01;
  double decay = 0.3;
  double gradient_clip = 0.0;
  std::optional<int> batch_rows;
  std::optional<int> threads;
  uint64_t world_seed = 42;
  std::string checkpoints;
  double checkpoint_seconds = 300;
  bool no_controls = false;
};

// What may be asked for; more is a slip of the finger, and one row alone has no variance.
constexpr int64_t kMostSamples = 100'000'000'000;
constexpr int kMostBatchRows = 1 << 16;
constexpr int kMostLatents = 1 << 20;
constexpr int kMostThreads = 256;

absl::Status CheckRange(const char* flag, int64_t value, int64_t lowest, int64_t highest) {
  if (value >= lowest && value <= highest) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "FLAG_OUT_OF_RANGE",
               absl::StrCat("--", flag, " is ", value, "; expected ", lowest, " to ", highest));
}

absl::StatusOr<bench::StudySettings> MakeSettings(const BenchFlags& flags,
                                                  const bench::WorldSpec& spec) {
  bench::StudySettings settings;
  settings.latents = flags.latents.value_or(spec.latents);
  settings.k = flags.k.value_or(spec.k);
  settings.k_anneal_from = flags.k_anneal_from;
  settings.k_anneal_fraction = flags.k_anneal;
  settings.prefixes = flags.matryoshka;
  settings.train_samples = flags.samples.value_or(spec.train_samples);
  settings.test_samples = flags.test_samples.value_or(spec.test_samples);
  settings.learning_rate = flags.learning_rate.value_or(spec.learning_rate);
  settings.decoder_rate = flags.decoder_rate;
  settings.initial_decoder =
      flags.initial_decoder == "rows" ? sae::InitialDecoder::kRows : sae::InitialDecoder::kRandom;
  settings.warmup_fraction = flags.warmup;
  settings.decay_fraction = flags.decay;
  settings.clip_norm = flags.gradient_clip;
  settings.batch_rows = flags.batch_rows.value_or(spec.batch_rows);
  settings.threads = flags.threads.value_or(static_cast<int>(std::thread::hardware_concurrency()));
  settings.world_seed = flags.world_seed;
  settings.checkpoints = flags.checkpoints;
  settings.checkpoint_seconds = flags.checkpoint_seconds;
  RECSAE_RETURN_IF_ERROR(CheckRange("samples", settings.train_samples, 2, kMostSamples));
  RECSAE_RETURN_IF_ERROR(CheckRange("test-samples", settings.test_samples, 2, kMostSamples));
  RECSAE_RETURN_IF_ERROR(CheckRange("latents", settings.latents, 1, kMostLatents));
  RECSAE_RETURN_IF_ERROR(CheckRange("batch-rows", settings.batch_rows, 1, kMostBatchRows));
  RECSAE_RETURN_IF_ERROR(CheckRange("threads", settings.threads, 1, kMostThreads));
  // A dead latent is revived while there is still time to learn.
  settings.dead_after_rows = flags.dead_after.value_or(
      std::clamp<int64_t>(settings.train_samples / 20, settings.batch_rows, 1'000'000));
  RECSAE_RETURN_IF_ERROR(CheckRange("dead-after", settings.dead_after_rows, 1, kMostSamples));
  return settings;
}

absl::Status CheckMemory(const bench::WorldSpec& spec, const bench::StudySettings& settings) {
  const int64_t estimate = bench::EstimateStudyBytes(spec, settings);
  const int64_t memory = int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE);
  if (estimate <= memory) return absl::OkStatus();
  return Error(absl::StatusCode::kResourceExhausted, "BENCH_TOO_LARGE",
               absl::StrCat("this study takes about ", FormatCount(estimate >> 20),
                            " MiB, and the machine has ", FormatCount(memory >> 20),
                            " MiB; lower --latents, --batch-rows or --threads"));
}

// Before the world is made, which takes its time.
absl::Status CheckConfigs(const bench::StudySettings& settings,
                          const std::vector<std::string>& names) {
  for (const std::string& name : names) {
    const auto violations = sae::FindViolations(bench::MakeConfig(settings, name, 0));
    if (violations.empty()) continue;
    return Error(absl::StatusCode::kInvalidArgument, "TRAINING_CONFIG_INVALID",
                 absl::StrCat(name, ": ", violations[0].field, " ", violations[0].description));
  }
  return absl::OkStatus();
}

// One line at the bottom of the terminal, and lines that stay.
bench::StudyProgress ShowOn(Console& console, ProgressMeter& meter, std::string& what) {
  return {[&console, &meter, &what](absl::string_view now_what, absl::string_view unit,
                                    int64_t done, int64_t total) {
            if (what != now_what) {
              what = std::string(now_what);
              meter = ProgressMeter();
            }
            meter.Update(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), done, total);
            console.ShowProgress(absl::StrCat(what, "  ", DescribeProgress(meter, unit)));
          },
          [&console](const std::string& line) { console.Say(line); }};
}

// Seed by seed, the controls first.
absl::StatusOr<std::vector<bench::Outcome>> MeasureAll(const bench::World& world,
                                                       const bench::StudySettings& settings,
                                                       const BenchFlags& flags,
                                                       const std::vector<std::string>& names,
                                                       math::WorkerPool& pool,
                                                       const bench::StudyProgress& progress) {
  std::vector<bench::Outcome> outcomes;
  for (const uint64_t seed : flags.seed) {
    for (const std::string& name : bench::Controls()) {
      if (flags.no_controls) break;
      RECSAE_ASSIGN_OR_RETURN(bench::Outcome outcome,
                              bench::RunControl(world, settings, name, seed, pool, progress));
      outcomes.push_back(std::move(outcome));
    }
    for (const std::string& name : names) {
      RECSAE_ASSIGN_OR_RETURN(bench::Outcome outcome,
                              bench::RunArchitecture(world, settings, name, seed, pool, progress));
      progress.say(bench::Summary(outcome));
      outcomes.push_back(std::move(outcome));
    }
  }
  return outcomes;
}

absl::Status Run(Session& session, const BenchFlags& flags) {
  Console& console = session.console();
  RECSAE_ASSIGN_OR_RETURN(const bench::WorldSpec spec, bench::FindPreset(flags.preset));
  RECSAE_ASSIGN_OR_RETURN(const bench::StudySettings settings, MakeSettings(flags, spec));
  RECSAE_RETURN_IF_ERROR(CheckMemory(spec, settings));
  const std::vector<std::string>& names =
      flags.architecture.empty() ? bench::Architectures() : flags.architecture;
  RECSAE_RETURN_IF_ERROR(CheckConfigs(settings, names));
  const size_t trainings = names.size() * flags.seed.size();
  console.Say(absl::StrCat(spec.name, ": ", FormatCount(spec.features), " features in ", spec.dim,
                           " dimensions; ", Plural(static_cast<int64_t>(trainings), "training"),
                           " of ", FormatCount(settings.latents), " latents on ",
                           Plural(settings.train_samples, "row"), " each; about ",
                           FormatCount(bench::EstimateStudyBytes(spec, settings) >> 20), " MiB"));
  ProgressMeter meter;
  std::string what;
  const bench::StudyProgress progress = ShowOn(console, meter, what);
  math::WorkerPool pool(settings.threads);
  RECSAE_ASSIGN_OR_RETURN(
      const bench::World world,
      bench::MakeWorld(spec, settings.world_seed, pool, [&](int64_t done, int64_t total) {
        progress.show("making features", "steps", done, total);
        return absl::OkStatus();
      }));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<bench::Outcome> outcomes,
                          MeasureAll(world, settings, flags, names, pool, progress));
  console.ClearProgress();
  if (session.json()) {
    console.Print(bench::ResultsJson(spec, settings, outcomes).dump(2) + "\n");
  } else {
    console.Print(bench::ResultsTable(outcomes));
  }
  return absl::OkStatus();
}

void Declare(Command& command, BenchFlags& flags) {
  std::vector<std::string> presets;
  for (const bench::WorldSpec& spec : bench::Presets()) presets.push_back(spec.name);
  command.Add("--preset", flags.preset, "World: small (seconds), medium (minutes) or 16k (hours)")
      .Must(Check::OneOf(presets))
      .ShowDefault();
  command
      .Add("--architecture", flags.architecture,
           "What is trained: matryoshka (batch-topk with prefixes), batch-topk, topk, topk-signed, "
           "jump-relu, relu or pursuit [default: all]")
      .Type("NAME,...")
      .SeparatedBy(',')
      .Must(Check::OneOf(bench::Architectures()));
  command.Add("--samples", flags.samples, "Rows each is trained on [default: the preset's]")
      .Type("N");
  command.Add("--seed", flags.seed, "Of weights and rows; several give a mean and a spread")
      .Type("N,...")
      .SeparatedBy(',')
      .ShowDefault();
  command
      .Add("--test-samples", flags.test_samples, "Rows it is measured on [default: the preset's]")
      .Type("N");
  command.Add("--latents", flags.latents, "Latents [default: the preset's]").Type("N");
  command.Add("--k", flags.k, "Latents active at a time, or on average [default: the preset's]")
      .Type("N");
  command
      .Add("--matryoshka", flags.matryoshka,
           "Prefixes of matryoshka [default: 1/32, 1/8 and 1/2 of the latents]")
      .Type("N,...")
      .SeparatedBy(',');
  command
      .Add("--k-anneal-from", flags.k_anneal_from,
           "Begin with so many times k latents active, where k is selected; 1 = k throughout")
      .ShowDefault();
  command.Add("--k-anneal", flags.k_anneal, "Share of steps in which they come down to k")
      .ShowDefault();
  command.Add("--learning-rate", flags.learning_rate, "[default: the preset's]").Type("RATE");
  command
      .Add("--decoder-rate", flags.decoder_rate,
           "Learning rate of the decoder, in that of all else")
      .ShowDefault();
  command
      .Add("--initial-decoder", flags.initial_decoder,
           "What latents begin as: random directions, or those of rows (random or rows)")
      .Must(Check::OneOf({"random", "rows"}))
      .ShowDefault();
  command.Add("--warmup", flags.warmup, "Share of steps in which the rate rises").ShowDefault();
  command.Add("--decay", flags.decay, "Share of steps, at the end, in which it falls")
      .ShowDefault();
  command.Add("--gradient-clip", flags.gradient_clip, "Largest gradient; 0 = any").ShowDefault();
  command
      .Add("--dead-after", flags.dead_after,
           "Rows without a firing after which the auxiliary loss takes a latent [default: 1/20 of "
           "the "
           "rows, at most 1000000]")
      .Type("N");
  command.Add("--batch-rows", flags.batch_rows, "Rows a step [default: the preset's]").Type("N");
  command.Add("--threads", flags.threads, "[default: as the machine has]").Type("N");
  command.Add("--world-seed", flags.world_seed, "Of the features and when they fire").ShowDefault();
  command
      .Add("--checkpoints", flags.checkpoints,
           "Folder that keeps trainings: the same command goes on from there")
      .Type("FOLDER")
      .Must(Check::Path());
  command.Add("--checkpoint-seconds", flags.checkpoint_seconds, "Between two checkpoints")
      .ShowDefault();
  command.AddSwitch("--no-controls", flags.no_controls,
                    "Leave out the dictionaries that nobody trained");
}

}  // namespace

void AddBenchCommands(CommandLine& line) {
  Command group = line.AddGroup("bench", "Measure what can be measured without a server",
                                "  recsae bench synthetic");
  line.Add<BenchFlags>(
      group, "synthetic", "Train on rows whose features are known, and count what was found",
      "  recsae bench synthetic\n"
      "  recsae bench synthetic --preset medium --architecture matryoshka,batch-topk --seed 1,2,3\n"
      "  recsae bench synthetic --preset 16k --architecture matryoshka --checkpoints bench\n\n"
      "Rows are made as SynthSAEBench makes them: more features than dimensions, which fire by\n"
      "Zipf's law, together, and in trees. Each dictionary is read by its own rule and by "
      "pursuit.\n"
      "F1: each latent as a detector of the feature it points at most. MCC: cosine of latents and\n"
      "features matched one to one. Unique: latents that point at a feature of their own.\n"
      "Beside them stand dictionaries that nobody trained, and the truth itself.\n"
      "docs/known-truth.md has definitions and results.",
      Declare, Run);
}

}  // namespace recsae::cli
