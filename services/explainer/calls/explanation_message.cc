#include "services/explainer/calls/explanation_message.h"

#include <cstddef>
#include <map>
#include <memory>
#include <utility>

#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/verification/firing.h"

namespace recsae::explainer {
namespace {

void WriteLatents(const Backend& backend, const std::string& sae,
                  absl::Span<const sae::LatentActivation> latents, v1::Explanation* out) {
  const auto concepts = backend.concepts.Lookup(sae, latents);
  for (size_t i = 0; i < concepts.size(); ++i) {
    v1::ActiveLatent* latent = out->add_latents();
    latent->set_latent(latents[i].latent);
    latent->set_activation(latents[i].value);
    if (concepts[i] == nullptr) continue;
    latent->set_level(IntensityLevel(latents[i].value, concepts[i]->statistics));
    latent->set_description(concepts[i]->description);
    latent->set_correlation(concepts[i]->correlation);
    latent->set_verified(concepts[i]->verified);
  }
}

const std::string& TitleOf(const LoadedRecommender& recommender, int32_t item) {
  const std::string& title = recommender.texts[static_cast<size_t>(item)].title;
  return title.empty() ? recommender.item_ids[static_cast<size_t>(item)] : title;
}

void WritePersonal(const PersonalParts<double>& score, v1::PersonalScore* out) {
  out->set_everyone(score.everyone);
  out->mutable_groups()->Assign(score.groups.begin(), score.groups.end());
  out->set_absent(score.absent);
  out->set_unexplained(score.unexplained);
  out->set_concept_share(ConceptShare(score));
}

void WriteContrast(const ToldActivation& told, int32_t item, const PersonalParts<double>& score,
                   v1::Contrast* out) {
  const PersonalParts<double> parts = Difference(score, *told.than_score);
  out->set_difference(parts.everyone + Own(parts));
  out->set_everyone(parts.everyone);
  out->mutable_groups()->Assign(parts.groups.begin(), parts.groups.end());
  out->set_absent(parts.absent);
  out->set_unexplained(parts.unexplained);
  out->set_sentence(ContrastSentence(TitleOf(*told.recommender, item),
                                     TitleOf(*told.recommender, *told.than), told.groups.told,
                                     parts));
}

// Sums over the latents of a group.
double SumOver(const ActiveGroups::Group& group, const std::vector<double>& of_latents) {
  double sum = 0;
  for (const int place : group.places) sum += of_latents[static_cast<size_t>(place)];
  return sum;
}

// The groups, tellable those that are also true of the item, with what its rank hangs on, and of
// which history items they are.
std::vector<ToldGroup> TrueOf(const ToldActivation& told, const ItemAttribution& of) {
  const int32_t item = of.item;
  const auto& texts = told.recommender->texts;
  std::vector<ToldGroup> groups = told.groups.told;
  for (size_t g = 0; g < groups.size(); ++g) {
    if (!of.margins.empty()) groups[g].margin = SumOver(told.groups.groups[g], of.margins);
    groups[g].tellable =
        groups[g].tellable && HasAll(told.groups.terms[g], texts[static_cast<size_t>(item)]);
    if (!groups[g].tellable || told.history == nullptr) continue;
    for (const int32_t weighed : told.history->items) {
      groups[g].true_of.push_back(
          HasAll(told.groups.terms[g], texts[static_cast<size_t>(weighed)]));
    }
  }
  return groups;
}

// What is particular to the user in an item's score.
void WriteWhy(const ToldActivation& told, absl::Span<const std::string> titles,
              const ItemAttribution& of, v1::ExplainedItem* out) {
  const int32_t item = of.item;
  std::vector<HistoryEffect> reasons;
  if (told.history != nullptr) reasons = told.effects.On(*told.recommender->head, item);
  if (const auto steps = told.steps.find(item); steps != told.steps.end()) {
    reasons =
        WithSteps(told.scored_by, told.groups.members, told.history->with, steps->second.after,
                  steps->second.places, *told.recommender->head, item, std::move(reasons));
  }
  for (const HistoryEffect& reason : reasons) {
    v1::HistoryReason* written = out->add_reasons();
    written->set_reason_item(reason.place);
    written->set_effect(reason.effect);
    written->set_step(reason.step);
    written->mutable_groups()->Assign(reason.groups.begin(), reason.groups.end());
  }
  PersonalParts<double> score;
  if (told.personal.has_value()) {
    score = SplitScore(*told.personal, *told.recommender->head, item);
    WritePersonal(score, out->mutable_personal());
    if (told.than_score.has_value() && *told.than != item) {
      WriteContrast(told, item, score, out->mutable_contrast());
    }
  }
  out->set_sentence(ReasonSentence(TrueOf(told, of), score, titles, reasons));
}

void WriteItem(const ToldActivation& told, absl::Span<const std::string> titles,
               const ItemAttribution& item, v1::ExplainedItem* out) {
  const LoadedRecommender& recommender = *told.recommender;
  out->set_item_id(recommender.item_ids[static_cast<size_t>(item.item)]);
  out->set_title(recommender.texts[static_cast<size_t>(item.item)].title);
  out->set_rank(item.rank);
  out->set_score(item.score);
  out->mutable_contributions()->Assign(item.contributions.begin(), item.contributions.end());
  for (const ActiveGroups::Group& group : told.groups.groups) {
    if (item.contributions.empty()) break;
    out->add_group_contributions(SumOver(group, item.contributions));
    out->add_group_margins(SumOver(group, item.margins));
  }
  out->set_bias(item.bias);
  out->set_residual(item.residual);
  WriteWhy(told, titles, item, out);
}

// A description that is worth saying to the user: it passed its tests, or reaches the correlation
// that the predictive test asks for.
bool IsTellable(const CachedConcept& lead) {
  constexpr double kTellable = 0.5;
  return !lead.description.empty() && (lead.verified || lead.correlation >= kTellable);
}

}  // namespace

ActiveGroups GroupsOf(const Backend& backend, const std::string& sae,
                      absl::Span<const sae::LatentActivation> latents) {
  const auto concepts = backend.concepts.Lookup(sae, latents);
  ActiveGroups all;
  std::map<int32_t, size_t> index;
  for (size_t i = 0; i < latents.size(); ++i) {
    const int32_t lead = concepts[i] == nullptr ? latents[i].latent : concepts[i]->group;
    const auto [found, is_new] = index.emplace(lead, all.groups.size());
    if (is_new) {
      ActiveGroups::Group& group = all.groups.emplace_back();
      group.lead = lead;
      // A lead that has no concept any more leaves the word to who is there.
      std::shared_ptr<const CachedConcept> of_lead = backend.concepts.Lookup(sae, lead);
      if (of_lead == nullptr) of_lead = concepts[i];
      ToldGroup& told = all.told.emplace_back();
      LatentGroup& members = all.members.emplace_back();
      SetTerms& terms = all.terms.emplace_back();
      if (of_lead == nullptr) {
        members.push_back({lead, 0});
      } else {
        group.correlation = of_lead->correlation;
        group.verified = of_lead->verified;
        told = {of_lead->description, IsTellable(*of_lead), {}};
        terms = of_lead->terms;
      }
      for (const auto& member : backend.concepts.Group(sae, lead)) {
        members.push_back({member->latent, member->mean});
      }
    }
    all.groups[found->second].places.push_back(static_cast<int>(i));
  }
  return all;
}

void WriteGroup(const ActiveGroups& groups, size_t index, v1::ActiveGroup* out) {
  const ActiveGroups::Group& group = groups.groups[index];
  out->set_lead_latent(group.lead);
  out->set_description(groups.told[index].description);
  out->set_correlation(group.correlation);
  out->set_verified(group.verified);
  out->mutable_latents()->Assign(group.places.begin(), group.places.end());
}

void WriteReasonItem(const LoadedRecommender& recommender, int32_t item, v1::ReasonItem* out) {
  out->set_item_id(recommender.item_ids[static_cast<size_t>(item)]);
  out->set_title(recommender.texts[static_cast<size_t>(item)].title);
}

void WriteExplanation(const Backend& backend, const std::string& sae, const ToldActivation& told,
                      v1::Explanation* out) {
  out->set_relative_error(told.explanation.relative_error);
  WriteLatents(backend, sae, told.explanation.latents, out);
  for (size_t i = 0; i < told.groups.groups.size(); ++i) {
    WriteGroup(told.groups, i, out->add_groups());
  }
  std::vector<std::string> titles;
  if (told.history != nullptr) {
    out->set_reason_method(told.history->run_again ? v1::REASON_METHOD_LEAVE_ONE_OUT
                                                   : v1::REASON_METHOD_INFLUENCE);
    out->set_unweighed_count(told.history->unweighed);
    out->set_reason_fit(told.history->fit);
    for (const int32_t item : told.history->items) {
      WriteReasonItem(*told.recommender, item, out->add_reason_items());
      titles.push_back(TitleOf(*told.recommender, item));
    }
  }
  for (const ItemAttribution& item : told.explanation.items) {
    WriteItem(told, titles, item, out->add_items());
  }
}

}  // namespace recsae::explainer
