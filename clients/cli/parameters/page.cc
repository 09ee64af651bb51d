#include "clients/cli/parameters/page.h"

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/reproduce/html.h"
#include "clients/cli/reproduce/markdown.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

constexpr size_t kShownGroups = 8;

// A heading, what it says, and a table of two columns; every part may be missing.
struct Section {
  std::string heading;
  std::vector<std::string> paragraphs;
  std::vector<std::pair<std::string, std::string>> rows;
  std::vector<std::string> commands;
};

std::string NameOfGroup(const Parameters& parameters, int32_t lead) {
  const auto found = parameters.descriptions.find(lead);
  const bool named = found != parameters.descriptions.end() && !found->second.empty();
  return named ? found->second : absl::StrCat("latent ", lead, ", which has no description");
}

Section MainParameters(const Parameters& parameters) {
  const ScoreShares& shares = parameters.shares;
  Section section;
  section.heading = "What decides the order of recommendations";
  section.paragraphs = {absl::StrCat(
      "Each score is a sum, and these are the shares that its parts have in the differences "
      "between "
      "the scores of one user's items, which alone decide their order. Measured on ",
      Plural(shares.users, "user"), " and ", Plural(shares.items, "random item"), ".")};
  section.rows = {
      {"what everyone gets: the items' own standing, the same for all users",
       FormatPercent(shares.everyone)},
      {"what this user does, through concepts that are active in them",
       FormatPercent(shares.groups)},
      {"what this user does, through concepts that others have and they have not",
       FormatPercent(shares.absent)},
      {"what this user does, and no concept explains", FormatPercent(shares.unexplained)}};
  section.paragraphs.push_back(
      absl::StrCat("Control: the personal part of another user would have ",
                   FormatPercent(shares.personal_of_another), "."));
  return section;
}

Section Concepts(const Parameters& parameters) {
  Section section;
  section.heading = "The concepts that weigh most";
  const auto& groups = parameters.shares.by_group;
  for (size_t i = 0; i < std::min(groups.size(), kShownGroups); ++i) {
    section.rows.emplace_back(NameOfGroup(parameters, groups[i].first),
                              FormatPercent(groups[i].second));
  }
  section.paragraphs = {
      "Shares of the same differences, of single concepts where they are active. A concept is a "
      "direction that was found in the recommender; its name says which items go best with it."};
  if (parameters.concepts) {
    section.paragraphs.push_back(
        absl::StrCat("Of ", Plural(parameters.concepts->group_count(), "concept"), ", ",
                     FormatCount(parameters.concepts->verified_group_count()),
                     " passed all tests on users and items that had no part in naming them."));
  }
  return section;
}

Section PopularityAndHistory(const Parameters& parameters) {
  Section section;
  section.heading = "Popularity and history";
  if (parameters.popularity) {
    section.paragraphs.push_back(absl::StrCat(
        "How often an item was interacted with tells ", FormatPercent(parameters.popularity->share),
        " of the differences between scores (squared correlation with the log of the count); with "
        "the counts dealt out anew among the items up to ",
        FormatPercent(parameters.popularity->dealt_anew), "."));
  } else {
    section.paragraphs.push_back(
        "What popularity has to do with it is not known: the training interactions are not.");
  }
  const HistoryWeight& history = parameters.history;
  if (history.items > 0) {
    const bool run_again = history.method == explainer::v1::REASON_METHOD_LEAVE_ONE_OUT;
    section.paragraphs.push_back(absl::StrCat(
        run_again
            ? "The recommender reads the user's history. Without the one item of it that "
              "weighs most, the score of a recommended item changes by "
            : "The recommender learned a vector of each user. Trained without the one item that "
              "weighs most, to first order, the score of a recommended item would change by ",
        FormatFixed(history.strongest, 2), " on average, where ", FormatFixed(history.personal, 2),
        " sets the user apart from everyone (", Plural(history.items, "recommended item"), ")."));
  }
  return section;
}

