#include "services/explainer/attribution/sentence.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace recsae::explainer {
namespace {

constexpr size_t kNamedItems = 3;
// A reason is named from this share of the strongest one's effect on.
constexpr double kNamedShare = 0.4;
// Of the effect of items, the share from which on it goes through a concept.
constexpr double kThroughShare = 0.25;
// A concept is named from this share of what is the user's own on.
constexpr double kConceptShare = 0.15;

// Of the groups that can be told and are much of what is the user's own, the one that the rank
// hangs on most; -1 for none.
int LeadingGroup(absl::Span<const ToldGroup> groups, const PersonalParts<double>& score) {
  int leading = -1;
  for (size_t i = 0; i < groups.size() && i < score.groups.size(); ++i) {
    const double part = score.groups[i];
    if (!groups[i].tellable || part <= 0 || groups[i].margin < 0 ||
        part < kConceptShare * std::abs(Own(score))) {
      continue;
    }
    if (leading < 0 ||
        std::pair(groups[i].margin, part) > std::pair(groups[static_cast<size_t>(leading)].margin,
                                                      score.groups[static_cast<size_t>(leading)])) {
      leading = static_cast<int>(i);
    }
  }
  return leading;
}

// "A", "A and B", "A, B and C".
std::string Listed(absl::Span<const std::string> names) {
  std::string listed;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) absl::StrAppend(&listed, i + 1 == names.size() ? " and " : ", ");
    absl::StrAppend(&listed, names[i]);
  }
  return listed;
}

// The items of the history that raise the score most, by their effects.
std::vector<HistoryEffect> Strongest(absl::Span<const HistoryEffect> reasons) {
  std::vector<HistoryEffect> strongest;
  for (const HistoryEffect& reason : reasons) {
    if (reason.effect <= 0 || strongest.size() == kNamedItems ||
        reason.effect < kNamedShare * reasons.front().effect) {
      break;
    }
    strongest.push_back(reason);
  }
  return strongest;
}

// Whether the group is true of each item, and a part of what they raise the score by together.
bool GoesThrough(absl::Span<const HistoryEffect> named, int index, const ToldGroup& group) {
  double all = 0, through = 0;
  for (const HistoryEffect& reason : named) {
    const auto place = static_cast<size_t>(index);
    const auto item = static_cast<size_t>(reason.place);
    if (item >= group.true_of.size() || !group.true_of[item]) return false;
    all += reason.effect;
    if (place < reason.groups.size()) through += reason.groups[place];
  }
  return through >= kThroughShare * all;
}

std::string Parts(double part, double own) {
  if (own <= 0) return absl::StrFormat("%+.2f of the score", part);
  return absl::StrFormat("%+.2f of the %+.2f that it scores above an average user's", part, own);
}

}  // namespace

std::string ReasonSentence(absl::Span<const ToldGroup> groups, const PersonalParts<double>& score,
                           absl::Span<const std::string> titles,
                           absl::Span<const HistoryEffect> reasons) {
  const std::vector<HistoryEffect> named = Strongest(reasons);
  std::vector<std::string> names;
  names.reserve(named.size());
  for (const HistoryEffect& reason : named) {
    names.push_back(titles[static_cast<size_t>(reason.place)]);
  }
  const int leading = LeadingGroup(groups, score);
  if (leading < 0) {
    if (names.empty()) return "";
    return absl::StrCat("Because of ", Listed(names), ": without ",
                        names.size() == 1 ? "it" : names.front(), " the score would be ",
                        absl::StrFormat("%.2f", named.front().effect), " lower.");
  }
  const ToldGroup& group = groups[static_cast<size_t>(leading)];
  const std::string parts = Parts(score.groups[static_cast<size_t>(leading)], Own(score));
  const std::string more =
      absl::StrCat("ecause ", group.description,
                   " weighs more with you than with an average user: ", parts, ".");
  if (names.empty()) return absl::StrCat("B", more);
  if (!GoesThrough(named, leading, group)) {
    return absl::StrCat("Because of ", Listed(names), ", and b", more);
  }
  return absl::StrCat("Because of ", Listed(names), ", in which this recommender sees ",
                      group.description, ": ", parts, ".");
}

std::string ContrastSentence(absl::string_view title, absl::string_view than,
                             absl::Span<const ToldGroup> groups,
                             const PersonalParts<double>& difference) {
  const double all = difference.everyone + Own(difference);
  std::string what = "what everyone gets";
  double largest = difference.everyone;
  const auto consider = [&](double part, absl::string_view name) {
    // What speaks for the difference, in its direction.
    if (part * (all < 0 ? -1 : 1) > largest * (all < 0 ? -1 : 1)) {
      largest = part;
      what = std::string(name);
    }
  };
  for (size_t i = 0; i < difference.groups.size() && i < groups.size(); ++i) {
    if (groups[i].tellable) consider(difference.groups[i], groups[i].description);
  }
  consider(difference.absent, "what others have more of than you");
  consider(difference.unexplained, "what no concept tells");
  return absl::StrCat(all < 0 ? than : title, " rather than ", all < 0 ? title : than, ": ",
                      absl::StrFormat("%+.2f", std::abs(all)), ", of which ",
                      absl::StrFormat("%+.2f", largest * (all < 0 ? -1 : 1)), " by ", what, ".");
}

std::string CounterfactualSentence(const CounterfactualWords& words) {
  if (words.rank_before > words.top) {
    return absl::StrCat(words.title, " is number ", words.rank_before, ", not among the first ",
                        words.top, " to begin with.");
  }
  const std::string kind = words.concepts ? "concepts" : "items of the history";
  if (!words.found) {
    return absl::StrCat("No ", words.max_size, " ", kind, " or fewer that were tried keep ",
                        words.title, " out of the first ", words.top,
                        words.without.empty()
                            ? "."
                            : absl::StrCat("; without ", Listed(words.without), " it is number ",
                                           words.rank_after, "."));
  }
  return absl::StrCat("Without ", Listed(words.without), ", ", words.title, " would be number ",
                      words.rank_after, ", not among the first ", words.top, ".");
}

}  // namespace recsae::explainer
