#include "services/explainer/jobs/steering_study.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "common/base/status.h"
#include "services/explainer/calls/erasing.h"
#include "services/explainer/calls/steer_edits.h"
#include "services/explainer/jobs/steering_leaks.h"
#include "services/explainer/steered/figures.h"
#include "services/explainer/steered/matching.h"

namespace recsae::explainer {
namespace {

// In spreads: where a method is first tried, and how far at most, when the effect is matched.
constexpr double kFirstLength = 0.04;
constexpr double kMostLength = 4;
// Draws of random controls at the same length.
constexpr int kDraws = 12;
constexpr uint64_t kControlStream = 62;

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

}  // namespace

class SteeringStudy::Impl {
 public:
  explicit Impl(const StudySubject& subject)
      : backend_(subject.backend),
        caller_(subject.caller),
        job_(subject.job),
        request_(subject.request),
        inputs_(subject.inputs),
        attributes_(subject.attributes),
        rows_(subject.rows),
        knowledge_(subject.knowledge),
        runs_(subject.backend, subject.caller, subject.job, subject.inputs, subject.rows.measured),
        popularity_(PopularityAmong(subject.rows.describing, subject.inputs.head().items())) {}

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
        inputs_, rows_, attributes_, attribute, Removed(found, group, name, place),
        BaselineOf(backend_, request_.sae()), request_.seed(),
        [this] { return job_.Interrupted(); }, out);
  }

 private:
  // The concepts that the value's words are about, where one of the best says the attribute.
  absl::StatusOr<FoundConcepts> Find(const Attributes::Name& name) {
    std::vector<sae::LatentActivation> all;
    all.reserve(static_cast<size_t>(inputs_.sae->model.latents()));
    for (int latent = 0; latent < inputs_.sae->model.latents(); ++latent) {
      all.push_back({latent, 1.0f});
    }
    RECSAE_ASSIGN_OR_RETURN(FoundConcepts found,
                            FindConcepts(backend_, caller_, request_.sae(), name.second,
                                         ActiveLatents(backend_, request_.sae(), all),
                                         /*words_only=*/true));
    const bool says =
        std::any_of(found.best.begin(), found.best.end(), [&](const NamedLatent& latent) {
          return absl::StrContains(latent.named->description, name.second);
        });
    return says ? found : FoundConcepts();
  }

  RemovedLatents Removed(const FoundConcepts& found, const std::vector<NamedLatent>& group,
                         const Attributes::Name& name, size_t place) const {
    RemovedLatents removed = {{}, {}, Eraser(inputs_.sae->model.dim())};
    for (const NamedLatent& latent : found.active) removed.matching.push_back(latent.latent);
    for (const NamedLatent& latent : group) removed.group.push_back(latent.latent);
    // Where no words lead to a concept: the latent that goes best with the attribute.
    const int32_t best = knowledge_.BestLatent(place);
    if (removed.matching.empty() && best >= 0) removed.matching.push_back(best);
    if (removed.group.empty() && best >= 0) removed.group.push_back(best);
    std::sort(removed.matching.begin(), removed.matching.end());
    std::set<int32_t> leads;
    if (!group.empty()) leads.insert(group.front().named->group);
    removed.eraser = ErasingOf(*backend_.concepts.Erasures(request_.sae()),
                               inputs_.sae->model.dim(), leads, {name.second})
                         .eraser;
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

SteeringStudy::SteeringStudy(const StudySubject& subject)
    : impl_(std::make_unique<Impl>(subject)) {}

SteeringStudy::~SteeringStudy() = default;

absl::Status SteeringStudy::MeasureUnsteered(v1::SteeringFigures* out) {
  return impl_->MeasureUnsteered(out);
}

absl::Status SteeringStudy::Measure(size_t place, v1::AttributeSteering* out) {
  return impl_->Measure(place, out);
}

}  // namespace recsae::explainer
