#include "clients/cli/reproduce/concept_list.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/cell.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

constexpr double kSure = 0.8;
constexpr double kSecondTerm = 0.5;
// The kind of terms that name no meaning of their own.
constexpr char kPopularity[] = "popularity";

std::optional<JudgedText> JudgedOf(const ordered_json& json, const char* which) {
  const ordered_json::json_pointer at(absl::StrCat("/language_model/", which));
  if (!json.contains(at)) return std::nullopt;
  const ordered_json& judged = json.at(at);
  return JudgedText{judged.at("text"), judged.at("score"), judged.at("precision"),
                    judged.at("recall")};
}

ConceptEntry EntryOf(const ordered_json& json) {
  ConceptEntry entry;
  entry.latent = json.at("latent");
  entry.description = json.at("description");
  if (json.contains("paper_confidence")) entry.paper_confidence = json["paper_confidence"];
  // A cell that an earlier version measured has none, and verified something else.
  if (json.contains("correlation")) {
    entry.correlation = json["correlation"];
    entry.verified = json.at("verified");
  }
  entry.rows = json.at("rows");
  for (const ordered_json& term : json.at("terms")) {
    entry.terms.push_back({term.at("text"), term.at("kind")});
  }
  for (const ordered_json& item : json.at("items")) {
    entry.items.push_back({item.at("id"), item.at("title"), item.at("activation")});
  }
  entry.own = JudgedOf(json, "own");
  entry.statistical = JudgedOf(json, "statistical");
  return entry;
}

std::string Meaning(const ConceptEntry& entry) { return absl::AsciiStrToLower(entry.description); }

}  // namespace

std::vector<ConceptList> ListConcepts(const Cells& cells) {
  // Seeds come in the order of their keys, "seed10" before "seed2".
  std::map<std::pair<std::string, std::string>, const ordered_json*> first;
  for (const ordered_json& cell : cells) {
    if (cell.at("method") != kTrainedMethod || !cell.contains("examples")) continue;
    const ordered_json*& chosen = first[{cell.at("dataset"), cell.at("recommender")}];
    if (chosen == nullptr || cell.at("seed") < chosen->at("seed")) chosen = &cell;
  }
  std::vector<ConceptList> lists;
  for (const auto& [group, cell] : first) {
    ConceptList list;
    std::tie(list.dataset, list.recommender) = group;
    list.title = absl::StrCat(RecommenderTitle(list.recommender), " on ", list.dataset);
    const ordered_json::json_pointer model("/concepts/language_model/model");
    if (cell->contains(model)) list.model = cell->at(model);
    for (const ordered_json& json : cell->at("examples")) list.concepts.push_back(EntryOf(json));
    lists.push_back(std::move(list));
  }
  return lists;
}

std::vector<ConceptEntry> Diverse(const std::vector<ConceptEntry>& concepts, size_t count) {
  std::set<std::string> meanings;
  std::vector<ConceptEntry> chosen;
  std::vector<ConceptEntry> repeated;
  std::vector<ConceptEntry> unverified;
  for (const ConceptEntry& entry : concepts) {
    const bool fresh = meanings.insert(Meaning(entry)).second;
    (!entry.verified ? unverified : fresh ? chosen : repeated).push_back(entry);
  }
  chosen.insert(chosen.end(), repeated.begin(), repeated.end());
  chosen.insert(chosen.end(), unverified.begin(), unverified.end());
  if (chosen.size() > count) chosen.resize(count);
  return chosen;
}

std::vector<CloudWord> CloudWords(const std::vector<ConceptEntry>& concepts, size_t count) {
  std::map<std::string, CloudWord> words;
  for (const ConceptEntry& entry : concepts) {
    if (entry.paper_confidence.value_or(0) < kSure) continue;
    size_t taken = 0;
    for (const ConceptTerm& term : entry.terms) {
      // "well-known" is what many know about.
      if (term.kind == kPopularity || taken == 2) continue;
      CloudWord& word = words[absl::AsciiStrToLower(term.text)];
      if (word.text.empty()) word = {term.text, term.kind, 0};
      word.weight += taken++ == 0 ? 1 : kSecondTerm;
    }
  }
  std::vector<CloudWord> heaviest;
  heaviest.reserve(words.size());
  for (auto& [lower, word] : words) heaviest.push_back(std::move(word));
  std::stable_sort(heaviest.begin(), heaviest.end(),
                   [](const CloudWord& a, const CloudWord& b) { return a.weight > b.weight; });
  if (heaviest.size() > count) heaviest.resize(count);
  std::sort(heaviest.begin(), heaviest.end(), [](const CloudWord& a, const CloudWord& b) {
    return absl::AsciiStrToLower(a.text) < absl::AsciiStrToLower(b.text);
  });
  return heaviest;
}

}  // namespace recsae::cli
