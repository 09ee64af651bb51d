#include "services/probe/models/hyper_parameters.h"

#include <google/protobuf/text_format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"

namespace recsae::probe {

namespace {

struct KindRow {
  v1::Recommender::Kind message;
  RecommenderKind hosted;
};
constexpr KindRow kKinds[] = {
    {v1::Recommender::KIND_BPRMF, RecommenderKind::kBprmf},
    {v1::Recommender::KIND_SASREC, RecommenderKind::kSasrec},
    {v1::Recommender::KIND_LIGHTGCN, RecommenderKind::kLightgcn},
    {v1::Recommender::KIND_TIMIREC, RecommenderKind::kTimirec},
    {v1::Recommender::KIND_TORCHSCRIPT, RecommenderKind::kTorchscript},
    {v1::Recommender::KIND_ECF, RecommenderKind::kEcf},
    {v1::Recommender::KIND_DISTILLEMB, RecommenderKind::kDistillemb},
    {v1::Recommender::KIND_GPT, RecommenderKind::kGpt},
    {v1::Recommender::KIND_BERT4REC, RecommenderKind::kBert4rec},
    {v1::Recommender::KIND_HOSTED, RecommenderKind::kHosted},
};

// The others come trained.
bool IsTrainable(RecommenderKind kind) {
  return kind != RecommenderKind::kTorchscript && kind != RecommenderKind::kHosted;
}

std::string TrainableKinds() {
  std::vector<std::string> names;
  for (const KindRow& row : kKinds) {
    if (IsTrainable(row.hosted)) {
      names.push_back(v1::Recommender::Kind_Name(row.message));
    }
  }
  return absl::StrJoin(names, ", ");
}

}  // namespace

absl::StatusOr<RecommenderOptions> ToOptions(v1::Recommender::Kind kind,
                                             const v1::HyperParameters& parameters) {
  const auto* row = std::find_if(std::begin(kKinds), std::end(kKinds),
                                 [&](const KindRow& known) { return known.message == kind; });
  if (row == std::end(kKinds) || !IsTrainable(row->hosted)) {
    return Error(absl::StatusCode::kInvalidArgument, "RECOMMENDER_KIND_INVALID",
                 absl::StrCat("kind ", static_cast<int>(kind), " cannot be trained here: choose ",
                              TrainableKinds()));
  }
  const RecommenderKind hosted_kind = row->hosted;
  RecommenderOptions options = DefaultOptions(hosted_kind);
  // Another loss than the usual one brings its own learning rate and number of epochs.
  if (parameters.loss() == v1::HyperParameters::LOSS_BPR) {
    options = DefaultOptions(hosted_kind, Loss::kBpr);
  }
  if (parameters.loss() == v1::HyperParameters::LOSS_SOFTMAX) {
    options = DefaultOptions(hosted_kind, Loss::kSoftmax);
  }
  if (parameters.has_embedding_dim()) options.dim = parameters.embedding_dim();
  if (parameters.has_learning_rate()) options.learning_rate = parameters.learning_rate();
  if (parameters.has_l2()) options.l2 = parameters.l2();
  if (parameters.has_history_length()) options.history = parameters.history_length();
  if (parameters.has_layer_count()) options.layers = parameters.layer_count();
  if (parameters.has_head_count()) options.heads = parameters.head_count();
  if (parameters.has_dropout()) options.dropout = parameters.dropout();
  if (parameters.has_epoch_count()) options.max_epochs = parameters.epoch_count();
  if (parameters.has_patience()) options.patience = parameters.patience();
  if (parameters.has_batch_size()) options.batch_size = parameters.batch_size();
  if (parameters.has_interest_count()) options.interests = parameters.interest_count();
  if (parameters.has_attention_dim()) options.attention_dim = parameters.attention_dim();
  if (parameters.has_temperature()) options.temperature = parameters.temperature();
  if (parameters.has_pretrain_epoch_count())
    options.pretrain_epochs = parameters.pretrain_epoch_count();
  if (parameters.has_cluster_count()) options.clusters = parameters.cluster_count();
  if (parameters.has_member_count()) options.members = parameters.member_count();
  if (parameters.has_seed()) options.seed = parameters.seed();
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  return options;
}

v1::HyperParameters ToMessage(const RecommenderOptions& options) {
  v1::HyperParameters parameters;
  parameters.set_embedding_dim(options.dim);
  parameters.set_learning_rate(options.learning_rate);
  parameters.set_l2(options.l2);
  const bool sequence = ReadsHistory(options.kind);
  if (sequence) {
    parameters.set_history_length(options.history);
    parameters.set_head_count(options.heads);
    parameters.set_dropout(options.dropout);
  }
  if (sequence || options.kind == RecommenderKind::kLightgcn)
    parameters.set_layer_count(options.layers);
  if (options.kind == RecommenderKind::kTimirec) {
    parameters.set_interest_count(options.interests);
    parameters.set_attention_dim(options.attention_dim);
    parameters.set_temperature(options.temperature);
    parameters.set_pretrain_epoch_count(options.pretrain_epochs);
  }
  if (options.kind == RecommenderKind::kEcf) {
    parameters.set_cluster_count(options.clusters);
    parameters.set_member_count(options.members);
  }
  parameters.set_loss(options.loss == Loss::kBpr ? v1::HyperParameters::LOSS_BPR
                                                 : v1::HyperParameters::LOSS_SOFTMAX);
  parameters.set_epoch_count(options.max_epochs);
  parameters.set_patience(options.patience);
  parameters.set_batch_size(options.batch_size);
  parameters.set_seed(options.seed);
  return parameters;
}

v1::Recommender::Kind ToMessage(RecommenderKind kind) {
  for (const KindRow& row : kKinds) {
    if (row.hosted == kind) return row.message;
  }
  return v1::Recommender::KIND_UNSPECIFIED;
}

namespace {

std::string TextOf(const google::protobuf::Message& message,
                   const google::protobuf::FieldDescriptor& field) {
  if (!field.has_presence() || message.GetReflection()->HasField(message, &field)) {
    std::string text;
    google::protobuf::TextFormat::PrintFieldValueToString(message, &field, -1, &text);
    return text;
  }
  return "unset";
}

void AddDifferences(const std::string& path, const google::protobuf::Message& made,
                    const google::protobuf::Message& asked, std::vector<std::string>* all) {
  const google::protobuf::Descriptor& type = *made.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const std::string is = TextOf(made, *type.field(i)), wanted = TextOf(asked, *type.field(i));
    if (is == wanted) continue;
    all->push_back(absl::StrCat(path, type.field(i)->name(), " is ", is, ", asked for ", wanted));
  }
}

}  // namespace

