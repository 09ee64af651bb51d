#include "common/base/id.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "common/base/names.h"

namespace recsae {
namespace {

TEST(IdTest, IsALowerCaseUlidAndAResourceId) {
  const std::string id = NewId();
  EXPECT_EQ(id.size(), 26u);
  EXPECT_EQ(id.find_first_not_of("0123456789abcdefghjkmnpqrstvwxyz"), std::string::npos) << id;
  EXPECT_TRUE(ValidateId(id, "id").ok());
  EXPECT_TRUE(ValidateId("train-recommender-" + id, "id").ok());
}

// The example of the ULID specification.
TEST(IdTest, BeginsWithTheTime) {
  IdSequence sequence;
  EXPECT_EQ(sequence.Next(1'469'918'176'385).substr(0, 10), "01aryz6s41");
}

TEST(IdTest, AscendsThroughOneMillisecondAndAClockThatIsSetBack) {
  IdSequence sequence;
  std::string last = sequence.Next(1'700'000'000'000);
  for (const uint64_t now :
       std::vector<uint64_t>{1'700'000'000'000, 1'700'000'000'000, 1'600'000'000'000, 0}) {
    const std::string id = sequence.Next(now);
    EXPECT_GT(id, last);
    last = id;
  }
  EXPECT_GT(sequence.Next(1'700'000'000'001), last);
}

TEST(IdTest, TwoSequencesDoNotMeet) {
  IdSequence one;
  IdSequence other;
  EXPECT_NE(one.Next(1'700'000'000'000), other.Next(1'700'000'000'000));
}

TEST(IdTest, ThreadsGetAscendingIdsOfTheirOwn) {
  std::vector<std::vector<std::string>> made(4);
  std::vector<std::thread> threads;
  for (auto& ids : made) {
    threads.emplace_back([&ids] {
      for (int i = 0; i < 1000; ++i) ids.push_back(NewId());
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> all;
  for (const auto& ids : made) {
    EXPECT_TRUE(std::is_sorted(ids.begin(), ids.end()));
    all.insert(ids.begin(), ids.end());
  }
  EXPECT_EQ(all.size(), 4000u);
}

// In the very millisecond of the fork, too.
TEST(IdTest, AForkedProcessMakesOtherIds) {
  IdSequence sequence;
  sequence.Next(1'700'000'000'000);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    const std::string id = sequence.Next(1'700'000'000'000);
    _exit(write(ends[1], id.data(), id.size()) == 26 ? 0 : 1);
  }
  std::string theirs(26, ' ');
  ASSERT_EQ(read(ends[0], theirs.data(), theirs.size()), 26);
  int status = 0;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_NE(sequence.Next(1'700'000'000'000), theirs);
  close(ends[0]);
  close(ends[1]);
}

}  // namespace
}  // namespace recsae
