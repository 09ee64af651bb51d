#include "services/trainer/run/dev_set.h"

#include <algorithm>
#include <span>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/jobs/job_runner.h"
#include "common/ranking/ranking.h"
#include "common/sae/metrics.h"
#include "services/trainer/rows/row_stream.h"
#include "services/trainer/run/for_each.h"
#include "services/trainer/run/train_job.h"

namespace recsae::trainer {
namespace {

constexpr char kCapturePattern[] = "recommenders/{recommender}/captures/{capture}";
constexpr int kCutoff = 10;
// Rows ranked by one thread at a time.
constexpr int64_t kRowsPerPart = 256;

absl::StatusOr<std::vector<float>> ReadRows(ActivationSource& source, const std::string& capture,
                                            int64_t rows, int dim, const JobContext& job) {
  RowStreamOptions options;
  options.capture = capture;
  options.dim = dim;
  options.rows = rows;
  options.shuffled = false;
  RowStream stream(source, options);
  const auto on_cancel = job.OnCancel([&stream] { stream.Cancel(); });
  RECSAE_ASSIGN_OR_RETURN(const MatrixView all, stream.Next(rows));
  return std::vector<float>(all.flat().begin(), all.flat().end());
}

absl::string_view SiteName(absl::string_view site) { return site.empty() ? "user" : site; }

absl::Status NoTargets(const std::string& capture, int64_t rows) {
  return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_WITHOUT_TARGETS",
               absl::StrCat("none of the first ", rows, " rows of ", capture,
                            " has a held-out item, so METRIC_NDCG cannot be measured; take "
                            "METRIC_FVU or a capture with held-out items"),
               {{"capture", capture}});
}

}  // namespace

absl::Status CheckSameRecommender(const std::string& capture, const std::string& dev_capture) {
  const auto ids = ParseName(capture, kCapturePattern);
  const auto dev_ids = ParseName(dev_capture, kCapturePattern);
  if (!ids.ok() || !dev_ids.ok() || (*ids)[0] == (*dev_ids)[0]) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "RECOMMENDER_MISMATCH",
               absl::StrCat("records recommenders/", (*dev_ids)[0], ", but training is on ",
                            capture, "; take a capture of the same recommender"),
               {{"capture", dev_capture}});
}

absl::Status CheckDevCapture(const v1::EarlyStop& early_stop, const CaptureInfo& capture,
                             const CaptureInfo& training) {
  const std::string& name = early_stop.capture();
  if (capture.dim != training.dim) {
    return Error(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH",
                 absl::StrCat(name, " holds activations of ", capture.dim,
                              " values, but training is on activations of ", training.dim),
                 {{"capture", name}});
  }
  if (capture.site != training.site) {
    return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_MISMATCH",
                 absl::StrCat(name, " records probe site \"", SiteName(capture.site),
                              "\", but training is on \"", SiteName(training.site),
                              "\"; take a capture of the same site"),
                 {{"capture", name}});
  }
  if (!capture.site.empty() && early_stop.metric() == v1::EarlyStop::METRIC_NDCG) {
    return Error(absl::StatusCode::kInvalidArgument, "NDCG_NEEDS_USER_SITE",
                 absl::StrCat("METRIC_NDCG cannot be measured at probe site \"", capture.site,
                              "\": items are scored with the vector just before scoring alone; "
                              "take METRIC_FVU"),
                 {{"capture", name}});
  }
  if (capture.rows == 0) return CaptureEmpty(name);
  if (early_stop.metric() == v1::EarlyStop::METRIC_NDCG && !capture.has_cases) {
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_WITHOUT_CASES",
                 absl::StrCat(name, " holds activations without their cases, so METRIC_NDCG ",
                              "cannot be measured; take METRIC_FVU or a capture with cases"),
                 {{"capture", name}});
  }
  return absl::OkStatus();
}

absl::StatusOr<std::shared_ptr<const DevSet>> DevSet::Load(ActivationSource& source,
                                                           const v1::EarlyStop& early_stop,
                                                           int64_t rows, int dim,
                                                           const JobContext& job) {
  std::shared_ptr<DevSet> dev(new DevSet());
  dev->dim_ = dim;
  dev->ranks_ = early_stop.metric() == v1::EarlyStop::METRIC_NDCG;
  RECSAE_ASSIGN_OR_RETURN(dev->rows_, ReadRows(source, early_stop.capture(), rows, dim, job));
  if (!dev->ranks_) return dev;
  RECSAE_ASSIGN_OR_RETURN(dev->ranking_,
                          source.ReadRankingData(early_stop.capture(), rows, dim, job));
  const std::vector<HeldOut>& cases = dev->ranking_.cases;
  if (std::none_of(cases.begin(), cases.end(), [](const HeldOut& c) { return c.target >= 0; })) {
    return NoTargets(early_stop.capture(), rows);
  }
  return dev;
}

absl::StatusOr<double> DevSet::Measure(const sae::SaeModel& model, math::WorkerPool& pool,
                                       sae::Alive alive) const {
  if (ranks_) return Ndcg(model, pool, alive);
  sae::MetricsAccumulator metrics(model.dim(), model.latents());
  const auto rows = static_cast<int64_t>(rows_.size()) / dim_;
  RECSAE_RETURN_IF_ERROR(metrics.Add(model, rows_.data(), rows, alive));
  return metrics.Result().fvu;
}

absl::StatusOr<double> DevSet::Ndcg(const sae::SaeModel& model, math::WorkerPool& pool,
                                    sae::Alive alive) const {
  const auto rows = static_cast<int64_t>(ranking_.cases.size());
  std::vector<RankingMetrics> parts(static_cast<size_t>((rows + kRowsPerPart - 1) / kRowsPerPart));
  std::vector<absl::Status> ends(parts.size());
  const auto rank = [&](size_t part) -> absl::Status {
    const int64_t begin = static_cast<int64_t>(part) * kRowsPerPart;
    const int64_t count = std::min(kRowsPerPart, rows - begin);
    RECSAE_ASSIGN_OR_RETURN(const sae::SparseCodes codes,
                            model.EncodeBatch(rows_.data() + begin * dim_, count, alive));
    std::vector<float> reconstruction(static_cast<size_t>(dim_));
    std::vector<float> scores(static_cast<size_t>(ranking_.head.items()));
    for (int64_t i = 0; i < count; ++i) {
      const HeldOut& held_out = ranking_.cases[static_cast<size_t>(begin + i)];
      if (held_out.target < 0) continue;
      RECSAE_RETURN_IF_ERROR(alive());
      model.Decode(codes.Row(i), reconstruction.data());
      ScoreItems(reconstruction, ranking_.head, absl::MakeSpan(scores));
      parts[part].Add(RankOf(scores, held_out.target, held_out.excluded));
    }
    return absl::OkStatus();
  };
  ForEach(pool, parts.size(), [&](size_t part) { ends[part] = rank(part); });
  for (const absl::Status& end : ends) RECSAE_RETURN_IF_ERROR(end);
  // In this order whoever was first, since sums of doubles depend on it.
  RankingMetrics all;
  for (const RankingMetrics& part : parts) all.Merge(part);
  return all.ndcg(kCutoff);
}

}  // namespace recsae::trainer
