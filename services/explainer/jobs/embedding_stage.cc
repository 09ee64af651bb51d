#include "services/explainer/jobs/embedding_stage.h"

#include <cstddef>
#include <cstdint>
#include <optional>

#include "absl/strings/str_cat.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/jobs/concept_report.h"
#include "services/explainer/jobs/concept_writer.h"
#include "services/explainer/jobs/mean_score.h"
#include "services/explainer/language/embedding_judge.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kDefaultTexts = 100'000;

using Description = std::optional<Nearness> EmbeddingJudgement::*;

// Absent where it was of no latent.
void Report(const EmbeddingJudgeResults& judged, Description of,
            v1::EmbeddingJudgeReport::Figures* (v1::EmbeddingJudgeReport::*mutable_figures)(),
            v1::EmbeddingJudgeReport& report) {
  MeanScore nearer;
  MeanScore told;
  v1::ConfidenceCounts paper;
  for (const EmbeddingJudgement& latent : judged.latents) {
    const std::optional<Nearness>& nearness = latent.*of;
    if (!nearness) continue;
    nearer.Add(nearness->nearer);
    told.Add(nearness->told.Confidence());
    CountConfidence(nearness->told, &paper);
  }
  if (paper.total_count() == 0) return;
  v1::EmbeddingJudgeReport::Figures& figures = *(report.*mutable_figures)();
  nearer.Write(figures.mutable_nearer());
  told.Write(figures.mutable_told());
  *figures.mutable_paper() = paper;
}

std::vector<LatentTexts> TextsOf(const ItemSets& sets, const std::vector<LatentResult>& results) {
  std::vector<LatentTexts> texts(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].outcome != LatentResult::Outcome::kDescribed) continue;
    texts[i].statistical = StatisticalDescription(sets, results[i]);
    for (const JudgedText& judged : results[i].language.judged) {
      if (judged.by_model) texts[i].by_model = judged.text;
    }
  }
  return texts;
}

}  // namespace

void CheckEmbeddingOptions(const v1::EmbeddingJudgeOptions& options, BadRequest& bad) {
  if (options.max_texts() >= 0) return;
  bad.Add("embedding_judge.max_texts",
          absl::StrCat("must not be negative, is ", options.max_texts()));
}

absl::Status CheckEmbeddingJudge(const Backend& backend, const v1::BuildConceptsRequest& request) {
  if (!request.has_embedding_judge() || backend.embedder != nullptr) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "NO_EMBEDDINGS",
               "the explainer has no endpoint for embeddings; start it with --embeddings-url and "
               "--embeddings-model, or leave embedding_judge out");
}

void FillIn(v1::EmbeddingJudgeOptions& options) {
  if (options.max_texts() == 0) options.set_max_texts(kDefaultTexts);
}

absl::Status JudgeByEmbeddings(Backend& backend, JobContext& job, const LanguageInputs& inputs,
                               const std::vector<LatentResult>& results,
                               v1::ConceptReport& report) {
  RECSAE_RETURN_IF_ERROR(CheckEmbeddingJudge(backend, inputs.request));
  if (!inputs.request.has_embedding_judge()) return absl::OkStatus();
  EmbeddingJudgeOptions options;
  options.selection = {inputs.request.paper_case_count(), inputs.request.seed()};
  options.max_texts = inputs.request.embedding_judge().max_texts();
  const EmbeddingCallbacks callbacks{
      [&job](int done, int total) {
        job.SetProgress("judging by embeddings", done, total, "latents");
        return job.Interrupted();
      },
      // A checkpoint says that the job gets on, however often the process ends.
      [&job] { return job.SaveCheckpoint("embeddings were paid for"); },
      [&job] { return job.Interrupted(); }};
  const absl::StatusOr<EmbeddingJudgeResults> judged =
      RunEmbeddingJudge(*backend.embedder, inputs.cases, inputs.recommender.texts,
                        TextsOf(inputs.sets, results), options, callbacks);
  if (!judged.ok()) {
    RECSAE_RETURN_IF_ERROR(job.Interrupted());
    return Annotate(judged.status(),
                    "descriptions could not be judged by embeddings (those that came are kept: "
                    "build again to go on)");
  }
  v1::EmbeddingJudgeReport& out = *report.mutable_embedding_judge();
  out.set_model(backend.embedder->model());
  Report(*judged, &EmbeddingJudgement::statistical, &v1::EmbeddingJudgeReport::mutable_statistical,
         out);
  Report(*judged, &EmbeddingJudgement::by_model, &v1::EmbeddingJudgeReport::mutable_language_model,
         out);
  Report(*judged, &EmbeddingJudgement::control, &v1::EmbeddingJudgeReport::mutable_control, out);
  out.set_left_out_count(judged->left_out);
  out.set_text_count(judged->texts);
  out.set_paid_count(judged->paid);
  out.set_stopped(judged->stopped);
  return absl::OkStatus();
}

}  // namespace recsae::explainer
