#include "services/explainer/verification/groups.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <utility>

namespace recsae::explainer {
namespace {

// Disjoint sets, each known by its least member.
class Unions {
 public:
  explicit Unions(size_t size) : parent_(size) {
    std::iota(parent_.begin(), parent_.end(), size_t{0});
  }
  size_t Find(size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void Join(size_t a, size_t b) {
    a = Find(a);
    b = Find(b);
    parent_[std::max(a, b)] = std::min(a, b);
  }

 private:
  std::vector<size_t> parent_;
};

}  // namespace

std::vector<int32_t> FindGroups(std::span<const GroupMember> members,
                                std::span<const std::vector<Neighbour>> neighbours) {
  Unions unions(members.size());
  for (size_t i = 0; i < neighbours.size(); ++i) {
    for (const Neighbour& other : neighbours[i]) {
      if (other.cosine >= kDuplicateCosine && other.together >= kDuplicateTogether) {
        unions.Join(i, static_cast<size_t>(other.latent));
      }
    }
  }
  std::map<std::pair<int32_t, bool>, size_t> by_description;
  for (size_t i = 0; i < members.size(); ++i) {
    if (!members[i].predicted || members[i].set < 0) continue;
    const auto [first, added] =
        by_description.emplace(std::pair(members[i].set, members[i].against), i);
    if (!added) unions.Join(first->second, i);
  }
  std::vector<size_t> best(members.size());
  std::iota(best.begin(), best.end(), size_t{0});
  const auto worth = [&](size_t i) {  // what has no description leads no other
    return std::pair(members[i].set >= 0, members[i].correlation);
  };
  for (size_t i = 0; i < members.size(); ++i) {
    size_t& lead = best[unions.Find(i)];
    if (worth(i) > worth(lead)) lead = i;
  }
  std::vector<int32_t> leads;
  leads.reserve(members.size());
  for (size_t i = 0; i < members.size(); ++i) {
    leads.push_back(static_cast<int32_t>(best[unions.Find(i)]));
  }
  return leads;
}

}  // namespace recsae::explainer
