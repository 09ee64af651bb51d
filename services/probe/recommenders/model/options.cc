// The hyper-parameters of each kind: defaults and ranges.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {
namespace {

constexpr int kMaxDim = 4096;
constexpr int kMaxHostedDim = 65'536;

// Errors name options as the contract does, by the field of HyperParameters: that is what callers
// can change.
template <typename T>
absl::Status CheckRange(absl::string_view name, T value, T low, T high) {
  if (value >= low && value <= high) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
               absl::StrCat(name, " is ", value, "; it must be between ", low, " and ", high),
               {{"name", std::string(name)}, {"value", absl::StrCat(value)}});
}

absl::Status CheckEmbeddingDim(const RecommenderOptions& o) {
  const int dim = o.clusters * o.members;
  if (dim <= kMaxDim) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
               absl::StrCat("cluster_count is ", o.clusters, " and member_count ", o.members,
                            "; their product, ", dim, ", must be at most ", kMaxDim),
               {{"name", "cluster_count"}, {"value", absl::StrCat(o.clusters)}});
}

absl::Status CheckTransformer(const RecommenderOptions& o) {
  RECSAE_RETURN_IF_ERROR(CheckRange("history_length", o.history, 1, kMaxLength));
  RECSAE_RETURN_IF_ERROR(CheckRange("layer_count", o.layers, 1, 16));
  RECSAE_RETURN_IF_ERROR(CheckRange("head_count", o.heads, 1, o.dim));
  RECSAE_RETURN_IF_ERROR(CheckRange("dropout", o.dropout, 0.0, 0.99));
  if (o.dim % o.heads == 0) return absl::OkStatus();
  return Error(
      absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
      absl::StrCat("head_count is ", o.heads, "; it must divide embedding_dim (", o.dim, ")"),
      {{"name", "head_count"}, {"value", absl::StrCat(o.heads)}});
}

absl::Status CheckBpr(const RecommenderOptions& o) {
  if (o.loss == Loss::kBpr) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "HYPER_PARAMETER_OUT_OF_RANGE",
               "loss is SOFTMAX; this kind of recommender is trained with BPR", {{"name", "loss"}});
}

absl::Status CheckKind(const RecommenderOptions& o) {
  switch (o.kind) {
    case RecommenderKind::kBprmf:
      return absl::OkStatus();
    case RecommenderKind::kLightgcn:
      return CheckRange("layer_count", o.layers, 0, 16);
    case RecommenderKind::kSasrec:
    case RecommenderKind::kGpt:
    case RecommenderKind::kBert4rec:
      return CheckTransformer(o);
    case RecommenderKind::kTimirec:
      RECSAE_RETURN_IF_ERROR(CheckRange("interest_count", o.interests, 1, 64));
      RECSAE_RETURN_IF_ERROR(CheckRange("attention_dim", o.attention_dim, 1, 1024));
      RECSAE_RETURN_IF_ERROR(CheckRange("temperature", o.temperature, 1e-3, 1e3));
      RECSAE_RETURN_IF_ERROR(CheckRange("pretrain_epoch_count", o.pretrain_epochs, 1, 100000));
      return CheckTransformer(o);
    case RecommenderKind::kEcf:
      RECSAE_RETURN_IF_ERROR(CheckRange("cluster_count", o.clusters, 1, kMaxDim));
      RECSAE_RETURN_IF_ERROR(CheckRange("member_count", o.members, 1, 16));
      RECSAE_RETURN_IF_ERROR(CheckEmbeddingDim(o));
      return CheckBpr(o);
    case RecommenderKind::kDistillemb:
      return CheckBpr(o);
    case RecommenderKind::kTorchscript:
      return CheckRange("history_length", o.history, 1, kMaxLength);
    case RecommenderKind::kHosted:
      return CheckRange("history_length", o.history, 0, kMaxLength);
  }
  return absl::OkStatus();
}

bool ReadsLongWindows(RecommenderKind kind) {
  return kind == RecommenderKind::kGpt || kind == RecommenderKind::kBert4rec;
}

}  // namespace

bool IsTransformer(RecommenderKind kind) {
  return kind == RecommenderKind::kSasrec || kind == RecommenderKind::kTimirec ||
         kind == RecommenderKind::kGpt || kind == RecommenderKind::kBert4rec;
}

