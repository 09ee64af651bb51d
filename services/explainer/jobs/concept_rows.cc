#include "services/explainer/jobs/concept_rows.h"

#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/evidence/compare.h"

namespace recsae::explainer {

absl::StatusOr<ConceptRows> ReadConceptRows(Backend& backend, const Caller& caller, JobContext& job,
                                            const std::vector<Source>& sources,
                                            const LoadedSae& sae,
                                            const LoadedRecommender& recommender, uint64_t seed) {
  const int latents = sae.model.latents();
  const auto alive = [&job] { return job.Interrupted(); };
  ConceptRows read{CaseTable(latents), Sample(sae.model.dim(), kSampledRows, seed), {}, 0};
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
  RECSAE_RETURN_IF_ERROR(read.table.Finish(alive));
  return read;
}

}  // namespace recsae::explainer
