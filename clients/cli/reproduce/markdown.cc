#include "clients/cli/reproduce/markdown.h"

#include <nlohmann/json.hpp>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/reproduce/concept_list.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

constexpr size_t kConcepts = 12;

std::string Line(const std::vector<std::string>& cells) {
  return absl::StrCat("| ", absl::StrJoin(cells, " | "), " |\n");
}

// Titles and the line under them; `labels` columns of text come before the numbers.
std::string Head(const std::vector<std::string>& titles, size_t labels) {
  std::vector<std::string> rule;
  for (size_t i = 0; i < titles.size(); ++i) rule.push_back(i < labels ? "---" : "---:");
  return Line(titles) + Line(rule);
}

// `model`: that judged them too, if any.
std::string ConceptsHead(const std::string& model) {
  if (model.empty()) return Head({"latent", "concept", "items, by activation"}, 3);
  const std::string name = EscapeMarkdown(model);
  return Head(
      {"latent", "concept", "C, statistical judge", absl::StrCat("C, ", name),
       absl::StrCat("concept by ", name), absl::StrCat("C, ", name), "items, by activation"},
      7);
}

// The statistical description's confidence by both judges; the model's, and its confidence.
void AddJudged(const ConceptEntry& entry, std::vector<std::string>& columns) {
  const auto score = [](const std::optional<JudgedText>& judged) {
    return judged ? FormatFixed(judged->score, 1) : "";
  };
  columns.push_back(entry.paper_confidence ? FormatFixed(*entry.paper_confidence, 1) : "");
  columns.push_back(score(entry.statistical));
  columns.push_back(entry.own ? EscapeMarkdown(entry.own->text) : "");
  columns.push_back(score(entry.own));
}

}  // namespace

std::string EscapeMarkdown(absl::string_view text) {
  std::string escaped;
  for (const char c : Clean(text)) {
    if (absl::string_view("\\`*_[]<>|#&~").find(c) != absl::string_view::npos) escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string MarkdownTable(const ResultTable& table) {
  std::string text = absl::StrCat("## ", table.title, "\n\n", table.caption, "\n\n");
  std::vector<std::string> titles = table.labels;
  for (const Metric& metric : table.metrics) {
    titles.push_back(metric.title);
    if (table.HasPaper(metric.id)) titles.emplace_back("paper");
  }
  absl::StrAppend(&text, Head(titles, table.labels.size()));
  for (const ResultRow& row : table.rows) {
    std::vector<std::string> cells;
    for (const std::string& label : row.labels) cells.push_back(EscapeMarkdown(label));
    for (const Metric& metric : table.metrics) {
      const Value* value = table.Find(row, metric.id);
      cells.push_back(value == nullptr ? "" : FormatEstimate(value->measured, metric.format));
      if (!table.HasPaper(metric.id)) continue;
      cells.push_back(
          value == nullptr || !value->paper ? "" : FormatValue(*value->paper, metric.format));
    }
    if (!row.refused.empty()) {
      cells[table.labels.size()] = "not measured: " + EscapeMarkdown(row.refused);
    }
    absl::StrAppend(&text, Line(cells));
  }
  absl::StrAppend(&text, "\n");
  for (const std::string& note : table.notes) {
    absl::StrAppend(&text, "* ", EscapeMarkdown(note), "\n");
  }
  return table.notes.empty() ? text : text + "\n";
}

std::string MarkdownConcepts(const Cells& cells) {
  std::string text;
  for (const ConceptList& list : ListConcepts(cells)) {
    absl::StrAppend(&text, "## ", EscapeMarkdown(list.title), "\n\n", ConceptsHead(list.model));
    for (const ConceptEntry& entry : Diverse(list.concepts, kConcepts)) {
      std::vector<std::string> items;
      for (const ConceptItem& item : entry.items) {
        items.push_back(
            absl::StrCat(EscapeMarkdown(item.title), " (", FormatFixed(item.activation, 2), ")"));
      }
      std::vector<std::string> columns = {absl::StrCat("#", entry.latent),
                                          EscapeMarkdown(entry.description)};
      if (!list.model.empty()) AddJudged(entry, columns);
      columns.push_back(absl::StrJoin(items, "<br>"));
      absl::StrAppend(&text, Line(columns));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace recsae::cli
