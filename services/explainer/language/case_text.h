// A case in words, for a language model.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_CASE_TEXT_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_CASE_TEXT_H_

#include <span>
#include <string>

#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"

namespace recsae::explainer {

// "chose A (Horror, 1980s); B (Drama) -> recommended C (Horror, 1990s)", in one line: the end of
// the history and the item ranked highest. Titles and attributes come from catalogues: line breaks
// and braces in them become spaces.
std::string CaseText(const Case& from, std::span<const ItemText> items);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_CASE_TEXT_H_
