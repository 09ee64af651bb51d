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
  return text + "\n";
}

std::string MarkdownConcepts(const Cells& cells) {
  std::string text;
  for (const ConceptList& list : ListConcepts(cells)) {
    absl::StrAppend(&text, "## ", EscapeMarkdown(list.title), "\n\n",
                    Head({"latent", "concept", "items, by activation"}, 3));
    for (const ConceptEntry& entry : Diverse(list.concepts, kConcepts)) {
      std::vector<std::string> items;
      for (const ConceptItem& item : entry.items) {
        items.push_back(
            absl::StrCat(EscapeMarkdown(item.title), " (", FormatFixed(item.activation, 2), ")"));
      }
      absl::StrAppend(&text,
                      Line({absl::StrCat("#", entry.latent), EscapeMarkdown(entry.description),
                            absl::StrJoin(items, "<br>")}));
    }
    absl::StrAppend(&text, "\n");
  }
  return text;
}

}  // namespace recsae::cli
