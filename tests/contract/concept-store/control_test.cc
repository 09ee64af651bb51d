// The contract of controls.
#include <gmock/gmock.h>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/messages/time.h"
#include "services/concept-store/store/validation.h"
#include "tests/contract/concept-store/store_contract.h"

namespace recsae::concept_store {
namespace {

using absl::StatusCode;
using google::protobuf::util::MessageDifferencer;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

v1::CreateControlRequest Request(const std::string& user_id, int32_t latent,
                                 v1::Control::Polarity polarity = v1::Control::POLARITY_LESS) {
  v1::CreateControlRequest request;
  request.set_parent("saes/a");
  request.mutable_control()->set_user_id(user_id);
  request.mutable_control()->set_lead_latent(latent);
  request.mutable_control()->set_polarity(polarity);
  return request;
}

class ControlContract : public StoreContract {
 protected:
  // One SAE; its first latent has a concept, and the second is told with the first.
  void SetUp() override {
    ASSERT_TRUE(PublishSample("a").ok());
    v1::BatchUpsertConceptsRequest request;
    request.set_parent("saes/a");
    *request.add_concepts() = SampleConcept(0, "horror");
    *request.add_concepts() = SampleConcept(1, "scary");
    request.mutable_concepts(1)->mutable_group()->set_lead_latent(0);
    request.mutable_concepts(1)->mutable_group()->set_size(2);
    const auto upserted = Do(&Stub::BatchUpsertConcepts, request);
    ASSERT_TRUE(upserted.ok()) << upserted.status();
  }

  absl::StatusOr<v1::CreateControlResponse> Create(const v1::CreateControlRequest& request) {
    return Do(&Stub::CreateControl, request);
  }

  absl::Status Delete(const std::string& name, const std::string& request_id = "") {
    v1::DeleteControlRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    return Do(&Stub::DeleteControl, request).status();
  }

  // "{user} {latent}" of each, over pages of this size.
  std::vector<std::string> List(const std::string& user_id, bool show_expired = false,
                                int32_t page_size = 0) {
    v1::ListControlsRequest request;
    request.set_parent("saes/a");
    request.set_user_id(user_id);
    request.set_show_expired(show_expired);
    request.set_page_size(page_size);
    std::vector<std::string> controls;
    do {
      const auto page = Do(&Stub::ListControls, request);
      EXPECT_TRUE(page.ok()) << page.status();
      if (!page.ok()) return controls;
      EXPECT_LE(page->controls_size(), page_size == 0 ? 50 : page_size);
      for (const v1::Control& control : page->controls()) {
        controls.push_back(absl::StrCat(control.user_id(), " ", control.lead_latent()));
      }
      request.set_page_token(page->next_page_token());
    } while (!request.page_token().empty());
    return controls;
  }
};

TEST_P(ControlContract, ACreatedControlIsListed) {
  const auto created = Create(Request("ann", 0));
  ASSERT_TRUE(created.ok()) << created.status();
  const v1::Control& control = created->control();
  EXPECT_THAT(control.name(), testing::StartsWith("saes/a/controls/"));
  EXPECT_EQ(control.description(), "horror");
  EXPECT_EQ(control.strength(), 1);
  EXPECT_EQ(control.creator(), "");
  EXPECT_TRUE(control.has_create_time());
  EXPECT_FALSE(control.has_expire_time());
  EXPECT_FALSE(created->has_replaced());
  v1::ListControlsRequest list;
  list.set_parent("saes/a");
  list.set_user_id("ann");
  const auto listed = Do(&Stub::ListControls, list);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->controls_size(), 1);
  EXPECT_TRUE(MessageDifferencer::Equals(listed->controls(0), control));
  // A latent without a concept has no description.
  EXPECT_EQ(Create(Request("ann", 7, v1::Control::POLARITY_NEVER))->control().description(), "");
}

TEST_P(ControlContract, AnotherOneOfTheConceptTakesItsPlace) {
  const auto first = Create(Request("ann", 0));
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Create(Request("ann", 3)).ok());
  ASSERT_TRUE(Create(Request("bob", 0)).ok());
  const auto second = Create(Request("ann", 0, v1::Control::POLARITY_MORE));
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_NE(second->control().name(), first->control().name());
  EXPECT_TRUE(MessageDifferencer::Equals(second->replaced(), first->control()));
  // In the order in which they were made.
  EXPECT_THAT(List("ann"), ElementsAre("ann 3", "ann 0"));
  EXPECT_THAT(List("bob"), ElementsAre("bob 0"));
  ExpectError(Delete(first->control().name()), StatusCode::kNotFound, "CONTROL_NOT_FOUND");
}

TEST_P(ControlContract, ADeletedOneIsGone) {
  const auto created = Create(Request("ann", 0));
  ASSERT_TRUE(created.ok()) << created.status();
  const std::string& name = created->control().name();
  ASSERT_TRUE(Delete(name, "once").ok());
  EXPECT_TRUE(Delete(name, "once").ok());
  ExpectError(Delete(name), StatusCode::kNotFound, "CONTROL_NOT_FOUND");
  ExpectError(Delete("saes/none/controls/x"), StatusCode::kNotFound, "SAE_NOT_FOUND");
  ExpectError(Delete("saes/a/concepts/1"), StatusCode::kInvalidArgument, "RESOURCE_NAME_INVALID");
  EXPECT_THAT(List("ann"), IsEmpty());
}

