// Probe sites, and what all recommenders do at them.
#include "services/probe/recommenders/model/probe_site.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {
namespace {

// ProbeSites would have to name one.
absl::Status NoInnerSites() {
  return Error(absl::StatusCode::kInternal, "NO_INNER_SITES",
               "this kind of recommender has no inner sites");
}

}  // namespace

absl::StatusOr<size_t> FindSite(const std::vector<ProbeSite>& sites, absl::string_view name) {
  if (name.empty()) return sites.size() - 1;
  const auto found = std::find_if(sites.begin(), sites.end(),
                                  [&](const ProbeSite& site) { return site.name == name; });
  if (found != sites.end()) return found - sites.begin();
  const std::string names = absl::StrJoin(
      sites, ", ", [](std::string* out, const ProbeSite& site) { *out += site.name; });
  return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_UNKNOWN",
               absl::StrCat("the recommender has no probe site \"", name, "\"; it has ", names),
               {{"site", std::string(name)}});
}

absl::Status CheckPositions(const ProbeSite& site, Positions positions) {
  if (positions == Positions::kLast || site.per_position) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "POSITIONS_UNSUPPORTED",
               absl::StrCat("probe site \"", site.name,
                            "\" has one activation for a whole history, not one for each position; "
                            "capture the last position"),
               {{"site", site.name}});
}

std::vector<ProbeSite> Recommender::ProbeSites() const {
  std::vector<ProbeSite> sites = InnerSites();
  sites.push_back({kUserSite, dim(), false});
  return sites;
}

absl::StatusOr<std::vector<float>> Recommender::ActivationsAt(
    absl::string_view name, Positions positions, absl::Span<const Query> queries,
    const std::function<bool()>& cancelled) const {
  const std::vector<ProbeSite> sites = ProbeSites();
  RECSAE_ASSIGN_OR_RETURN(const size_t site, FindSite(sites, name));
  RECSAE_RETURN_IF_ERROR(CheckPositions(sites[site], positions));
  if (site + 1 == sites.size()) return Activations(queries, cancelled);
  return InnerActivations(site, positions, queries, cancelled);
}

absl::StatusOr<std::vector<float>> Recommender::Resume(
    absl::string_view name, absl::Span<const Query> queries, absl::Span<const float> activations,
    const std::function<bool()>& cancelled) const {
  const std::vector<ProbeSite> sites = ProbeSites();
  RECSAE_ASSIGN_OR_RETURN(const size_t site, FindSite(sites, name));
  if (site + 1 == sites.size()) return std::vector<float>(activations.begin(), activations.end());
  return ResumeInner(site, queries, activations, cancelled);
}

absl::StatusOr<std::vector<float>> Recommender::InnerActivations(
    size_t, Positions, absl::Span<const Query>, const std::function<bool()>&) const {
  return NoInnerSites();
}

absl::StatusOr<std::vector<float>> Recommender::ResumeInner(size_t, absl::Span<const Query>,
                                                            absl::Span<const float>,
                                                            const std::function<bool()>&) const {
  return NoInnerSites();
}

}  // namespace recsae::probe
