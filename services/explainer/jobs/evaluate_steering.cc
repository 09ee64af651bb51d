// The job "evaluate-steering".
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/calls/steer_edits.h"
#include "services/explainer/jobs/concept_jobs.h"
#include "services/explainer/jobs/estimate.h"
#include "services/explainer/jobs/steering_leaks.h"
#include "services/explainer/jobs/steering_methods.h"
#include "services/explainer/jobs/steering_rows.h"
#include "services/explainer/steered/figures.h"
#include "services/explainer/steered/matching.h"

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
// In spreads: where a method is first tried, and how far at most, when the effect is matched.
constexpr double kFirstLength = 0.04;
constexpr double kMostLength = 4;
// Draws of random controls at the same length.
constexpr int kDraws = 12;
constexpr uint64_t kControlStream = 62;
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

// ---------------------------------------------------------------- messages

void Write(const Estimate& estimate, v1::Estimate* out) {
  out->set_value(estimate.value);
  out->set_low(estimate.low);
  out->set_high(estimate.high);
}

void Write(const Attributes::Name& name, v1::CatalogAttribute* out) {
  out->set_key(name.first);
  out->set_value(name.second);
}

void Write(const Figures& figures, const Attributes& attributes, bool of_attribute,
           v1::SteeringFigures* out) {
  Write(figures.ndcg, out->mutable_ndcg_at_10());
  Write(figures.ndcg_kept, out->mutable_ndcg_kept());
  out->set_hr_at_10(figures.hr);
  out->set_mrr(figures.mrr);
  out->set_coverage(figures.coverage);
  out->set_gini(figures.gini);
  out->set_long_tail_share(figures.long_tail_share);
  out->set_novelty(figures.novelty);
  out->set_intra_list_diversity(figures.intra_list_diversity);
  out->set_inter_list_diversity(figures.inter_list_diversity);
  if (!of_attribute) return;
  Write(figures.share, out->mutable_share());
  Write(figures.share_change, out->mutable_share_change());
  if (figures.side_attribute < 0) return;
  Write(attributes.name(figures.side_attribute), out->mutable_side_effect());
  out->set_side_effect_change(figures.side_change);
}

// ---------------------------------------------------------------- one attribute

// What is measured of each attribute.
class SteeringStudy {
 public:
  SteeringStudy(Backend& backend, const Caller& caller, JobContext& job,
                const v1::EvaluateSteeringRequest& request, const SteeringInputs& inputs,
                const Attributes& attributes, const DividedRows& rows,
                const LatentKnowledge& knowledge)
      : backend_(backend),
        caller_(caller),
        job_(job),
        request_(request),
        inputs_(inputs),
        attributes_(attributes),
        rows_(rows),
        knowledge_(knowledge),
        runs_(backend, caller, job, inputs, rows.measured),
        popularity_(PopularityAmong(rows.describing, inputs.head().items())) {}

  // Before all others.
  absl::Status MeasureUnsteered(v1::SteeringFigures* out) {
    RECSAE_ASSIGN_OR_RETURN(unsteered_, runs_.Run({}, 0));
    figures_.emplace(rows_.measured, attributes_, popularity_, inputs_.head().withheld, unsteered_);
    Write(figures_->Make(unsteered_, -1), attributes_, false, out);
    return absl::OkStatus();
  }

  absl::Status Measure(size_t place, v1::AttributeSteering* out) {
    const int32_t attribute = knowledge_.chosen()[place];
    const Attributes::Name& name = attributes_.name(attribute);
    Write(name, out->mutable_attribute());
    out->set_item_count(static_cast<int32_t>(attributes_.ItemsWith(attribute).size()));
    out->set_share(figures_->Share(unsteered_, attribute));
    RECSAE_ASSIGN_OR_RETURN(const FoundConcepts found, Find(name));
    std::vector<NamedLatent> group;
    if (!found.best.empty()) group = GroupOf(backend_, request_.sae(), found.best.front());
    const std::vector<SteeringDirection> ways =
        MakeDirections(inputs_, attributes_, knowledge_, place, group);
    for (const SteeringDirection& way : ways) {
      RECSAE_RETURN_IF_ERROR(MeasureCurve(way, place, out->add_curves()));
    }
    if (!request_.skip_matched()) RECSAE_RETURN_IF_ERROR(Match(ways, place, out));
    if (request_.skip_leak()) return absl::OkStatus();
    return MeasureLeaks(
        inputs_, rows_, attributes_, attribute, Removed(found, group, place),
        BaselineOf(backend_, request_.sae()), request_.seed(),
        [this] { return job_.Interrupted(); }, out);
  }

