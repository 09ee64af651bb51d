#include "services/trainer/run/training_config.h"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <thread>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae::trainer {
namespace {

using concept_store::v1::Sae;
using v1::EarlyStop;
using v1::TrainingConfig;

constexpr int kMaxLatents = 1 << 20;
constexpr int kMaxBatchRows = 1 << 16;
constexpr int kMaxEpochs = 100'000;
constexpr int kMaxThreads = 256;
constexpr int kPaperExpansion = 16;
constexpr int kDefaultEpochs = 24;
constexpr int kPaperEpochs = 50;
constexpr double kDefaultAnnealFrom = 2.0;
constexpr double kDefaultAnnealFraction = 0.9;
constexpr double kDefaultCheckpointSeconds = 10.0;
constexpr double kDefaultJumpReluWeight = 1.0;
constexpr int kDefaultPatience = 3;
constexpr int64_t kDefaultEarlyStopRows = 20'000;

constexpr double kHuge = std::numeric_limits<double>::max();
constexpr double kTiny = std::numeric_limits<double>::min();
constexpr int64_t kManyRows = std::numeric_limits<int64_t>::max();

bool IsPaper(const TrainingConfig& config) {
  return config.preset() == TrainingConfig::PRESET_PAPER;
}

// Adds violations of the configuration at `path`.
class Checker {
 public:
  Checker(const std::string& path, BadRequest& bad) : path_(path), bad_(bad) {}

  void Add(const char* field, absl::string_view description) {
    bad_.Add(absl::StrCat(path_, ".", field), description);
  }
  void Add(const char* field, const absl::Status& status) {
    bad_.Add(absl::StrCat(path_, ".", field), status);
  }
  // A violation unless low <= value <= high; NaN never is.
  template <typename T>
  void Range(const char* field, T value, T low, T high) {
    if (value >= low && value <= high) return;
    Add(field, absl::StrCat("must be from ", low, " to ", high, ", is ", value));
  }
  // A violation where a field is set that means nothing with what was chosen.
  void OnlyFor(const char* field, bool set, bool meant, const char* whom) {
    if (set && !meant) Add(field, absl::StrCat("is for ", whom, " alone; leave it out"));
  }
  void Known(const char* field, bool known, int value) {
    if (!known) Add(field, absl::StrCat("is unknown: ", value));
  }