Section Lists(const Parameters& parameters) {
  Section section;
  section.heading = "What the lists are";
  if (!parameters.evaluation || parameters.evaluation->recommender().lists().list_count() == 0) {
    section.paragraphs = {"Not measured yet."};
    section.commands = {absl::StrCat("recsae evaluate --sae ", LastId(parameters.sae.name()))};
    return section;
  }
  const explainer::v1::RankingMetrics& metrics = parameters.evaluation->recommender();
  if (metrics.has_ndcg_at_10())
    section.rows.emplace_back("NDCG@10", FormatFixed(metrics.ndcg_at_10(), 4));
  const explainer::v1::ListQuality& lists = metrics.lists();
  section.rows.emplace_back("share of the catalogue that is recommended to anybody",
                            FormatPercent(lists.coverage()));
  section.rows.emplace_back("how unevenly (Gini index; 0 evenly, 1 one item alone)",
                            FormatFixed(lists.gini(), 3));
  if (lists.has_tail_share()) {
    section.rows.emplace_back("recommended items of the long tail",
                              FormatPercent(lists.tail_share()));
  }
  if (lists.has_diversity()) {
    section.rows.emplace_back("diversity within a list (0 all alike, 1 nothing shared)",
                              FormatFixed(lists.diversity(), 3));
  }
  section.paragraphs = {
      absl::StrCat("Of the first ten, over ", Plural(lists.list_count(), "list"), ".")};
  section.commands = {absl::StrCat("recsae evaluate --sae ", LastId(parameters.sae.name()))};
  return section;
}

Section Options(const Parameters& parameters) {
  const std::string sae = absl::StrCat(" --sae ", LastId(parameters.sae.name()), " --user USER");
  Section section;
  section.heading = "What a user can change, and ask";
  section.paragraphs = {
      "Each changes what this user is recommended, or says why it is; a change keeps to a bound, "
      "and says how large it was."};
  section.rows = {{"more, less or none of something, from now on",
                   absl::StrCat("recsae controls set", sae, " less WORDS")},
                  {"take that back, and undo it",
                   "recsae controls delete CONTROL, recsae controls undo CONTROL"},
                  {"the same once, in words", absl::StrCat("recsae steer", sae, " --wish WORDS")}};
  if (parameters.popularity) {
    section.rows.emplace_back("less or more popular items, or as popular as what they know",
                              absl::StrCat("recsae steer", sae, " --popularity -1|1|own"));
  }
  section.rows.emplace_back("why these items", absl::StrCat("recsae explain", sae));
  section.rows.emplace_back("without what an item would not be there",
                            absl::StrCat("recsae counterfactual", sae, " --item ITEM"));
  section.rows.emplace_back("without all of that: the recommender's own list",
                            absl::StrCat("recsae explain", sae, " --ignore-controls"));
  return section;
}

std::vector<Section> SectionsOf(const Parameters& parameters) {
  std::vector<Section> sections;
  if (parameters.shares.users > 0) {
    sections = {MainParameters(parameters), Concepts(parameters)};
  } else {
    sections.push_back({"What decides the order of recommendations",
                        {"Not known: the SAE has no baseline, or is of an inner probe site."},
                        {},
                        {}});
  }
  sections.push_back(PopularityAndHistory(parameters));
  sections.push_back(Lists(parameters));
  sections.push_back(Options(parameters));
  return sections;
}

std::string TitleOf(const Parameters& parameters) {
  return absl::StrCat("Main parameters of the recommender ", LastId(parameters.recommender.name()));
}

std::string SourceOf(const Parameters& parameters) {
  return absl::StrCat("Made by: ", parameters.command, " (capture ", parameters.capture, ")");
}

}  // namespace

std::string ParametersText(const Parameters& parameters) {
  std::string text = absl::StrCat(Clean(TitleOf(parameters)), "\n");
  for (const Section& section : SectionsOf(parameters)) {
    absl::StrAppend(&text, "\n", section.heading, "\n");
    for (const std::string& paragraph : section.paragraphs) {
      absl::StrAppend(&text, "  ", Clean(paragraph), "\n");
    }
    for (const auto& [what, value] : section.rows) {
      absl::StrAppend(&text, "    ", Clean(what), ": ", Clean(value), "\n");
    }
    for (const std::string& command : section.commands) {
      absl::StrAppend(&text, "  ", command, "\n");
    }
  }
  return absl::StrCat(text, "\n", Clean(SourceOf(parameters)), "\n");
}

