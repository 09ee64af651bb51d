#include "clients/cli/reproduce/first_block_tables.h"

#include <optional>
#include <set>
#include <string>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/reproduce/cell.h"
#include "clients/cli/reproduce/first_block.h"
#include "clients/cli/reproduce/table_columns.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

constexpr Format kCorrelation = {3, false};
// The paper's recommender on MovieLens-1M, of which there are figures.
constexpr char kPublishedDataset[] = "ml-1m";
constexpr char kPublishedRecommender[] = "gpt";

struct Published {
  const char* name;
  double value;
};
constexpr Published kSummary[] = {{"explained", .971}, {"active", 88}, {"trained", .658}};
constexpr Published kGenres[] = {{"Western", .761}, {"Fantasy", .800}};

template <typename Figures>
std::optional<double> PublishedFigure(const Figures& figures, const Series& series,
                                      const std::string& name) {
  if (series.dataset != kPublishedDataset || series.recommender != kPublishedRecommender ||
      series.method != kPublishedMethod) {
    return std::nullopt;
  }
  for (const Published& figure : figures) {
    if (name == figure.name) return figure.value;
  }
  return std::nullopt;
}

bool IsSaeOfBlock(const Series& series) {
  return series.method == kPublishedMethod || series.method == kBlockMethod;
}

std::vector<std::string> Labels(const Series& series) {
  return {series.dataset, RecommenderTitle(series.recommender), MethodTitle(series.method)};
}

// A number of the genre's part of a cell.
Measure OfGenre(const std::string& genre, const std::string& pointer) {
  return [genre, at = ordered_json::json_pointer(pointer)](
             const ordered_json& cell) -> std::optional<double> {
    if (!cell.contains("genres")) return std::nullopt;
    for (const ordered_json& of : cell.at("genres")) {
      if (of.at("value") != genre || !of.contains(at)) continue;
      return of.at(at).get<double>();
    }
    return std::nullopt;
  };
}

// Those of all cells, in order.
std::set<std::string> GenresOf(const Series& series) {
  std::set<std::string> genres;
  for (const ordered_json* cell : series.cells) {
    if (!cell->contains("genres")) continue;
    for (const ordered_json& of : cell->at("genres")) genres.insert(of.at("value"));
  }
  return genres;
}

std::vector<SeriesColumn> GenreColumns(const std::string& genre) {
  const auto column = [&](const char* id, const char* title, const char* pointer) {
    return SeriesColumn{{id, title, kCorrelation}, OfGenre(genre, pointer)};
  };
  SeriesColumn trained = column("r", "r, SAE", "/trained/correlation");
  trained.paper = [genre](const Series& series) { return PublishedFigure(kGenres, series, genre); };
  return {column("prevalence", "prevalence", "/prevalence"),
          trained,
          column("auc", "AUC", "/trained/auc"),
          column("precision", "precision", "/trained/precision"),
          column("fired", "share fired", "/trained/fired"),
          column("r_raw", "r, raw", "/raw/correlation"),
          column("auc_raw", "AUC, raw", "/raw/auc"),
          column("precision_raw", "precision, raw", "/raw/precision"),
          column("r_random", "r, random", "/random/correlation")};
}

}  // namespace

ResultTable FirstBlockTable(const std::vector<Series>& all) {
  std::vector<SeriesLine> lines;
  for (const Series& series : all) {
    if (IsFirstBlock(series.recommender)) lines.push_back({Labels(series), series});
  }
  const auto column = [](const char* id, const char* title, const Format& format,
                         const char* pointer) {
    return SeriesColumn{
        {id, title, format}, At(pointer), [id = std::string(id)](const Series& series) {
          return PublishedFigure(kSummary, series, id);
        }};
  };
  return Assemble(
      {.id = "klenitskiy",
       .study = kFirstBlockStudy,
       .title = "Klenitskiy et al.: SAEs of the first block",
       .caption = "Explained variance (1 - FVU) of the first block's output, for users whose "
                  "latents are measured and on the test rows; latents that fire on any measured "
                  "row, and on a row on average. r: correlation of the latent that tells best "
                  "whether the item read last is of a genre, chosen on some users and measured on "
                  "others, mean over genres; beside it the best raw dimension, and random "
                  "directions as many as there are latents. Untrained: the same recommender "
                  "before training. The paper chooses latents on the rows that it reports.",
       .labels = {"data set", "recommender", "method"}},
      {{{"ndcg@10", "NDCG@10", kShare}, Ranking("ndcg@10")},
       {{"ndcg@10_kept", "NDCG@10 kept", kPercent}, Kept("ndcg@10")},
       column("explained", "explained", kShare, "/explained"),
       column("explained_test", "explained, test", kShare, "/explained_test"),
       column("active", "active latents", kCount, "/active"),
       column("l0", "L0", {1, false}, "/l0"),
       column("trained", "r, SAE", kCorrelation, "/correlation/trained"),
       column("raw", "r, raw", kCorrelation, "/correlation/raw"),
       column("random", "r, random", kCorrelation, "/correlation/random")},
      lines);
}

ResultTable FirstBlockGenres(const std::vector<Series>& all) {
  ResultTable table = {
      .id = "klenitskiy-genres",
      .study = kFirstBlockStudy,
      .title = "Klenitskiy et al.: latent by genre",
      .caption =
          "The latent, or dimension, that goes best with the genre of the item read last, "
          "chosen on some users; on others: Pearson correlation, area under the ROC curve, "
          "precision above a threshold set on a third part of the users, and the share of "
          "rows on which the latent fires.",
      .labels = {"data set", "recommender", "method", "genre"}};
  for (const Series& series : all) {
    if (!IsSaeOfBlock(series)) continue;
    for (const std::string& genre : GenresOf(series)) {
      std::vector<std::string> labels = Labels(series);
      labels.push_back(genre);
      ResultTable one;
      one.labels = table.labels;
      one = Assemble(std::move(one), GenreColumns(genre), {{std::move(labels), series}});
      table.metrics = one.metrics;
      table.rows.push_back(std::move(one.rows.front()));
    }
  }
  return table;
}

}  // namespace recsae::cli
