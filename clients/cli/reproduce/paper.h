// The figures that the RecSAE paper (Wang et al.) reports for its MovieLens split, to stand beside
// what is measured on the same data.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_PAPER_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_PAPER_H_

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae::cli {

// The data set whose figures these are.
inline constexpr char kPaperDataset[] = "ml-1m-recsae";

// Table 3, by metric ("hr@10", "intra", "eq_1"): of the recommender and its raw dimensions ("raw"
// or "recommender"), or of the SAE ("sae"). Nothing for other data, recommenders and metrics.
std::optional<double> PaperTable3(const std::string& dataset, const std::string& recommender,
                                  const std::string& method, absl::string_view metric);

// Table 4: "ecf", "ecf-3", "distillemb", and "bprmf" (by its SAE).
std::optional<double> PaperTable4(const std::string& dataset, const std::string& recommender,
                                  absl::string_view metric);

// Table 7: the share of cases that show Horror, by factor ("-10", "1", "10").
std::optional<double> PaperTable7(const std::string& dataset, const std::string& attribute,
                                  absl::string_view factor);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_PAPER_H_