 private:
  const std::string& path_;
  BadRequest& bad_;
};

void CheckEnums(const TrainingConfig& config, Checker& check) {
  check.Known("preset", TrainingConfig::Preset_IsValid(config.preset()), config.preset());
  check.Known("architecture", Sae::Architecture_IsValid(config.architecture()),
              config.architecture());
  check.Known("revival", TrainingConfig::Revival_IsValid(config.revival()), config.revival());
  check.Known("initial_decoder", TrainingConfig::InitialDecoder_IsValid(config.initial_decoder()),
              config.initial_decoder());
  check.Known("decay", TrainingConfig::Decay_IsValid(config.decay()), config.decay());
  check.Known("early_stop.metric", EarlyStop::Metric_IsValid(config.early_stop().metric()),
              config.early_stop().metric());
}

// Violations of what was asked for, which filling in would hide.
void CheckFit(const TrainingConfig& config, Checker& check) {
  const bool jump_relu = config.architecture() == Sae::ARCHITECTURE_JUMP_RELU;
  const bool relu = config.architecture() == Sae::ARCHITECTURE_RELU;
  check.OnlyFor("matryoshka_prefixes", config.matryoshka_prefixes_size() > 0, !jump_relu && !relu,
                "PURSUIT, TOPK, TOPK_SIGNED and BATCH_TOPK");
  if (config.without_prefixes() && config.matryoshka_prefixes_size() > 0) {
    check.Add("without_prefixes", "contradicts matryoshka_prefixes; leave out one of them");
  }
  const bool anneals = config.has_k_anneal_from() || config.has_k_anneal_fraction();
  check.OnlyFor("k_anneal_from", anneals, !jump_relu && !relu,
                "PURSUIT, TOPK, TOPK_SIGNED and BATCH_TOPK");
  check.OnlyFor("sparsity_weight", config.has_sparsity_weight(), jump_relu || relu,
                "JUMP_RELU and RELU");
  check.OnlyFor("bandwidth", config.has_bandwidth(), jump_relu, "JUMP_RELU");
  const bool auxiliary = config.revival() == TrainingConfig::REVIVAL_AUXILIARY_LOSS;
  check.OnlyFor("k_aux", config.has_k_aux(), auxiliary, "REVIVAL_AUXILIARY_LOSS");
  check.OnlyFor("aux_alpha", config.has_aux_alpha(), auxiliary, "REVIVAL_AUXILIARY_LOSS");
  check.OnlyFor("resample_every_rows", config.has_resample_every_rows(),
                config.revival() == TrainingConfig::REVIVAL_RESAMPLING, "REVIVAL_RESAMPLING");
}

// What decides which other fields there are.
void FillInChoices(TrainingConfig& out) {
  if (out.preset() == TrainingConfig::PRESET_UNSPECIFIED) {
    out.set_preset(TrainingConfig::PRESET_DEFAULT);
  }
  if (out.architecture() == Sae::ARCHITECTURE_UNSPECIFIED) {
    out.set_architecture(IsPaper(out) ? Sae::ARCHITECTURE_TOPK_SIGNED
                                      : Sae::ARCHITECTURE_BATCH_TOPK);
  }
  if (out.revival() == TrainingConfig::REVIVAL_UNSPECIFIED) {
    out.set_revival(TrainingConfig::REVIVAL_AUXILIARY_LOSS);
  }
  if (out.initial_decoder() == TrainingConfig::INITIAL_DECODER_UNSPECIFIED) {
    out.set_initial_decoder(TrainingConfig::INITIAL_DECODER_RANDOM);
  }
  if (out.decay() == TrainingConfig::DECAY_UNSPECIFIED) out.set_decay(TrainingConfig::DECAY_LINEAR);
}

void FillInEarlyStop(EarlyStop& out) {
  if (out.metric() == EarlyStop::METRIC_UNSPECIFIED) out.set_metric(EarlyStop::METRIC_FVU);
  if (!out.has_patience()) out.set_patience(kDefaultPatience);
  if (!out.has_max_rows()) out.set_max_rows(kDefaultEarlyStopRows);
}

// Who says one of the two means to have it.
void FillInAnnealing(TrainingConfig& out) {
  if (!out.has_k_anneal_from() && !out.has_k_anneal_fraction()) return;
  if (!out.has_k_anneal_from()) out.set_k_anneal_from(kDefaultAnnealFrom);
  if (!out.has_k_anneal_fraction()) out.set_k_anneal_fraction(kDefaultAnnealFraction);
}

void FillInValues(TrainingConfig& out) {
  const sae::TrainConfig preset = IsPaper(out) ? sae::PaperConfig(1) : sae::DefaultConfig(1);
  if (IsPaper(out) && !out.has_expansion_factor()) out.set_expansion_factor(kPaperExpansion);
  if (!out.has_k()) out.set_k(preset.k);
  FillInAnnealing(out);
  if (!out.has_dead_after_rows()) out.set_dead_after_rows(preset.dead_after_rows);
  if (!out.has_learning_rate()) out.set_learning_rate(preset.learning_rate);
  if (!out.has_decoder_rate()) out.set_decoder_rate(preset.decoder_rate);
  if (!out.has_warmup_fraction()) out.set_warmup_fraction(preset.warmup_fraction);
  if (!out.has_decay_fraction()) out.set_decay_fraction(preset.decay_fraction);
  if (!out.has_batch_rows()) out.set_batch_rows(preset.batch_rows);
  if (!out.has_epoch_count()) out.set_epoch_count(IsPaper(out) ? kPaperEpochs : kDefaultEpochs);
  if (!out.has_gradient_clip()) out.set_gradient_clip(preset.clip_norm);
  if (!out.has_seed()) out.set_seed(0);
  if (!out.has_checkpoint_seconds()) out.set_checkpoint_seconds(kDefaultCheckpointSeconds);
  if (out.revival() == TrainingConfig::REVIVAL_AUXILIARY_LOSS && !out.has_aux_alpha()) {
    out.set_aux_alpha(preset.aux_weight);
  }
  if (out.revival() == TrainingConfig::REVIVAL_RESAMPLING && !out.has_resample_every_rows()) {
    out.set_resample_every_rows(preset.resample_every_rows);
  }
  if (out.architecture() == Sae::ARCHITECTURE_JUMP_RELU) {
    if (!out.has_sparsity_weight()) out.set_sparsity_weight(kDefaultJumpReluWeight);
    if (!out.has_bandwidth()) out.set_bandwidth(preset.bandwidth);
  }
  if (out.has_early_stop()) FillInEarlyStop(*out.mutable_early_stop());
}

void CheckRanges(const TrainingConfig& config, Checker& check) {
  if (config.has_latent_count()) check.Range("latent_count", config.latent_count(), 1, kMaxLatents);
  if (config.has_expansion_factor()) {
    check.Range("expansion_factor", config.expansion_factor(), 1, kMaxLatents);
  }
  check.Range("k", config.k(), 1, kMaxLatents);
  if (config.has_k_aux()) check.Range("k_aux", config.k_aux(), 1, kMaxLatents);
  if (config.has_k_anneal_from()) {
    check.Range("k_anneal_from", config.k_anneal_from(), 1.0, sae::kMostAnneal);
  }
  if (config.has_k_anneal_fraction()) {
    check.Range("k_anneal_fraction", config.k_anneal_fraction(), 0.0, 1.0);
  }
  check.Range("aux_alpha", config.aux_alpha(), 0.0, kHuge);
  check.Range("dead_after_rows", config.dead_after_rows(), int64_t{1}, kManyRows);
  if (config.has_resample_every_rows()) {
    check.Range("resample_every_rows", config.resample_every_rows(), int64_t{1}, kManyRows);
  }
  if (config.has_sparsity_weight()) {
    check.Range("sparsity_weight", config.sparsity_weight(), kTiny, kHuge);
  }
  if (config.has_bandwidth()) check.Range("bandwidth", config.bandwidth(), kTiny, kHuge);
  check.Range("learning_rate", config.learning_rate(), kTiny, 1.0);
  check.Range("decoder_rate", config.decoder_rate(), kTiny, sae::kMostDecoderRate);
  check.Range("warmup_fraction", config.warmup_fraction(), 0.0, 1.0);
  check.Range("decay_fraction", config.decay_fraction(), 0.0, 1.0);
  if (config.warmup_fraction() + config.decay_fraction() > 1.0) {
    check.Add("decay_fraction",
              absl::StrCat("is ", config.decay_fraction(), " with a warmup_fraction of ",
                           config.warmup_fraction(), "; together they must be at most 1"));
  }
  check.Range("batch_rows", config.batch_rows(), 1, kMaxBatchRows);
  check.Range("epoch_count", config.epoch_count(), 1, kMaxEpochs);
  check.Range("gradient_clip", config.gradient_clip(), 0.0, kHuge);
  check.Range("thread_count", config.thread_count(), 0, kMaxThreads);
  check.Range("checkpoint_seconds", config.checkpoint_seconds(), 0.0, kHuge);
}

void CheckEarlyStop(const EarlyStop& early_stop, Checker& check) {
  check.Add(
      "early_stop.capture",
      ParseName(early_stop.capture(), "recommenders/{recommender}/captures/{capture}").status());
  check.Range("early_stop.patience", early_stop.patience(), 1, kMaxEpochs);
  check.Range("early_stop.max_rows", early_stop.max_rows(), int64_t{1}, kManyRows);
}

// By default there are as many latents as the data bears, but not fewer than what was asked for
// needs as far as so many may be had.
int LatentsFor(const TrainingConfig& config, const DataShape& data) {
  int needed = config.k();
  for (const int prefix : config.matryoshka_prefixes()) needed = std::max(needed, prefix);
  const auto enough = std::bit_ceil(static_cast<uint32_t>(std::clamp(needed, 1, kMaxLatents)));
  return std::max(sae::DefaultLatents(data.dim, data.distinct_rows),
                  std::min(static_cast<int>(enough), sae::DefaultLatents(data.dim, kAnyRows)));
}

// The number of latents follows from the data unless it was given.
void FillInLatents(TrainingConfig& out, const DataShape& data, Checker& check) {
  if (out.revival() == TrainingConfig::REVIVAL_AUXILIARY_LOSS && !out.has_k_aux()) {
    out.set_k_aux(std::max(1, data.dim / 2));
  }
  if (out.has_latent_count()) return;
  if (!out.has_expansion_factor()) {
    if (data.distinct_rows > 0) out.set_latent_count(LatentsFor(out, data));
    return;
  }
  if (out.expansion_factor() < 1) return;
  const int64_t latents = int64_t{data.dim} * out.expansion_factor();
  check.Range("expansion_factor", latents, int64_t{1}, int64_t{kMaxLatents});
  out.set_latent_count(static_cast<int>(std::min<int64_t>(latents, kMaxLatents)));
}

// Broad first and specific after, where the recipe is the default one.
void FillInPrefixes(TrainingConfig& out) {
  if (IsPaper(out) || out.architecture() != Sae::ARCHITECTURE_BATCH_TOPK ||
      out.matryoshka_prefixes_size() > 0 || out.without_prefixes() || !out.has_latent_count()) {
    return;
  }
  for (const int prefix : sae::DefaultPrefixes(out.latent_count())) {
    out.add_matryoshka_prefixes(prefix);
  }
}

// What must not be more than there are latents; any number as long as that is not known.
void CheckAgainstLatents(const TrainingConfig& config, Checker& check) {
  if (config.has_latent_count() && config.latent_count() >= 1 &&
      config.k() > config.latent_count()) {
    check.Add("k", absl::StrCat("must be at most latent_count, ", config.latent_count(), ", is ",
                                config.k()));
  }
  sae::TrainConfig engine = ToEngine(config);
  if (!config.has_latent_count()) engine.latents = kMaxLatents;
  if (!sae::SelectsTopK(engine.architecture)) engine.architecture = sae::Architecture::kBatchTopK;
  for (const sae::ConfigViolation& violation : FindViolations(engine)) {
    if (violation.field == "matryoshka_prefixes") {
      check.Add("matryoshka_prefixes", violation.description);
    }
    // Too many for as many latents; too few are found by CheckRanges.
    if (violation.field == "batch_rows" && config.has_latent_count() && config.batch_rows() >= 1) {
      check.Add("batch_rows", violation.description);
    }
  }
}

// "topk-signed" of ARCHITECTURE_TOPK_SIGNED; `prefix` is left out of the name.
std::string Spelled(const std::string& name, absl::string_view prefix) {
  return absl::AsciiStrToLower(absl::StrReplaceAll(absl::StripPrefix(name, prefix), {{"_", "-"}}));
}

// An L1 weight that is not given follows k.
std::string SparsityWeightText(const TrainingConfig& config) {
  return config.has_sparsity_weight() ? absl::StrCat(config.sparsity_weight()) : "adapted";
}

}  // namespace

