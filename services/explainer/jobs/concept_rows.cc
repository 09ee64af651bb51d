#include "services/explainer/jobs/concept_rows.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/explainer/attribution/directions.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/evidence/compare.h"

namespace recsae::explainer {
namespace {

// Sums over rows, of which the baseline is made.
class BaselineSums {
 public:
  explicit BaselineSums(const sae::SaeModel& sae)
      : sae_(sae),
        activation_(static_cast<size_t>(sae.dim())),
        latents_(static_cast<size_t>(sae.latents())) {}

  void Add(absl::Span<const float> x, std::span<const sae::LatentActivation> code) {
    AddTimes(1, x, activation_);
    for (const auto& [latent, value] : code) latents_[static_cast<size_t>(latent)] += value;
    ++rows_;
  }

  BaselineMeans Means() const {
    BaselineMeans means;
    if (rows_ == 0) return means;
    const double share = 1 / static_cast<double>(rows_);
    Direction reconstruction(sae_.Bias().begin(), sae_.Bias().end());
    for (size_t j = 0; j < latents_.size(); ++j) {
      if (latents_[j] == 0) continue;
      AddTimes(share * latents_[j], sae_.Direction(static_cast<int>(j)), reconstruction);
    }
    for (const double sum : activation_)
      means.activation.push_back(static_cast<float>(share * sum));
    means.reconstruction.assign(reconstruction.begin(), reconstruction.end());
    return means;
  }

 private:
  const sae::SaeModel& sae_;
  Direction activation_;
  std::vector<double> latents_;
  int64_t rows_ = 0;
};

// Of so many rows one is kept for erasures.
int ErasureStride(const std::vector<Source>& sources, int dim) {
  int64_t bytes = 0;
  for (const Source& source : sources) {
    bytes += source.rows * dim * static_cast<int64_t>(sizeof(float));
  }
  return static_cast<int>(std::max<int64_t>(1, (bytes - 1) / kErasureRowBytes + 1));
}

}  // namespace

absl::StatusOr<ConceptRows> ReadConceptRows(Backend& backend, const Caller& caller, JobContext& job,
                                            const std::vector<Source>& sources,
                                            const LoadedSae& sae,
                                            const LoadedRecommender& recommender, uint64_t seed) {
  const int latents = sae.model.latents();
  const auto alive = [&job] { return job.Interrupted(); };
  ConceptRows read{CaseTable(latents), Sample(sae.model.dim(), kSampledRows, seed), {}, 0, {}, {}};
  const int stride = ErasureStride(sources, sae.model.dim());
  BaselineSums sums(sae.model);
  UserNumbers users;
  for (size_t s = 0; s < sources.size(); ++s) {
    const Source& source = sources[s];
    int64_t row = 0;
    const auto add =
        [&](const MatrixView& activations,
            const google::protobuf::RepeatedPtrField<probe::v1::Case>& cases) -> absl::Status {
      job.SetProgress(absl::StrCat("reading ", source.capture, ": row ", row, " of ", source.rows),
                      0, latents, "latents");
      RECSAE_ASSIGN_OR_RETURN(const sae::SparseCodes codes,
                              sae.model.EncodeBatch(activations.data, activations.rows, alive));
      for (int i = 0; i < cases.size(); ++i, ++row) {
        Case added = MakeCase(recommender, cases[i], users);
        added.capture = static_cast<int32_t>(s);
        added.row = row;
        const absl::Span<const float> x = activations.row(i);
        read.sample.Add({x.data(), x.size()}, added);
        sums.Add(x, codes.Row(i));
        if (read.table.size() % stride == 0 && !added.ranked.empty()) {
          std::vector<float>& kept = read.erasure.activations;
          kept.insert(kept.end(), x.begin(), x.end());
          read.erasure.cases.push_back(read.table.size());
        }
        if (s == 0 && row < kPaperControlRows) {
          std::vector<float>& kept = read.paper_control.activations;
          kept.insert(kept.end(), x.begin(), x.end());
          read.paper_control.cases.push_back(added);
        }
        read.table.Add(std::move(added), codes.Row(i));
      }
      return absl::OkStatus();
    };
    RECSAE_RETURN_IF_ERROR(
        ReadCapture(backend.peers, source.capture, source.rows, sae.model.dim(), caller, add));
  }
  read.without_user = users.nameless();
  read.baseline = sums.Means();
  RECSAE_RETURN_IF_ERROR(read.table.Finish(alive));
  return read;
}

}  // namespace recsae::explainer
