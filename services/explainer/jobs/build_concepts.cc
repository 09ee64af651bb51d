// The job "build-concepts".
#include <algorithm>
#include <array>
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/evidence/compare.h"
#include "services/explainer/jobs/case_reader.h"
#include "services/explainer/jobs/concept_jobs.h"
#include "services/explainer/jobs/concept_report.h"
#include "services/explainer/jobs/concept_rows.h"
#include "services/explainer/jobs/concept_writer.h"
#include "services/explainer/jobs/embedding_stage.h"
#include "services/explainer/jobs/erasures.h"
#include "services/explainer/jobs/estimate.h"
#include "services/explainer/jobs/kind_of.h"
#include "services/explainer/jobs/language_stage.h"
#include "services/explainer/jobs/stability.h"

namespace recsae::explainer {
namespace {

constexpr int kDefaultPaperCases = 5;
constexpr int kMaxPaperCases = 50;
constexpr size_t kEvidence = 10;

absl::Status CheckRequest(const v1::BuildConceptsRequest& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckName("capture", request.capture(), kCapturePattern, bad);
  CheckEvidenceCaptures(request.evidence_captures(), bad);
  CheckRange("paper_case_count", request.paper_case_count(), 0, kMaxPaperCases, bad);
  CheckReferenceSaes(request.reference_saes(), request.sae(), bad);
  CheckLanguageOptions(request.language_model(), bad);
  CheckEmbeddingOptions(request.embedding_judge(), bad);
  return bad.ToStatus();
}

// With its prediction head where scores follow from the activation by one.
absl::StatusOr<std::shared_ptr<const LoadedRecommender>> FindRecommender(Backend& backend,
                                                                         const Caller& caller,
                                                                         const std::string& name,
                                                                         const LoadedSae& sae) {
  RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedRecommender> recommender,
                          backend.recommenders.Get(name, caller));
  if (!sae.probe_site.empty() || !recommender->resource.has_prediction_head()) return recommender;
  return backend.recommenders.GetWithHead(name, caller);
}

// What building works on.
struct Inputs {
  const ConceptRows& rows;
  const LoadedSae& sae;
  const LoadedRecommender& recommender;
  const ItemFeatures& features;
  PaperOptions paper;
};

// By the paper's protocol, and how each latent fires.
absl::StatusOr<std::vector<LatentResult>> Describe(const Inputs& inputs, JobContext& job) {
  const CaseTable& cases = inputs.rows.table;
  RECSAE_ASSIGN_OR_RETURN(
      std::vector<PaperResult> papers,
      RunPaperProtocol(cases, inputs.features, inputs.paper, [&job](int done, int total) {
        job.SetProgress("describing by the paper's protocol", done, total, "latents");
        return job.Interrupted();
      }));
  std::vector<LatentResult> results(papers.size());
  for (size_t i = 0; i < results.size(); ++i) {
    LatentResult& result = results[i];
    const auto latent = static_cast<int>(i);
    result.statistics = FiringOf(cases, latent);
    result.paper = std::move(papers[i]);
    result.group = latent;
    const std::span<const ActiveCase> active = cases.Active(latent);
    const size_t kept = std::min(active.size(), kEvidence);
    result.evidence.assign(active.begin(), active.begin() + static_cast<std::ptrdiff_t>(kept));
  }
  return results;
}

// The paper's protocol on a dictionary that nobody trained.
absl::Status CountPaper(const Inputs& inputs, const Dictionary& dictionary, Alive alive,
                        v1::ConfidenceCounts* counts) {
  const SampledRows& rows = inputs.rows.paper_control;
  RECSAE_ASSIGN_OR_RETURN(const sae::SparseCodes codes,
                          dictionary.Encode(rows.activations.data(), rows.rows(), alive));
  CaseTable cases(dictionary.latents());
  for (int64_t row = 0; row < rows.rows(); ++row) {
    cases.Add(rows.cases[static_cast<size_t>(row)], codes.Row(row));
  }
  RECSAE_RETURN_IF_ERROR(cases.Finish(alive));
  RECSAE_ASSIGN_OR_RETURN(
      const std::vector<PaperResult> results,
      RunPaperProtocol(cases, inputs.features, inputs.paper, [&](int, int) { return alive(); }));
  for (const PaperResult& result : results) CountConfidence(result.own, counts);
  return absl::OkStatus();
}

void Count(const TestedDictionary& tested, v1::TestCounts* counts) {
  counts->set_kind(KindOf(tested.kind));
  counts->set_latent_count(static_cast<int32_t>(tested.tests.size()));
  for (size_t i = 0; i < tested.tests.size(); ++i) {
    if (tested.descriptions[i].set < 0) continue;
    const LatentTests& tests = tested.tests[i];
    counts->set_described_count(counts->described_count() + 1);
    counts->set_predictive_count(counts->predictive_count() + tests.predictive.passed);
    counts->set_specific_count(counts->specific_count() +
                               (tests.specific && tests.specific->passed));
    counts->set_causal_count(counts->causal_count() + (tests.causal && tests.causal->passed));
    counts->set_verified_count(counts->verified_count() + tests.Passed());
  }
}

void Take(const TestedDictionary& tested, std::vector<LatentResult>& results) {
  std::map<int32_t, int> sizes;
  for (const int32_t lead : tested.groups) ++sizes[lead];
  for (size_t i = 0; i < results.size(); ++i) {
    results[i].description = tested.descriptions[i];
    results[i].group = tested.groups[i];
    results[i].group_size = sizes.at(tested.groups[i]);
    if (tested.descriptions[i].set >= 0) results[i].tests = tested.tests[i];
  }
}

// Tests the SAE's latents, and beside them those of dictionaries that nobody trained.
absl::Status Test(const Inputs& inputs, const ItemSets& sets, std::span<const double> popularity,
                  JobContext& job, std::vector<LatentResult>& results, v1::ConceptReport& report) {
  std::string doing = "testing the descriptions";
  const auto alive = [&]() -> absl::Status {
    job.SetProgress(doing, inputs.sae.model.latents(), inputs.sae.model.latents(), "latents");
    return job.Interrupted();
  };
  const Sample& sample = inputs.rows.sample;
  report.set_untested(WhyUntested(sample, sets));
  if (!report.untested().empty()) return absl::OkStatus();
  const PredictionHead* head = inputs.sae.probe_site.empty() && inputs.recommender.head
                                   ? &*inputs.recommender.head
                                   : nullptr;
  const sae::SaeModel& model = inputs.sae.model;
  RECSAE_ASSIGN_OR_RETURN(
      const ConceptTester tester,
      ConceptTester::Create(sample, sets, head, popularity, model.latents(), model.k(), alive));
  RECSAE_ASSIGN_OR_RETURN(const TestedDictionary trained,
                          tester.Test(*TrainedDictionary(model), alive));
  Count(trained, report.add_tests());
  Take(trained, results);

  const std::span<const float> rows = sample.Of(Role::kDescribe).activations;
  const int latents = tester.random().latents();
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Dictionary> exemplars,
      ExemplarDictionary(rows, model.dim(), latents, tester.random().k(), sample.seed(), alive));
  const std::unique_ptr<Dictionary> raw = RawDictionary(rows, model.dim());
  const std::array<const Dictionary*, 3> controls = {raw.get(), &tester.random(), exemplars.get()};
  for (const Dictionary* control : controls) {
    doing = "testing dictionaries that nobody trained";
    RECSAE_ASSIGN_OR_RETURN(const TestedDictionary tested, tester.Test(*control, alive));
    v1::TestCounts* counts = report.add_tests();
    Count(tested, counts);
    RECSAE_RETURN_IF_ERROR(CountPaper(inputs, *control, alive, counts->mutable_paper()));
  }
  return absl::OkStatus();
}