std::string ParametersMarkdown(const Parameters& parameters) {
  std::string text = absl::StrCat("# ", EscapeMarkdown(TitleOf(parameters)), "\n");
  for (const Section& section : SectionsOf(parameters)) {
    absl::StrAppend(&text, "\n## ", section.heading, "\n");
    for (const std::string& paragraph : section.paragraphs) {
      absl::StrAppend(&text, "\n", EscapeMarkdown(paragraph), "\n");
    }
    if (!section.rows.empty()) absl::StrAppend(&text, "\n| | |\n|---|---|\n");
    for (const auto& [what, value] : section.rows) {
      absl::StrAppend(&text, "| ", EscapeMarkdown(what), " | ", EscapeMarkdown(value), " |\n");
    }
    for (const std::string& command : section.commands) {
      absl::StrAppend(&text, "\n`", command, "`\n");
    }
  }
  return absl::StrCat(text, "\n", EscapeMarkdown(SourceOf(parameters)), "\n");
}

std::string ParametersHtml(const Parameters& parameters) {
  const std::string title = EscapeHtml(TitleOf(parameters));
  std::string page = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width\"><title>",
      title,
      "</title><style>body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem "
      "auto;padding:0 1rem;color-scheme:light dark}td{padding:.2rem 1rem .2rem "
      "0;vertical-align:top}code{font-size:.9em}</style></head><body>\n<h1>",
      title, "</h1>\n");
  for (const Section& section : SectionsOf(parameters)) {
    absl::StrAppend(&page, "<h2>", EscapeHtml(section.heading), "</h2>\n");
    for (const std::string& paragraph : section.paragraphs) {
      absl::StrAppend(&page, "<p>", EscapeHtml(paragraph), "</p>\n");
    }
    if (!section.rows.empty()) absl::StrAppend(&page, "<table>\n");
    for (const auto& [what, value] : section.rows) {
      absl::StrAppend(&page, "<tr><td>", EscapeHtml(what), "</td><td>", EscapeHtml(value),
                      "</td></tr>\n");
    }
    if (!section.rows.empty()) absl::StrAppend(&page, "</table>\n");
    for (const std::string& command : section.commands) {
      absl::StrAppend(&page, "<p><code>", EscapeHtml(command), "</code></p>\n");
    }
  }
  return absl::StrCat(page, "<p><small>", EscapeHtml(SourceOf(parameters)),
                      "</small></p>\n</body></html>\n");
}

ordered_json ParametersJson(const Parameters& parameters) {
  ordered_json json;
  json["recommender"] = parameters.recommender.name();
  json["sae"] = parameters.sae.name();
  json["capture"] = parameters.capture;
  json["command"] = parameters.command;
  const ScoreShares& shares = parameters.shares;
  if (shares.users > 0) {
    json["shares"] = {{"users", shares.users},
                      {"items", shares.items},
                      {"everyone", shares.everyone},
                      {"concepts", shares.groups},
                      {"absent_concepts", shares.absent},
                      {"unexplained", shares.unexplained},
                      {"control_personal_of_another", shares.personal_of_another}};
  }
  json["concepts"] = ordered_json::array();
  for (size_t i = 0; i < std::min(shares.by_group.size(), kShownGroups); ++i) {
    const auto& [lead, share] = shares.by_group[i];
    json["concepts"].push_back(
        {{"lead_latent", lead}, {"description", NameOfGroup(parameters, lead)}, {"share", share}});
  }
  if (parameters.popularity) {
    json["popularity"] = {{"share", parameters.popularity->share},
                          {"control_dealt_anew", parameters.popularity->dealt_anew}};
  }
  if (parameters.history.items > 0) {
    json["history"] = {{"method", explainer::v1::ReasonMethod_Name(parameters.history.method)},
                       {"recommended_items", parameters.history.items},
                       {"strongest_effect", parameters.history.strongest},
                       {"personal_part", parameters.history.personal}};
  }
  json["sections"] = ordered_json::array();
  for (const Section& section : SectionsOf(parameters)) {
    ordered_json rows = ordered_json::array();
    for (const auto& [what, value] : section.rows) rows.push_back({what, value});
    json["sections"].push_back({{"heading", section.heading},
                                {"text", section.paragraphs},
                                {"rows", rows},
                                {"commands", section.commands}});
  }
  return json;
}

}  // namespace recsae::cli
