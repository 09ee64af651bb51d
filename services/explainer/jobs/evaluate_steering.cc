// The job "evaluate-steering".
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/jobs/concept_jobs.h"
#include "services/explainer/jobs/estimate.h"
#include "services/explainer/jobs/steering_methods.h"
#include "services/explainer/jobs/steering_rows.h"
#include "services/explainer/jobs/steering_study.h"

namespace recsae::explainer {
namespace {

constexpr int kMaxAttributes = 64;
constexpr size_t kDefaultAttributes = 32;
constexpr size_t kFewestItems = 10;
constexpr int64_t kFewestRecommendedTo = 20;
constexpr int kMaxDoses = 16;
constexpr double kMaxDose = 100;
constexpr double kDefaultDoses[] = {-1, -0.5, 0.25, 0.5, 1, 1.5, 2};
// By how much Sci-Fi rises in Klenitskiy et al. (2025).
constexpr double kDefaultShareFactor = 3.3;
constexpr size_t kNamedInWarnings = 10;

absl::Status CheckRequest(const v1::EvaluateSteeringRequest& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckName("capture", request.capture(), kCapturePattern, bad);
  CheckEvidenceCaptures(request.evidence_captures(), bad);
  CheckRange("attributes", request.attributes_size(), 0, kMaxAttributes, bad);
  for (int i = 0; i < std::min(request.attributes_size(), kMaxAttributes); ++i) {
    if (!request.attributes(i).key().empty()) continue;
    bad.Add(absl::StrCat("attributes[", i, "].key"), "is needed");
  }
  CheckRange("doses", request.doses_size(), 0, kMaxDoses, bad);
  for (int i = 0; i < std::min(request.doses_size(), kMaxDoses); ++i) {
    const double dose = request.doses(i);
    if (dose != 0 && std::abs(dose) <= kMaxDose) continue;
    bad.Add(
        absl::StrCat("doses[", i, "]"),
        absl::StrCat("is ", dose, "; must not be 0, and between -", kMaxDose, " and ", kMaxDose));
  }
  if (!v1::DoseUnit_IsValid(request.dose_unit())) {
    bad.Add("dose_unit", absl::StrCat("is ", static_cast<int>(request.dose_unit()),
                                      ", which is none of the units"));
  }
  const double factor = request.share_factor();
  if (factor != 0 && !(factor > 1 && std::isfinite(factor))) {
    bad.Add("share_factor", absl::StrCat("is ", factor, "; must be above 1"));
  }
  return bad.ToStatus();
}

// ---------------------------------------------------------------- which attributes

std::string NameOf(const Attributes& attributes, int attribute) {
  const auto& [key, value] = attributes.name(attribute);
  return absl::StrCat(key, ":", value);
}

// Rows of the describing users whose list has each attribute.
std::vector<int64_t> RecommendedTo(const SteeredRows& rows, const Attributes& attributes) {
  std::vector<int64_t> rows_with(static_cast<size_t>(attributes.size()));
  std::vector<double> counts;
  for (const SteeredCase& row : rows.cases) {
    counts.assign(rows_with.size(), 0.0);
    attributes.Count(row.ranked, counts);
    for (size_t i = 0; i < counts.size(); ++i) rows_with[i] += counts[i] > 0 ? 1 : 0;
  }
  return rows_with;
}

// The attributes of a key (all keys, where it is empty) that can be measured, of most items first.
std::vector<int32_t> Measurable(const Attributes& attributes,
                                const std::vector<int64_t>& recommended_to,
                                const std::string& key) {
  std::vector<int32_t> found;
  for (int32_t attribute = 0; attribute < attributes.size(); ++attribute) {
    const bool enough = attributes.ItemsWith(attribute).size() >= kFewestItems &&
                        recommended_to[static_cast<size_t>(attribute)] >= kFewestRecommendedTo;
    if (enough && (key.empty() || attributes.name(attribute).first == key)) {
      found.push_back(attribute);
    }
  }
  std::stable_sort(found.begin(), found.end(), [&](int32_t a, int32_t b) {
    return attributes.ItemsWith(a).size() > attributes.ItemsWith(b).size();
  });
  return found;
}

absl::StatusOr<int32_t> FindAttribute(const Attributes& attributes,
                                      const v1::CatalogAttribute& asked) {
  const int attribute = attributes.Find({asked.key(), asked.value()});
  if (attribute >= 0) return attribute;
  return Error(absl::StatusCode::kNotFound, "ATTRIBUTE_NOT_FOUND",
               absl::StrCat("no item of the catalogue has ", asked.key(), ":", asked.value()),
               {{"key", asked.key()}, {"value", asked.value()}});
}

absl::StatusOr<std::vector<int32_t>> ChooseAttributes(const v1::EvaluateSteeringRequest& request,
                                                      const Attributes& attributes,
                                                      const SteeredRows& describing) {
  const std::vector<int64_t> recommended_to = RecommendedTo(describing, attributes);
  std::vector<int32_t> chosen;
  for (const v1::CatalogAttribute& asked : request.attributes()) {
    if (asked.value().empty()) {
      const auto of_key = Measurable(attributes, recommended_to, asked.key());
      chosen.insert(chosen.end(), of_key.begin(), of_key.end());
    } else {
      RECSAE_ASSIGN_OR_RETURN(const int32_t attribute, FindAttribute(attributes, asked));
      chosen.push_back(attribute);
    }
  }
  if (request.attributes().empty()) {
    chosen = Measurable(attributes, recommended_to, "");
    chosen.resize(std::min(chosen.size(), kDefaultAttributes));
  }
  std::vector<int32_t> once;
  for (const int32_t attribute : chosen) {
    if (std::find(once.begin(), once.end(), attribute) == once.end()) once.push_back(attribute);
  }
  once.resize(std::min<size_t>(once.size(), kMaxAttributes));
  if (!once.empty()) return once;
  return Error(absl::StatusCode::kFailedPrecondition, "NO_ATTRIBUTES",
               absl::StrCat("no attribute of the catalogue has ", kFewestItems,
                            " items and is recommended to ", kFewestRecommendedTo,
                            " of those who describe; name one that items have, or give the "
                            "catalogue attributes"),
               {{"sae", request.sae()}});
}

// ---------------------------------------------------------------- all together

void WriteVerdicts(v1::SteeringEvaluation& evaluation) {
  for (int m = v1::SteeringMethod_MIN; m <= v1::SteeringMethod_MAX; ++m) {
    const auto method = static_cast<v1::SteeringMethod>(m);
    v1::SteeringVerdict verdict;
    verdict.set_method(method);
    bool any = false;
    for (const v1::AttributeSteering& attribute : evaluation.attributes()) {
      for (const v1::MatchedSteering& matched : attribute.matched()) {
        if (matched.method() != method || method == v1::STEERING_METHOD_FITTED) continue;
        any = true;
        if (!matched.reached()) verdict.set_not_reached_count(verdict.not_reached_count() + 1);
        const v1::Estimate& change = matched.share_change_at_same_length();
        if (change.low() <= 0 && change.high() >= 0) {
          verdict.set_no_effect_count(verdict.no_effect_count() + 1);
        }
        if (!matched.has_ndcg_difference()) continue;
        verdict.set_attribute_count(verdict.attribute_count() + 1);
        if (matched.ndcg_difference().value() >= 0) {
          verdict.set_kept_as_much_count(verdict.kept_as_much_count() + 1);
        }
      }
    }
    if (any) *evaluation.add_verdicts() = std::move(verdict);
  }
}

// Of some attributes, of which the first are named.
void WarnOf(const std::string& what, std::vector<std::string> names,
            v1::SteeringEvaluation& evaluation) {
  if (names.empty()) return;
  const size_t all = names.size();
  names.resize(std::min(all, kNamedInWarnings));
  evaluation.add_warnings(absl::StrCat(what, ": ", absl::StrJoin(names, ", "),
                                       all > names.size() ? " and others" : ""));
}

void WriteWarnings(const DividedRows& rows, const v1::EvaluateSteeringRequest& request,
                   v1::SteeringEvaluation& evaluation) {
  if (rows.divided) {
    evaluation.add_warnings(
        "the evidence captures have too few other users, so those of the capture were divided: "
        "only "
        "two fifths are measured");
  }
  if (rows.without_target > 0) {
    evaluation.add_warnings(
        absl::StrCat(rows.without_target, " rows have no held-out item and were left out"));
  }
  if (rows.not_sampled > 0) {
    evaluation.add_warnings(absl::StrCat("of ", rows.not_sampled + rows.measured.rows(),
                                         " rows a random ", rows.measured.rows(),
                                         " were measured"));
  }
  std::vector<std::string> absent;
  std::vector<std::string> unmatched;
  std::vector<std::string> unprobed;
  for (const v1::AttributeSteering& attribute : evaluation.attributes()) {
    const std::string name =
        absl::StrCat(attribute.attribute().key(), ":", attribute.attribute().value());
    const bool reached = std::any_of(
        attribute.matched().begin(), attribute.matched().end(), [](const auto& matched) {
          return matched.method() == v1::STEERING_METHOD_FITTED && matched.reached();
        });
    if (attribute.leaks().empty() && !request.skip_leak()) unprobed.push_back(name);
    if (request.skip_matched() || reached) continue;
    (attribute.matched().empty() ? absent : unmatched).push_back(name);
  }
  WarnOf(
      "nothing is compared, since it is recommended to nobody who is measured or no latent leads "
      "there",
      absent, evaluation);
  WarnOf("the fitted latents do not reach the effect", unmatched, evaluation);
  WarnOf(
      "nothing is probed, for fewer than 20 rows have it, or have it not, or activations are wider "
      "than 2,048",
      unprobed, evaluation);
}

void SetMetrics(const v1::SteeringEvaluation& evaluation, JobContext& job) {
  job.SetMetric("ndcg@10", evaluation.unsteered().ndcg_at_10().value());
  double kept = 0;
  int count = 0;
  for (const v1::AttributeSteering& attribute : evaluation.attributes()) {
    for (const v1::MatchedSteering& matched : attribute.matched()) {
      if (matched.method() != v1::STEERING_METHOD_FITTED || !matched.reached()) continue;
      kept += matched.figures().ndcg_kept().value();
      ++count;
    }
  }
  if (count > 0) job.SetMetric("ndcg_kept", kept / count);
}

}  // namespace

v1::EvaluateSteeringRequest FilledIn(v1::EvaluateSteeringRequest request) {
  if (request.doses().empty()) {
    request.mutable_doses()->Add(std::begin(kDefaultDoses), std::end(kDefaultDoses));
  }
  if (request.dose_unit() == v1::DOSE_UNIT_UNSPECIFIED) {
    request.set_dose_unit(v1::DOSE_UNIT_SPREAD);
  }
  if (request.share_factor() == 0) request.set_share_factor(kDefaultShareFactor);
  return request;
}

absl::Status CheckEvaluateSteering(Backend& backend, const Caller& caller,
                                   const v1::EvaluateSteeringRequest& request) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  RECSAE_ASSIGN_OR_RETURN(const SteeringInputs inputs,
                          FindSteeringInputs(backend, caller, request.sae(), request.capture(),
                                             request.evidence_captures()));
  const Attributes attributes(inputs.recommender->texts);
  for (const v1::CatalogAttribute& asked : request.attributes()) {
    if (!asked.value().empty()) {
      RECSAE_RETURN_IF_ERROR(FindAttribute(attributes, asked).status());
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<google::protobuf::Any> RunEvaluateSteering(Backend& backend, JobContext& job) {
  const Caller caller(job);
  v1::EvaluateSteeringRequest request;
  if (!job.spec().UnpackTo(&request)) return SpecUnknown(job, "EvaluateSteering");
  // A job of an earlier version, or one whose spec was not resolved, has no doses.
  request = FilledIn(std::move(request));
  RECSAE_ASSIGN_OR_RETURN(const SteeringInputs inputs,
                          FindSteeringInputs(backend, caller, request.sae(), request.capture(),
                                             request.evidence_captures()));
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      backend.memory.Take(
          EvaluateSteeringBytes(inputs.sae->model, inputs.head().items(),
                                MostMeasuredRows(inputs.head().items(), inputs.at_inner_site()),
                                kMostDescribingRows),
          absl::StrCat("evaluating steering by ", request.sae()), "the catalogue"));
  RECSAE_RETURN_IF_ERROR(backend.concepts.WaitUntilFilled(caller));
  RECSAE_ASSIGN_OR_RETURN(const DividedRows rows,
                          ReadSteeringRows(backend, caller, job, inputs, request.seed()));
  const Attributes attributes(inputs.recommender->texts);
  RECSAE_ASSIGN_OR_RETURN(std::vector<int32_t> chosen,
                          ChooseAttributes(request, attributes, rows.describing));
  job.SetProgress("choosing latents and directions", 0, 0, "");
  RECSAE_ASSIGN_OR_RETURN(
      const LatentKnowledge knowledge,
      LatentKnowledge::Learn(inputs, rows.describing, attributes, std::move(chosen),
                             [&job] { return job.Interrupted(); }));
  v1::SteeringEvaluation evaluation;
  evaluation.set_sae(request.sae());
  evaluation.set_capture(request.capture());
  evaluation.set_row_count(rows.measured.rows());
  evaluation.set_user_count(rows.measured.UserCount());
  evaluation.set_describing_user_count(rows.describing.UserCount());
  evaluation.set_spread(knowledge.spread());
  SteeringStudy study({backend, caller, job, request, inputs, attributes, rows, knowledge});
  RECSAE_RETURN_IF_ERROR(study.MeasureUnsteered(evaluation.mutable_unsteered()));
  for (size_t place = 0; place < knowledge.chosen().size(); ++place) {
    job.SetProgress(
        absl::StrCat("steering towards ", NameOf(attributes, knowledge.chosen()[place])),
        static_cast<int64_t>(place), static_cast<int64_t>(knowledge.chosen().size()), "attributes");
    RECSAE_RETURN_IF_ERROR(study.Measure(place, evaluation.add_attributes()));
  }
  WriteVerdicts(evaluation);
  WriteWarnings(rows, request, evaluation);
  SetMetrics(evaluation, job);
  google::protobuf::Any result;
  result.PackFrom(evaluation);
  return result;
}

}  // namespace recsae::explainer