// Looks for each latent in SAEs of other trainings.
absl::Status FindAgain(Backend& backend, JobContext& job, const LoadedSae& sae,
                       const std::vector<std::shared_ptr<const LoadedSae>>& references,
                       std::vector<LatentResult>& results) {
  for (const std::shared_ptr<const LoadedSae>& reference : references) {
    RECSAE_ASSIGN_OR_RETURN(const sae::Matching matching,
                            MatchReference(backend, job, sae, *reference));
    for (size_t i = 0; i < results.size(); ++i) {
      results[i].matches.push_back({reference->name, matching.partner[i], matching.cosine[i]});
    }
  }
  return absl::OkStatus();
}

void Settle(std::vector<LatentResult>& results, v1::ConceptReport& report) {
  for (size_t i = 0; i < results.size(); ++i) {
    LatentResult& result = results[i];
    if (result.statistics.active_rows == 0) {
      report.set_dead_count(report.dead_count() + 1);
      continue;
    }
    CountConfidence(result.paper.own, report.mutable_paper());
    CountConfidence(result.paper.control, report.mutable_paper_control());
    if (result.description.set < 0 && result.paper.description.terms.empty()) {
      result.outcome = LatentResult::Outcome::kTooRare;
      report.set_too_rare_count(report.too_rare_count() + 1);
      continue;
    }
    result.outcome = LatentResult::Outcome::kDescribed;
    report.set_concept_count(report.concept_count() + 1);
    report.set_stable_count(report.stable_count() + (!result.matches.empty() && IsStable(result)));
    if (result.group != static_cast<int32_t>(i)) continue;
    report.set_group_count(report.group_count() + 1);
    report.set_verified_group_count(report.verified_group_count() + result.Verified());
  }
}

}  // namespace

absl::Status SpecUnknown(const JobContext& job, absl::string_view method) {
  return Error(absl::StatusCode::kInternal, "JOB_SPEC_UNKNOWN",
               absl::StrCat(job.name(), " was not started by ", method));
}

v1::BuildConceptsRequest FilledIn(v1::BuildConceptsRequest request) {
  if (request.paper_case_count() == 0) request.set_paper_case_count(kDefaultPaperCases);
  if (request.has_language_model()) FillIn(*request.mutable_language_model());
  if (request.has_embedding_judge()) FillIn(*request.mutable_embedding_judge());
  return request;
}