TEST_P(ControlContract, ADeletionCanBeUndone) {
  const auto created = Create(Request("ann", 0));
  ASSERT_TRUE(created.ok()) << created.status();
  v1::UndeleteControlRequest undo;
  undo.set_name(created->control().name());
  ExpectError(Do(&Stub::UndeleteControl, undo).status(), StatusCode::kFailedPrecondition,
              "CONTROL_NOT_DELETED");
  ASSERT_TRUE(Delete(undo.name()).ok());
  EXPECT_THAT(List("ann"), IsEmpty());
  EXPECT_THAT(List("ann", /*show_expired=*/true), ElementsAre("ann 0"));
  undo.set_request_id("once");
  const auto undone = Do(&Stub::UndeleteControl, undo);
  ASSERT_TRUE(undone.ok()) << undone.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*undone, created->control()));
  EXPECT_THAT(List("ann"), ElementsAre("ann 0"));
  ASSERT_TRUE(Delete(undo.name()).ok());
  EXPECT_TRUE(Do(&Stub::UndeleteControl, undo).ok());  // the first answer
  EXPECT_THAT(List("ann"), IsEmpty());
  undo.clear_request_id();
  EXPECT_TRUE(Do(&Stub::UndeleteControl, undo).ok());
  EXPECT_THAT(List("ann"), ElementsAre("ann 0"));
  undo.set_name("saes/a/controls/none");
  ExpectError(Do(&Stub::UndeleteControl, undo).status(), StatusCode::kNotFound,
              "CONTROL_NOT_FOUND");
}

TEST_P(ControlContract, ARepeatGetsTheFirstAnswer) {
  v1::CreateControlRequest request = Request("ann", 0);
  *request.mutable_control()->mutable_expire_time() =
      ToTimestamp(absl::Now() + absl::Milliseconds(300));
  request.set_request_id("try");
  const auto first = Create(request);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(Create(Request("ann", 0)).ok());
  absl::SleepFor(absl::Milliseconds(350));
  // Even though its time is over.
  const auto again = Create(request);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(MessageDifferencer::Equals(*again, *first));
  EXPECT_THAT(List("ann"), ElementsAre("ann 0"));
  request.mutable_control()->set_lead_latent(3);
  ExpectError(Create(request).status(), StatusCode::kInvalidArgument, "REQUEST_ID_REUSED");
}

TEST_P(ControlContract, WhatExpiredIsShownOnlyWhereAskedFor) {
  v1::CreateControlRequest request = Request("ann", 0);
  *request.mutable_control()->mutable_expire_time() =
      ToTimestamp(absl::Now() + absl::Milliseconds(300));
  ASSERT_TRUE(Create(request).ok());
  ASSERT_TRUE(Create(Request("ann", 3)).ok());
  absl::SleepFor(absl::Milliseconds(350));
  EXPECT_THAT(List("ann"), ElementsAre("ann 3"));
  EXPECT_THAT(List("ann", true), ElementsAre("ann 0", "ann 3"));
  // It is not in the way, and not what another one takes the place of.
  const auto another = Create(Request("ann", 0));
  ASSERT_TRUE(another.ok()) << another.status();
  EXPECT_FALSE(another->has_replaced());
  EXPECT_THAT(List("ann", true), ElementsAre("ann 3", "ann 0"));
}

