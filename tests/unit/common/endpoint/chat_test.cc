#include "common/endpoint/chat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "common/base/status.h"
#include "tests/unit/common/endpoint/fake_server.h"

namespace recsae {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

ChatRequest Hello() { return {{{"system", "Be brief."}, {"user", "Hello"}}, 0.5, 7, 16}; }

TEST(ChatTest, AsksAndReadsTextAndUsage) {
  Json sent;
  FakeServer server([&](int, const httplib::Request& in, httplib::Response& out) {
    sent = Json::parse(in.body);
    out.set_content(
        R"({"choices": [{"message": {"role": "assistant", "content": "Hi"}}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 2}})",
        "application/json");
  });
  const auto endpoint = server.endpoint();
  const ChatAnswer answer = Chat(*endpoint, Hello()).value();
  EXPECT_EQ(answer.text, "Hi");
  EXPECT_EQ(answer.prompt_tokens, 11);
  EXPECT_EQ(answer.completion_tokens, 2);
  EXPECT_EQ(sent, ChatBody(*endpoint, Hello()));
  EXPECT_EQ(sent, Json::parse(R"({"model": "small", "temperature": 0.5, "seed": 7,
    "max_tokens": 16, "messages": [{"role": "system", "content": "Be brief."},
                                   {"role": "user", "content": "Hello"}]})"));
}

TEST(ChatTest, CountsTokensWhereTheEndpointDoesNot) {
  for (const char* usage : {"null", "{}", "7", R"({"prompt_tokens": -3})"}) {
    FakeServer server(
        Always(200, std::string(R"({"choices": [{"message": {"content": "12345"}}], "usage": )") +
                        usage + "}"));
    const ChatAnswer answer = Chat(*server.endpoint(), Hello()).value();
    EXPECT_EQ(answer.prompt_tokens, 4) << usage;
    EXPECT_EQ(answer.completion_tokens, 2) << usage;
  }
}

TEST(ChatTest, RefusesOtherJson) {
  for (const char* body :
       {"{}", R"({"choices": []})", R"({"choices": [7]})", R"({"choices": [{"message": {}}]})",
        R"({"choices": [{"message": {"content": null}}]})", R"({"choices": {"message": 1}})"}) {
    FakeServer server(Always(200, body));
    const absl::Status status = Chat(*server.endpoint(), Hello()).status();
    EXPECT_EQ(Reason(status), "ENDPOINT_ANSWER_INVALID") << body;
    EXPECT_THAT(std::string(status.message()), HasSubstr("choices[0].message.content"));
  }
}

}  // namespace
}  // namespace recsae
