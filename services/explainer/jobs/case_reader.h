// The rows that concept jobs work on: cases of the probe with their items and users as numbers.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_CASE_READER_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_CASE_READER_H_

#include <google/protobuf/repeated_field.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/base/status.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/explainer/backend/backend.h"
#include "services/explainer/caches/recommender_cache.h"
#include "services/explainer/labeling/case_table.h"

namespace recsae::explainer {

inline constexpr char kCapturePattern[] = "recommenders/{recommender}/captures/{capture}";

// Numbers for users, in the order in which they come.
class UserNumbers {
 public:
  // That of a user, across captures; without an id nothing tells a row's user from any other, and
  // it counts as a user of its own.
  int32_t Number(const std::string& id);
  int64_t nameless() const { return nameless_; }

 private:
  std::map<std::string, int32_t> numbers_;
  int32_t next_ = 0;
  int64_t nameless_ = 0;
};

// The numbers of those ranked items that the recommender knows, best first.
std::vector<int32_t> KnownRankedItems(const LoadedRecommender& recommender,
                                      const probe::v1::Case& captured);

// A case as concept jobs know it, but for its capture and row.
Case MakeCase(const LoadedRecommender& recommender, const probe::v1::Case& captured,
              UserNumbers& users);

// A capture to read and how many rows it had when it was looked at.
struct Source {
  std::string capture;
  int64_t rows = 0;
};

using CaptureNames = google::protobuf::RepeatedPtrField<std::string>;

// At most 16, each a capture's name.
void CheckEvidenceCaptures(const CaptureNames& evidence, BadRequest& bad);

// `capture` first, then the evidence captures, none twice. Errors as GetCaptureWithCases, and
// INVALID_ARGUMENT for captures of another recommender than the SAE's.
absl::StatusOr<std::vector<Source>> FindSources(Backend& backend, const Caller& caller,
                                                const std::string& capture,
                                                const CaptureNames& evidence, const LoadedSae& sae);

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_CASE_READER_H_