TrainingConfig FillIn(const TrainingConfig& config, const DataShape& data, const std::string& path,
                      BadRequest& bad) {
  Checker check(path, bad);
  TrainingConfig out = config;
  CheckEnums(out, check);
  FillInChoices(out);
  CheckFit(out, check);
  FillInValues(out);
  CheckRanges(out, check);
  if (out.has_early_stop()) CheckEarlyStop(out.early_stop(), check);
  if (out.thread_count() == 0) {
    out.set_thread_count(static_cast<int>(std::max(1u, std::thread::hardware_concurrency())));
  }
  if (data.dim > 0) FillInLatents(out, data, check);
  FillInPrefixes(out);
  CheckAgainstLatents(out, check);
  return out;
}

std::string QualityWarning(double fvu, double dead_fraction) {
  if (dead_fraction >= 1) {
    return "none of its latents fires on any row: it is of no use; try a smaller learning rate or "
           "sparsity_weight, or more epochs";
  }
  if (fvu <= 1) return "";
  return absl::StrFormat(
      "FVU is %.4g, above 1: it reconstructs worse than the mean of the activations would, and its "
      "latents say little; try a smaller learning rate, more epochs or a larger k",
      fvu);
}

std::string LatentsWarning(const TrainingConfig& filled_in, int64_t distinct_rows) {
  const int64_t most = distinct_rows / sae::kRowsPerLatent;
  if (filled_in.latent_count() <= most) return "";
  return absl::StrCat(filled_in.latent_count(), " latents were trained on ", distinct_rows,
                      " distinct activations, fewer than ", sae::kRowsPerLatent,
                      " for each: latents may stand for single rows rather than for concepts; ",
                      "record more users, or lower latent_count to at most ",
                      std::max<int64_t>(most, 1));
}

