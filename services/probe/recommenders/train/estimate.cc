#include "services/probe/recommenders/train/estimate.h"

#include <algorithm>

#include "common/budget/bytes.h"
#include "services/probe/recommenders/train/training.h"

namespace recsae::probe {
namespace {

constexpr int64_t kFloat = sizeof(float);
// Gradients of all items that a step sums apart, so that the sum does not depend on the threads
// (op_parts.h and user_item_loss.cc make 8), twice.
constexpr int64_t kGradientParts = 16;
// Rows of scores that one part holds at a time (torch_ops.cc, user_item_loss.cc).
constexpr int64_t kScoreRows = 128;
// Weights, gradient, two moments, best epoch's weights, item vectors, what Save makes of them.
constexpr int64_t kCopies = 8;
// LightGCN's propagated embeddings and gradients, its layers, and the mean of the weights.
constexpr int64_t kPropagatedCopies = 6;
// ECF: what autograd keeps of the affiliations of all users and items.
constexpr int64_t kAffiliationCopies = 12;
// Vectors of a position that autograd keeps in one transformer layer, the feed-forward part's wider
// ones among them, and beside the layers.
constexpr int64_t kLayerVectors = 24;
constexpr int64_t kOtherVectors = 16;
// More of them where the feed-forward part is four times as wide.
constexpr int64_t kWideVectors = 24;
constexpr int64_t kEcfEmbedding = 64;
// Of an interaction: seen items, rows to shuffle, a graph's two edges.
constexpr int64_t kInteraction = 48;
// Of a user or item: vectors' headers, degrees, orders.
constexpr int64_t kNode = 128;

// Parameters of the transformer layers.
int64_t LayerParameters(const RecommenderOptions& o) {
  return Product({o.layers, 12, o.dim, o.dim});
}

int64_t StepOfWindows(const RecommenderOptions& o, const DatasetSize& size) {
  const int64_t windows = BatchSize(o, size.interactions);
  const bool wide = o.kind == RecommenderKind::kGpt || o.kind == RecommenderKind::kBert4rec;
  const int64_t of_layer = kLayerVectors + (wide ? kWideVectors : 0);
  const int64_t vectors = Sum({Product({o.layers, of_layer}), kOtherVectors});
  const int64_t positions = Product({windows, o.history, vectors, o.dim, kFloat});
  const int64_t attention = Product({windows, o.heads, o.history, o.history, o.layers, 3, kFloat});
  const int64_t scores = Product({kGradientParts, size.items, Sum({o.dim, kScoreRows}), kFloat});
  return Sum({positions, attention, scores});
}

int64_t Transformer(const RecommenderOptions& o, const DatasetSize& size) {
  const int64_t parameters =
      Sum({Product({size.items, o.dim}), Product({o.history, o.dim}), LayerParameters(o)});
  return Sum({Product({parameters, kCopies, kFloat}), StepOfWindows(o, size)});
}

int64_t Timirec(const RecommenderOptions& o, const DatasetSize& size) {
  const int64_t interests =
      Product({BatchSize(o, size.interactions), o.history, o.interests,
               Sum({Product({8, o.dim}), Product({4, o.attention_dim})}), kFloat});
  // Two models: of the interests, and of how they are weighed.
  return Sum({Product({2, Transformer(o, size)}), interests});
}

int64_t Ecf(const RecommenderOptions& o, const DatasetSize& size) {
  const int64_t nodes = Sum({size.users, size.items});
  const int64_t one = Sum({Product({nodes, o.clusters, kAffiliationCopies, kFloat}),
                           Product({size.items, kEcfEmbedding, kCopies, kFloat})});
  const int64_t all = Product({nodes, o.clusters, o.members, 3, kFloat});
  return Sum({one, all});
}

int64_t Vectors(const RecommenderOptions& o, const DatasetSize& size) {
  const bool propagates = o.kind == RecommenderKind::kLightgcn;
  const int64_t copies = kCopies + (propagates ? kPropagatedCopies : 0);
  int64_t bytes = Product({Sum({size.users, size.items}), o.dim, copies, kFloat});
  if (o.loss == Loss::kSoftmax) {
    bytes = Sum({bytes, Product({kGradientParts, size.items, Sum({o.dim, kScoreRows}), kFloat})});
  }
  return bytes;
}

}  // namespace

DatasetSize SizeOf(const Dataset& dataset) {
  return {static_cast<int64_t>(dataset.users.size()), static_cast<int64_t>(dataset.items.size()),
          CountInteractions(dataset)};
}

int64_t TrainingBytes(const RecommenderOptions& options, const DatasetSize& size) {
  int64_t kind = 0;
  switch (options.kind) {
    case RecommenderKind::kSasrec:
    case RecommenderKind::kGpt:
    case RecommenderKind::kBert4rec:
      kind = Transformer(options, size);
      break;
    case RecommenderKind::kTimirec:
      kind = Timirec(options, size);
      break;
    case RecommenderKind::kEcf:
      kind = Ecf(options, size);
      break;
    case RecommenderKind::kBprmf:
    case RecommenderKind::kLightgcn:
    case RecommenderKind::kDistillemb:
    case RecommenderKind::kTorchscript:
    case RecommenderKind::kHosted:
      kind = Vectors(options, size);
      break;
  }
  const int64_t evaluation = Product({ThreadCount(options.threads), size.items, kFloat});
  return Sum({kind, evaluation, Product({size.interactions, kInteraction}),
              Product({Sum({size.users, size.items}), kNode})});
}

}  // namespace recsae::probe
