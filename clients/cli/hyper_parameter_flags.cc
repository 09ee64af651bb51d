#include "clients/cli/hyper_parameter_flags.h"

#include "absl/strings/ascii.h"

namespace recsae::cli {

using probe::v1::HyperParameters;
using trainer::v1::TrainingConfig;

void AddRecommenderFlags(CLI::App& command, const std::string& prefix, RecommenderFlags& flags) {
  const auto add = [&](const char* flag, auto& value, const char* type, const char* what) {
    command.add_option("--" + prefix + flag, value, what)
        ->type_name(type)
        ->group("Training of the recommender");
  };
  add("epochs", flags.epochs, "N", "At most so many epochs [default: 200; softmax: 14]");
  add("patience", flags.patience, "N",
      "Epochs without a better dev NDCG before stopping [default: 10]");
  add("loss", flags.loss, "bpr|softmax", "[default: softmax for sasrec, bpr for bprmf]");
  add("embedding-dim", flags.embedding_dim, "N", "Length of an activation [default: 64]");
  add("learning-rate", flags.learning_rate, "RATE", "Adam's [default: 1e-3; softmax: 3e-3]");
  add("l2", flags.l2, "WEIGHT", "Weight decay");
  add("batch-size", flags.batch_size, "N", "Interactions (bprmf) or sequences (sasrec) a step");
  add("history", flags.history, "N", "Items of history read; sasrec only [default: 20]");
  add("layers", flags.layers, "N", "Transformer layers; sasrec only [default: 2]");
  add("heads", flags.heads, "N", "Attention heads; sasrec only [default: 1]");
  add("dropout", flags.dropout, "SHARE", "Dropout; sasrec only [default: 0.2]");
  command.get_option("--" + prefix + "loss")->check(CLI::IsMember({"bpr", "softmax"}));
}

void AddSaeFlags(CLI::App& command, const std::string& prefix, SaeFlags& flags) {
  const std::string group = "Training of the SAE";
  const auto add = [&](const std::string& flag, auto& value, const char* type, const char* what) {
    command.add_option("--" + flag, value, what)->type_name(type)->group(group);
  };
  command.add_option("--preset", flags.preset, "Recipe: good practice, or as the RecSAE paper")
      ->check(CLI::IsMember({"default", "paper"}))
      ->capture_default_str()
      ->group(group);
  add("expansion", flags.expansion, "N", "Latents per activation dimension [default: 16]");
  add("latents", flags.latents, "N", "Latents [default: expansion x dimension]");
  add("k", flags.k, "N", "Latents active at a time [default: 8]");
  add(prefix + "epochs", flags.epochs, "N", "Passes over the capture [default: 24; paper: 50]");
  add(prefix + "batch-rows", flags.batch_rows, "N", "Rows a step [default: 1024; paper: 16]");
  add(prefix + "learning-rate", flags.learning_rate, "RATE", "[default: 1e-3; paper: 1e-4]");
  add(prefix + "warmup", flags.warmup_fraction, "SHARE", "Steps in which the rate rises");
  add(prefix + "decay", flags.decay_fraction, "SHARE", "Steps, at the end, in which it falls");
  add(prefix + "gradient-clip", flags.gradient_clip, "NORM", "Largest gradient; 0 = any");
  add(prefix + "k-aux", flags.k_aux, "N", "Dead latents in the auxiliary loss [default: d/2]");
  add(prefix + "aux-alpha", flags.aux_alpha, "WEIGHT", "Its weight [default: 1/32]");
  add(prefix + "dead-after-rows", flags.dead_after_rows, "N",
      "Rows without firing after which a latent counts as dead");
  add(prefix + "checkpoint-seconds", flags.checkpoint_seconds, "SECONDS",
      "Time between checkpoints [default: 10]");
  add(prefix + "threads", flags.threads, "N",
      "Threads; any number gives the same SAE [default: all cores]");
}

probe::v1::Recommender::Kind ParseKind(const std::string& kind) {
  probe::v1::Recommender::Kind parsed = probe::v1::Recommender::KIND_UNSPECIFIED;
  probe::v1::Recommender::Kind_Parse(absl::AsciiStrToUpper(kind), &parsed);
  return parsed;
}

HyperParameters MakeHyperParameters(const RecommenderFlags& flags, uint64_t seed) {
  HyperParameters out;
  if (flags.embedding_dim) out.set_embedding_dim(*flags.embedding_dim);
  if (flags.learning_rate) out.set_learning_rate(*flags.learning_rate);
  if (flags.l2) out.set_l2(*flags.l2);
  if (flags.history) out.set_history(*flags.history);
  if (flags.layers) out.set_layers(*flags.layers);
  if (flags.heads) out.set_heads(*flags.heads);
  if (flags.dropout) out.set_dropout(*flags.dropout);
  if (flags.loss == "bpr") out.set_loss(HyperParameters::BPR);
  if (flags.loss == "softmax") out.set_loss(HyperParameters::SOFTMAX);
  if (flags.epochs) out.set_epochs(*flags.epochs);
  if (flags.patience) out.set_patience(*flags.patience);
  if (flags.batch_size) out.set_batch_size(*flags.batch_size);
  out.set_seed(seed);
  return out;
}

TrainingConfig MakeTrainingConfig(const SaeFlags& flags, uint64_t seed) {
  TrainingConfig out;
  out.set_preset(flags.preset == "paper" ? TrainingConfig::PRESET_PAPER
                                         : TrainingConfig::PRESET_DEFAULT);
  if (flags.latents) out.set_latents(*flags.latents);
  if (flags.expansion) out.set_expansion_factor(*flags.expansion);
  if (flags.k) out.set_k(*flags.k);
  if (flags.k_aux) out.set_k_aux(*flags.k_aux);
  if (flags.aux_alpha) out.set_aux_alpha(*flags.aux_alpha);
  if (flags.dead_after_rows) out.set_dead_after_rows(*flags.dead_after_rows);
  if (flags.learning_rate) out.set_learning_rate(*flags.learning_rate);
  if (flags.warmup_fraction) out.set_warmup_fraction(*flags.warmup_fraction);
  if (flags.decay_fraction) out.set_decay_fraction(*flags.decay_fraction);
  if (flags.batch_rows) out.set_batch_rows(*flags.batch_rows);
  if (flags.epochs) out.set_epochs(*flags.epochs);
  if (flags.gradient_clip) out.set_gradient_clip(*flags.gradient_clip);
  out.set_seed(seed);
  if (flags.threads) out.set_threads(*flags.threads);
  if (flags.checkpoint_seconds) out.set_checkpoint_seconds(*flags.checkpoint_seconds);
  return out;
}

}  // namespace recsae::cli
