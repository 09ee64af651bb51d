// Items and cases as other tools write them.
#include "clients/cli/formats/json_records.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>
#include <vector>

#include "clients/cli/formats/json_lines.h"
#include "common/base/status.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <typename Message>
absl::Status Fill(const std::string& text, Message& message) {
  const auto json = ParseJsonText(text);
  return json.ok() ? FillFromJson(*json, message) : json.status();
}

// "id title key=value …".
std::string Item(const std::string& text) {
  probe::v1::Item item;
  const absl::Status status = Fill(text, item);
  if (!status.ok()) return std::string(status.message());
  std::string all = item.id() + " " + item.title();
  for (const auto& attribute : item.attributes()) {
    all += " " + attribute.key() + "=" + attribute.value();
  }
  return all;
}

TEST(JsonRecordsTest, ItemsAsTheMessageHasThem) {
  EXPECT_EQ(
      Item(R"({"id": "7", "title": "Lamp", "attributes": [{"key": "room", "value": "hall"}]})"),
      "7 Lamp room=hall");
}

TEST(JsonRecordsTest, NumbersAreTexts) {
  EXPECT_EQ(Item(R"({"id": 7, "title": 1984})"), "7 1984");
  EXPECT_EQ(Item(R"({"id": 7.0, "title": 2.5, "new": true})"), "7 2.5 new=true");
  EXPECT_EQ(Item(R"({"item_id": 12345678901234567, "name": "Lamp"})"), "12345678901234567 Lamp");
}

TEST(JsonRecordsTest, OtherFieldsOfItemsAreAttributes) {
  EXPECT_EQ(Item(R"({"id": 1, "room": "hall", "colors": ["red", "blue"], "watts": 40})"),
            "1  room=hall colors=red colors=blue watts=40");
  EXPECT_EQ(Item(R"({"id": 1, "attributes": {"room": "hall", "colors": ["red", 2]}})"),
            "1  room=hall colors=red colors=2");
  EXPECT_EQ(Item(R"({"id": 1, "title": "Lamp", "name": "lamp-1"})"), "1 Lamp name=lamp-1");
}

TEST(JsonRecordsTest, WhatIsMissingIsLeftOut) {
  EXPECT_EQ(
      Item(R"({"id": 1, "title": null, "room": null, "watts": NaN, "color": "", "a": [null]})"),
      "1 ");
  EXPECT_EQ(Item(R"({"id": 1, "low": -Infinity, "title": "NaN, \"Infinity"})"),
            "1 NaN, \"Infinity");
}

TEST(JsonRecordsTest, CasesWithNumbersAndEitherCase) {
  probe::v1::Case value;
  ASSERT_TRUE(Fill(R"({"userId": 42, "history_item_ids": [1, 2.0, "x"], "targetItemId": 9,
                       "ranked_items": [{"item_id": 5, "score": 1}], "row": 3})",
                   value)
                  .ok());
  EXPECT_EQ(value.user_id(), "42");
  EXPECT_THAT(value.history_item_ids(), ElementsAre("1", "2", "x"));
  EXPECT_EQ(value.target_item_id(), "9");
  EXPECT_EQ(value.ranked_items(0).item_id(), "5");
}

TEST(JsonRecordsTest, ErrorsNameTheFieldAndWhatThereIs) {
  probe::v1::Case value;
  const absl::Status unknown = Fill(R"({"user": 42})", value);
  EXPECT_EQ(Reason(unknown), "FILE_MALFORMED");
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("no field \"user\""));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("historyItemIds"));
  EXPECT_THAT(std::string(Fill(R"({"historyItemIds": "1,2"})", value).message()),
              HasSubstr("historyItemIds is \"1,2\", which is no list"));
  EXPECT_THAT(Item(R"({"id": {"$oid": "7"}})"), HasSubstr("id is {\"$oid\":\"7\"}"));
  EXPECT_THAT(Item(R"({"id": 1, "size": {"w": 2}})"), HasSubstr("the attribute size"));
  EXPECT_THAT(Item(R"({"id": 1, "attributes": "red"})"), HasSubstr("attributes is neither"));
  EXPECT_THAT(Item("item,title"), HasSubstr("not JSON"));
  EXPECT_THAT(Item("7"), HasSubstr("no object"));
  EXPECT_THAT(Item("{\"id\": \"\xE9\"}"), HasSubstr("not UTF-8"));
}

std::vector<std::string> Ids(const std::string& content, std::string* error = nullptr) {
  const std::string path = ::testing::TempDir() + "/json_records_test.jsonl";
  std::ofstream(path, std::ios::binary) << content;
  std::vector<std::string> ids;
  probe::v1::Item item;
  const absl::Status status = ReadJsonLines(path, item, [&] {
    ids.push_back(item.id());
    return absl::OkStatus();
  });
  if (error != nullptr) *error = std::string(status.message());
  return ids;
}

TEST(JsonLinesTest, AByteOrderMarkAndEndsOfLinesOfWindows) {
  EXPECT_THAT(Ids("\xEF\xBB\xBF{\"id\":1}\r\n\r\n{\"id\":2}\r\n"), ElementsAre("1", "2"));
}

TEST(JsonLinesTest, OneArrayOfAll) {
  EXPECT_THAT(Ids("[{\"id\":1},\n {\"id\":2}]\n"), ElementsAre("1", "2"));
  EXPECT_THAT(Ids("[{\"id\":1},{\"id\":[2]}]"), ElementsAre("1"));
  EXPECT_THAT(Ids("[]"), IsEmpty());
}

TEST(JsonLinesTest, ErrorsNameFileAndLine) {
  std::string error;
  EXPECT_THAT(Ids("{\"id\":1}\n{\"id\":", &error), ElementsAre("1"));
  EXPECT_THAT(error, HasSubstr("json_records_test.jsonl, line 2: no Item"));
  Ids("[{\"id\":1},{\"id\":[2]}]", &error);
  EXPECT_THAT(error, HasSubstr("element 1"));
}

}  // namespace
}  // namespace recsae::cli
