#include "services/probe/hyper_parameters.h"

#include "absl/strings/str_cat.h"
#include "common/status/status.h"

namespace recsae::probe {

absl::StatusOr<RecommenderOptions> ToOptions(v1::Recommender::Kind kind,
                                             const v1::HyperParameters& parameters) {
  if (kind != v1::Recommender::BPRMF && kind != v1::Recommender::SASREC) {
    return Error(absl::StatusCode::kInvalidArgument, "RECOMMENDER_KIND_INVALID",
                 absl::StrCat("kind ", static_cast<int>(kind),
                              " cannot be trained here: choose BPRMF or SASREC"));
  }
  const RecommenderKind hosted_kind =
      kind == v1::Recommender::BPRMF ? RecommenderKind::kBprmf : RecommenderKind::kSasrec;
  RecommenderOptions options = DefaultOptions(hosted_kind);
  // Another loss than the usual one brings its own learning rate and number of epochs.
  if (parameters.loss() == v1::HyperParameters::BPR) {
    options = DefaultOptions(hosted_kind, Loss::kBpr);
  }
  if (parameters.loss() == v1::HyperParameters::SOFTMAX) {
    options = DefaultOptions(hosted_kind, Loss::kSoftmax);
  }
  if (parameters.has_embedding_dim()) options.dim = parameters.embedding_dim();
  if (parameters.has_learning_rate()) options.learning_rate = parameters.learning_rate();
  if (parameters.has_l2()) options.l2 = parameters.l2();
  if (parameters.has_history()) options.history = parameters.history();
  if (parameters.has_layers()) options.layers = parameters.layers();
  if (parameters.has_heads()) options.heads = parameters.heads();
  if (parameters.has_dropout()) options.dropout = parameters.dropout();
  if (parameters.has_epochs()) options.max_epochs = parameters.epochs();
  if (parameters.has_patience()) options.patience = parameters.patience();
  if (parameters.has_batch_size()) options.batch_size = parameters.batch_size();
  if (parameters.has_seed()) options.seed = parameters.seed();
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  return options;
}

v1::HyperParameters ToMessage(const RecommenderOptions& options) {
  v1::HyperParameters parameters;
  parameters.set_embedding_dim(options.dim);
  parameters.set_learning_rate(options.learning_rate);
  parameters.set_l2(options.l2);
  if (options.kind == RecommenderKind::kSasrec) {
    parameters.set_history(options.history);
    parameters.set_layers(options.layers);
    parameters.set_heads(options.heads);
    parameters.set_dropout(options.dropout);
  }
  parameters.set_loss(options.loss == Loss::kBpr ? v1::HyperParameters::BPR
                                                 : v1::HyperParameters::SOFTMAX);
  parameters.set_epochs(options.max_epochs);
  parameters.set_patience(options.patience);
  parameters.set_batch_size(options.batch_size);
  parameters.set_seed(options.seed);
  return parameters;
}

v1::Recommender::Kind ToMessage(RecommenderKind kind) {
  return kind == RecommenderKind::kBprmf ? v1::Recommender::BPRMF : v1::Recommender::SASREC;
}

}  // namespace recsae::probe
