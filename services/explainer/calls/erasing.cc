#include "services/explainer/calls/erasing.h"

#include <algorithm>

#include "absl/strings/string_view.h"
#include "common/base/query_words.h"

namespace recsae::explainer {
namespace {

// Whether a query is for a value, and for nothing besides.
bool Names(const std::vector<FoldedWord>& query, absl::string_view value) {
  const std::vector<FoldedWord> words = FoldWords(value);
  return std::equal(query.begin(), query.end(), words.begin(), words.end(),
                    [](const FoldedWord& a, const FoldedWord& b) { return a.folded == b.folded; });
}

}  // namespace

Erasing ErasingOf(const KnownErasures& known, int dim, const std::set<int32_t>& leads,
                  absl::Span<const std::string> words) {
  Erasing erasing = {Eraser(dim), {}};
  for (const int32_t lead : leads) {
    const auto found = known.groups.find(lead);
    if (found != known.groups.end()) {
      erasing.eraser.Add(found->second);
    } else {
      erasing.missing.push_back(lead);
    }
  }
  for (const std::string& request : words) {
    const std::vector<FoldedWord> query = QueryWords(request);
    for (const KnownErasures::OfAttribute& attribute : known.attributes) {
      if (Names(query, attribute.value)) erasing.eraser.Add(attribute.erasure);
    }
  }
  return erasing;
}

}  // namespace recsae::explainer