sae::TrainConfig ToEngine(const TrainingConfig& filled_in) {
  sae::TrainConfig config = IsPaper(filled_in) ? sae::PaperConfig(1) : sae::DefaultConfig(1);
  config.architecture = static_cast<sae::Architecture>(filled_in.architecture());
  config.latents = filled_in.latent_count();
  config.k = filled_in.k();
  if (filled_in.has_k_anneal_from()) {
    config.k_anneal_from = filled_in.k_anneal_from();
    config.k_anneal_fraction = filled_in.k_anneal_fraction();
  }
  config.matryoshka_prefixes.assign(filled_in.matryoshka_prefixes().begin(),
                                    filled_in.matryoshka_prefixes().end());
  config.sparsity_weight = filled_in.sparsity_weight();
  if (filled_in.has_bandwidth()) config.bandwidth = filled_in.bandwidth();
  config.dead_after_rows = filled_in.dead_after_rows();
  config.revival = static_cast<sae::Revival>(filled_in.revival());
  config.aux_k = filled_in.k_aux();
  config.aux_weight = filled_in.aux_alpha();
  if (filled_in.has_resample_every_rows()) {
    config.resample_every_rows = filled_in.resample_every_rows();
  }
  config.learning_rate = filled_in.learning_rate();
  config.decoder_rate = filled_in.decoder_rate();
  config.initial_decoder = static_cast<sae::InitialDecoder>(filled_in.initial_decoder());
  config.warmup_fraction = filled_in.warmup_fraction();
  config.decay_fraction = filled_in.decay_fraction();
  config.decay_shape = static_cast<sae::DecayShape>(filled_in.decay());
  config.batch_rows = filled_in.batch_rows();
  config.clip_norm = filled_in.gradient_clip();
  config.seed = filled_in.seed();
  return config;
}

