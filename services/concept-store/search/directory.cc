#include "services/concept-store/search/directory.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace recsae::concept_store {
namespace {

// A place in the order: larger keys first, then smaller latents.
struct Place {
  double key = 0;
  int32_t latent = 0;

  bool operator<(const Place& other) const {
    return key != other.key ? key > other.key : latent < other.latent;
  }
};

double Key(const DirectoryEntry& entry, ConceptOrder order) {
  switch (order) {
    case ConceptOrder::kLatent:
      return 0;
    case ConceptOrder::kCorrelation:
      return entry.correlation;
    case ConceptOrder::kPaperConfidence:
      return entry.paper_confidence;
    case ConceptOrder::kActiveRows:
      return static_cast<double>(entry.active_rows);
  }
  return 0;
}

bool Passes(const DirectoryEntry& entry, const DirectoryQuery& query) {
  return (query.min_correlation == 0 || entry.correlation >= query.min_correlation) &&
         entry.paper_confidence >= query.min_paper_confidence &&
         (entry.verified || !query.verified_only) && (entry.leads || !query.groups_only);
}

// The key's bits, so that it comes back exactly.
std::string FormatPosition(const Place& place) {
  uint64_t bits = 0;
  std::memcpy(&bits, &place.key, sizeof(bits));
  return absl::StrCat(bits, " ", place.latent);
}

absl::StatusOr<Place> ParsePosition(const std::string& position) {
  const std::pair<std::string, std::string> parts = absl::StrSplit(position, ' ');
  Place place;
  uint64_t bits = 0;
  if (!absl::SimpleAtoi(parts.first, &bits) || !absl::SimpleAtoi(parts.second, &place.latent)) {
    return Error(absl::StatusCode::kInvalidArgument, "PAGE_TOKEN_INVALID",
                 "page_token was not made by this call; start again with an empty one");
  }
  std::memcpy(&place.key, &bits, sizeof(bits));
  return place;
}

}  // namespace

absl::StatusOr<DirectoryPage> ConceptDirectory::List(const DirectoryQuery& query) const {
  DirectoryPage page;
  Place start;
  if (!query.position.empty()) {
    RECSAE_ASSIGN_OR_RETURN(start, ParsePosition(query.position));
  }
  std::vector<Place> places;
  for (const auto& [latent, entry] : entries_) {
    if (!Passes(entry, query)) continue;
    ++page.total;
    const Place place = {Key(entry, query.order), latent};
    if (query.position.empty() || start < place) places.push_back(place);
  }
  const size_t size = std::min(query.size, places.size());
  std::partial_sort(places.begin(), places.begin() + static_cast<std::ptrdiff_t>(size),
                    places.end());
  page.more = places.size() > size;
  places.resize(size);
  for (const Place& place : places) {
    page.latents.push_back(place.latent);
    page.positions.push_back(FormatPosition(place));
  }
  return page;
}

}  // namespace recsae::concept_store
