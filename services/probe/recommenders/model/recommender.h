// What every hosted recommender can do: train, give activations, give item vectors, be stored.
//
// score(user, item) = <activation(user), item_vector(item)> for all kinds, + item_bias(item) for
// those of others.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_RECOMMENDER_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_RECOMMENDER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/recommenders/model/probe_site.h"

namespace recsae::probe {

// The longest history that a recommender reads.
inline constexpr int kMaxLength = 512;

// Stored as numbers: append only.
enum class RecommenderKind {
  kBprmf,
  kSasrec,
  kLightgcn,
  kTimirec,
  kTorchscript,
  kEcf,
  kDistillemb,
  kHosted,
  kGpt,
  kBert4rec
};
enum class Loss {
  kBpr,      // -log sigma(s+ - s-), one uniform negative, redrawn every epoch (Rendle 2012)
  kSoftmax,  // cross-entropy over all items
};

// How a recommender is trained. DefaultOptions() gives the recipe of each kind.
struct RecommenderOptions {
  RecommenderKind kind = RecommenderKind::kSasrec;
  int dim = 64;                 // length of an activation
  double learning_rate = 1e-3;  // Adam; softmax: warm-up, then a cosine to 0 over max_epochs
  double l2 = 0;                // weight decay, none on biases
  int history = 20;             // sequence models: items of history read; kHosted: 0 for none
  int layers = 2;               // transformer layers; LightGCN: propagation steps
  int heads = 1;                // sequence models
  double dropout = 0.2;         // sequence models
  Loss loss = Loss::kSoftmax;
  int max_epochs = 200;
  int patience = 10;  // epochs without a better dev NDCG before stopping
  // Interactions, or (sequence models) windows of `history` positions, a step; 0: by BatchSize.
  int batch_size = 0;
  int interests = 6;        // TiMiRec: K, interest vectors of a user
  int attention_dim = 8;    // TiMiRec: width of the attention that pools them
  double temperature = 1;   // TiMiRec: tau of the distillation
  int pretrain_epochs = 0;  // TiMiRec: bound of stage 1's epochs; max_epochs is that of stage 2
  int clusters = 64;        // ECF: taste clusters of a member
  int members = 1;          // ECF: models whose scores are added up
  uint64_t seed = 0;
  int threads = 0;  // 0: one for each core. The result does not depend on it
};

// Those that are transformers over item and position embeddings, TiMiRec's extractor among them.
bool IsTransformer(RecommenderKind kind);

// Whether recommenders of this kind read a history of items, or know users. kHosted: both kinds do.
bool ReadsHistory(RecommenderKind kind);

RecommenderOptions DefaultOptions(RecommenderKind kind);
// The same for a loss other than the kind's usual one. kBpr: constant rate, dev metric decides when
// to stop.
RecommenderOptions DefaultOptions(RecommenderKind kind, Loss loss);

// options.batch_size, or one that suits a data set of so many rows: enough steps an epoch for small
// data, few for large.
int BatchSize(const RecommenderOptions& options, int64_t rows);

// INVALID_ARGUMENT (HYPER_PARAMETER_OUT_OF_RANGE) naming the option, as the contract calls it, its
// value and the range.
absl::Status CheckOptions(const RecommenderOptions& options);

// Told after each epoch, and within long ones (then epoch_done is false and dev_ndcg the last).
struct TrainProgress {
  int epoch = 0;  // from 1
  int max_epochs = 0;
  double epoch_fraction = 0;  // 0 .. 1
  bool epoch_done = false;
  double loss = 0;      // mean over the interactions of the epoch so far
  double dev_ndcg = 0;  // NDCG@10, test-all, of the last finished epoch
  int best_epoch = 0;
  double best_dev_ndcg = 0;
};
// Returns false to cancel: Train then ends with CANCELLED.
using TrainCallback = std::function<bool(const TrainProgress&)>;

struct TrainReport {
  int epochs = 0;
  int best_epoch = 0;
  double best_dev_ndcg = 0;  // NDCG@10
};

// Whose activation is wanted. BPRMF reads the user, SASRec the history.
struct Query {
  int32_t user = -1;                  // index in the training data set; -1 unknown
  absl::Span<const int32_t> history;  // item indices, oldest first; only the last ones are read
};

struct StoredTensor {
  std::vector<int64_t> shape;
  std::vector<float> values;  // row-major
};
using NamedTensors = std::map<std::string, StoredTensor>;

// Activations are thread-safe on a trained recommender; Train is not.
class Recommender {
 public:
  virtual ~Recommender() = default;

