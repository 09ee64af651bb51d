// Judges descriptions by embeddings, on the cases of the RecSAE paper's protocol (section 3.3):
// what activates a latent should be nearer to its description than what does not.
#ifndef RECSAE_SERVICES_EXPLAINER_LANGUAGE_EMBEDDING_JUDGE_H_
#define RECSAE_SERVICES_EXPLAINER_LANGUAGE_EMBEDDING_JUDGE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/explainer/labeling/case_table.h"
#include "services/explainer/labeling/item_features.h"
#include "services/explainer/language/text_embedder.h"
#include "services/explainer/verification/case_selection.h"
#include "services/explainer/verification/paper_protocol.h"

namespace recsae::explainer {

struct EmbeddingJudgeOptions {
  SelectionOptions selection;
  // Different texts that may be needed; latents beyond are not judged.
  int64_t max_texts = 0;
};

// What is judged of a latent; "" where there is none.
struct LatentTexts {
  std::string statistical;
  std::string by_model;
};

// How one description did on the verifying cases of a latent.
struct Nearness {
  // The chance that a case that activates the latent is nearer than one that does not; ties count
  // half. .5 is chance.
  double nearer = 0;
  // Nearer than the threshold is "activated". It lies halfway between the means of the describing
  // cases and of as many that do not activate the latent, none of which is judged.
  Tally told;
};

// Absent where there is nothing to judge, or an embedding is missing.
struct EmbeddingJudgement {
  std::optional<Nearness> statistical;
  std::optional<Nearness> by_model;
  // The same cases by the statistical description of another latent, which says something else.
  std::optional<Nearness> control;
};

struct EmbeddingJudgeResults {
  std::vector<EmbeddingJudgement> latents;
  int left_out = 0;     // latents of which an embedding is missing
  int64_t texts = 0;    // different ones
  int64_t paid = 0;     // of these, embedded now
  std::string stopped;  // why not all were judged; "" where they were
};

struct EmbeddingCallbacks {
  // Called with (latents done, all); a status that is not OK ends the work.
  std::function<absl::Status(int done, int total)> progress;
  // After each batch that was paid for and is on disk.
  std::function<absl::Status()> paid;
  // While the endpoint is waited for.
  std::function<absl::Status()> alive;
};

// One result for each of `texts`, which are by latent. A function of its arguments and of the
// embeddings. Errors: those of TextEmbedder::Embed and of the callbacks.
absl::StatusOr<EmbeddingJudgeResults> RunEmbeddingJudge(TextEmbedder& embedder,
                                                        const CaseTable& cases,
                                                        std::span<const ItemText> items,
                                                        std::span<const LatentTexts> texts,
                                                        const EmbeddingJudgeOptions& options,
                                                        const EmbeddingCallbacks& callbacks);

// The share of pairs in which the first is larger; ties count half. Neither is empty.
double ShareLarger(std::span<const double> of, std::span<const double> than);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_LANGUAGE_EMBEDDING_JUDGE_H_
