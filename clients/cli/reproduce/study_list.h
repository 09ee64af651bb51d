// The tables and figures of the paper that can be measured, and the commands that do it.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_STUDY_LIST_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_STUDY_LIST_H_

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae::cli {

// One subcommand.
struct Study {
  const char* id;  // "table3"
  const char* title;
  const char* summary;
};
// In the paper's order; "all" (those of the RecSAE paper) is not among them.
inline constexpr Study kStudies[] = {
    {"table3", "Overall performance",
     "What reconstruction keeps and what latents mean: recommender, raw dimensions, random SAE, "
     "SAE"},
    {"table4", "Interpretable recommenders", "The SAE on BPRMF against ECF and DistillEmb"},
    {"table5", "Example concepts", "Concepts with the items that activate them most"},
    {"table6", "Before and after training", "Reconstruction by the SAE before and after training"},
    {"table7", "Steering one latent", "A latent scaled -10x and +10x: who is shown its concept?"},
    {"fig3", "Concept survey", "The words of the concepts, by recommender"},
    {"fig4", "Scale size", "Reconstruction and concepts over s = 2, 4, 8, 16, 32"},
    {"fig5", "Sparsity", "Reconstruction against concepts over k = 2, 4, 8, 16, 32"},
    {"klenitskiy", "Genres in the first block",
     "Another paper (Klenitskiy et al. 2025): SAEs of a GPT's and BERT4Rec's first block, latent "
     "by "
     "genre"},
};

// The command that measures a study of what `cells` hold, with the flags that were used.
std::string CommandOf(absl::string_view study, const std::vector<nlohmann::ordered_json>& cells,
                      const std::string& settings);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_STUDY_LIST_H_
