// Places in a hosted recommender whose output can be captured, trained on and changed.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_PROBE_SITE_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_PROBE_SITE_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae::probe {

// See recsae.probe.v1.ProbeSite.
struct ProbeSite {
  std::string name;
  int dim = 0;
  bool per_position = false;
  bool operator==(const ProbeSite&) const = default;
};

// The vector just before scoring: the last site of every recommender.
inline constexpr char kUserSite[] = "user";

// Which positions of a history are wanted: the last, or each that holds an item.
enum class Positions { kLast, kAll };

// Index of the site with this name; "" stands for kUserSite, the last one. INVALID_ARGUMENT
// (PROBE_SITE_UNKNOWN) listing the sites.
absl::StatusOr<size_t> FindSite(const std::vector<ProbeSite>& sites, absl::string_view name);

// INVALID_ARGUMENT (POSITIONS_UNSUPPORTED) for kAll at a site that has one activation for a whole
// history.
absl::Status CheckPositions(const ProbeSite& site, Positions positions);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_PROBE_SITE_H_
