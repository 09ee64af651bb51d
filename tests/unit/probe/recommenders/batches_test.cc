// Every query is answered once, however they are spread over batches and threads.
#include "services/probe/recommenders/model/batches.h"

#include <gtest/gtest.h>

#include <vector>

#include "common/base/status.h"

namespace recsae::probe {
namespace {

TEST(BatchesTest, CoverEveryQueryOnce) {
  for (const size_t n : {0, 1, 4, 5, 21, 1000}) {
    const size_t size = BatchSize(n, 64);
    std::vector<int> answered(n);
    ASSERT_TRUE(InBatches(n, size, 3, {}, [&](size_t first, size_t count) {
                  EXPECT_LE(count, size);
                  for (size_t i = first; i < first + count; ++i) ++answered[i];
                  return absl::OkStatus();
                }).ok());
    EXPECT_EQ(answered, std::vector<int>(n, 1)) << n;
  }
}

TEST(BatchesTest, FewQueriesAreSpreadAndManyAreBounded) {
  EXPECT_EQ(BatchSize(1, 256), 4);
  EXPECT_EQ(BatchSize(21, 256), 6);
  EXPECT_EQ(BatchSize(100'000, 256), 256);
}

TEST(BatchesTest, AnErrorIsTheAnswer) {
  const absl::Status status = InBatches(100, 10, 2, {}, [](size_t first, size_t) -> absl::Status {
    if (first < 50) return absl::OkStatus();
    return Error(absl::StatusCode::kInternal, "TEST", "of this batch");
  });
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_EQ(InBatches(
                100, 10, 2, [] { return true; }, [](size_t, size_t) { return absl::OkStatus(); })
                .code(),
            absl::StatusCode::kCancelled);
}

}  // namespace
}  // namespace recsae::probe
