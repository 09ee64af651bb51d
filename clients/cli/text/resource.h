// Names of resources as people type them: short ("ml-1m", "ml-1m/test") or whole
// ("saes/ml-1m", "recommenders/ml-1m/captures/test").
#ifndef RECSAE_CLIENTS_CLI_TEXT_RESOURCE_H_
#define RECSAE_CLIENTS_CLI_TEXT_RESOURCE_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::cli {

inline constexpr char kCatalogPattern[] = "catalogs/{catalog}";
inline constexpr char kRecommenderPattern[] = "recommenders/{recommender}";
inline constexpr char kCapturePattern[] = "recommenders/{recommender}/captures/{capture}";
inline constexpr char kSaePattern[] = "saes/{sae}";
inline constexpr char kConceptPattern[] = "saes/{sae}/concepts/{latent}";
inline constexpr char kControlPattern[] = "saes/{sae}/controls/{control}";
inline constexpr char kJobPattern[] = "jobs/{job}";

// The whole name. INVALID_ARGUMENT shows both ways to write it.
absl::StatusOr<std::string> FullName(absl::string_view text, absl::string_view pattern);

// The whole name of a capture; an id alone ("test") is one of the recommender's ("recommenders/a").
absl::StatusOr<std::string> CaptureName(absl::string_view text, absl::string_view recommender);

// The placeholders' values joined by '/': "recommenders/a/captures/b" -> "a/b". A name that is not
// of the suite stays as it is.
std::string ShortName(absl::string_view name);

// The last part: "recommenders/a/captures/b" -> "b".
std::string LastId(absl::string_view name);

// What a capture belongs to: "recommenders/a/captures/b" -> "recommenders/a".
std::string RecommenderOf(absl::string_view capture);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_TEXT_RESOURCE_H_
