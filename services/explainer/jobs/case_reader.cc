#include "services/explainer/jobs/case_reader.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"

namespace recsae::explainer {
namespace {

constexpr int kMaxEvidenceCaptures = 16;

}  // namespace

int32_t UserNumbers::Number(const std::string& id) {
  if (id.empty()) ++nameless_;
  const int32_t number = id.empty() ? next_ : numbers_.emplace(id, next_).first->second;
  if (number == next_) ++next_;
  return number;
}

std::vector<int32_t> KnownRankedItems(const LoadedRecommender& recommender,
                                      const probe::v1::Case& captured) {
  std::vector<int32_t> items;
  items.reserve(static_cast<size_t>(captured.ranked_items_size()));
  for (const probe::v1::RankedItem& ranked : captured.ranked_items()) {
    if (const int32_t item = recommender.Item(ranked.item_id()); item >= 0) items.push_back(item);
  }
  return items;
}

Case MakeCase(const LoadedRecommender& recommender, const probe::v1::Case& captured,
              UserNumbers& users) {
  Case made;
  made.user = users.Number(captured.user_id());
  made.ranked = KnownRankedItems(recommender, captured);
  made.history = KnownItems(recommender.item_of_id, captured.history_item_ids());
  return made;
}

void CheckEvidenceCaptures(const CaptureNames& evidence, BadRequest& bad) {
  CheckRange("evidence_captures", evidence.size(), 0, kMaxEvidenceCaptures, bad);
  for (int i = 0; i < std::min(evidence.size(), kMaxEvidenceCaptures); ++i) {
    CheckName(absl::StrCat("evidence_captures[", i, "]"), evidence[i], kCapturePattern, bad);
  }
}

absl::StatusOr<std::vector<Source>> FindSources(Backend& backend, const Caller& caller,
                                                const std::string& capture,
                                                const CaptureNames& evidence,
                                                const LoadedSae& sae) {
  std::vector<std::string> names = {capture};
  for (const std::string& name : evidence) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  std::vector<Source> sources;
  for (const std::string& name : names) {
    RECSAE_RETURN_IF_ERROR(CheckSameRecommender(sae, name));
    RECSAE_ASSIGN_OR_RETURN(const probe::v1::Capture found,
                            GetCaptureWithCases(backend.peers, name, sae, caller));
    sources.push_back({name, found.row_count()});
  }
  return sources;
}

}  // namespace recsae::explainer