 private:
  // The concepts that the value's words are about, where one of the best says the attribute.
  absl::StatusOr<FoundConcepts> Find(const Attributes::Name& name) {
    std::vector<sae::LatentActivation> all;
    for (int latent = 0; latent < inputs_.sae->model.latents(); ++latent) {
      all.push_back({latent, 1.0f});
    }
    RECSAE_ASSIGN_OR_RETURN(FoundConcepts found,
                            FindConcepts(backend_, caller_, request_.sae(), name.second,
                                         ActiveLatents(backend_, request_.sae(), all)));
    const bool says =
        std::any_of(found.best.begin(), found.best.end(), [&](const NamedLatent& latent) {
          return absl::StrContains(latent.named->description, name.second);
        });
    return says ? found : FoundConcepts();
  }

  RemovedLatents Removed(const FoundConcepts& found, const std::vector<NamedLatent>& group,
                         size_t place) const {
    RemovedLatents removed;
    for (const NamedLatent& latent : found.active) removed.matching.push_back(latent.latent);
    for (const NamedLatent& latent : group) removed.group.push_back(latent.latent);
    // Where no words lead to a concept: the latent that goes best with the attribute.
    const int32_t best = knowledge_.BestLatent(place);
    if (removed.matching.empty() && best >= 0) removed.matching.push_back(best);
    if (removed.group.empty() && best >= 0) removed.group.push_back(best);
    std::sort(removed.matching.begin(), removed.matching.end());
    return removed;
  }

  // Length of a dose of 1.
  double UnitOf(size_t place) const {
    const int32_t best = knowledge_.BestLatent(place);
    if (request_.dose_unit() != v1::DOSE_UNIT_ACTIVATION || best < 0) return knowledge_.spread();
    double squares = 0;
    for (const float value : inputs_.sae->model.Direction(best)) squares += double{value} * value;
    return std::sqrt(squares);
  }

  void WriteFigures(const Lists& lists, size_t place, double length, v1::SteeringFigures* out) {
    Write(figures_->Make(lists, knowledge_.chosen()[place]), attributes_, true, out);
    out->set_length(std::abs(length));
    out->set_dose(length / UnitOf(place));
  }

  absl::Status MeasureCurve(const SteeringDirection& way, size_t place, v1::SteeringCurve* out) {
    out->set_method(way.method);
    const double unit = UnitOf(place);
    for (const LatentWeight& latent : way.latents) {
      v1::WeightedLatent* added = out->add_latents();
      added->set_latent(latent.latent);
      added->set_weight(latent.weight * unit);
    }
    for (const double dose : request_.doses()) {
      RECSAE_ASSIGN_OR_RETURN(const Lists lists, runs_.Run(way.direction, dose * unit));
      WriteFigures(lists, place, dose * unit, out->add_points());
    }
    return absl::OkStatus();
  }

  // A method where the effect is matched, and its lists there.
  struct Matched {
    MatchedLength found;
    Lists lists;
  };

  absl::StatusOr<Matched> MatchOne(const SteeringDirection& way, int32_t attribute, double wanted) {
    Matched matched;
    double kept = 0;
    const auto effect = [&](double length) -> absl::StatusOr<double> {
      RECSAE_ASSIGN_OR_RETURN(Lists lists, runs_.Run(way.direction, length));
      const double share = figures_->Share(lists, attribute);
      // The lists of the length that the search ends at: the largest effect below the goal, or the
      // least above it.
      const bool better =
          share >= wanted ? kept < wanted || share <= kept : kept < wanted && share > kept;
      if (better || matched.lists.tens.empty()) {
        kept = share;
        matched.lists = std::move(lists);
      }
      return share;
    };
    const double spread = knowledge_.spread();
    RECSAE_ASSIGN_OR_RETURN(
        matched.found, FindLength(effect, wanted, kFirstLength * spread, kMostLength * spread));
    return matched;
  }

  // The controls of one draw.
  std::vector<SteeringDirection> Controls(const SteeringDirection& fitted, Random& random) const {
    std::vector<double> noise(fitted.direction.size());
    for (double& value : noise) value = random.Normal();
    std::vector<double> wrong = fitted.direction;
    for (double& value : wrong) value = -value;
    return {AlongLatents(v1::STEERING_METHOD_RANDOM_LATENTS, inputs_.sae->model,
                         knowledge_.DrawLike(fitted.latents, random)),
            {v1::STEERING_METHOD_NOISE, Unit(std::move(noise)), {}},
            {v1::STEERING_METHOD_WRONG_SIGN, std::move(wrong), {}}};
  }

