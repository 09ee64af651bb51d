#include "clients/cli/flags/hyper_parameter_flags.h"

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::cli {

using concept_store::v1::Sae;
using probe::v1::HyperParameters;
using trainer::v1::EarlyStop;
using trainer::v1::TrainingConfig;

namespace {

using Names = std::vector<std::string>;

constexpr char kNoPrefixes[] = "none";

Names ArchitectureNames() {
  Names names;
  for (int i = Sae::ARCHITECTURE_TOPK; i <= Sae::Architecture_MAX; ++i) {
    names.push_back(ArchitectureName(static_cast<Sae::Architecture>(i)));
  }
  return names;
}

// REVIVAL_AUXILIARY_LOSS of "auxiliary-loss"; flags take known names alone.
template <typename Enum>
Enum ParseEnum(const std::string& name, const char* prefix,
               bool (*parse)(google::protobuf::ConstStringParam, Enum*)) {
  Enum value{};
  parse(absl::StrCat(prefix, absl::AsciiStrToUpper(absl::StrReplaceAll(name, {{"-", "_"}}))),
        &value);
  return value;
}

absl::Status AddEarlyStop(const SaeFlags& flags, const std::string& capture, TrainingConfig& out) {
  if (flags.early_stop.empty()) {
    if (flags.early_stop_metric.empty() && !flags.patience && !flags.early_stop_rows) {
      return absl::OkStatus();
    }
    return UsageError(
        "--patience, --early-stop-metric and --early-stop-rows need --early-stop CAPTURE");
  }
  EarlyStop& early_stop = *out.mutable_early_stop();
  RECSAE_ASSIGN_OR_RETURN(*early_stop.mutable_capture(),
                          CaptureName(flags.early_stop, RecommenderOf(capture)));
  if (!flags.early_stop_metric.empty()) {
    early_stop.set_metric(ParseEnum(flags.early_stop_metric, "METRIC_", EarlyStop::Metric_Parse));
  }
  if (flags.patience) early_stop.set_patience(*flags.patience);
  if (flags.early_stop_rows) early_stop.set_max_rows(*flags.early_stop_rows);
  return absl::OkStatus();
}

std::string PrefixError(const std::string& value) {
  int prefix = 0;
  if (value == kNoPrefixes || (absl::SimpleAtoi(value, &prefix) && prefix > 0)) return "";
  return absl::StrCat("is ", value, "; expected a number of latents, or none");
}

absl::Status AddPrefixes(const std::vector<std::string>& prefixes, TrainingConfig& out) {
  for (const std::string& value : prefixes) {
    int prefix = 0;
    if (value == kNoPrefixes) {
      out.set_without_prefixes(true);
    } else if (absl::SimpleAtoi(value, &prefix)) {
      out.add_matryoshka_prefixes(prefix);
    }
  }
  if (!out.without_prefixes() || prefixes.size() == 1) return absl::OkStatus();
  return UsageError(
      absl::StrCat("--matryoshka ", absl::StrJoin(prefixes, ","), ": \"none\" stands alone"));
}

}  // namespace

void AddRecommenderFlags(Command& command, const std::string& prefix, RecommenderFlags& flags) {
  const auto add = [&](const char* flag, auto& value, const char* type, const char* what) {
    command.Add("--" + prefix + flag, value, what).Type(type).Group("Training of the recommender");
  };
  add("epochs", flags.epochs, "N",
      "At most so many epochs [default: 200; softmax: 10, bprmf 20, lightgcn and bert4rec 30]");
  add("patience", flags.patience, "N",
      "Epochs without a better dev NDCG before stopping [default: 10]");
  add("loss", flags.loss, "bpr|softmax", "[default: softmax for sequence models, bpr for others]");
  add("embedding-dim", flags.embedding_dim, "N", "Length of an activation [default: 64]");
  add("learning-rate", flags.learning_rate, "RATE",
      "Adam's [default: 1e-3, lightgcn 2e-2; softmax: 3e-3, lightgcn 6e-2]");
  add("l2", flags.l2, "WEIGHT", "Weight decay");
  add("batch-size", flags.batch_size, "N",
      "Interactions, or (sequence models) windows of history, a step [default: 32 windows; gpt, "
      "bert4rec 16]");
  add("history", flags.history, "N",
      "Items of history read; sequence models [default: 20; gpt, bert4rec 64]");
  add("layers", flags.layers, "N",
      "Transformer layers (sasrec, timirec, gpt, bert4rec) or propagation steps (lightgcn) "
      "[default: "
      "4, 3, 2, 2, 3]");
  add("heads", flags.heads, "N", "Attention heads; sequence models [default: 1; gpt, bert4rec 2]");
  add("dropout", flags.dropout, "SHARE", "Dropout; sequence models [default: 0.1]");
  add("interests", flags.interests, "K", "Interest vectors of a user; timirec [default: 6]");
  add("attention-dim", flags.attention_dim, "N",
      "Width of the attention that pools interests; timirec [default: 8]");
  add("temperature", flags.temperature, "TAU", "Of the distillation; timirec [default: 1]");
  add("pretrain-epochs", flags.pretrain_epochs, "N",
      "At most so many epochs of stage 1; timirec [default: 3; bpr: 200]");
  add("clusters", flags.clusters, "N", "Taste clusters of a member; ecf [default: 64]");
  add("members", flags.members, "N", "Models whose scores are added up; ecf [default: 1]");
  command.Find("--" + prefix + "loss").Must(Check::OneOf({"bpr", "softmax"}));
}

void AddSaeFlags(Command& command, const std::string& prefix, Values values, SaeFlags& flags) {
  const std::string group = "Training of the SAE";
  const auto add = [&](const std::string& flag, auto& value, const char* type, const char* what) {
    return command.Add("--" + flag, value, what).Type(type).Group(group);
  };
  const auto add_list = [&](const std::string& flag, auto& value, const char* type,
                            const std::string& what) {
    Flag option = add(flag, value, type, what.c_str());
    option.OneArgumentEach();
    if (values == Values::kLists) option.SeparatedBy(',');
    return option;
  };
  const auto add_choice = [&](const std::string& flag, auto& value, const auto& names,
                              const char* what) {
    return command.Add("--" + flag, value, what).Must(Check::OneOf(names)).Group(group);
  };
  add_choice("preset", flags.preset, Names({"default", "paper"}),
             "Recipe: good practice, or as the RecSAE paper")
      .ShowDefault();
  add_list("architecture", flags.architecture, "NAME",
           "topk, topk-signed, batch-topk, jump-relu, relu or pursuit [default: batch-topk; "
           "paper: topk-signed]")
      .Must(Check::OneOf(ArchitectureNames()));
  add("expansion", flags.expansion, "N",
      "Latents per activation dimension [default: as --latents; paper: 16]");
  add_list("latents", flags.latents, "N",
           "Latents [default: --expansion x dimension where that is given; else the largest power "
           "of two up to 8 x dimension and 1/16 of the distinct activations, at least 32]");
  add_list("k", flags.k, "N", "Latents active at a time, or on average [default: 8]");
  add(prefix + "k-anneal-from", flags.k_anneal_from, "TIMES",
      "Begin with so many times k latents active [default: 1, which is k throughout; with "
      "--k-anneal 2]");
  add(prefix + "k-anneal", flags.k_anneal_fraction, "SHARE",
      "Steps in which they come down to k [default: with --k-anneal-from 0.9]");
  add("matryoshka", flags.matryoshka, "none|N,N,...",
      "Prefixes of the latents that must reconstruct by themselves; none = train without, also "
      "where some are the default [default: batch-topk: 1/64, 1/16 and 1/4 of the latents; "
      "others: none]")
      .Must(Check(PrefixError))
      .SeparatedBy(',')
      .OneArgumentEach();
  add(prefix + "epochs", flags.epochs, "N",
      "Epochs; repeated activations count as one with a weight [default: 24; paper: 50]");
  add(prefix + "batch-rows", flags.batch_rows, "N", "Rows a step [default: 1024; paper: 16]");
  add_list(prefix + "learning-rate", flags.learning_rate, "RATE", "[default: 1e-3; paper: 1e-4]");
  add(prefix + "decoder-rate", flags.decoder_rate, "TIMES",
      "Learning rate of the decoder, in that of all else [default: 1]");
  add_choice(prefix + "initial-decoder", flags.initial_decoder, Names({"random", "rows"}),
             "What latents begin as: random directions, or those of activations [default: random]");
  add(prefix + "warmup", flags.warmup_fraction, "SHARE",
      "Steps in which the rate rises [default: 0.05; paper: 0]");
  add(prefix + "decay", flags.decay_fraction, "SHARE",
      "Steps, at the end, in which it falls [default: 0.2; paper: 0]");
  add_choice(prefix + "decay-shape", flags.decay_shape, Names({"linear", "cosine"}),
             "How it falls [default: linear]");
  add(prefix + "gradient-clip", flags.gradient_clip, "NORM",
      "Largest gradient; 0 = any [default: 1; paper: 0]");
  add(prefix + "sparsity-weight", flags.sparsity_weight, "WEIGHT",
      "Of the sparsity term; relu, jump-relu [default: relu: adapted to k; jump-relu: 1]");
  add(prefix + "bandwidth", flags.bandwidth, "WIDTH",
      "Band around the thresholds whose rows move them; jump-relu [default: 0.1]");
  add_choice(prefix + "revival", flags.revival, Names({"auxiliary-loss", "resampling", "none"}),
             "What is done about dead latents [default: auxiliary-loss]");
  add(prefix + "k-aux", flags.k_aux, "N", "Dead latents in the auxiliary loss [default: d/2]");
  add(prefix + "aux-alpha", flags.aux_alpha, "WEIGHT", "Its weight [default: 1/32]");
  add(prefix + "resample-every-rows", flags.resample_every_rows, "N",
      "Rows between resamplings [default: 1000000]");
  add(prefix + "dead-after-rows", flags.dead_after_rows, "N",
      "Rows without firing after which a latent counts as dead [default: 300000]");
  add(prefix + "early-stop", flags.early_stop, "CAPTURE",
      "End when the SAE no longer gets better on this capture of the recommender, for example "
      "dev, and keep the best [default: train all epochs]");
  add_choice(prefix + "early-stop-metric", flags.early_stop_metric, Names({"fvu", "ndcg"}),
             "Better in what: FVU, or NDCG@10 of the held-out items [default: fvu]");
  add(prefix + "patience", flags.patience, "N",
      "Epochs without a new best before training ends [default: 3]");
  add(prefix + "early-stop-rows", flags.early_stop_rows, "N",
      "At most so many rows of that capture [default: 20000]");
  add(prefix + "checkpoint-seconds", flags.checkpoint_seconds, "SECONDS",
      "Time between checkpoints [default: 10]");
  add(prefix + "threads", flags.threads, "N",
      "Threads; any number gives the same SAE [default: all cores]");
}

probe::v1::Recommender::Kind ParseKind(const std::string& kind) {
  return ParseEnum(kind, "KIND_", probe::v1::Recommender::Kind_Parse);
}

HyperParameters MakeHyperParameters(const RecommenderFlags& flags, uint64_t seed) {
  HyperParameters out;
  if (flags.embedding_dim) out.set_embedding_dim(*flags.embedding_dim);
  if (flags.learning_rate) out.set_learning_rate(*flags.learning_rate);
  if (flags.l2) out.set_l2(*flags.l2);
  if (flags.history) out.set_history_length(*flags.history);
  if (flags.layers) out.set_layer_count(*flags.layers);
  if (flags.heads) out.set_head_count(*flags.heads);
  if (flags.dropout) out.set_dropout(*flags.dropout);
  if (!flags.loss.empty()) {
    out.set_loss(ParseEnum(flags.loss, "LOSS_", HyperParameters::Loss_Parse));
  }
  if (flags.epochs) out.set_epoch_count(*flags.epochs);
  if (flags.patience) out.set_patience(*flags.patience);
  if (flags.batch_size) out.set_batch_size(*flags.batch_size);
  if (flags.interests) out.set_interest_count(*flags.interests);
  if (flags.attention_dim) out.set_attention_dim(*flags.attention_dim);
  if (flags.temperature) out.set_temperature(*flags.temperature);
  if (flags.pretrain_epochs) out.set_pretrain_epoch_count(*flags.pretrain_epochs);
  if (flags.clusters) out.set_cluster_count(*flags.clusters);
  if (flags.members) out.set_member_count(*flags.members);
  out.set_seed(seed);
  return out;
}

absl::StatusOr<TrainingConfig> MakeTrainingConfig(const SaeFlags& flags, uint64_t seed,
                                                  const std::string& capture) {
  TrainingConfig out;
  out.set_preset(flags.preset == "paper" ? TrainingConfig::PRESET_PAPER
                                         : TrainingConfig::PRESET_DEFAULT);
  if (!flags.architecture.empty()) {
    out.set_architecture(
        ParseEnum(flags.architecture[0], "ARCHITECTURE_", Sae::Architecture_Parse));
  }
  if (!flags.latents.empty()) out.set_latent_count(flags.latents[0]);
  if (flags.expansion) out.set_expansion_factor(*flags.expansion);
  if (!flags.k.empty()) out.set_k(flags.k[0]);
  RECSAE_RETURN_IF_ERROR(AddPrefixes(flags.matryoshka, out));
  if (flags.sparsity_weight) out.set_sparsity_weight(*flags.sparsity_weight);
  if (flags.bandwidth) out.set_bandwidth(*flags.bandwidth);
  if (!flags.revival.empty()) {
    out.set_revival(ParseEnum(flags.revival, "REVIVAL_", TrainingConfig::Revival_Parse));
  }
  if (flags.k_aux) out.set_k_aux(*flags.k_aux);
  if (flags.aux_alpha) out.set_aux_alpha(*flags.aux_alpha);
  if (flags.resample_every_rows) out.set_resample_every_rows(*flags.resample_every_rows);
  if (flags.dead_after_rows) out.set_dead_after_rows(*flags.dead_after_rows);
  if (!flags.learning_rate.empty()) out.set_learning_rate(flags.learning_rate[0]);
  if (flags.k_anneal_from) out.set_k_anneal_from(*flags.k_anneal_from);
  if (flags.k_anneal_fraction) out.set_k_anneal_fraction(*flags.k_anneal_fraction);
  if (flags.decoder_rate) out.set_decoder_rate(*flags.decoder_rate);
  if (!flags.initial_decoder.empty()) {
    out.set_initial_decoder(
        ParseEnum(flags.initial_decoder, "INITIAL_DECODER_", TrainingConfig::InitialDecoder_Parse));
  }
  if (flags.warmup_fraction) out.set_warmup_fraction(*flags.warmup_fraction);
  if (flags.decay_fraction) out.set_decay_fraction(*flags.decay_fraction);
  if (!flags.decay_shape.empty()) {
    out.set_decay(ParseEnum(flags.decay_shape, "DECAY_", TrainingConfig::Decay_Parse));
  }
  if (flags.batch_rows) out.set_batch_rows(*flags.batch_rows);
  if (flags.epochs) out.set_epoch_count(*flags.epochs);
  if (flags.gradient_clip) out.set_gradient_clip(*flags.gradient_clip);
  out.set_seed(seed);
  if (flags.threads) out.set_thread_count(*flags.threads);
  if (flags.checkpoint_seconds) out.set_checkpoint_seconds(*flags.checkpoint_seconds);
  RECSAE_RETURN_IF_ERROR(AddEarlyStop(flags, capture, out));
  return out;
}

std::string ArchitectureName(Sae::Architecture architecture) {
  return absl::AsciiStrToLower(absl::StrReplaceAll(
      absl::StripPrefix(Sae::Architecture_Name(architecture), "ARCHITECTURE_"), {{"_", "-"}}));
}

}  // namespace recsae::cli
