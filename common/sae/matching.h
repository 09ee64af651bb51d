// Which latents of two dictionaries are the same: the pairs of decoder directions that are closest,
// taken together. How well the pairs agree tells how stable the dictionary is from one training to
// another.
#ifndef RECSAE_COMMON_SAE_MATCHING_H_
#define RECSAE_COMMON_SAE_MATCHING_H_

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae::sae {

// Told how many of all rows have a partner so far. What it returns, if it is not OK, ends the work
// and is returned.
using MatchingProgress = std::function<absl::Status(int64_t done, int64_t total)>;

// The assignment of rows to different columns whose sum of similarity [rows, cols] is largest: for
// each row its column, or -1 where there are more rows than columns. Values are finite. Shortest
// augmenting paths with dual prices (Jonker & Volgenant 1987; rectangular: Crouse 2016): at most
// O(min² · max) steps, far fewer where most rows prefer different columns. Equal values: lower
// column first. Thread-safe.
absl::StatusOr<std::vector<int32_t>> MaximalAssignment(std::span<const float> similarity,
                                                       int64_t rows, int64_t cols,
                                                       const MatchingProgress& progress);

struct Matching {
  // [latents of a]: the latent of b, or -1.
  std::vector<int32_t> partner;
  // [latents of a]: cosine of the two directions, -1..1; 0 without a partner.
  std::vector<float> cosine;
};

// Matches the decoder directions a [latents_a, dim] with b [latents_b, dim] so that the sum of
// cosines is largest; each latent has one partner at most. A direction of zeros has cosine 0 with
// every other. Takes 4 · latents_a · latents_b bytes, twice that where a has more.
absl::StatusOr<Matching> MatchDirections(std::span<const float> a, std::span<const float> b,
                                         int dim, const MatchingProgress& progress);

struct MatchingSummary {
  int64_t pairs = 0;
  // Over the pairs; 0 without any.
  double mean_cosine = 0.0;
  double median_cosine = 0.0;
  // Share of the pairs whose cosine is above 0.7 and 0.9.
  double above_7 = 0.0;
  double above_9 = 0.0;
};
MatchingSummary Summarise(const Matching& matching);

}  // namespace recsae::sae

#endif  // RECSAE_COMMON_SAE_MATCHING_H_
