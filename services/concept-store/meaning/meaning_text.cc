#include "services/concept-store/meaning/meaning_text.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "common/base/query_words.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::concept_store {
namespace {

constexpr char kPopularity[] = "popularity";  // Term.kind of the labeler

}  // namespace

std::string MeaningText(const v1::Concept& latent_concept) {
  absl::string_view text = absl::StripAsciiWhitespace(PartsOf(latent_concept.description()).said);
  for (const v1::Term& term : latent_concept.terms()) {
    if (term.kind() != kPopularity || term.text().empty()) continue;
    absl::ConsumePrefix(&text, absl::StrCat(term.text(), " "));
  }
  if (!text.empty()) return std::string(text);
  return absl::StrJoin(latent_concept.terms(), ", ", [](std::string* out, const v1::Term& term) {
    absl::StrAppend(out, term.text());
  });
}

}  // namespace recsae::concept_store