bool ReadsHistory(RecommenderKind kind) {
  return IsTransformer(kind) || kind == RecommenderKind::kTorchscript;
}

RecommenderOptions DefaultOptions(RecommenderKind kind, Loss loss) {
  RecommenderOptions options;
  options.kind = kind;
  options.loss = loss;
  if (loss == Loss::kSoftmax) {
    options.learning_rate = 3e-3;
    options.max_epochs = 10;
  }
  if (IsTransformer(kind)) {
    options.layers = 4;
    options.dropout = 0.1;
  }
  if (kind == RecommenderKind::kBprmf) {
    options.l2 = 1e-6;
    if (loss == Loss::kSoftmax) options.max_epochs = 20;
  }
  if (kind == RecommenderKind::kEcf) options.learning_rate = 5e-3;
  if (kind == RecommenderKind::kLightgcn) {
    // A rate for few and large steps (see BatchSize): 1e-3 and batches of 256 take far longer.
    options.learning_rate = loss == Loss::kSoftmax ? 6e-2 : 2e-2;
    options.l2 = 1e-8;
    options.layers = 3;
    if (loss == Loss::kSoftmax) options.max_epochs = 30;
  }
  if (kind == RecommenderKind::kTimirec) {
    options.layers = 3;
    options.pretrain_epochs = loss == Loss::kSoftmax ? 3 : options.max_epochs;
  }
  if (ReadsLongWindows(kind)) {
    options.history = 64;
    // A fifth of the positions are targets: more epochs for as many steps towards each.
    if (kind == RecommenderKind::kBert4rec && loss == Loss::kSoftmax) options.max_epochs = 30;
    options.layers = 2;
    options.heads = 2;
  }
  return options;
}

RecommenderOptions DefaultOptions(RecommenderKind kind) {
  return DefaultOptions(kind, IsTransformer(kind) ? Loss::kSoftmax : Loss::kBpr);
}

// Of a step of sequence models: on ml-1m-recsae, more of them gave a worse dev NDCG after as many
// epochs, fewer would take longer.
constexpr int kWindows = 32;
// Of GPT and BERT4Rec, whose windows are three times as long.
constexpr int kLongWindows = 16;

int BatchSize(const RecommenderOptions& options, int64_t rows) {
  if (options.batch_size > 0) return options.batch_size;
  if (ReadsLongWindows(options.kind)) return kLongWindows;
  if (ReadsHistory(options.kind)) return kWindows;
  // Larger where a step has costs of its own: LightGCN propagates all embeddings in each, ECF forms
  // the affiliations of all items, and with softmax a user's interactions share one row of scores.
  const bool propagates = options.kind == RecommenderKind::kLightgcn;
  const bool softmax = options.loss == Loss::kSoftmax;
  const bool affiliates = options.kind == RecommenderKind::kEcf;
  const int64_t steps = propagates && softmax   ? 8
                        : propagates || softmax ? 64
                        : affiliates            ? 128
                                                : 256;
  return static_cast<int>(std::clamp<int64_t>(rows / steps, 256, (1 << 19) / steps));
}

absl::Status CheckOptions(const RecommenderOptions& o) {
  RECSAE_RETURN_IF_ERROR(CheckRange("embedding_dim", o.dim, 1,
                                    o.kind == RecommenderKind::kHosted ? kMaxHostedDim : kMaxDim));
  RECSAE_RETURN_IF_ERROR(CheckRange("learning_rate", o.learning_rate, 1e-9, 10.0));
  RECSAE_RETURN_IF_ERROR(CheckRange("l2", o.l2, 0.0, 10.0));
  RECSAE_RETURN_IF_ERROR(CheckRange("epoch_count", o.max_epochs, 1, 100000));
  RECSAE_RETURN_IF_ERROR(CheckRange("patience", o.patience, 1, 100000));
  RECSAE_RETURN_IF_ERROR(CheckRange("batch_size", o.batch_size, 0, 1 << 20));
  RECSAE_RETURN_IF_ERROR(CheckRange("threads", o.threads, 0, 1024));
  return CheckKind(o);
}

}  // namespace recsae::probe
