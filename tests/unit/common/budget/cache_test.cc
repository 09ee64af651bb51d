// The cache weighs bytes, loads once for many callers, and gives up what nobody holds.
#include "common/budget/cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace recsae {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

using Cache = WeighedCache<std::string, std::string>;

class WeighedCacheTest : public ::testing::Test {
 protected:
  static absl::Status Alive() { return absl::OkStatus(); }

  absl::StatusOr<Cache::Loaded> Load(const std::string& name, int64_t bytes) {
    ++loads_;
    RECSAE_ASSIGN_OR_RETURN(Permit permit, budget_.Take(bytes, name, "nothing"));
    return Cache::Loaded{std::move(permit), std::make_shared<const std::string>(name)};
  }

  absl::StatusOr<Cache::Value> Get(const std::string& name, int64_t bytes = 10) {
    return cache_.Get(name, Alive, [&] { return Load(name, bytes); });
  }

  std::vector<std::string> Names() const {
    std::vector<std::string> names;
    for (const auto& [name, value] : cache_.Entries()) names.push_back(name);
    return names;
  }

  MemoryBudget budget_{100};
  Cache cache_{"words", budget_, 40};
  std::atomic<int> loads_ = 0;
};

TEST_F(WeighedCacheTest, LoadsOnceAndDropsTheLeastRecentlyUsedBytes) {
  EXPECT_EQ(**Get("a", 15), "a");
  EXPECT_EQ(**Get("b", 20), "b");
  EXPECT_EQ(**Get("a"), "a");
  EXPECT_EQ(loads_, 2);
  EXPECT_EQ(**Get("c", 25), "c");
  EXPECT_THAT(Names(), ElementsAre("c", "a"));
  EXPECT_EQ(cache_.bytes(), 40);
  EXPECT_EQ(budget_.taken(), 40);
  const std::vector<CacheUse> caches = budget_.Caches();
  ASSERT_EQ(caches.size(), 1u);
  EXPECT_EQ(caches[0].name, "words");
  EXPECT_EQ(caches[0].bytes, 40);
  EXPECT_EQ(caches[0].hits, 1);
  EXPECT_EQ(caches[0].misses, 3);
}

TEST_F(WeighedCacheTest, TheLastOneStaysHoweverLarge) {
  Get("a").IgnoreError();
  EXPECT_EQ(**Get("large", 90), "large");
  EXPECT_THAT(Names(), ElementsAre("large"));
  EXPECT_EQ(**Get("large"), "large");
  EXPECT_EQ(loads_, 2);
}

TEST_F(WeighedCacheTest, AValueKeepsItsBytesAsLongAsAnyoneHoldsIt) {
  const Cache::Value a = *Get("a", 30);
  Get("b", 30).IgnoreError();
  EXPECT_THAT(Names(), ElementsAre("b"));
  EXPECT_EQ(*a, "a");
  EXPECT_EQ(budget_.taken(), 60);
}

TEST_F(WeighedCacheTest, GivesUpWhatNobodyHoldsWhenTheBudgetRunsShort) {
  const Cache::Value held = *Get("held");
  Get("old").IgnoreError();
  Get("new").IgnoreError();
  {
    const absl::StatusOr<Permit> work = budget_.Take(75, "work", "nothing");
    ASSERT_TRUE(work.ok()) << work.status();
    EXPECT_THAT(Names(), ElementsAre("new", "held"));
    EXPECT_FALSE(budget_.Take(16, "more", "nothing").ok());
    EXPECT_THAT(Names(), ElementsAre("held")) << "it is in use: dropping it frees nothing";
  }
  EXPECT_EQ(budget_.taken(), 10);
}

TEST_F(WeighedCacheTest, WhatCanNeverFitCostsNobodyAnything) {
  Get("a").IgnoreError();
  EXPECT_FALSE(budget_.Take(101, "work", "nothing").ok());
  EXPECT_THAT(Names(), ElementsAre("a"));
}

TEST_F(WeighedCacheTest, ManyThreadsLoadOnce) {
  std::promise<void> all_wait;
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  std::atomic<int> waiting = 0;
  const auto alive = [&] {
    if (++waiting == 7) all_wait.set_value();
    return absl::OkStatus();
  };
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto value = cache_.Get("slow", alive, [&] {
        all_wait.get_future().wait();
        return Load("slow", 10);
      });
      right += value.ok() && **value == "slow";
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(loads_, 1);
}

TEST_F(WeighedCacheTest, WhoNoLongerWaitsIsLetGo) {
  std::promise<void> asked, done;
  std::thread loader([&] {
    cache_
        .Get("slow", Alive,
             [&] {
               asked.set_value();
               done.get_future().wait();
               return Load("slow", 10);
             })
        .IgnoreError();
  });
  asked.get_future().wait();
  const auto gone = [] { return absl::CancelledError("gone"); };
  EXPECT_EQ(cache_.Get("slow", gone, [&] { return Load("slow", 10); }).status().code(),
            absl::StatusCode::kCancelled);
  done.set_value();
  loader.join();
  EXPECT_EQ(loads_, 1);
}

TEST_F(WeighedCacheTest, AFailedLoadIsTriedAgain) {
  const auto fail = [&]() -> absl::StatusOr<Cache::Loaded> { return absl::UnavailableError("no"); };
  EXPECT_EQ(cache_.Get("a", Alive, fail).status().code(), absl::StatusCode::kUnavailable);
  const auto raise = [&]() -> absl::StatusOr<Cache::Loaded> { throw std::runtime_error("no"); };
  EXPECT_THROW(cache_.Get("a", Alive, raise).IgnoreError(), std::runtime_error);
  EXPECT_EQ(**Get("a"), "a");
  EXPECT_FALSE(Get("too large", 101).ok());
  EXPECT_EQ(budget_.taken(), 10);
}

TEST_F(WeighedCacheTest, DropsOnlyTheValueThatWasMeant) {
  const Cache::Value old = *Get("a");
  cache_.Drop("a", old);
  EXPECT_THAT(Names(), IsEmpty());
  const Cache::Value fresh = *Get("a");
  cache_.Drop("a", old);  // it is another one by now
  EXPECT_EQ(*Get("a"), fresh);
  EXPECT_EQ(*old, "a");  // who holds a value keeps it
}

}  // namespace
}  // namespace recsae
