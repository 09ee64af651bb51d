// What callers send is taken from the memory budget while it is stored.
#include <gmock/gmock.h>

#include "common/budget/memory_budget.h"
#include "tests/unit/probe/service/fixture.h"

namespace recsae::probe {
namespace {

using testing::HasSubstr;

constexpr int kDim = 1024;
constexpr int kItems = 16;
constexpr int64_t kFree = 32'000;  // less than 16 rows, more than the ids of 16 items

class UploadBudgetTest : public ProbeServerTest {
 protected:
  MemoryBudget& memory() override { return memory_; }

  // Refused while other work leaves little of the budget, and done once that has ended; nothing
  // stays taken but what caches keep.
  template <typename Upload>
  void ExpectRefusedThenDone(const Upload& upload, const std::string& what) {
    Permit others = *memory_.Take(memory_.limit() - memory_.taken() - kFree, "other work", "it");
    const absl::Status refused = upload();
    EXPECT_EQ(Reason(refused), "MEMORY_BUDGET") << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(what));
    others.Release();
    const int64_t before = memory_.taken();
    const absl::Status done = upload();
    EXPECT_TRUE(done.ok()) << done;
    EXPECT_LT(memory_.taken() - before, kFree);
  }

  MemoryBudget memory_{int64_t{64} << 20};
};

TEST_F(UploadBudgetTest, Items) {
  MakeCatalog(1);
  std::vector<v1::UploadItemsRequest> messages(2);
  messages[0].mutable_header()->set_catalog("catalogs/c");
  v1::Item& item = *messages[1].mutable_batch()->add_items();
  item.set_id("large");
  item.set_title(std::string(kFree / 2, 'x'));
  v1::UploadItemsResponse response;
  ExpectRefusedThenDone([&] { return Send(&Stub::UploadItems, messages, &response); },
                        "uploading items to catalogs/c would take");
  EXPECT_EQ(response.added_item_count(), 1);
}

TEST_F(UploadBudgetTest, APredictionHead) {
  MakeCatalog(kItems);
  MakeRecommender(kDim);
  std::vector<v1::UploadPredictionHeadRequest> messages(2);
  messages[0].mutable_header()->set_recommender("recommenders/r");
  auto& batch = *messages[1].mutable_batch();
  for (int i = 0; i < kItems; ++i) batch.add_item_ids(absl::StrCat("i", i));
  *batch.mutable_vectors() = Matrix(std::vector<float>(kItems * kDim, 1), kDim);
  v1::Recommender recommender;
  ExpectRefusedThenDone([&] { return Send(&Stub::UploadPredictionHead, messages, &recommender); },
                        "uploading the prediction head of recommenders/r would take");
  EXPECT_TRUE(recommender.has_prediction_head());
}

TEST_F(UploadBudgetTest, Activations) {
  MakeCatalog(1);
  MakeRecommender(kDim);
  MakeCapture(false);
  std::vector<v1::RecordActivationsRequest> messages(2);
  messages[0].mutable_header()->set_capture("recommenders/r/captures/p");
  messages[0].mutable_header()->set_producer("a");
  messages[1].mutable_batch()->set_sequence(1);
  *messages[1].mutable_batch()->mutable_activations() =
      Matrix(std::vector<float>(kItems * kDim, 1), kDim);
  v1::RecordActivationsResponse response;
  ExpectRefusedThenDone([&] { return Send(&Stub::RecordActivations, messages, &response); },
                        "recording to recommenders/r/captures/p would take");
  EXPECT_EQ(response.stored_row_count(), kItems);
}

}  // namespace
}  // namespace recsae::probe
