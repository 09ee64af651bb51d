#include "clients/cli/reproduce/page.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/concept_list.h"
#include "clients/cli/reproduce/html.h"
#include "clients/cli/reproduce/page_charts.h"
#include "clients/cli/reproduce/page_style.h"
#include "clients/cli/reproduce/study_list.h"
#include "clients/cli/text/text.h"
#include "common/base/version.h"

namespace recsae::cli {
namespace {

constexpr size_t kWords = 70;
// Of a word of a cloud: some titles are long.
constexpr int kWordColumns = 36;
constexpr size_t kConceptsShown = 240;
// Of words of a cloud, in rem.
constexpr double kSmallest = 0.85;
constexpr double kLargest = 2.5;

struct Section {
  std::string id;
  std::string nav;
  std::string html;
};

std::string Command(const std::string& command) {
  return absl::StrCat("<p class=\"command\">Made by <code>", EscapeHtml(command), "</code></p>");
}

std::string HeadCell(const std::string& text, const char* classes) {
  return absl::StrCat("<th scope=\"col\" class=\"", classes, "\">", EscapeHtml(text), "</th>");
}

std::string Number(const std::string& text, const char* classes) {
  return absl::StrCat("<td class=\"", classes, "\">", EscapeHtml(text), "</td>");
}

// `same`: how many labels are those of the row above.
std::string TableRow(const ResultTable& table, const ResultRow& row, size_t same) {
  const bool trained =
      std::find(row.labels.begin(), row.labels.end(), "trained SAE") != row.labels.end();
  std::string html = absl::StrCat("<tr class=\"", trained ? "trained " : "",
                                  same + 1 < row.labels.size() ? "first" : "", "\">");
  for (size_t i = 0; i < row.labels.size(); ++i) {
    absl::StrAppend(&html, "<th scope=\"row\"", i < same ? " class=\"same\">" : ">",
                    EscapeHtml(row.labels[i]), "</th>");
  }
  if (!row.refused.empty()) {
    size_t columns = table.metrics.size();
    for (const Metric& metric : table.metrics) columns += table.HasPaper(metric.id) ? 1 : 0;
    return absl::StrCat(html, "<td class=\"refused\" colspan=\"", columns,
                        "\">not measured: ", EscapeHtml(row.refused), "</td></tr>");
  }
  for (const Metric& metric : table.metrics) {
    const Value* value = table.Find(row, metric.id);
    absl::StrAppend(
        &html, Number(value == nullptr ? "" : FormatEstimate(value->measured, metric.format), "n"));
    if (!table.HasPaper(metric.id)) continue;
    absl::StrAppend(
        &html,
        Number(value == nullptr || !value->paper ? "" : FormatValue(*value->paper, metric.format),
               "n paper"));
  }
  return html + "</tr>";
}

std::string HtmlTable(const ResultTable& table) {
  std::string html = absl::StrCat(
      "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"", EscapeHtml(table.title),
      "\"><table><caption>", EscapeHtml(table.title), "</caption><thead><tr>");
  for (const std::string& label : table.labels) absl::StrAppend(&html, HeadCell(label, ""));
  for (const Metric& metric : table.metrics) {
    absl::StrAppend(&html, HeadCell(metric.title, "n"));
    if (table.HasPaper(metric.id)) absl::StrAppend(&html, HeadCell("paper", "n paper"));
  }
  absl::StrAppend(&html, "</tr></thead><tbody>");
  const std::vector<std::string>* above = nullptr;
  for (const ResultRow& row : table.rows) {
    size_t same = 0;
    while (above != nullptr && same < row.labels.size() && row.labels[same] == (*above)[same]) {
      ++same;
    }
    absl::StrAppend(&html, TableRow(table, row, same));
    above = &row.labels;
  }
  absl::StrAppend(&html, "</tbody></table></div>");
  if (table.notes.empty()) return html;
  absl::StrAppend(&html, "<ul class=\"notes\">");
  for (const std::string& note : table.notes) {
    absl::StrAppend(&html, "<li>", EscapeHtml(note), "</li>");
  }
  return html + "</ul>";
}

Section TableSection(const ResultTable& table, const Cells& cells, const std::string& settings) {
  return {table.id, table.title,
          absl::StrCat("<h2>", EscapeHtml(table.title), "</h2><p class=\"caption\">",
                       EscapeHtml(table.caption), "</p>", DrawCharts(table), HtmlTable(table),
                       Command(CommandOf(table.study, cells, settings)))};
}

// ---- the first look

const ResultRow* RowOf(const ResultTable& table, const std::vector<std::string>& labels) {
  const auto found = std::find_if(table.rows.begin(), table.rows.end(),
                                  [&](const ResultRow& row) { return row.labels == labels; });
  return found == table.rows.end() ? nullptr : &*found;
}

// One figure of the trained SAE, and below it of what nobody trained.
std::string CardFigure(const ResultTable& concepts, const ResultRow& row, const std::string& metric,
                       const std::string& title, const Format& format) {
  const auto figure = [&](const char* method) -> const Value* {
    const ResultRow* other = RowOf(concepts, {row.labels[0], row.labels[1], method});
    return other == nullptr ? nullptr : concepts.Find(*other, metric);
  };
  std::string html;
  if (const Value* trained = figure("trained SAE")) {
    absl::StrAppend(&html, "<p class=\"then\"><b>", FormatValue(trained->measured.mean, format),
                    "</b> ", title, "</p>");
  }
  for (const char* method : {"random SAE", "raw dimensions"}) {
    if (const Value* value = figure(method)) {
      absl::StrAppend(&html, "<p>", method, ": ", FormatValue(value->measured.mean, format),
                      "</p>");
    }
  }
  return html;
}

std::string Card(const ResultTable& reconstruction, const ResultTable& concepts,
                 const ResultRow& row) {
  std::string html = absl::StrCat("<div class=\"card\"><h3>", EscapeHtml(row.labels[1]), " · ",
                                  EscapeHtml(row.labels[0]), "</h3>");
  if (const Value* kept = reconstruction.Find(row, "hr@10_kept")) {
    absl::StrAppend(
        &html, "<b>", FormatValue(kept->measured.mean, {1, true}),
        "</b><p>of HR@10 kept by the reconstruction",
        kept->paper ? absl::StrCat(" (the paper: ", FormatValue(*kept->paper, {1, true}), ")") : "",
        "</p>");
  }
  absl::StrAppend(&html, CardFigure(concepts, row, "described_r2", "described R²@3", {2, false}),
                  CardFigure(concepts, row, "verified", "verified concepts", {0, false}));
  return html + "</div>";
}

std::string Cards(const std::vector<ResultTable>& tables) {
  const auto find = [&](const char* id) {
    return std::find_if(tables.begin(), tables.end(),
                        [&](const ResultTable& table) { return table.id == id; });
  };
  const auto reconstruction = find("table3-reconstruction");
  const auto concepts = find("table3-concepts");
  if (reconstruction == tables.end() || concepts == tables.end()) return "";
  std::string cards;
  for (const ResultRow& row : reconstruction->rows) {
    if (row.labels[2] == "trained SAE") {
      absl::StrAppend(&cards, Card(*reconstruction, *concepts, row));
    }
  }
  return cards.empty() ? "" : absl::StrCat("<div class=\"cards\">", cards, "</div>");
}

// ---- concepts

std::string KindClass(const std::string& kind) {
  return kind == "word" || kind == "title" ? "k-" + kind : "k-attribute";
}

std::string Cloud(const ConceptList& list) {
  const std::vector<CloudWord> words = CloudWords(list.concepts, kWords);
  std::string html = absl::StrCat("<figure><figcaption>", EscapeHtml(list.title), "</figcaption>");
  if (words.empty()) {
    return html + "<p class=\"none\">No concept of confidence 0.8 or more.</p></figure>";
  }
  double heaviest = 0;
  for (const CloudWord& word : words) heaviest = std::max(heaviest, word.weight);
  absl::StrAppend(&html, "<ul class=\"cloud\">");
  for (const CloudWord& word : words) {
    // By area: a word of four concepts is twice as tall as one of one.
    const double size =
        kSmallest + (kLargest - kSmallest) *
                        std::sqrt(heaviest > 1 ? (word.weight - 0.5) / (heaviest - 0.5) : 0.3);
    absl::StrAppend(&html, "<li class=\"", KindClass(word.kind),
                    "\" style=\"font-size:", Coordinate(size), "rem\" title=\"",
                    EscapeHtml(word.kind), ", in ", FormatNumber(word.weight), " concepts\">",
                    EscapeHtml(word.text), "</li>");
  }
  return html + "</ul></figure>";
}

Section CloudSection(const std::vector<ConceptList>& lists, const Cells& cells,
                     const std::string& settings) {
  std::string html =
      "<h2>Figure 3: what the recommenders know about</h2><p class=\"caption\">The strongest terms "
      "of the concepts of confidence 0.8 or more (paper's protocol, statistical judge), larger the "
      "more concepts they are in. Titles that a latent owes its meaning to stand beside words and "
      "attributes.</p>"
      "<ul class=\"legend\"><li><i class=\"c3\"></i>word of titles</li><li><i "
      "style=\"background:var(--amber)\"></i>"
      "title</li><li><i style=\"background:var(--good)\"></i>attribute</li></ul>"
      "<div class=\"clouds\">";
  for (const ConceptList& list : lists) absl::StrAppend(&html, Cloud(list));
  absl::StrAppend(&html, "</div>", Command(CommandOf("fig3", cells, settings)));
  return {"fig3", "Figure 3: concepts", html};
}

std::string ItemLines(const ConceptEntry& entry) {
  double strongest = 0;
  for (const ConceptItem& item : entry.items) strongest = std::max(strongest, item.activation);
  std::string html = "<ul class=\"items\">";
  for (const ConceptItem& item : entry.items) {
    const double share = strongest > 0 ? item.activation / strongest : 0;
    absl::StrAppend(&html, "<li><span>", EscapeHtml(item.title.empty() ? item.id : item.title),
                    "</span><span class=\"bar\"><i style=\"width:",
                    Coordinate(100 * std::clamp(share, 0.0, 1.0)), "%\"></i></span>",
                    "<span class=\"n\">", FormatFixed(item.activation, 2), "</span></li>");
  }
  return html + "</ul>";
}

// What the language model says it is, and how sure it is of both descriptions.
std::string ModelLine(const std::string& model, const ConceptEntry& entry) {
  if (!entry.own && !entry.statistical) return "";
  const auto judged = [](const JudgedText& text) {
    return absl::StrCat(FormatFixed(text.score, 1), " (precision ", FormatFixed(text.precision, 2),
                        ", recall ", FormatFixed(text.recall, 2), ")");
  };
  std::string html = absl::StrCat("<p class=\"meta\"><span>", EscapeHtml(model), ":</span>");
  if (entry.own) {
    absl::StrAppend(&html, "<span class=\"model\">", EscapeHtml(entry.own->text), "</span><span>",
                    judged(*entry.own), "</span>");
  }
  if (entry.statistical) {
    absl::StrAppend(&html, "<span>of ours ", judged(*entry.statistical), "</span>");
  }
  return html + "</p>";
}

std::string ConceptCard(const ConceptList& list, const ConceptEntry& entry) {
  std::string html = absl::StrCat(
      "<li data-of=\"", EscapeHtml(list.title), "\" data-rows=\"", entry.rows, "\" data-latent=\"",
      entry.latent, "\" data-name=\"", EscapeHtml(entry.description), "\"><p class=\"what\">",
      EscapeHtml(entry.description), "</p><p class=\"meta\"><span>latent #", entry.latent,
      "</span><span>", EscapeHtml(list.title), "</span><span>correlation ",
      FormatFixed(entry.correlation, 2), "</span>");
  if (entry.paper_confidence) {
    absl::StrAppend(&html, "<span>paper's protocol ", FormatFixed(*entry.paper_confidence, 1),
                    "</span>");
  }
  if (entry.verified) absl::StrAppend(&html, "<span class=\"ok\">✓ verified</span>");
  return absl::StrCat(html, "</p>", ModelLine(list.model, entry), ItemLines(entry), "</li>");
}

std::string Tools(const std::vector<ConceptList>& lists) {
  std::string html =
      "<div class=\"tools\" id=\"concept-tools\" hidden><label class=\"grow\">Search"
      "<input id=\"find\" type=\"search\" placeholder=\"horror, star trek, 1950s …\"></label>"
      "<label>Recommender<select id=\"where\"><option value=\"\">all</option>";
  for (const ConceptList& list : lists) {
    const std::string title = EscapeHtml(list.title);
    absl::StrAppend(&html, "<option value=\"", title, "\">", title, "</option>");
  }
  return html +
         "</select></label><label>Order<select id=\"order\"><option value=\"sure\">surest first"
         "</option><option value=\"often\">most frequent first</option><option value=\"name\">by "
         "name</option><option value=\"latent\">by latent</option></select></label></div>"
         "<p class=\"caption\" id=\"count\" aria-live=\"polite\"></p>";
}

Section ConceptSection(const std::vector<ConceptList>& lists, const Cells& cells,
                       const std::string& settings) {
  std::string html = absl::StrCat(
      "<h2>Table 5: example concepts</h2><p class=\"caption\">Concepts of the trained SAE with the "
      "recommended items of the cases that activate them most, and the activation there. Up to ",
      kConceptsShown, " of each recommender; all are in the cells.</p>", Tools(lists),
      "<ul class=\"concepts\" id=\"concept-list\">");
  for (const ConceptList& list : lists) {
    for (const ConceptEntry& entry : Diverse(list.concepts, kConceptsShown)) {
      absl::StrAppend(&html, ConceptCard(list, entry));
    }
  }
  absl::StrAppend(&html, "</ul>", Command(CommandOf("table5", cells, settings)));
  return {"table5", "Table 5: concepts", html};
}

// ---- the whole

std::vector<Section> Sections(const Cells& cells, const std::vector<ResultTable>& tables,
                              const std::string& settings) {
  std::vector<Section> sections;
  sections.reserve(tables.size());
  for (const ResultTable& table : tables) {
    sections.push_back(TableSection(table, cells, settings));
  }
  const std::vector<ConceptList> lists = ListConcepts(cells);
  if (lists.empty()) return sections;
  // The survey before what goes into detail, the long list at the end.
  const auto details = std::find_if(sections.begin(), sections.end(), [](const Section& section) {
    return section.id == "table6" || section.id == "table7" || section.id == "fig4" ||
           section.id == "fig5";
  });
  sections.insert(details, CloudSection(lists, cells, settings));
  sections.push_back(ConceptSection(lists, cells, settings));
  return sections;
}

constexpr char kLead[] =
    "A sparse autoencoder (SAE) is trained on the activations of a recommender: the vector that it "
    "computes for a user just before it scores items. Its latents are described, tested and "
    "scaled here as in the RecSAE paper (Wang et al.), whose own figures stand beside where the "
    "data are the same. ± is one standard deviation over seeds.";

}  // namespace

std::string MakePage(const Cells& cells, const std::string& settings) {
  const std::vector<ResultTable> tables = MakeTables(cells);
  const std::vector<Section> sections = Sections(cells, tables, settings);
  std::string html = absl::StrCat(
      "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
      "content=\"width=device-width,initial-scale=1\"><title>RecSAE, reproduced</title><style>",
      kPageStyle, "</style></head><body><a class=\"skip\" href=\"#main\">Skip to the results</a>",
      "<header><h1>RecSAE, reproduced</h1><p class=\"lead\">", EscapeHtml(kLead),
      "</p><nav aria-label=\"Tables and figures\">");
  for (const Section& section : sections) {
    absl::StrAppend(&html, "<a href=\"#", section.id, "\">", EscapeHtml(section.nav), "</a>");
  }
  absl::StrAppend(&html, "</nav></header><main id=\"main\">");
  if (const std::string cards = Cards(tables); !cards.empty()) {
    absl::StrAppend(&html, "<section aria-label=\"At a glance\">", cards, "</section>");
  }
  for (const Section& section : sections) {
    absl::StrAppend(&html, "<section id=\"", section.id, "\">", section.html, "</section>\n");
  }
  if (sections.empty()) absl::StrAppend(&html, "<section>Nothing is measured yet.</section>");
  return absl::StrCat(html, "</main><footer>RecSAE suite ", Version(),
                      "; numbers in results.json, single measurements in cells/.</footer><script>",
                      kPageScript, "</script></body></html>\n");
}

}  // namespace recsae::cli
