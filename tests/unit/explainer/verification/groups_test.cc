#include "services/explainer/verification/groups.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/random.h"

namespace recsae::explainer {
namespace {

using ::testing::ElementsAre;
using Neighbours = std::vector<std::vector<Neighbour>>;

constexpr Neighbour Duplicate(int32_t latent) { return {latent, 0.9f, 0.8f}; }

TEST(GroupsTest, NearDuplicatesAreOne) {
  // 0 and 1 are alike in both, 2 and 3 in direction alone, 4 and 5 in firing alone.
  const Neighbours neighbours = {{Duplicate(1)},      {Duplicate(0)},      {{3, 0.95f, 0.2f}},
                                 {{2, 0.95f, 0.2f}},  {{5, 0.6f, 0.9f}},   {{4, 0.6f, 0.9f}},
                                 {{7, 0.7f, 0.301f}}, {{6, 0.701f, 0.3f}}, {}};
  EXPECT_THAT(FindGroups(std::vector<GroupMember>(9), neighbours),
              ElementsAre(0, 0, 2, 3, 4, 5, 6, 6, 8));
}

TEST(GroupsTest, OneSideThatNamesTheOtherIsEnoughAndChainsAreFollowed) {
  const Neighbours neighbours = {{}, {Duplicate(4)}, {Duplicate(0)}, {Duplicate(2)}, {}, {}};
  EXPECT_THAT(FindGroups(std::vector<GroupMember>(6), neighbours), ElementsAre(0, 1, 0, 0, 1, 5));
}

TEST(GroupsTest, LatentsOfOneDescriptionAreOneWhereItTellsThem) {
  const std::vector<GroupMember> members = {
      {7, false, 0.6, true},  {7, false, 0.8, true},  // told by it
      {7, false, 0.4, false},                         // not told
      {7, true, 0.9, true},                           // goes against it
      {3, false, 0.9, true},                          // another
      {-1, false, 0, true},   {-1, false, 0, true},   // without one
  };
  EXPECT_THAT(FindGroups(members, Neighbours(7)), ElementsAre(1, 1, 2, 3, 4, 5, 6));
}

TEST(GroupsTest, TheLeadIsOfHighestCorrelationThenLowestNumber) {
  std::vector<GroupMember> members(4);
  members[1].correlation = 0.7;
  members[3].correlation = 0.7;
  const Neighbours chain = {{Duplicate(1)}, {Duplicate(2)}, {Duplicate(3)}, {}};
  EXPECT_THAT(FindGroups(members, chain), ElementsAre(1, 1, 1, 1));
  members[2].correlation = 0.9;
  EXPECT_THAT(FindGroups(members, chain), ElementsAre(2, 2, 2, 2));
  for (GroupMember& member : members) member.correlation = -0.5;
  EXPECT_THAT(FindGroups(members, chain), ElementsAre(0, 0, 0, 0));
  EXPECT_TRUE(FindGroups({}, {}).empty());
}

// Latents that can be reached from each other, found by repeating until nothing changes.
std::vector<int32_t> PlainGroups(const std::vector<GroupMember>& members,
                                 const Neighbours& neighbours) {
  const size_t n = members.size();
  const auto joined = [&](size_t a, size_t b) {
    const bool same = members[a].predicted && members[b].predicted && members[a].set >= 0 &&
                      members[a].set == members[b].set && members[a].against == members[b].against;
    const bool duplicate =
        std::any_of(neighbours[a].begin(), neighbours[a].end(), [&](const Neighbour& other) {
          return static_cast<size_t>(other.latent) == b && other.cosine >= kDuplicateCosine &&
                 other.together >= kDuplicateTogether;
        });
    return same || duplicate;
  };
  std::vector<size_t> group(n);
  for (size_t i = 0; i < n; ++i) group[i] = i;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t a = 0; a < n; ++a) {
      for (size_t b = 0; b < n; ++b) {
        if (group[a] == group[b] || !(joined(a, b) || joined(b, a))) continue;
        group[a] = group[b] = std::min(group[a], group[b]);
        changed = true;
      }
    }
  }
  std::vector<int32_t> leads;
  for (size_t i = 0; i < n; ++i) {
    size_t lead = n;
    for (size_t j = 0; j < n; ++j) {
      if (group[j] != group[i]) continue;
      const auto worth = [&](size_t k) {
        return std::pair(members[k].set >= 0, members[k].correlation);
      };
      if (lead == n || worth(j) > worth(lead)) lead = j;
    }
    leads.push_back(static_cast<int32_t>(lead));
  }
  return leads;
}

TEST(GroupsTest, AgreeWithWhatCanBeReached) {
  for (uint64_t seed = 0; seed < 60; ++seed) {
    Random random(seed);
    std::vector<GroupMember> members(5 + random.Below(30));
    for (GroupMember& member : members) {
      member.set = static_cast<int32_t>(random.Below(12)) - 1;
      member.against = random.Below(3) == 0;
      member.correlation = static_cast<double>(random.Below(6)) / 10;
      member.predicted = random.Below(2) == 0;
    }
    Neighbours neighbours(members.size());
    for (auto& of : neighbours) {
      if (random.Below(2) == 0) continue;
      of.push_back({static_cast<int32_t>(random.Below(members.size())),
                    static_cast<float>(0.4 + 0.6 * random.Uniform()),
                    static_cast<float>(random.Uniform())});
    }
    EXPECT_EQ(FindGroups(members, neighbours), PlainGroups(members, neighbours)) << seed;
  }
}

}  // namespace
}  // namespace recsae::explainer
