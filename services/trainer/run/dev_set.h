// Rows of another capture that tell when an SAE is best.
#ifndef RECSAE_SERVICES_TRAINER_RUN_DEV_SET_H_
#define RECSAE_SERVICES_TRAINER_RUN_DEV_SET_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/math/worker_pool.h"
#include "common/sae/model.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/trainer/rows/activation_source.h"

namespace recsae::trainer {

// INVALID_ARGUMENT (RECOMMENDER_MISMATCH) unless both captures are of the same recommender. Names
// that are none are not judged.
absl::Status CheckSameRecommender(const std::string& capture, const std::string& dev_capture);

// Whether a capture can serve `early_stop`, filled in, for training on another:
//   INVALID_ARGUMENT     DIMENSION_MISMATCH, PROBE_SITE_MISMATCH; NDCG_NEEDS_USER_SITE for
//                        METRIC_NDCG at an inner probe site
//   FAILED_PRECONDITION  CAPTURE_EMPTY; CAPTURE_WITHOUT_CASES for METRIC_NDCG
absl::Status CheckDevCapture(const v1::EarlyStop& early_stop, const CaptureInfo& capture,
                             const CaptureInfo& training);

// Immutable and thread-safe.
class DevSet {
 public:
  // Reads the first `rows` rows, which CheckDevCapture found good. What reading fails with, and
  //   FAILED_PRECONDITION  NO_PREDICTION_HEAD, CAPTURE_WITHOUT_TARGETS (no row has a held-out item)
  //                        for METRIC_NDCG
  static absl::StatusOr<std::shared_ptr<const DevSet>> Load(ActivationSource& source,
                                                            const v1::EarlyStop& early_stop,
                                                            int64_t rows, int dim,
                                                            const JobContext& job);

  // FVU, or NDCG@10 by the reconstructions. The same with any number of threads. `alive`, asked
  // every few rows by any of them, may end the work.
  absl::StatusOr<double> Measure(const sae::SaeModel& model, math::WorkerPool& pool,
                                 sae::Alive alive) const;

 private:
  DevSet() = default;
  absl::StatusOr<double> Ndcg(const sae::SaeModel& model, math::WorkerPool& pool,
                              sae::Alive alive) const;

  int dim_ = 0;
  std::vector<float> rows_;  // [n, dim]
  bool ranks_ = false;       // NDCG, not FVU
  RankingData ranking_;      // only where ranks_
};

}  // namespace recsae::trainer

#endif  // RECSAE_SERVICES_TRAINER_RUN_DEV_SET_H_
