#include "services/explainer/labeling/term_truth.h"

#include <algorithm>
#include <optional>

#include "absl/strings/string_view.h"
#include "common/base/words.h"
#include "services/explainer/labeling/item_sets.h"

namespace recsae::explainer {
namespace {

// Whether `value` lies in the range that a text like "1980s-1990s" names; dates and negative
// numbers have dashes of their own, so that each dash may be the one.
bool IsIn(absl::string_view range, const std::string& value) {
  const std::optional<double> order = OrderOf(value);
  if (!order) return false;
  for (size_t dash = range.find('-', 1); dash != absl::string_view::npos;
       dash = range.find('-', dash + 1)) {
    const std::optional<double> from = OrderOf(range.substr(0, dash));
    const std::optional<double> to = OrderOf(range.substr(dash + 1));
    if (from && to && *from <= *order && *order <= *to) return true;
  }
  return false;
}

bool HasWords(const std::string& phrase, const std::string& title) {
  const std::vector<std::string> words = Words(phrase), of_title = Words(title);
  return !words.empty() && std::search(of_title.begin(), of_title.end(), words.begin(),
                                       words.end()) != of_title.end();
}

bool Has(const std::pair<std::string, std::string>& term, const ItemText& item) {
  const auto& [text, kind] = term;
  if (kind == kPopularityKind) return false;
  if (kind == kWordKind && HasWords(text, item.title)) return true;
  return std::any_of(item.attributes.begin(), item.attributes.end(), [&](const auto& attribute) {
    return attribute.first == kind && (attribute.second == text || IsIn(text, attribute.second));
  });
}

}  // namespace

bool HasAll(const SetTerms& terms, const ItemText& item) {
  return !terms.empty() &&
         std::all_of(terms.begin(), terms.end(), [&](const auto& term) { return Has(term, item); });
}

}  // namespace recsae::explainer
