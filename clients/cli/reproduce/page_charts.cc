#include "clients/cli/reproduce/page_charts.h"

#include <algorithm>
#include <cstdlib>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/chart.h"
#include "clients/cli/reproduce/html.h"

namespace recsae::cli {
namespace {

using LegendEntry = std::pair<std::string, std::string>;  // class, meaning

std::string Legend(const std::vector<LegendEntry>& entries) {
  std::string html = "<ul class=\"legend\">";
  for (const auto& [color, meaning] : entries) {
    absl::StrAppend(&html, "<li><i class=\"", color, "\"></i>", EscapeHtml(meaning), "</li>");
  }
  return html + "</ul>";
}

std::string Figure(const std::string& title, const std::string& svg) {
  return absl::StrCat("<figure><figcaption>", EscapeHtml(title), "</figcaption>", svg, "</figure>");
}

std::string ColorOf(const std::string& method) {
  if (method == "raw dimensions") return "c1";
  if (method == "random SAE") return "c2";
  if (method == "trained SAE") return "c3";
  return "c4";
}

std::vector<std::string> Datasets(const ResultTable& table) {
  std::vector<std::string> datasets;
  for (const ResultRow& row : table.rows) {
    if (std::find(datasets.begin(), datasets.end(), row.labels[0]) == datasets.end()) {
      datasets.push_back(row.labels[0]);
    }
  }
  return datasets;
}

const Metric& MetricOf(const ResultTable& table, const std::string& id) {
  return *std::find_if(table.metrics.begin(), table.metrics.end(),
                       [&](const Metric& metric) { return metric.id == id; });
}

std::string WithDataset(const std::string& title, const std::string& dataset,
                        const ResultTable& table) {
  return Datasets(table).size() > 1 ? absl::StrCat(title, ", ", dataset) : title;
}

// A group for each recommender, a bar for each method.
std::string MethodBars(const ResultTable& table, const std::string& dataset,
                       const std::string& metric_id, const std::string& what) {
  const Metric& metric = MetricOf(table, metric_id);
  BarChart chart;
  chart.title = WithDataset(what, dataset, table);
  chart.description = absl::StrCat(what, " by recommender and method; the numbers are in ",
                                   table.title, " on this page.");
  chart.format = metric.format;
  for (const ResultRow& row : table.rows) {
    const Value* value = table.Find(row, metric_id);
    if (row.labels[0] != dataset || value == nullptr) continue;
    if (chart.groups.empty() || chart.groups.back().title != row.labels[1]) {
      chart.groups.push_back({row.labels[1], {}});
    }
    chart.groups.back().bars.push_back({row.labels[2], ColorOf(row.labels[2]), *value});
  }
  return chart.groups.empty() ? "" : Figure(chart.title, DrawBars(chart));
}

std::string ByMethod(const ResultTable& table,
                     const std::vector<std::pair<std::string, std::string>>& metrics,
                     std::vector<LegendEntry> legend) {
  std::string charts;
  bool paper = false;
  for (const std::string& dataset : Datasets(table)) {
    for (const auto& [metric, what] : metrics) {
      absl::StrAppend(&charts, MethodBars(table, dataset, metric, what));
      paper = paper || table.HasPaper(metric);
    }
  }
  if (charts.empty()) return "";
  if (paper) legend.emplace_back("paper", "the paper");
  return absl::StrCat(Legend(legend), "<div class=\"charts\">", charts, "</div>");
}

// A chart of one metric for each judge.
std::string JudgeBars(const ResultTable& table) {
  std::vector<std::string> judges;
  for (const ResultRow& row : table.rows) {
    if (std::find(judges.begin(), judges.end(), row.labels[3]) == judges.end()) {
      judges.push_back(row.labels[3]);
    }
  }
  std::string charts;
  for (const std::string& dataset : Datasets(table)) {
    for (const std::string& judge : judges) {
      ResultTable one = table;
      one.rows.erase(std::remove_if(one.rows.begin(), one.rows.end(),
                                    [&](const ResultRow& row) { return row.labels[3] != judge; }),
                     one.rows.end());
      for (const auto& [metric, what] : {std::pair("sure", "concepts of C ≥ 0.8"),
                                         std::pair("sure_control", "the same, dealt")}) {
        absl::StrAppend(
            &charts, MethodBars(one, dataset, metric, absl::StrCat("Judge ", judge, ": ", what)));
      }
    }
  }
  if (charts.empty()) return "";
  return absl::StrCat(
      Legend({{"c1", "raw dimensions"}, {"c2", "random SAE"}, {"c3", "trained SAE"}}),
      "<div class=\"charts\">", charts, "</div>");
}

std::string BaselineBars(const ResultTable& table) {
  std::string charts;
  for (const std::string& dataset : Datasets(table)) {
    for (const std::string& id : {std::string("hr@10"), std::string("ndcg@10")}) {
      const Metric& metric = MetricOf(table, id);
      BarChart chart;
      chart.title = WithDataset(metric.title, dataset, table);
      chart.description = absl::StrCat(metric.title, " of the interpretable recommenders and of ",
                                       "the SAE's reconstruction of BPRMF.");
      chart.format = metric.format;
      chart.groups.push_back({"", {}});
      for (const ResultRow& row : table.rows) {
        const Value* value = table.Find(row, id);
        if (row.labels[0] != dataset || value == nullptr) continue;
        chart.groups.back().bars.push_back(
            {row.labels[1], row.labels[1] == "RecSAE on BPRMF" ? "c3" : "c1", *value});
      }
      if (chart.groups.back().bars.size() < 2) continue;
      absl::StrAppend(&charts, Figure(chart.title, DrawBars(chart)));
    }
  }
  if (charts.empty()) return "";
  std::vector<LegendEntry> legend = {{"c3", "the SAE"}, {"c1", "interpretable by design"}};
  if (table.HasPaper("hr@10")) legend.emplace_back("paper", "the paper");
  return absl::StrCat(Legend(legend), "<div class=\"charts\">", charts, "</div>");
}

std::string SteeringBars(const ResultTable& table) {
  BarChart chart;
  chart.title = "Cases whose top 10 shows the concept";
  chart.description = "Shares with the latent scaled by -10, as it is, and by +10.";
  chart.format = {0, true};
  for (const ResultRow& row : table.rows) {
    BarGroup group;
    group.title = absl::StrCat(row.labels[2], " in ", row.labels[1], ", ", row.labels[0]);
    for (const auto& [metric, label, color] :
         {std::tuple("-10", "−10×", "c2"), std::tuple("1", "original", "c4"),
          std::tuple("10", "+10×", "c3")}) {
      if (const Value* value = table.Find(row, metric))
        group.bars.push_back({label, color, *value});
    }
    if (!group.bars.empty()) chart.groups.push_back(std::move(group));
  }
  if (chart.groups.empty()) return "";
  const std::string legend = table.HasPaper("1") ? Legend({{"paper", "the paper"}}) : std::string();
  return absl::StrCat(legend, "<div class=\"charts\">", Figure(chart.title, DrawBars(chart)),
                      "</div>");
}

// The rows of one recommender on one data set: a sweep.
using Sweep = std::vector<const ResultRow*>;

std::vector<Sweep> Sweeps(const ResultTable& table) {
  std::vector<Sweep> sweeps;
  for (const ResultRow& row : table.rows) {
    if (sweeps.empty() || sweeps.back().front()->labels[0] != row.labels[0] ||
        sweeps.back().front()->labels[1] != row.labels[1]) {
      sweeps.emplace_back();
    }
    sweeps.back().push_back(&row);
  }
  return sweeps;
}

std::string SweepTitle(const Sweep& sweep) {
  return absl::StrCat(sweep.front()->labels[1], " on ", sweep.front()->labels[0]);
}

Line LineOf(const ResultTable& table, const Sweep& sweep, const std::string& metric,
            const std::string& name, const std::string& color) {
  Line line = {name, color, {}};
  for (const ResultRow* row : sweep) {
    const Value* value = table.Find(*row, metric);
    if (value == nullptr) continue;
    line.points.push_back({std::strtod(row->labels[2].c_str(), nullptr), value->measured.mean, ""});
  }
  return line;
}

LineChart OverSweep(const ResultTable& table, const Sweep& sweep, const std::string& title) {
  LineChart chart;
  chart.title = absl::StrCat(SweepTitle(sweep), ": ", title);
  chart.description = absl::StrCat("The numbers are in the table of ", table.title, ".");
  chart.x_title = table.labels[2];
  for (const ResultRow* row : sweep) {
    chart.x_values.push_back(std::strtod(row->labels[2].c_str(), nullptr));
  }
  return chart;
}

std::string ScaleCharts(const ResultTable& table) {
  std::string html;
  for (const Sweep& sweep : Sweeps(table)) {
    LineChart kept = OverSweep(table, sweep, "ranking kept");
    kept.y_format = {1, true};
    kept.lines = {LineOf(table, sweep, "hr@10_kept", "HR@10 kept", "c3")};
    kept.reference = 1;
    kept.reference_name = "itself";
    LineChart described = OverSweep(table, sweep, "described R²@3");
    described.y_format = {2, false};
    described.from_zero = true;
    described.lines = {LineOf(table, sweep, "described_r2", "described R²@3", "c3")};
    LineChart concepts = OverSweep(
        table, sweep, "concepts, verified and by C (paper's protocol, statistical judge)");
    concepts.y_format = {0, false};
    concepts.from_zero = true;
    concepts.lines = {LineOf(table, sweep, "verified", "verified", "c3"),
                      LineOf(table, sweep, "ge_0.8", "C ≥ 0.8", "c2"),
                      LineOf(table, sweep, "control", "control", "c1")};
    absl::StrAppend(&html, Figure(kept.title, DrawLines(kept)),
                    Figure(described.title, DrawLines(described)),
                    Figure(concepts.title, DrawLines(concepts)));
  }
  return absl::StrCat("<div class=\"charts\">", html, "</div>");
}

// Descriptions and concepts against what reconstruction keeps: one point for each k.
std::string FrontierCharts(const ResultTable& table) {
  std::string html;
  for (const Sweep& sweep : Sweeps(table)) {
    for (const auto& [metric, name, color, decimals] :
         {std::tuple("described_r2", "described R²@3", "c3", 2),
          std::tuple("verified", "verified concepts", "c3", 0),
          std::tuple("ge_0.8", "C ≥ 0.8 (paper's protocol, statistical judge)", "c2", 0)}) {
      LineChart chart;
      chart.title = absl::StrCat(SweepTitle(sweep), ": ", name);
      chart.description = absl::StrCat(name, " against HR@10 kept, for each k.");
      chart.x_title = "HR@10 kept by the reconstruction";
      chart.x_format = {0, true};
      chart.y_format = {decimals, false};
      chart.from_zero = true;
      Line line = {"", color, {}};
      for (const ResultRow* row : sweep) {
        const Value* kept = table.Find(*row, "hr@10_kept");
        const Value* count = table.Find(*row, metric);
        if (kept == nullptr || count == nullptr) continue;
        line.points.push_back(
            {kept->measured.mean, count->measured.mean, absl::StrCat("k = ", row->labels[2])});
      }
      chart.lines = {line};
      absl::StrAppend(&html, Figure(chart.title, DrawLines(chart)));
    }
  }
  return absl::StrCat("<div class=\"charts\">", html, "</div>");
}

}  // namespace

std::string DrawCharts(const ResultTable& table) {
  if (table.id == "table3-reconstruction") {
    return ByMethod(table, {{"hr@10", "HR@10"}, {"ndcg@10", "NDCG@10"}},
                    {{"c4", "the recommender itself"},
                     {"c2", "random SAE's reconstruction"},
                     {"c3", "trained SAE's reconstruction"}});
  }
  if (table.id == "table3-concepts") {
    return ByMethod(table,
                    {{"described_r2", "Described R²@3"},
                     {"verified", "Verified concepts"},
                     {"ge_0.8", "C ≥ 0.8 (paper's protocol, statistical judge)"}},
                    {{"c1", "raw dimensions"}, {"c2", "random SAE"}, {"c3", "trained SAE"}});
  }
  if (table.id == "table3-judges") return JudgeBars(table);
  if (table.id == "table4") return BaselineBars(table);
  if (table.id == "table7") return SteeringBars(table);
  if (table.id == "fig4") return ScaleCharts(table);
  if (table.id == "fig5") return FrontierCharts(table);
  return "";
}

}  // namespace recsae::cli
