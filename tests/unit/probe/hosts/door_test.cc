// What is tried of a model that somebody else wrote before it is served: each fault by itself.
#include "services/probe/hosts/door.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "common/base/status.h"
#include "services/probe/hosts/hosted_model.h"
#include "tests/unit/probe/hosts/small_host.h"

namespace recsae::probe {
namespace {

using ::testing::HasSubstr;
using Fault = SmallHost::Fault;

class DirectLink final : public HostLink {
 public:
  explicit DirectLink(Fault fault) : host_(fault) {}
  absl::StatusOr<hosts::v1::Answer> Call(hosts::v1::Call call,
                                         const std::function<bool()>&) const override {
    return host_.Answer(call);
  }
  int parallel_calls() const override { return 1; }

 private:
  const SmallHost host_;
};

std::unique_ptr<HostedModel> Model(Fault fault) {
  auto model =
      std::make_unique<HostedModel>(SmallHost::Describe(), std::make_shared<DirectLink>(fault));
  model->SetHead(SmallHost::Vectors(), {});
  return model;
}

absl::Status Try(Fault fault) {
  const auto model = Model(fault);
  if (absl::Status tried = TryModel(*model, SmallHost::kUsers); !tried.ok()) return tried;
  return TryHead(*model, SmallHost::kUsers);
}

TEST(DoorTest, AGoodModelIsLetIn) { EXPECT_TRUE(Try(Fault::kNone).ok()) << Try(Fault::kNone); }

struct Refusal {
  Fault fault;
  const char* reason;
  const char* says;
};

class DoorRefusesTest : public testing::TestWithParam<Refusal> {};

TEST_P(DoorRefusesTest, SaysWhatIsWrong) {
  const absl::Status refused = Try(GetParam().fault);
  EXPECT_EQ(refused.code(), absl::StatusCode::kInvalidArgument) << refused;
  EXPECT_EQ(Reason(refused), GetParam().reason);
  EXPECT_THAT(std::string(refused.message()), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    AllFaults, DoorRefusesTest,
    testing::Values(Refusal{Fault::kFirstRow, "PROBE_SITE_INVALID", "padding on the other side"},
                    Refusal{Fault::kDeafResume, "PROBE_SITE_INVALID", "returns the same"},
                    Refusal{Fault::kOtherResume, "PROBE_SITE_INVALID", "something else"},
                    Refusal{Fault::kNewestFirst, "PROBE_SITE_INVALID", "oldest first"},
                    Refusal{Fault::kBatch, "HOST_OUTPUT", "computed alone"},
                    Refusal{Fault::kDeaf, "HOST_OUTPUT", "last items differ"},
                    Refusal{Fault::kNotFinite, "HOST_OUTPUT", "NaN"},
                    Refusal{Fault::kScores, "HOST_HEAD", "scores item 3"}));

TEST(HostedModelTest, ReadsInteractions) {
  Dataset data;
  data.users.resize(SmallHost::kUsers);
  ASSERT_TRUE(Model(Fault::kNone)->ReadInteractions({}, data).ok());
  ASSERT_EQ(data.sequences.size(), size_t{SmallHost::kUsers});
  EXPECT_EQ(data.sequences[1], (std::vector<int32_t>{3, 8, 13, 18}));
  EXPECT_EQ(data.train_length[1], 2);
  EXPECT_EQ(data.dev[1], (Case{1, 2}));
  EXPECT_EQ(data.test[1], (Case{1, 3}));
}

TEST(HostedModelTest, RefusesInteractionsThatAreNone) {
  for (const auto& [fault, says] :
       {std::pair(Fault::kTrainLength, "train_length of 5"), {Fault::kHeldOut, "position 1"}}) {
    Dataset data;
    data.users.resize(SmallHost::kUsers);
    const absl::Status refused = Model(fault)->ReadInteractions({}, data);
    EXPECT_EQ(Reason(refused), "HOST_OUTPUT") << refused;
    EXPECT_THAT(std::string(refused.message()), HasSubstr(says));
  }
}

TEST(HostedModelTest, TheDescriptionIsWhatIsStored) {
  const auto model = Model(Fault::kNone);
  const auto description = DescriptionOf(model->Save());
  ASSERT_TRUE(description.ok()) << description.status();
  EXPECT_EQ(description->SerializeAsString(), SmallHost::Describe().SerializeAsString());
  EXPECT_EQ(Reason(DescriptionOf(model->Save().substr(0, 40)).status()), "RECOMMENDER_CORRUPT");
}

TEST(HostedModelTest, ADescriptionIsCheckedAsAWhole) {
  EXPECT_TRUE(CheckDescription(SmallHost::Describe()).ok());
  hosts::v1::Description wrong = SmallHost::Describe();
  wrong.set_recommender_id("Not An Id");
  wrong.set_fingerprint("");
  wrong.set_activation_dim(0);
  wrong.set_item_count(0);
  wrong.set_concurrent_calls(65);
  wrong.mutable_probe_sites(0)->set_name("user");
  EXPECT_EQ(Violations(CheckDescription(wrong)).size(), 6u) << CheckDescription(wrong);
  hosts::v1::Description nobody = SmallHost::Describe();
  nobody.set_history_length(0);
  nobody.clear_probe_sites();
  nobody.set_user_count(0);
  EXPECT_THAT(std::string(CheckDescription(nobody).message()), HasSubstr("user_count"));
}

TEST(RemoteModelTest, ChecksQueriesBeforeAnythingIsSent) {
  const auto model = Model(Fault::kNone);
  EXPECT_EQ(Reason(model->Activations({{Query{0, {}}}}, {}).status()), "HISTORY_EMPTY");
  const std::vector<int32_t> unknown = {SmallHost::kItems};
  EXPECT_EQ(Reason(model->Activations({{Query{0, unknown}}}, {}).status()), "ITEM_UNKNOWN");
}

TEST(RemoteModelTest, ReadsTheLastItemsOfALongHistory) {
  const auto model = Model(Fault::kNone);
  const std::vector<int32_t> history = {9, 1, 2, 3, 4, 5};
  const std::vector<int32_t> other = {17, 1, 2, 3, 4, 5};
  const auto a = model->Activations({{Query{0, history}}}, {});
  const auto b = model->Activations({{Query{0, other}}}, {});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(*a, *b);
}

}  // namespace
}  // namespace recsae::probe