absl::Status CheckBuildConcepts(Backend& backend, const Caller& caller,
                                const v1::BuildConceptsRequest& request) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  RECSAE_RETURN_IF_ERROR(CheckLanguageModel(backend, request));
  RECSAE_RETURN_IF_ERROR(CheckEmbeddingJudge(backend, request));
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const LoadedSae> sae,
                          backend.saes.Get(request.sae(), caller));
  return FindSources(backend, caller, request.capture(), request.evidence_captures(), *sae)
      .status();
}

absl::StatusOr<google::protobuf::Any> RunBuildConcepts(Backend& backend, JobContext& job) {
  const absl::Time start = absl::Now();
  const Caller caller(job);
  v1::BuildConceptsRequest request;
  if (!job.spec().UnpackTo(&request)) return SpecUnknown(job, "BuildConcepts");
  // A job of an older server knows no defaults of its own.
  request = FilledIn(std::move(request));
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const LoadedSae> sae,
                          backend.saes.Get(request.sae(), caller));
  RECSAE_ASSIGN_OR_RETURN(
      const std::vector<Source> sources,
      FindSources(backend, caller, request.capture(), request.evidence_captures(), *sae));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::shared_ptr<const LoadedSae>> references,
                          FindReferences(backend, caller, request.reference_saes(), *sae));
  RECSAE_ASSIGN_OR_RETURN(const std::string recommender_name,
                          RecommenderOfCapture(request.capture()));
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const LoadedRecommender> recommender,
                          FindRecommender(backend, caller, recommender_name, *sae));
  int64_t row_count = 0;
  for (const Source& source : sources) row_count += source.rows;
  const auto items = static_cast<int64_t>(recommender->texts.size());
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      backend.memory.Take(BuildConceptsBytes(sae->model, row_count, items),
                          absl::StrCat("building the concepts of ", request.sae()),
                          "the rows of capture and evidence_captures, or the SAE's latents"));
  RECSAE_ASSIGN_OR_RETURN(
      const ConceptRows rows,
      ReadConceptRows(backend, caller, job, sources, *sae, *recommender, request.seed()));
  const auto alive = [&job] { return job.Interrupted(); };
  RECSAE_ASSIGN_OR_RETURN(const ItemFeatures features,
                          ItemFeatures::Create(recommender->texts, alive));
  Inputs inputs{rows, *sae, *recommender, features, {}};
  inputs.paper.selection = {request.paper_case_count(), request.seed()};
  RECSAE_ASSIGN_OR_RETURN(std::vector<LatentResult> results, Describe(inputs, job));

  v1::ConceptReport report;
  const std::vector<double> popularity = PopularityOf(rows.sample, static_cast<int>(items));
  RECSAE_ASSIGN_OR_RETURN(const ItemSets sets, ItemSets::Create(recommender->texts, popularity,
                                                                ItemSetOptions(), alive));
  RECSAE_RETURN_IF_ERROR(Test(inputs, sets, popularity, job, results, report));
  RECSAE_RETURN_IF_ERROR(FindAgain(backend, job, *sae, references, results));
  Settle(results, report);
  RECSAE_RETURN_IF_ERROR(AskLanguageModel(
      backend, job, {request, rows.table, features, sets, *recommender}, results, report));
  RECSAE_RETURN_IF_ERROR(JudgeByEmbeddings(
      backend, job, {request, rows.table, features, sets, *recommender}, results, report));
  RECSAE_ASSIGN_OR_RETURN(const NamedErasures erasures,
                          FitErasures(rows, sae->model.dim(), results, sets, alive));
  report.set_erasure_count(static_cast<int32_t>(erasures.all.size()));
  report.set_erasures_left_out_count(erasures.left_out);

  const int latents = sae->model.latents();
  job.SetProgress("storing concepts", latents, latents, "latents");
  ConceptContext context{request.sae(),
                         {},
                         *recommender,
                         features,
                         sets,
                         rows.table,
                         report.language_model().model(),
                         report.language_model().prompt_hash(),
                         request.seed(),
                         rows.sample.Users(Role::kMeasure),
                         rows.sample.Of(Role::kMeasure).rows()};
  for (const Source& source : sources) context.captures.push_back(source.capture);
  RECSAE_ASSIGN_OR_RETURN(const int64_t revision,
                          WriteConcepts(backend.peers, caller, job.name(), context, results));
  RECSAE_ASSIGN_OR_RETURN(const int64_t baseline_revision,
                          WriteBaseline(backend.peers, caller, job.name(), request.sae(),
                                        rows.baseline, erasures, rows.table.size()));
  // So that who sees the job finished sees its concepts in explanations.
  backend.concepts.WaitForRevision(std::max(revision, baseline_revision), caller);

  report.set_sae(request.sae());
  report.set_row_count(rows.table.size());
  report.set_row_without_user_count(rows.without_user);
  report.set_seconds(absl::ToDoubleSeconds(absl::Now() - start));
  job.SetMetric("concepts", report.concept_count());
  if (!report.tests().empty()) job.SetMetric("verified", report.tests(0).verified_count());
  google::protobuf::Any result;
  result.PackFrom(report);
  return result;
}

}  // namespace recsae::explainer
