#include "services/explainer/jobs/language_stage.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/jobs/concept_report.h"
#include "services/explainer/jobs/concept_writer.h"
#include "services/explainer/jobs/mean_score.h"

namespace recsae::explainer {
namespace {

constexpr int64_t kDefaultCalls = 100'000;
constexpr int64_t kDefaultTokens = 100'000'000;

void ReportLatents(const std::vector<LatentResult>& results, v1::LanguageModelReport& report) {
  MeanScore own;
  MeanScore statistical;
  MeanScore control;
  for (const LatentResult& result : results) {
    const LanguageResult& language = result.language;
    for (const JudgedText& judged : language.judged) {
      (judged.by_model ? own : statistical).Add(judged.tally.Confidence());
      if (judged.by_model) CountConfidence(judged.tally, report.mutable_paper());
    }
    if (result.ShowsModels()) report.set_chosen_count(report.chosen_count() + 1);
    if (!language.control) continue;
    control.Add(language.control->Confidence());
    CountConfidence(*language.control, report.mutable_paper_control());
  }
  own.Write(report.mutable_own());
  statistical.Write(report.mutable_statistical());
  control.Write(report.mutable_control());
}

void ReportAsking(const LanguageResults& asked, const LanguageBudget::Spent& spent,
                  v1::LanguageModelReport& report) {
  report.set_unreadable_count(asked.unreadable);
  report.set_retest_case_count(asked.retest.cases());
  report.set_retest_agreement(asked.retest.Agreement());
  report.set_retest_kappa(asked.retest.Kappa());
  report.set_call_count(spent.calls);
  report.set_token_count(spent.tokens);
  report.set_remembered_count(spent.remembered);
  report.set_stopped(asked.stopped);
}

}  // namespace

void CheckLanguageOptions(const v1::LanguageModelOptions& options, BadRequest& bad) {
  if (!v1::LanguageModelOptions::Judge_IsValid(options.judge())) {
    bad.Add("language_model.judge",
            absl::StrCat("is no known judge: ", static_cast<int>(options.judge())));
  }
  for (const auto& [field, value] : {std::pair("max_calls", options.max_calls()),
                                     std::pair("max_tokens", options.max_tokens())}) {
    if (value < 0) {
      bad.Add(absl::StrCat("language_model.", field),
              absl::StrCat("must not be negative, is ", value));
    }
  }
}

absl::Status CheckLanguageModel(const Backend& backend, const v1::BuildConceptsRequest& request) {
  if (!request.has_language_model() || backend.language != nullptr) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "NO_LANGUAGE_MODEL",
               "the explainer has no language model; start it with --llm-url and --llm-model, or "
               "leave language_model out");
}

void FillIn(v1::LanguageModelOptions& options) {
  if (options.judge() == v1::LanguageModelOptions::JUDGE_UNSPECIFIED) {
    options.set_judge(v1::LanguageModelOptions::JUDGE_DETECTION);
  }
  if (options.max_calls() == 0) options.set_max_calls(kDefaultCalls);
  if (options.max_tokens() == 0) options.set_max_tokens(kDefaultTokens);
}

absl::Status AskLanguageModel(Backend& backend, JobContext& job, const LanguageInputs& inputs,
                              std::vector<LatentResult>& results, v1::ConceptReport& report) {
  RECSAE_RETURN_IF_ERROR(CheckLanguageModel(backend, inputs.request));
  if (!inputs.request.has_language_model()) return absl::OkStatus();
  const v1::LanguageModelOptions& wanted = inputs.request.language_model();
  LanguageModel& model = *backend.language;
  std::vector<std::string> statistical(results.size());
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].outcome != LatentResult::Outcome::kDescribed) continue;
    statistical[i] = StatisticalDescription(inputs.sets, results[i]);
  }
  // A checkpoint says that the job gets on, however often the process ends.
  LanguageBudget budget(job.name(), wanted.max_calls(), wanted.max_tokens(),
                        [&job] { return job.SaveCheckpoint("an answer was paid for"); });
  LanguageProtocolOptions options;
  options.selection = {inputs.request.paper_case_count(), inputs.request.seed()};
  options.judge = wanted.judge() == v1::LanguageModelOptions::JUDGE_LEVELS
                      ? LanguageJudge::kLevels
                      : LanguageJudge::kDetection;
  options.judge_only = wanted.judge_only();
  const LanguageCallbacks callbacks{
      [&](int done, int total) {
        job.SetProgress("asking the language model", done, total, "latents");
        const LanguageBudget::Spent spent = budget.spent();
        job.SetMetric("language_model_calls", static_cast<double>(spent.calls));
        job.SetMetric("language_model_tokens", static_cast<double>(spent.tokens));
        return job.Interrupted();
      },
      [&job] { return job.Interrupted(); }};
  absl::StatusOr<LanguageResults> asked =
      RunLanguageProtocol(model, budget, inputs.cases, inputs.features, inputs.recommender.texts,
                          statistical, options, callbacks);
  if (!asked.ok()) {
    RECSAE_RETURN_IF_ERROR(job.Interrupted());
    return Annotate(asked.status(),
                    absl::StrCat("the language model could not be asked (", budget.spent().calls,
                                 " answers of this job are kept: build again to go on)"));
  }
  for (size_t i = 0; i < results.size(); ++i) results[i].language = std::move(asked->latents[i]);
  v1::LanguageModelReport& out = *report.mutable_language_model();
  out.set_model(model.model());
  out.set_prompt_hash(model.prompts().hash);
  out.set_judge(wanted.judge());
  ReportLatents(results, out);
  ReportAsking(*asked, budget.spent(), out);
  return absl::OkStatus();
}

}  // namespace recsae::explainer