std::map<std::string, std::string> AsText(const TrainingConfig& filled_in) {
  std::map<std::string, std::string> text = {
      {"preset", Spelled(TrainingConfig::Preset_Name(filled_in.preset()), "PRESET_")},
      {"architecture", Spelled(Sae::Architecture_Name(filled_in.architecture()), "ARCHITECTURE_")},
      {"k", absl::StrCat(filled_in.k())},
      {"revival", Spelled(TrainingConfig::Revival_Name(filled_in.revival()), "REVIVAL_")},
      {"dead_after_rows", absl::StrCat(filled_in.dead_after_rows())},
      {"learning_rate", absl::StrCat(filled_in.learning_rate())},
      {"decoder_rate", absl::StrCat(filled_in.decoder_rate())},
      {"initial_decoder", Spelled(TrainingConfig::InitialDecoder_Name(filled_in.initial_decoder()),
                                  "INITIAL_DECODER_")},
      {"warmup_fraction", absl::StrCat(filled_in.warmup_fraction())},
      {"decay_fraction", absl::StrCat(filled_in.decay_fraction())},
      {"decay", Spelled(TrainingConfig::Decay_Name(filled_in.decay()), "DECAY_")},
      {"batch_rows", absl::StrCat(filled_in.batch_rows())},
      {"epochs", absl::StrCat(filled_in.epoch_count())},
      {"gradient_clip", absl::StrCat(filled_in.gradient_clip())},
      {"seed", absl::StrCat(filled_in.seed())},
  };
  if (filled_in.has_k_anneal_from()) {
    text["k_anneal_from"] = absl::StrCat(filled_in.k_anneal_from());
    text["k_anneal_fraction"] = absl::StrCat(filled_in.k_anneal_fraction());
  }
  if (filled_in.has_latent_count()) text["latents"] = absl::StrCat(filled_in.latent_count());
  if (filled_in.without_prefixes()) text["matryoshka_prefixes"] = "none";
  if (filled_in.matryoshka_prefixes_size() > 0) {
    text["matryoshka_prefixes"] = absl::StrJoin(filled_in.matryoshka_prefixes(), ",");
  }
  if (filled_in.revival() == TrainingConfig::REVIVAL_AUXILIARY_LOSS) {
    text["k_aux"] = absl::StrCat(filled_in.k_aux());
    text["aux_alpha"] = absl::StrCat(filled_in.aux_alpha());
  }
  if (filled_in.revival() == TrainingConfig::REVIVAL_RESAMPLING) {
    text["resample_every_rows"] = absl::StrCat(filled_in.resample_every_rows());
  }
  if (filled_in.architecture() == Sae::ARCHITECTURE_RELU ||
      filled_in.architecture() == Sae::ARCHITECTURE_JUMP_RELU) {
    text["sparsity_weight"] = SparsityWeightText(filled_in);
  }
  if (filled_in.has_bandwidth()) text["bandwidth"] = absl::StrCat(filled_in.bandwidth());
  if (filled_in.has_early_stop()) {
    const EarlyStop& early_stop = filled_in.early_stop();
    text["early_stop"] = early_stop.capture();
    text["early_stop_metric"] = Spelled(EarlyStop::Metric_Name(early_stop.metric()), "METRIC_");
    text["early_stop_patience"] = absl::StrCat(early_stop.patience());
    text["early_stop_max_rows"] = absl::StrCat(early_stop.max_rows());
  }
  return text;
}

std::string Differences(const Sae& made, const std::string& capture, const std::string& capture_uid,
                        const TrainingConfig& filled_in) {
  std::vector<std::string> all;
  if (made.capture() != capture) {
    all.push_back(absl::StrCat("capture is ", made.capture(), ", asked for ", capture));
  } else if (!made.capture_uid().empty() && !capture_uid.empty() &&
             made.capture_uid() != capture_uid) {
    all.push_back(absl::StrCat(capture, " was made anew since"));
  }
  for (const auto& [name, value] : AsText(filled_in)) {
    const auto known = made.report().hyper_parameters().find(name);
    if (known == made.report().hyper_parameters().end() || known->second == value) continue;
    all.push_back(absl::StrCat(name, " is ", known->second, ", asked for ", value));
  }
  return absl::StrJoin(all, "; ");
}

}  // namespace recsae::trainer
