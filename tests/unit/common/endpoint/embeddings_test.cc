#include "common/endpoint/embeddings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "common/base/status.h"
#include "tests/unit/common/endpoint/fake_server.h"

namespace recsae {
namespace {

using ::testing::ElementsAre;
using Json = nlohmann::json;

TEST(EmbeddingsTest, AsksInBatchesAndPutsRowsInTheirPlaces) {
  FakeServer server([&](int, const httplib::Request& in, httplib::Response& out) {
    const Json input = Json::parse(in.body)["input"];
    Json data = Json::array();
    for (size_t i = 0; i < input.size(); ++i) {
      data.push_back({{"index", i}, {"embedding", {std::stof(input[i].get<std::string>()), 1}}});
    }
    std::reverse(data.begin(), data.end());
    out.set_content(Json({{"data", data}, {"usage", {{"total_tokens", input.size()}}}}).dump(),
                    "application/json");
  });
  std::vector<std::string> texts;
  for (int i = 0; i < 70; ++i) texts.push_back(std::to_string(i));
  const Embeddings embeddings = Embed(*server.endpoint(), texts).value();
  EXPECT_EQ(embeddings.dim, 2);
  EXPECT_EQ(embeddings.tokens, 70);
  EXPECT_EQ(server.requests, 3);
  ASSERT_EQ(embeddings.values.size(), 140U);
  for (size_t i = 0; i < texts.size(); ++i) {
    EXPECT_THAT(embeddings.Row(i), ElementsAre(static_cast<float>(i), 1));
  }
  EXPECT_TRUE(Embed(*server.endpoint(), {}).value().values.empty());
}

TEST(EmbeddingsTest, RefusesWhatIsNotOneFiniteRowOfEqualSizeAText) {
  for (const char* body :
       {"{}", R"({"data": 7})", R"({"data": []})", R"({"data": [{"embedding": [1]}]})",
        R"({"data": [{"embedding": [1]}, {"embedding": [1, 2]}]})",
        R"({"data": [{"embedding": []}, {"embedding": []}]})",
        R"({"data": [{"embedding": [1]}, {"embedding": ["x"]}]})",
        R"({"data": [{"embedding": [1]}, {"embedding": [1e300]}]})",
        R"({"data": [{"embedding": [1]}, {"embedding": [1e999]}]})",
        R"({"data": [{"embedding": [1]}, 7]})",
        R"({"data": [{"index": 0, "embedding": [1]}, {"index": 0, "embedding": [1]}]})",
        R"({"data": [{"index": 0, "embedding": [1]}, {"index": 9, "embedding": [1]}]})"}) {
    FakeServer server(Always(200, body));
    const std::vector<std::string> texts = {"a", "b"};
    EXPECT_EQ(Reason(Embed(*server.endpoint(), texts).status()), "ENDPOINT_ANSWER_INVALID") << body;
  }
}

}  // namespace
}  // namespace recsae
