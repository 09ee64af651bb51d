// The job "build-concepts".
#include <algorithm>
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
#include "services/explainer/jobs/case_reader.h"
#include "services/explainer/jobs/concept_jobs.h"
#include "services/explainer/jobs/concept_writer.h"
#include "services/explainer/jobs/estimate.h"

namespace recsae::explainer {
namespace {

constexpr int kDefaultPaperCases = 5;
constexpr int kMaxPaperCases = 50;
constexpr int kDefaultExtendedCases = 50;
constexpr int kMaxExtendedCases = 1000;

absl::Status CheckRequest(const v1::BuildConceptsRequest& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckName("capture", request.capture(), kCapturePattern, bad);
  CheckEvidenceCaptures(request.evidence_captures(), bad);
  CheckRange("paper_case_count", request.paper_case_count(), 0, kMaxPaperCases, bad);
  CheckRange("extended_case_count", request.extended_case_count(), 0, kMaxExtendedCases, bad);
  return bad.ToStatus();
}

// The rows of all sources, and how many of them do not say whose they are.
struct Cases {
  CaseTable table;
  int64_t without_user = 0;
};

// Reads and encodes all rows of the sources.
absl::StatusOr<Cases> ReadCases(Backend& backend, const Caller& caller, JobContext& job,
                                const std::vector<Source>& sources, const LoadedSae& sae,
                                const LoadedRecommender& recommender) {
  const int latents = sae.model.latents();
  const auto alive = [&job] { return job.Interrupted(); };
  Cases read{CaseTable(latents)};
  CaseTable& table = read.table;
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
        table.Add(std::move(added), codes.Row(i));
      }
      return absl::OkStatus();
    };
    RECSAE_RETURN_IF_ERROR(
        ReadCapture(backend.peers, source.capture, source.rows, sae.model.dim(), caller, add));
  }
  read.without_user = users.nameless();
  RECSAE_RETURN_IF_ERROR(table.Finish(alive));
  return read;
}

VerifierOptions Options(const v1::BuildConceptsRequest& request) {
  VerifierOptions options;
  options.selection.paper_cases = request.paper_case_count();
  options.selection.extended_cases = request.extended_case_count();
  options.selection.seed = request.seed();
  return options;
}

void CountConfidence(const Tally& tally, v1::ConfidenceCounts* counts) {
  if (tally.cases() == 0) return;
  const double confidence = tally.Confidence();
  counts->set_total_count(counts->total_count() + 1);
  counts->set_confidence_80_count(counts->confidence_80_count() + (confidence >= 0.8));
  counts->set_confidence_90_count(counts->confidence_90_count() + (confidence >= 0.9));
  counts->set_confidence_100_count(counts->confidence_100_count() + (confidence == 1));
}

v1::ConceptReport Report(const std::string& sae, const std::vector<LatentResult>& results) {
  v1::ConceptReport report;
  report.set_sae(sae);
  for (const LatentResult& result : results) {
    switch (result.outcome) {
      case LatentResult::Outcome::kDead:
        report.set_dead_count(report.dead_count() + 1);
        continue;
      case LatentResult::Outcome::kTooRare:
        report.set_too_rare_count(report.too_rare_count() + 1);
        continue;
      case LatentResult::Outcome::kDescribed:
        report.set_concept_count(report.concept_count() + 1);
        break;
    }
    CountConfidence(result.paper, report.mutable_paper());
    CountConfidence(result.paper_control, report.mutable_paper_control());
    CountConfidence(result.extended, report.mutable_extended());
    CountConfidence(result.extended_control, report.mutable_extended_control());
    report.set_verified_count(report.verified_count() + result.verified);
    report.set_verified_control_count(report.verified_control_count() + result.verified_control);
  }
  return report;
}

}  // namespace

absl::Status SpecUnknown(const JobContext& job, absl::string_view method) {
  return Error(absl::StatusCode::kInternal, "JOB_SPEC_UNKNOWN",
               absl::StrCat(job.name(), " was not started by ", method));
}

v1::BuildConceptsRequest FilledIn(v1::BuildConceptsRequest request) {
  if (request.paper_case_count() == 0) request.set_paper_case_count(kDefaultPaperCases);
  if (request.extended_case_count() == 0) request.set_extended_case_count(kDefaultExtendedCases);
  return request;
}

absl::Status CheckBuildConcepts(Backend& backend, const Caller& caller,
                                const v1::BuildConceptsRequest& request) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
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
  RECSAE_ASSIGN_OR_RETURN(const std::string recommender_name,
                          RecommenderOfCapture(request.capture()));
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const LoadedRecommender> recommender,
                          backend.recommenders.Get(recommender_name, caller));
  int64_t rows = 0;
  for (const Source& source : sources) rows += source.rows;
  const auto items = static_cast<int64_t>(recommender->texts.size());
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      backend.memory.Take(BuildConceptsBytes(sae->model, rows, items),
                          absl::StrCat("building the concepts of ", request.sae()),
                          "the rows of capture and evidence_captures"));
  RECSAE_ASSIGN_OR_RETURN(const Cases read,
                          ReadCases(backend, caller, job, sources, *sae, *recommender));
  const CaseTable& cases = read.table;
  RECSAE_ASSIGN_OR_RETURN(
      const ItemFeatures features,
      ItemFeatures::Create(recommender->texts, [&job] { return job.Interrupted(); }));
  const auto progress = [&job](int done, int total) {
    job.SetProgress("describing and verifying", done, total, "latents");
    return job.Interrupted();
  };
  RECSAE_ASSIGN_OR_RETURN(const std::vector<LatentResult> results,
                          DescribeAndVerify(cases, features, Options(request), progress));

  const int latents = sae->model.latents();
  job.SetProgress("storing concepts", latents, latents, "latents");
  ConceptContext context{request.sae(), {}, *recommender, features, cases};
  for (const Source& source : sources) context.captures.push_back(source.capture);
  RECSAE_ASSIGN_OR_RETURN(const int64_t revision,
                          WriteConcepts(backend.peers, caller, job.name(), context, results));
  // So that who sees the job finished sees its concepts in explanations.
  backend.concepts.WaitForRevision(revision, caller);

  v1::ConceptReport report = Report(request.sae(), results);
  report.set_row_count(cases.size());
  report.set_row_without_user_count(read.without_user);
  report.set_seconds(absl::ToDoubleSeconds(absl::Now() - start));
  job.SetMetric("concepts", report.concept_count());
  job.SetMetric("verified", report.verified_count());
  google::protobuf::Any result;
  result.PackFrom(report);
  return result;
}

}  // namespace recsae::explainer