  // The change of the share when `way` goes as far as the fitted latents do; for what is drawn,
  // over draws.
  absl::StatusOr<Estimate> AtSameLength(const SteeringDirection& way,
                                        const SteeringDirection& fitted, double length,
                                        int32_t attribute) {
    const bool drawn =
        way.method == v1::STEERING_METHOD_RANDOM_LATENTS || way.method == v1::STEERING_METHOD_NOISE;
    if (!drawn) {
      RECSAE_ASSIGN_OR_RETURN(const Lists lists, runs_.Run(way.direction, length));
      return figures_->ShareChange(lists, attribute);
    }
    std::vector<double> changes;
    std::vector<int32_t> draws;
    for (int draw = 0; draw < kDraws; ++draw) {
      Random random(Random::Mix(request_.seed(), static_cast<uint64_t>(attribute),
                                static_cast<uint64_t>(draw)),
                    kControlStream);
      for (const SteeringDirection& other : Controls(fitted, random)) {
        if (other.method != way.method || other.direction.empty()) continue;
        RECSAE_ASSIGN_OR_RETURN(const Lists lists, runs_.Run(other.direction, length));
        changes.push_back(figures_->ShareChange(lists, attribute).value);
        draws.push_back(draw);
      }
    }
    return MeanOverUsers(changes, draws);
  }

  absl::Status Match(std::vector<SteeringDirection> ways, size_t place,
                     v1::AttributeSteering* out) {
    const int32_t attribute = knowledge_.chosen()[place];
    const auto fitted_way = std::find_if(ways.begin(), ways.end(), [](const auto& way) {
      return way.method == v1::STEERING_METHOD_FITTED;
    });
    if (fitted_way == ways.end() || out->share() <= 0) return absl::OkStatus();
    const SteeringDirection fitted = *fitted_way;
    Random random(Random::Mix(request_.seed(), static_cast<uint64_t>(attribute), 0),
                  kControlStream);
    for (SteeringDirection& control : Controls(fitted, random)) {
      if (!control.direction.empty()) ways.push_back(std::move(control));
    }
    const double share = out->share();
    const double wanted = std::min(share * request_.share_factor(), (1 + share) / 2);
    out->set_matched_share(wanted);
    RECSAE_ASSIGN_OR_RETURN(const Matched best, MatchOne(fitted, attribute, wanted));
    for (const SteeringDirection& way : ways) {
      const bool itself = way.method == v1::STEERING_METHOD_FITTED;
      Matched matched = best;
      if (!itself) {
        RECSAE_ASSIGN_OR_RETURN(matched, MatchOne(way, attribute, wanted));
      }
      v1::MatchedSteering* added = out->add_matched();
      added->set_method(way.method);
      added->set_reached(matched.found.reached);
      WriteFigures(matched.lists, place, matched.found.length, added->mutable_figures());
      if (itself) continue;
      if (best.found.reached && matched.found.reached) {
        Write(figures_->GainDifference(best.lists, matched.lists),
              added->mutable_ndcg_difference());
      }
      RECSAE_ASSIGN_OR_RETURN(const Estimate change,
                              AtSameLength(way, fitted, best.found.length, attribute));
      Write(change, added->mutable_share_change_at_same_length());
    }
    return absl::OkStatus();
  }

  Backend& backend_;
  const Caller& caller_;
  JobContext& job_;
  const v1::EvaluateSteeringRequest& request_;
  const SteeringInputs& inputs_;
  const Attributes& attributes_;
  const DividedRows& rows_;
  const LatentKnowledge& knowledge_;
  SteeredRuns runs_;
  ItemPopularity popularity_;
  Lists unsteered_;
  std::optional<FigureMaker> figures_;
};

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

void WriteWarnings(const DividedRows& rows, v1::SteeringEvaluation& evaluation) {
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
  std::vector<std::string> unmatched;
  for (const v1::AttributeSteering& attribute : evaluation.attributes()) {
    const bool reached = std::any_of(
        attribute.matched().begin(), attribute.matched().end(), [](const auto& matched) {
          return matched.method() == v1::STEERING_METHOD_FITTED && matched.reached();
        });
    if (!attribute.matched().empty() && !reached) {
      unmatched.push_back(
          absl::StrCat(attribute.attribute().key(), ":", attribute.attribute().value()));
    }
  }
  if (unmatched.empty()) return;
  const size_t all = unmatched.size();
  unmatched.resize(std::min(all, kNamedInWarnings));
  evaluation.add_warnings(absl::StrCat("the fitted latents do not reach the effect for ", all,
                                       " attributes: ", absl::StrJoin(unmatched, ", ")));
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
  SteeringStudy study(backend, caller, job, request, inputs, attributes, rows, knowledge);
  RECSAE_RETURN_IF_ERROR(study.MeasureUnsteered(evaluation.mutable_unsteered()));
  for (size_t place = 0; place < knowledge.chosen().size(); ++place) {
    job.SetProgress(
        absl::StrCat("steering towards ", NameOf(attributes, knowledge.chosen()[place])),
        static_cast<int64_t>(place), static_cast<int64_t>(knowledge.chosen().size()), "attributes");
    RECSAE_RETURN_IF_ERROR(study.Measure(place, evaluation.add_attributes()));
  }
  WriteVerdicts(evaluation);
  WriteWarnings(rows, evaluation);
  SetMetrics(evaluation, job);
  google::protobuf::Any result;
  result.PackFrom(evaluation);
  return result;
}

}  // namespace recsae::explainer
