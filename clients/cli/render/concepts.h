// Concepts as text: one with what it was tested for, lists of them, counts of tests.
#ifndef RECSAE_CLIENTS_CLI_RENDER_CONCEPTS_H_
#define RECSAE_CLIENTS_CLI_RENDER_CONCEPTS_H_

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "clients/cli/text/table.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::cli {

Table ConceptDetails(const concept_store::v1::Concept& value);

// "0.92 ✓" for a verified concept, "0.92" for another, "" for one that was not tested.
Cell CorrelationCell(double correlation, bool verified);

// Lists of concepts: latent, correlation, how often it fires, latents of its group, description.
Table NewConceptTable();
void AddConcept(const concept_store::v1::Concept& value, Table& table);

// What a search found; where meanings were compared, with how each was found.
Table SearchTable(const concept_store::v1::SearchConceptsResponse& response);
// For people: how many concepts were not compared by meaning, and why; "" where all were, or none
// should be.
std::string MeaningGap(const concept_store::v1::SearchConceptsResponse::Meaning& meaning);

// Latents by the tests that they pass: the SAE's, and those of untrained dictionaries. Empty where
// nothing was tested.
Table TestTable(const explainer::v1::ConceptReport& report);
// By the paper's protocol: the SAE's, with the descriptions shuffled, and of untrained
// dictionaries.
Table PaperTable(const explainer::v1::ConceptReport& report);
// The counts around them, or why nothing was tested.
Table ConceptCounts(const explainer::v1::ConceptReport& report);

// What a language model judged, with its control.
Table LanguageTable(const explainer::v1::LanguageModelReport& report);
// What it cost, and how far its judgements can be trusted.
Table LanguageCounts(const explainer::v1::LanguageModelReport& report);
// The same of a judge by embeddings.
Table EmbeddingTable(const explainer::v1::EmbeddingJudgeReport& report);
Table EmbeddingCounts(const explainer::v1::EmbeddingJudgeReport& report);

// Adds "verified" (the SAE's), "tests" (by dictionary: the latents that pass each test) and, where
// nothing was tested, "untested" to what a report says of concepts.
void AddTests(const explainer::v1::ConceptReport& report, nlohmann::ordered_json& json);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_CONCEPTS_H_
