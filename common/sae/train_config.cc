// The recipes and the checks on a training configuration.
#include "common/sae/train_config.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"

namespace recsae::sae {
namespace {

constexpr int kLatentsPerDim = 16;  // s
constexpr size_t kMaxPrefixes = 16;

// More is a slip of the finger.

bool IsShare(double value) { return value >= 0.0 && value <= 1.0; }

void FindPrefixViolations(const TrainConfig& config, std::vector<ConfigViolation>& violations) {
  const std::vector<int>& prefixes = config.matryoshka_prefixes;
  const auto add = [&](std::string description) {
    violations.push_back({"matryoshka_prefixes", std::move(description)});
  };
  if (!prefixes.empty() && (config.architecture == Architecture::kJumpRelu ||
                            config.architecture == Architecture::kRelu)) {
    add("are for TopK and BatchTopK alone");
  }
  if (prefixes.size() > kMaxPrefixes) {
    add(absl::StrCat("are ", prefixes.size(), "; expected at most ", kMaxPrefixes));
  }
  int last = 0;
  for (int prefix : prefixes) {
    if (prefix <= last || prefix > config.latents) {
      add(absl::StrCat("hold ", prefix, " after ", last,
                       "; expected rising numbers of at most latents, ", config.latents));
      return;
    }
    last = prefix;
  }
}

}  // namespace

TrainConfig DefaultConfig(int dim) {
  TrainConfig config;
  config.latents = kLatentsPerDim * dim;
  return config;
}

int DefaultLatents(int dim, int64_t distinct_rows) {
  constexpr int64_t kPerDim = 8;
  constexpr uint64_t kFewest = 32;
  constexpr uint64_t kMost = 1 << 20;
  const int64_t most = std::min(kPerDim * dim, distinct_rows / kRowsPerLatent);
  return static_cast<int>(std::clamp(
      std::bit_floor(static_cast<uint64_t>(std::max<int64_t>(most, 0))), kFewest, kMost));
}

std::vector<int> DefaultPrefixes(int latents) {
  constexpr int kFewest = 4;
  std::vector<int> prefixes;
  for (const int part : {64, 16, 4}) {
    if (latents / part >= kFewest) prefixes.push_back(latents / part);
  }
  return prefixes;
}

TrainConfig PaperConfig(int dim) {
  TrainConfig config = DefaultConfig(dim);
  config.architecture = Architecture::kTopKSigned;
  config.encoder_bias = false;
  config.normalise_inputs = false;
  config.learning_rate = 1e-4;
  config.epsilon = 1e-8;
  config.warmup_fraction = 0.0;
  config.decay_fraction = 0.0;
  config.clip_norm = 0.0;
  config.batch_rows = 16;
  return config;
}

int AnnealedK(const TrainConfig& config, int64_t step, int64_t total_steps) {
  const bool selects_k =
      config.architecture != Architecture::kJumpRelu && config.architecture != Architecture::kRelu;
  const double steps = config.k_anneal_fraction * static_cast<double>(total_steps);
  const auto done = static_cast<double>(step);
  if (!selects_k || !(done < steps)) return config.k;
  const double factor = config.k_anneal_from + (1.0 - config.k_anneal_from) * (done / steps);
  // Of configurations that have not been checked, anything.
  const double k = std::max(config.k * factor, 0.0);
  return k < config.latents ? static_cast<int>(std::lround(k)) : config.latents;
}

int MostK(const TrainConfig& config) { return AnnealedK(config, 0, 1); }

bool HasAuxLoss(const TrainConfig& config) {
  return config.revival == Revival::kAuxLoss && config.aux_weight > 0.0;
}

int64_t MostLatentsPerRow(const TrainConfig& config) {
  const int64_t code = SelectsTopK(config.architecture) ? MostK(config) : config.latents;
  const int64_t dead = HasAuxLoss(config) ? std::min(config.aux_k, config.latents) : 0;
  return std::max(code + dead, static_cast<int64_t>(config.matryoshka_prefixes.size()) + 2);
}

std::vector<ConfigViolation> FindViolations(const TrainConfig& config) {
  std::vector<ConfigViolation> violations;
  const auto require = [&](bool good, const char* field, const auto& value, const char* expected) {
    if (good) return;
    violations.push_back({field, absl::StrCat("is ", value, "; expected ", expected)});
  };
  require(config.latents >= 1, "latents", config.latents, "at least 1");
  require(config.k >= 1, "k", config.k, "at least 1");
  if (config.k > config.latents) {
    violations.push_back(
        {"k", absl::StrCat("is ", config.k, "; expected at most latents, ", config.latents)});
  }
  const auto architecture = static_cast<int>(config.architecture);
  require(architecture >= static_cast<int>(Architecture::kTopK) &&
              architecture <= static_cast<int>(Architecture::kPursuit),
          "architecture", architecture, "a known architecture");
  FindPrefixViolations(config, violations);
  require(config.sparsity_weight >= 0.0 && std::isfinite(config.sparsity_weight), "sparsity_weight",
          config.sparsity_weight, "a finite number, at least 0");
  if (config.architecture == Architecture::kJumpRelu) {
    require(config.sparsity_weight > 0.0, "sparsity_weight", config.sparsity_weight, "above 0");
    require(config.bandwidth > 0.0 && std::isfinite(config.bandwidth), "bandwidth",
            config.bandwidth, "a finite number above 0");
    require(config.initial_threshold > 0.0 && std::isfinite(config.initial_threshold),
            "initial_threshold", config.initial_threshold, "a finite number above 0");
  }
  const auto revival = static_cast<int>(config.revival);
  require(
      revival >= static_cast<int>(Revival::kAuxLoss) && revival <= static_cast<int>(Revival::kNone),
      "revival", revival, "a known way to revive latents");
  require(config.resample_every_rows >= 1, "resample_every_rows", config.resample_every_rows,
          "at least 1");
  require(config.decay_shape == DecayShape::kLinear || config.decay_shape == DecayShape::kCosine,
          "decay_shape", static_cast<int>(config.decay_shape), "a known shape");
  require(config.aux_weight >= 0.0 && std::isfinite(config.aux_weight), "aux_weight",
          config.aux_weight, "a finite number, at least 0");
  require(config.aux_k >= 0, "aux_k", config.aux_k, "at least 0");
  require(config.dead_after_rows >= 1, "dead_after_rows", config.dead_after_rows, "at least 1");
  require(config.learning_rate > 0.0 && std::isfinite(config.learning_rate), "learning_rate",
          config.learning_rate, "a finite number above 0");
  require(config.decoder_rate > 0.0 && config.decoder_rate <= kMostDecoderRate, "decoder_rate",
          config.decoder_rate, "a number in (0, 1000]");
  require(config.initial_decoder == InitialDecoder::kRandom ||
              config.initial_decoder == InitialDecoder::kRows,
          "initial_decoder", static_cast<int>(config.initial_decoder), "a known start");
  require(config.beta1 >= 0.0 && config.beta1 < 1.0, "beta1", config.beta1, "a number in [0, 1)");
  require(config.beta2 >= 0.0 && config.beta2 < 1.0, "beta2", config.beta2, "a number in [0, 1)");
  require(config.epsilon > 0.0 && std::isfinite(config.epsilon), "epsilon", config.epsilon,
          "a finite number above 0");
  require(config.k_anneal_from >= 1.0 && config.k_anneal_from <= kMostAnneal, "k_anneal_from",
          config.k_anneal_from, "a number in [1, 1000]");
  require(IsShare(config.k_anneal_fraction), "k_anneal_fraction", config.k_anneal_fraction,
          "a number in [0, 1]");
  require(IsShare(config.warmup_fraction), "warmup_fraction", config.warmup_fraction,
          "a number in [0, 1]");
  require(IsShare(config.decay_fraction), "decay_fraction", config.decay_fraction,
          "a number in [0, 1]");
  if (IsShare(config.warmup_fraction) && IsShare(config.decay_fraction)) {
    require(config.warmup_fraction + config.decay_fraction <= 1.0, "decay_fraction",
            config.decay_fraction, "at most 1 together with warmup_fraction");
  }
  require(config.clip_norm >= 0.0 && std::isfinite(config.clip_norm), "clip_norm", config.clip_norm,
          "a finite number, at least 0");
  require(config.batch_rows >= 1, "batch_rows", config.batch_rows, "at least 1");
  const int64_t per_row = MostLatentsPerRow(config);
  if (config.batch_rows > kMaxContributions / per_row) {
    violations.push_back(
        {"batch_rows",
         absl::StrCat("is ", config.batch_rows, "; expected at most ", kMaxContributions / per_row,
                      " where ", per_row, " latents may take part in each row")});
  }
  return violations;
}

}  // namespace recsae::sae