TEST_P(ControlContract, WhatCannotBeWantedIsRefused) {
  v1::CreateControlRequest request = Request("", -1, v1::Control::POLARITY_UNSPECIFIED);
  request.set_parent("a");
  request.mutable_control()->set_strength(std::nan(""));
  const absl::Status all = Create(request).status();
  ExpectError(all, StatusCode::kInvalidArgument, "INVALID_REQUEST");
  for (const char* field : {"parent", "control.user_id", "control.lead_latent", "control.polarity",
                            "control.strength"}) {
    EXPECT_THAT(std::string(all.message()), HasSubstr(field));
  }
  const auto expect_refused = [&](const v1::CreateControlRequest& bad, const std::string& text) {
    const absl::Status status = Create(bad).status();
    ExpectError(status, StatusCode::kInvalidArgument, "INVALID_REQUEST");
    EXPECT_THAT(std::string(status.message()), HasSubstr(text));
  };
  expect_refused(Request(std::string(257, 'x'), 0), "1 to 256 bytes, is 257");
  expect_refused(Request(std::string("a\0b", 3), 0), "zero byte");
  request = Request("ann", 0);
  request.mutable_control()->set_strength(10.5);
  expect_refused(request, "must be 0 to 10, is 10.5");
  request = Request("ann", 0, v1::Control::POLARITY_NEVER);
  request.mutable_control()->set_strength(1);
  expect_refused(request, "has no degree");
  request = Request("ann", 0);
  *request.mutable_control()->mutable_expire_time() =
      ToTimestamp(absl::Now() - absl::Milliseconds(1));
  expect_refused(request, "must be in the future");
  request.mutable_control()->mutable_expire_time()->set_seconds(int64_t{1} << 40);
  expect_refused(request, "year 9999");
  ExpectError(Create(Request("ann", 16)).status(), StatusCode::kInvalidArgument,
              "LATENT_OUT_OF_RANGE");
  const absl::Status member = Create(Request("ann", 1)).status();
  ExpectError(member, StatusCode::kInvalidArgument, "LATENT_NOT_LEAD");
  EXPECT_THAT(std::string(member.message()), HasSubstr("whose lead is 0"));
  request = Request("ann", 0);
  request.set_parent("saes/none");
  ExpectError(Create(request).status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  EXPECT_THAT(List(""), IsEmpty());

  v1::ListControlsRequest list;
  list.set_parent("saes/none");
  ExpectError(Do(&Stub::ListControls, list).status(), StatusCode::kNotFound, "SAE_NOT_FOUND");
  list.set_parent("saes/a");
  list.set_page_size(-1);
  ExpectError(Do(&Stub::ListControls, list).status(), StatusCode::kInvalidArgument,
              "PAGE_SIZE_INVALID");
}

TEST_P(ControlContract, TheyAreListedByUserInPages) {
  for (const char* user : {"bob", "ann", "bobby", "bo"}) {
    for (const int latent : {5, 2, 9}) ASSERT_TRUE(Create(Request(user, latent)).ok());
  }
  const std::vector<std::string> all = {"ann 5", "ann 2", "ann 9", "bo 5",    "bo 2",    "bo 9",
                                        "bob 5", "bob 2", "bob 9", "bobby 5", "bobby 2", "bobby 9"};
  EXPECT_EQ(List("", false, 5), all);
  EXPECT_EQ(List("", false, 1), all);
  EXPECT_EQ(List(""), all);
  // A beginning of another name is not that name.
  EXPECT_THAT(List("bo", false, 2), ElementsAre("bo 5", "bo 2", "bo 9"));
  EXPECT_THAT(List("b"), IsEmpty());
}

TEST_P(ControlContract, TheyGoWithTheirSae) {
  ASSERT_TRUE(PublishSample("ab").ok());
  ASSERT_TRUE(Create(Request("ann", 0)).ok());
  v1::CreateControlRequest request = Request("ann", 3);
  request.set_parent("saes/ab");
  *request.mutable_control()->mutable_expire_time() = ToTimestamp(absl::Now() + absl::Hours(1));
  ASSERT_TRUE(Create(request).ok());
  ASSERT_TRUE(DeleteSae("saes/a").ok());
  ASSERT_TRUE(PublishSample("a").ok());
  EXPECT_THAT(List(""), IsEmpty());
  v1::ListControlsRequest list;
  list.set_parent("saes/ab");
  EXPECT_EQ(Do(&Stub::ListControls, list)->controls_size(), 1);
}

RECSAE_STORE_CONTRACT(ControlContract);

// Many calls: not on a database that is opened before each.
TEST(ControlLimit, AUserHasAHundredAtMost) {
  StoreServer server(FreshDirectory(), Transport::kInProcess);
  v1::PublishSaeRequest::Header header = SampleHeader("a");
  header.mutable_sae()->set_latent_count(200);
  ASSERT_TRUE(Publish(server, header, SampleWeights(header.sae(), 200)).ok());
  const auto create = [&](const v1::CreateControlRequest& request) {
    return Call(server, &Stub::CreateControl, request);
  };
  const auto stored = [&] {
    v1::ListControlsRequest list;
    list.set_parent("saes/a");
    list.set_user_id("ann");
    list.set_show_expired(true);
    list.set_page_size(1000);
    return Call(server, &Stub::ListControls, list)->controls_size();
  };
  // 30 that expire soon, 70 that stay.
  const absl::Time soon = absl::Now() + absl::Seconds(1);
  for (int latent = 0; latent < kMaxControls; ++latent) {
    v1::CreateControlRequest request = Request("ann", latent);
    if (latent < 30) *request.mutable_control()->mutable_expire_time() = ToTimestamp(soon);
    ASSERT_TRUE(create(request).ok()) << latent;
  }
  const absl::Status above = create(Request("ann", 150)).status();
  ExpectError(above, StatusCode::kResourceExhausted, "CONTROLS_EXHAUSTED");
  EXPECT_TRUE(create(Request("bob", 150)).ok());
  EXPECT_TRUE(create(Request("ann", 60)).ok());  // takes the place of another
  EXPECT_EQ(stored(), kMaxControls);
  absl::SleepFor(soon - absl::Now() + absl::Milliseconds(10));
  // Expired ones make room, one at a time.
  for (int latent = 100; latent < 130; ++latent) {
    ASSERT_TRUE(create(Request("ann", latent)).ok()) << latent;
    EXPECT_EQ(stored(), kMaxControls);
  }
  ExpectError(create(Request("ann", 150)).status(), StatusCode::kResourceExhausted,
              "CONTROLS_EXHAUSTED");
}

}  // namespace
}  // namespace recsae::concept_store
