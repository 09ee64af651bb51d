// Prediction heads: item vectors and biases in catalogue order, uploaded as a whole or not at all.
#ifndef RECSAE_SERVICES_PROBE_RESOURCES_PREDICTION_HEAD_H_
#define RECSAE_SERVICES_PROBE_RESOURCES_PREDICTION_HEAD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/messages/tensor.h"
#include "common/ranking/prediction_head.h"
#include "services/probe/store/store.h"

namespace recsae::probe {

class ItemIndex;

// Stores item vectors under a uid of their own before they appear. Used by one thread.
class HeadWriter {
 public:
  static absl::StatusOr<std::unique_ptr<HeadWriter>> Begin(Store& store,
                                                           std::shared_ptr<const ItemIndex> index);

  // That a writer holds besides the index: which items came.
  static int64_t Bytes(const ItemIndex& index);

  // Rows of `vectors` [item_ids, dim] and `biases` [item_ids] (or empty: 0) for these items, of
  // which some are withheld.
  //   NOT_FOUND         ITEM_NOT_FOUND       an id is not in the catalogue
  //   INVALID_ARGUMENT  HEAD_ITEM_REPEATED   an item came before
  //                     WITHHELD_UNKNOWN     a withheld one is none of these items
  absl::Status Add(absl::Span<const std::string> item_ids, const MatrixView& vectors,
                   absl::Span<const float> biases,
                   const std::set<std::string, std::less<>>& withheld = {});

  // INVALID_ARGUMENT (HEAD_INCOMPLETE) unless every item was added.
  absl::Status CheckComplete() const;

  const Staging& staging() const { return *staging_; }
  void Done() { staging_->Done(); }

 private:
  HeadWriter(Store& store, std::shared_ptr<const ItemIndex> index);

  Store& store_;
  const std::shared_ptr<const ItemIndex> index_;
  std::unique_ptr<Staging> staging_;
  std::vector<bool> seen_;  // [item]
  int64_t added_ = 0;
};

// The head of `items` items stored under `uid`. DATA_LOSS (HEAD_CORRUPT), or NOT_FOUND
// (RECOMMENDER_NOT_FOUND) if it is gone.
absl::StatusOr<std::shared_ptr<const PredictionHead>> LoadHead(const Database& db, uint64_t uid,
                                                               int dim, int64_t items);

// Whether two stored heads have the same values.
absl::StatusOr<bool> SameHead(const Database& db, uint64_t uid, uint64_t other);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RESOURCES_PREDICTION_HEAD_H_
