// A recommender whose scores are sums over short paths in the graph of users, items and attributes,
// with a learned weight for each thing that a path leads through. The explainable half of
// DistillEmb.
//
// score(u, i) = e^a Σ_j θ_j n_ji / (√(n_j n_i) √|N_u|)   user → item j → another user → item i
//             + e^b Σ_t φ_t |{j in N_u: t in T_j}| / |N_u|   user → item j → attribute t → item i
// N_u: the training items of u, T_i: the attributes of i, n_j: users of j, n_ji: users of both;
// j ≠ i, t in T_i, θ = softplus(·) and φ = softplus(·) ≥ 0. Where i is a training item of u, paths
// by that interaction itself are left out: they lead to no other item.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_PATH_MODEL_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_PATH_MODEL_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"
#include "services/probe/datasets/dataset.h"

namespace recsae::probe {

// Not thread-safe. A function of the data set alone.
class PathModel {
 public:
  // `neighbours`: of an item, only so many items j count, those of the largest n_ji / √n_j.
  PathModel(const Dataset& dataset, int neighbours);

  // Score by the weights as they are after the last Refresh.
  double Score(int32_t user, int32_t item) const;

  // Adds slope · ∂score/∂weights to `gradient` [weights].
  void AddGradient(int32_t user, int32_t item, double slope, absl::Span<float> gradient) const;

  // What is learned: of the two kinds of paths, then of the items, then of the attributes.
  std::vector<float>& weights() { return weights_; }
  // To be called when the weights have changed.
  void Refresh();

 private:
  struct Neighbour {
    int32_t item;
    int32_t together;  // users of both items
  };

  bool Has(int32_t user, int32_t item) const {
    const uint64_t bit = static_cast<uint64_t>(user) * items_ + item;
    return (has_[bit / 64] >> (bit % 64) & 1) != 0;
  }
  // of_users: the training items of each user.
  void CountNeighbours(const std::vector<std::vector<int32_t>>& of_users, int neighbours);
  void CountAttributes(absl::Span<const Item> items,
                       const std::vector<std::vector<int32_t>>& of_users);

  // Calls visit(weight index, kind of path, path's value without weights) for each path.
  template <typename Visit>
  void ForEachPath(int32_t user, int32_t item, const Visit& visit) const;

  const int64_t items_;
  int64_t attributes_ = 0;
  std::vector<uint64_t> has_;                          // [users, items] bits: training interactions
  std::vector<int32_t> items_of_user_;                 // |N_u|
  std::vector<int32_t> users_of_item_;                 // n_i
  std::vector<std::vector<Neighbour>> neighbours_;     // [items]
  std::vector<std::vector<int32_t>> item_attributes_;  // [items]
  std::vector<int32_t> attribute_counts_;              // [users, attributes]
  std::vector<float> weights_;                         // as learned
  std::vector<float> factors_, slopes_;  // [weights]: what they stand for, and its derivative
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_KINDS_PATH_MODEL_H_