  const RecommenderOptions& options() const { return options_; }
  RecommenderKind kind() const { return options_.kind; }
  int dim() const { return options_.dim; }

  // Trains from scratch with early stop on the dev cases and keeps the best epoch's weights. Same
  // data, options and machine: same weights. Without dev cases the last epoch is kept.
  virtual absl::StatusOr<TrainReport> Train(const Dataset& dataset,
                                            const TrainCallback& callback) = 0;

  // float [queries, dim], row-major. INVALID_ARGUMENT (USER_UNKNOWN, HISTORY_EMPTY, ITEM_UNKNOWN)
  // if a query lacks what the kind reads. `cancelled`, if given, is asked now and then, from
  // any thread.
  virtual absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled = {}) const = 0;

  // Inner sites in the order in which they are computed, then kUserSite.
  std::vector<ProbeSite> ProbeSites() const;

  // The same at a probe site: float [rows, dim of the site]. With Positions::kAll, for each query
  // as many rows as items of its history are read, oldest first; else one. Errors: FindSite,
  // CheckPositions, Activations.
  absl::StatusOr<std::vector<float>> ActivationsAt(
      absl::string_view site, Positions positions, absl::Span<const Query> queries,
      const std::function<bool()>& cancelled = {}) const;

  // What Activations returns with `activations`, float [queries, dim of the site], in place of the
  // recommender's own at the last position of the site. Errors: FindSite, Activations.
  absl::StatusOr<std::vector<float>> Resume(absl::string_view site, absl::Span<const Query> queries,
                                            absl::Span<const float> activations,
                                            const std::function<bool()>& cancelled = {}) const;

  // The prediction head: float [items, dim], row-major, and [items], or empty for none.
  virtual const std::vector<float>& item_vectors() const = 0;
  virtual absl::Span<const float> item_biases() const { return {}; }
  // Items that are never recommended, ascending.
  virtual absl::Span<const int32_t> withheld() const { return {}; }
  virtual int64_t items() const { return static_cast<int64_t>(item_vectors().size()) / dim(); }

  // Whether every history position is a training row (sequence models), or each interaction gives
  // its user's row.
  bool reads_history() const {
    return kind() == RecommenderKind::kHosted ? options_.history > 0 : ReadsHistory(kind());
  }

  // Memory that it holds in another process; 0 for one that is here alone.
  virtual int64_t bytes_elsewhere() const { return 0; }

  // Kind, options and weights as bytes for LoadRecommender.
  virtual std::string Save() const = 0;
  // Sets the weights that Save wrote. DATA_LOSS (RECOMMENDER_CORRUPT) if they do not fit the
  // options.
  virtual absl::Status Load(const NamedTensors& tensors) = 0;

 protected:
  explicit Recommender(const RecommenderOptions& options) : options_(options) {}

  // Sites before the last, and what ActivationsAt and Resume do there; `site` is an index of them.
  virtual std::vector<ProbeSite> InnerSites() const { return {}; }
  virtual absl::StatusOr<std::vector<float>> InnerActivations(
      size_t site, Positions positions, absl::Span<const Query> queries,
      const std::function<bool()>& cancelled) const;
  virtual absl::StatusOr<std::vector<float>> ResumeInner(
      size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
      const std::function<bool()>& cancelled) const;

  RecommenderOptions options_;
};

// The cases of a split that this recommender can answer: those with history if it reads it, else
// those of users with training rows, since of others it knows the noise that it started from.
std::vector<Case> TrainRows(const Recommender& recommender, const Dataset& dataset);
std::vector<Case> AnswerableCases(const Recommender& recommender, const Dataset& dataset,
                                  absl::Span<const Case> cases);

// INVALID_ARGUMENT (HISTORY_EMPTY, ITEM_UNKNOWN) unless every query has a history of known items.
absl::Status CheckHistories(absl::Span<const Query> queries, int64_t items);

// The queries of cases: views into `dataset`.
std::vector<Query> QueriesOf(const Dataset& dataset, absl::Span<const Case> cases, int history);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_RECOMMENDER_H_
