// The cache loads once, forgets the least recently used, and survives failing loads.
#include "services/explainer/caches/loading_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace recsae::explainer {
namespace {

using ::testing::ElementsAre;

class LoadingCacheTest : public ::testing::Test {
 protected:
  using Cache = LoadingCache<std::string>;

  absl::StatusOr<Cache::Value> Get(const std::string& name) {
    return cache_.Get(name, caller_, [&]() -> absl::StatusOr<Cache::Value> {
      ++loads_;
      return std::make_shared<const std::string>(name);
    });
  }

  std::vector<std::string> Names() {
    std::vector<std::string> names;
    for (const auto& [name, value] : cache_.Entries()) names.push_back(name);
    return names;
  }

  MetricsRegistry metrics_;
  Cache cache_{2, metrics_.GetGauge("recsae_test_cached", "For this test.")};
  Caller caller_{absl::Seconds(10)};
  std::atomic<int> loads_ = 0;
};

TEST_F(LoadingCacheTest, LoadsOnceAndDropsTheLeastRecentlyUsed) {
  EXPECT_EQ(**Get("a"), "a");
  EXPECT_EQ(**Get("b"), "b");
  EXPECT_EQ(**Get("a"), "a");
  EXPECT_EQ(loads_, 2);
  EXPECT_EQ(**Get("c"), "c");
  EXPECT_THAT(Names(), ElementsAre("c", "a"));
  Get("b").IgnoreError();
  EXPECT_EQ(loads_, 4);
}

TEST_F(LoadingCacheTest, ManyThreadsLoadOnce) {
  std::vector<std::thread> threads;
  std::atomic<int> right = 0;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      const auto value = cache_.Get("slow", caller_, [&]() -> absl::StatusOr<Cache::Value> {
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
  EXPECT_EQ(cache_.Get("a", caller_, fail).status().code(), absl::StatusCode::kUnavailable);
  const auto raise = [&]() -> absl::StatusOr<Cache::Value> { throw std::runtime_error("no"); };
  EXPECT_THROW(cache_.Get("a", caller_, raise).IgnoreError(), std::runtime_error);
  EXPECT_EQ(**Get("a"), "a");
}

TEST_F(LoadingCacheTest, DropsOnlyTheValueThatWasMeant) {
  const Cache::Value old = *Get("a");
  cache_.Drop("a", old);
  EXPECT_THAT(Names(), ElementsAre());
  const Cache::Value fresh = *Get("a");
  cache_.Drop("a", old);  // it is another one by now
  EXPECT_EQ(*Get("a"), fresh);
  EXPECT_EQ(*old, "a");  // who holds a value keeps it
}

}  // namespace
}  // namespace recsae::explainer