std::string Differences(const v1::Recommender& made, const v1::TrainRecommenderRequest& asked) {
  std::vector<std::string> all;
  if (made.kind() != asked.kind()) {
    all.push_back(absl::StrCat("kind is ", v1::Recommender::Kind_Name(made.kind()), ", asked for ",
                               v1::Recommender::Kind_Name(asked.kind())));
    return absl::StrJoin(all, "; ");
  }
  AddDifferences("dataset.", made.dataset(), asked.dataset(), &all);
  if (all.empty() && !made.data_fingerprint().empty() && !asked.data_fingerprint().empty() &&
      made.data_fingerprint() != asked.data_fingerprint()) {
    all.push_back(absl::StrCat("data set \"", asked.dataset().name(),
                               "\" has changed since: it was trained on ", made.data_fingerprint(),
                               ", now it is ", asked.data_fingerprint()));
  }
  const auto options = ToOptions(asked.kind(), asked.hyper_parameters());
  if (options.ok()) {
    v1::HyperParameters wanted = ToMessage(*options);
    // ECF's is made of its clusters and members, whatever was asked for.
    if (made.kind() == v1::Recommender::KIND_ECF) {
      wanted.set_embedding_dim(made.hyper_parameters().embedding_dim());
    }
    AddDifferences("", made.hyper_parameters(), wanted, &all);
  }
  return absl::StrJoin(all, "; ");
}

}  // namespace recsae::probe
