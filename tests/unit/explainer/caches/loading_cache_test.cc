// The cache loads once, forgets the least recently used and other versions, and survives failing
// loads.
#include "services/explainer/caches/loading_cache.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace recsae::explainer {
namespace {

class LoadingCacheTest : public ::testing::Test {
 protected:
  using Cache = LoadingCache<std::string>;

  std::string Get(const std::string& name, const std::string& version = "1") {
    return **cache_.Get(name, version, caller_, [&]() -> absl::StatusOr<Cache::Value> {
      ++loads_;
      return std::make_shared<const std::string>(name + version);
    });
  }

  MetricsRegistry metrics_;
  Cache cache_{2, metrics_.GetGauge("recsae_test_cached", "For this test.")};
  Caller caller_{absl::Seconds(10)};
  std::atomic<int> loads_ = 0;
};

TEST_F(LoadingCacheTest, LoadsOnceAndDropsTheLeastRecentlyUsed) {
  EXPECT_EQ(Get("a"), "a1");
  EXPECT_EQ(Get("b"), "b1");
  EXPECT_EQ(Get("a"), "a1");
  EXPECT_EQ(loads_, 2);
  EXPECT_EQ(Get("c"), "c1");
  EXPECT_EQ(Get("a"), "a1");
  EXPECT_EQ(loads_, 3);
  EXPECT_EQ(Get("b"), "b1");
  EXPECT_EQ(loads_, 4);
}

TEST_F(LoadingCacheTest, AnotherVersionTakesThePlaceOfTheFirst) {
  EXPECT_EQ(Get("a"), "a1");
  EXPECT_EQ(Get("b"), "b1");
  EXPECT_EQ(Get("a", "2"), "a2");
  EXPECT_EQ(loads_, 3);
  // It took no further place, and the first is gone.
  EXPECT_EQ(Get("b"), "b1");
  EXPECT_EQ(loads_, 3);
  EXPECT_EQ(Get("a", "1"), "a1");
  EXPECT_EQ(loads_, 4);
}

TEST_F(LoadingCacheTest, WhatIsLoadedForAVersionNeverAnswersForAnother) {
  // The name changes hands while its first value is being read.
  const auto slow = [&]() -> absl::StatusOr<Cache::Value> {
    EXPECT_EQ(Get("a", "2"), "a2");
    return std::make_shared<const std::string>("a1");
  };
  EXPECT_EQ(**cache_.Get("a", "1", caller_, slow), "a1");
  EXPECT_EQ(Get("a", "2"), "a2");
}

TEST_F(LoadingCacheTest, ManyThreadsLoadOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto value = cache_.Get("slow", "1", caller_, [&]() -> absl::StatusOr<Cache::Value> {
        ++loads_;
        std::this_thread::sleep_for(std::chrono::milliseconds(50));
        return std::make_shared<const std::string>("slow");
      });
      right += value.ok() && **value == "slow";
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(right, 8);
  EXPECT_EQ(loads_, 1);
}

TEST_F(LoadingCacheTest, AFailedLoadIsTriedAgain) {
  const auto fail = [&]() -> absl::StatusOr<Cache::Value> { return absl::UnavailableError("no"); };
  EXPECT_EQ(cache_.Get("a", "1", caller_, fail).status().code(), absl::StatusCode::kUnavailable);
  const auto raise = [&]() -> absl::StatusOr<Cache::Value> { throw std::runtime_error("no"); };
  EXPECT_THROW(cache_.Get("a", "1", caller_, raise).IgnoreError(), std::runtime_error);
  EXPECT_EQ(Get("a"), "a1");
}

}  // namespace
}  // namespace recsae::explainer
