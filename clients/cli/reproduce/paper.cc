#include "clients/cli/reproduce/paper.h"

#include <algorithm>
#include <iterator>

#include "clients/cli/reproduce/cell.h"

namespace recsae::cli {
namespace {

constexpr const char* kRanking[] = {"hr@10", "ndcg@10", "hr@20", "ndcg@20"};
constexpr const char* kTable3Metrics[] = {"hr@10", "ndcg@10", "hr@20",  "ndcg@20", "intra",
                                          "inter", "eq_1",    "ge_0.9", "ge_0.8",  "all"};

struct Table3Row {
  const char* recommender;
  bool trained;
  double values[std::size(kTable3Metrics)];
};

constexpr Table3Row kTable3[] = {
    {"bprmf", false, {.0794, .0382, .1386, .0530, .1796, .1075, 0, 0, 2, 64}},
    {"bprmf", true, {.0724, .0355, .1300, .0499, .3795, .1088, 5, 18, 65, 929}},
    {"lightgcn", false, {.0771, .0373, .1343, .0516, .4324, .0742, 0, 5, 8, 64}},
    {"lightgcn", true, {.0746, .0373, .1272, .0505, .6225, .1355, 6, 36, 72, 701}},
    {"sasrec", false, {.2008, .1049, .3012, .1302, .4445, .0965, 1, 1, 4, 64}},
    {"sasrec", true, {.1868, .0973, .2793, .1205, .6980, .1086, 8, 36, 112, 970}},
    {"timirec", false, {.2112, .1119, .3105, .1369, .5119, .1143, 0, 4, 7, 64}},
    {"timirec", true, {.2014, .1083, .3007, .1333, .6564, .1061, 4, 31, 81, 804}},
};

struct Table4Row {
  const char* recommender;
  double values[std::size(kRanking)];
};

constexpr Table4Row kTable4[] = {
    {"ecf", {.0393, .0183, .0675, .0254}},
    {"ecf-3", {.0393, .0202, .0731, .0287}},
    {"distillemb", {.0628, .0285, .1078, .0397}},
    {"bprmf", {.0724, .0355, .1300, .0499}},
};

constexpr const char* kFactors[] = {"-10", "1", "10"};
constexpr double kHorror[] = {0, .9213, 1};

template <typename Names, typename Values>
std::optional<double> Named(const Names& names, const Values& values, absl::string_view name) {
  const auto found = std::find(std::begin(names), std::end(names), name);
  if (found == std::end(names)) return std::nullopt;
  return values[found - std::begin(names)];
}

}  // namespace

std::optional<double> PaperTable3(const std::string& dataset, const std::string& recommender,
                                  const std::string& method, absl::string_view metric) {
  if (dataset != kPaperDataset || method == kRandomMethod) return std::nullopt;
  for (const Table3Row& row : kTable3) {
    if (row.recommender != recommender || row.trained != (method == kTrainedMethod)) continue;
    return Named(kTable3Metrics, row.values, metric);
  }
  return std::nullopt;
}

std::optional<double> PaperTable4(const std::string& dataset, const std::string& recommender,
                                  absl::string_view metric) {
  if (dataset != kPaperDataset) return std::nullopt;
  for (const Table4Row& row : kTable4) {
    if (row.recommender == recommender) return Named(kRanking, row.values, metric);
  }
  return std::nullopt;
}

std::optional<double> PaperTable7(const std::string& dataset, const std::string& attribute,
                                  absl::string_view factor) {
  if (dataset != kPaperDataset || attribute != "Horror") return std::nullopt;
  return Named(kFactors, kHorror, factor);
}

}  // namespace recsae::cli
