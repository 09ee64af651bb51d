// The concepts of a reproduction, from its cells: for Table 5, for the list and for the words of
// Figure 3.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_CONCEPT_LIST_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_CONCEPT_LIST_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "clients/cli/reproduce/result_table.h"

namespace recsae::cli {

struct ConceptItem {
  std::string id;
  std::string title;
  double activation = 0;
};

struct ConceptTerm {
  std::string text;
  // "word", "title", or an attribute's key.
  std::string kind;
};

// A description as a language model judged it.
struct JudgedText {
  std::string text;
  double score = 0;
  double precision = 0;
  double recall = 0;
};

struct ConceptEntry {
  int latent = 0;
  std::string description;
  // By the paper's protocol, where the latent fires often enough.
  std::optional<double> paper_confidence;
  // Of the predictive test; 0 where it was not made.
  double correlation = 0;
  bool verified = false;
  int64_t rows = 0;
  std::vector<ConceptTerm> terms;
  std::vector<ConceptItem> items;
  // The language model's own description, and its judgement of the statistical one.
  std::optional<JudgedText> own;
  std::optional<JudgedText> statistical;
};

// Of one trained SAE.
struct ConceptList {
  std::string dataset;
  std::string recommender;
  // "SASRec on ml-1m-recsae".
  std::string title;
  // That judged its concepts; "" where none did.
  std::string model;
  // Surest first.
  std::vector<ConceptEntry> concepts;
};

// One for each data set and recommender with a trained SAE: of its lowest seed.
std::vector<ConceptList> ListConcepts(const Cells& cells);

// At most `count` concepts: of the verified ones the first of each description, then their
// repetitions, then those that are not verified.
std::vector<ConceptEntry> Diverse(const std::vector<ConceptEntry>& concepts, size_t count);

struct CloudWord {
  std::string text;
  std::string kind;
  // Concepts that it is the strongest term of, or (at half their weight) the next.
  double weight = 0;
};

// The words of concepts of confidence 0.8 or more by the paper's protocol, the heaviest `count` of
// them, in alphabetical order.
std::vector<CloudWord> CloudWords(const std::vector<ConceptEntry>& concepts, size_t count);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_CONCEPT_LIST_H_
