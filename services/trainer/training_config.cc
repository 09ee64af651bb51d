#include "services/trainer/training_config.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <thread>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::trainer {
namespace {

using v1::TrainingConfig;

constexpr int kMaxLatents = 1 << 20;
constexpr int kMaxBatchRows = 1 << 16;
constexpr int kMaxEpochs = 100'000;
constexpr int kMaxThreads = 256;
constexpr int kDefaultExpansion = 16;
constexpr int kDefaultEpochs = 24;
constexpr int kPaperEpochs = 50;
constexpr double kDefaultCheckpointSeconds = 10.0;

bool IsPaper(const TrainingConfig& config) {
  return config.preset() == TrainingConfig::PRESET_PAPER;
}

// Adds a violation unless low <= value <= high; NaN never is.
template <typename T>
void CheckRange(const char* field, T value, T low, T high, BadRequest& bad) {
  if (value >= low && value <= high) return;
  bad.Add(absl::StrCat("config.", field),
          absl::StrCat("must be from ", low, " to ", high, ", is ", value));
}

}  // namespace

TrainingConfig FillIn(const TrainingConfig& config, int dim, BadRequest& bad) {
  TrainingConfig out = config;
  if (config.preset() == TrainingConfig::PRESET_UNSPECIFIED) {
    out.set_preset(TrainingConfig::PRESET_DEFAULT);
  } else if (!TrainingConfig::Preset_IsValid(config.preset())) {
    bad.Add("config.preset", absl::StrCat("is unknown: ", static_cast<int>(config.preset())));
  }
  const sae::TrainConfig preset = IsPaper(out) ? sae::PaperConfig(1) : sae::DefaultConfig(1);
  if (!out.has_expansion_factor()) out.set_expansion_factor(kDefaultExpansion);
  if (!out.has_k()) out.set_k(preset.k);
  if (!out.has_aux_alpha()) out.set_aux_alpha(preset.aux_weight);
  if (!out.has_dead_after_rows()) out.set_dead_after_rows(preset.dead_after_rows);
  if (!out.has_learning_rate()) out.set_learning_rate(preset.learning_rate);
  if (!out.has_warmup_fraction()) out.set_warmup_fraction(preset.warmup_fraction);
  if (!out.has_decay_fraction()) out.set_decay_fraction(preset.decay_fraction);
  if (!out.has_batch_rows()) out.set_batch_rows(preset.batch_rows);
  if (!out.has_epochs()) out.set_epochs(IsPaper(out) ? kPaperEpochs : kDefaultEpochs);
  if (!out.has_gradient_clip()) out.set_gradient_clip(preset.clip_norm);
  if (!out.has_seed()) out.set_seed(0);
  if (!out.has_checkpoint_seconds()) out.set_checkpoint_seconds(kDefaultCheckpointSeconds);

  constexpr double kHuge = std::numeric_limits<double>::max();
  constexpr double kTiny = std::numeric_limits<double>::min();
  if (out.has_latents()) CheckRange("latents", out.latents(), 1, kMaxLatents, bad);
  CheckRange("expansion_factor", out.expansion_factor(), 1, kMaxLatents, bad);
  CheckRange("k", out.k(), 1, kMaxLatents, bad);
  if (out.has_k_aux()) CheckRange("k_aux", out.k_aux(), 1, kMaxLatents, bad);
  CheckRange("aux_alpha", out.aux_alpha(), 0.0, kHuge, bad);
  CheckRange("dead_after_rows", out.dead_after_rows(), int64_t{1},
             std::numeric_limits<int64_t>::max(), bad);
  CheckRange("learning_rate", out.learning_rate(), kTiny, 1.0, bad);
  CheckRange("warmup_fraction", out.warmup_fraction(), 0.0, 1.0, bad);
  CheckRange("decay_fraction", out.decay_fraction(), 0.0, 1.0, bad);
  if (out.warmup_fraction() + out.decay_fraction() > 1.0) {
    bad.Add("config.decay_fraction",
            absl::StrCat("is ", out.decay_fraction(), " with a warmup_fraction of ",
                         out.warmup_fraction(), "; together they must be at most 1"));
  }
  CheckRange("batch_rows", out.batch_rows(), 1, kMaxBatchRows, bad);
  CheckRange("epochs", out.epochs(), 1, kMaxEpochs, bad);
  CheckRange("gradient_clip", out.gradient_clip(), 0.0, kHuge, bad);
  CheckRange("threads", out.threads(), 0, kMaxThreads, bad);
  CheckRange("checkpoint_seconds", out.checkpoint_seconds(), 0.0, kHuge, bad);
  if (out.threads() == 0) {
    out.set_threads(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  }

  if (dim != kUnknownDim) {
    if (!out.has_k_aux()) out.set_k_aux(std::max(1, dim / 2));
    if (!out.has_latents() && bad.ok()) {
      const int64_t latents = int64_t{dim} * out.expansion_factor();
      CheckRange("expansion_factor", latents, int64_t{1}, int64_t{kMaxLatents}, bad);
      out.set_latents(static_cast<int>(std::min<int64_t>(latents, kMaxLatents)));
    }
  }
  if (out.has_latents() && out.latents() >= 1 && out.k() > out.latents()) {
    bad.Add("config.k", absl::StrCat("must be at most the number of latents, ", out.latents(),
                                     ", is ", out.k()));
  }
  return out;
}

sae::TrainConfig ToEngine(const TrainingConfig& filled_in) {
  sae::TrainConfig config = IsPaper(filled_in) ? sae::PaperConfig(1) : sae::DefaultConfig(1);
  config.latents = filled_in.latents();
  config.k = filled_in.k();
  config.aux_k = filled_in.k_aux();
  config.aux_weight = filled_in.aux_alpha();
  config.dead_after_rows = filled_in.dead_after_rows();
  config.learning_rate = filled_in.learning_rate();
  config.warmup_fraction = filled_in.warmup_fraction();
  config.decay_fraction = filled_in.decay_fraction();
  config.batch_rows = filled_in.batch_rows();
  config.clip_norm = filled_in.gradient_clip();
  config.seed = filled_in.seed();
  return config;
}

std::map<std::string, std::string> AsText(const TrainingConfig& filled_in) {
  return {
      {"preset", IsPaper(filled_in) ? "paper" : "default"},
      {"latents", absl::StrCat(filled_in.latents())},
      {"k", absl::StrCat(filled_in.k())},
      {"k_aux", absl::StrCat(filled_in.k_aux())},
      {"aux_alpha", absl::StrCat(filled_in.aux_alpha())},
      {"dead_after_rows", absl::StrCat(filled_in.dead_after_rows())},
      {"learning_rate", absl::StrCat(filled_in.learning_rate())},
      {"warmup_fraction", absl::StrCat(filled_in.warmup_fraction())},
      {"decay_fraction", absl::StrCat(filled_in.decay_fraction())},
      {"batch_rows", absl::StrCat(filled_in.batch_rows())},
      {"epochs", absl::StrCat(filled_in.epochs())},
      {"gradient_clip", absl::StrCat(filled_in.gradient_clip())},
      {"seed", absl::StrCat(filled_in.seed())},
  };
}

}  // namespace recsae::trainer
