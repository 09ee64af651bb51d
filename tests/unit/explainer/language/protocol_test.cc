// The protocol against an HTTP server that reads its prompts and answers by rule: what a
// description names, it finds in the recommended item. So descriptions are right, and those dealt
// to other latents are not.
#include "services/explainer/language/protocol.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "tests/unit/common/endpoint/fake_server.h"
#include "tests/unit/explainer/language/genre_cases.h"

namespace recsae::explainer {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::json;

// What stands in the brackets behind "recommended".
std::string GenreOf(absl::string_view line) {
  const size_t at = line.find("recommended ");
  if (at == absl::string_view::npos) return "";
  const absl::string_view rest = line.substr(line.find('(', at) + 1);
  return std::string(rest.substr(0, rest.find(')')));
}

std::string Answer(const std::string& prompt) {
  if (!absl::StartsWith(prompt, "Description: ")) {
    std::map<std::string, int> count;
    for (const absl::string_view line : absl::StrSplit(prompt, '\n')) {
      if (absl::StartsWith(line, "level ")) ++count[GenreOf(line)];
    }
    return count.empty() ? "" : count.begin()->first;
  }
  const std::vector<std::string> lines = absl::StrSplit(prompt, '\n');
  std::vector<std::string> named;
  for (size_t i = 1; i < lines.size(); ++i) {
    const bool there = absl::StrContains(lines[0], GenreOf(lines[i]));
    if (absl::StartsWith(lines[i], "Case: ")) return there ? "9" : "0";
    if (there) named.push_back(lines[i].substr(0, lines[i].find('.')));
  }
  return named.empty() ? "none" : absl::StrJoin(named, ", ");
}

void Reply(httplib::Response& out, const std::string& text) {
  out.set_content(Json({{"choices", {{{"message", {{"content", text}}}}}},
                        {"usage", {{"prompt_tokens", 100}, {"completion_tokens", 3}}}})
                      .dump(),
                  "application/json");
}

void ReadAndAnswer(int, const httplib::Request& in, httplib::Response& out) {
  Reply(out, Answer(Json::parse(in.body)["messages"].back()["content"].get<std::string>()));
}

class LanguageProtocolTest : public ::testing::Test {
 protected:
  LanguageProtocolTest()
      : folder_(::testing::TempDir() + "/language-" +
                ::testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(folder_);
    for (int genre = 0; genre < kGenres; ++genre) {
      // What the statistics said is right for half of the latents.
      statistical_.push_back(absl::StrCat("set of g", genre % 2 == 0 ? genre : genre + 50, "x"));
    }
  }

  std::unique_ptr<LanguageModel> Open(const FakeServer& server, int concurrency = 1) {
    LanguageModelSettings settings;
    settings.endpoint = server.options();
    settings.store = folder_;
    settings.store_bytes = 1 << 20;
    settings.concurrency = concurrency;
    return LanguageModel::Open(std::move(settings), metrics_).value();
  }

  absl::StatusOr<LanguageResults> Run(LanguageModel& model, LanguageBudget& budget) {
    return RunLanguageProtocol(
        model, budget, cases_, features_, items_, statistical_, options_,
        {[](int, int) { return absl::OkStatus(); }, [] { return absl::OkStatus(); }});
  }

  const std::string folder_;
  const std::vector<ItemText> items_ = Items();
  const ItemFeatures features_{items_};
  const CaseTable cases_ = Cases();
  std::vector<std::string> statistical_;
  LanguageProtocolOptions options_;
  MetricsRegistry metrics_;
};

constexpr int64_t kPlenty = 1'000'000;

std::vector<std::string> Shown(const LanguageResults& results) {
  std::vector<std::string> shown;
  for (const LanguageResult& latent : results.latents) {
    for (const JudgedText& judged : latent.judged) {
      shown.push_back(absl::StrCat(judged.text, " ", judged.tally.Confidence()));
    }
  }
  return shown;
}

TEST_F(LanguageProtocolTest, DescribesJudgesAndControls) {
  for (const LanguageJudge judge : {LanguageJudge::kDetection, LanguageJudge::kLevels}) {
    options_.judge = judge;
    FakeServer server(ReadAndAnswer);
    const auto model = Open(server, 4);
    LanguageBudget budget("jobs/a", kPlenty, kPlenty, nullptr);
    const LanguageResults results = Run(*model, budget).value();
    for (int genre = 0; genre < kGenres; ++genre) {
      const LanguageResult& latent = results.latents[static_cast<size_t>(genre)];
      ASSERT_EQ(latent.judged.size(), 2U);
      EXPECT_EQ(latent.judged[0].tally.Confidence(), 1);
      // Of equal ones the statistical is first; where that is wrong the model's.
      EXPECT_EQ(latent.judged[0].by_model, genre % 2 == 1) << genre;
      EXPECT_EQ(latent.judged[1].tally.Confidence(), genre % 2 == 1 ? 0.5 : 1);
      ASSERT_TRUE(latent.control.has_value());
      EXPECT_LE(latent.control->Confidence(), 0.5);
    }
    EXPECT_EQ(results.retest.Agreement(), 1);
    EXPECT_GT(results.retest.cases(), 0);
    EXPECT_EQ(results.unreadable, 0);
    EXPECT_EQ(results.stopped, "");
  }
}

TEST_F(LanguageProtocolTest, PaysNothingTwice) {
  FakeServer server(ReadAndAnswer);
  std::vector<std::string> first;
  int asked = 0;
  {
    const auto model = Open(server, 4);
    int paid = 0;
    std::mutex mutex;
    LanguageBudget budget("jobs/a", kPlenty, kPlenty, [&] {
      const std::lock_guard<std::mutex> lock(mutex);
      ++paid;
      return absl::OkStatus();
    });
    first = Shown(Run(*model, budget).value());
    asked = server.requests;
    EXPECT_EQ(budget.spent().calls, asked);
    EXPECT_EQ(budget.spent().tokens, 103 * asked);
    EXPECT_EQ(paid, asked);
  }
  const auto model = Open(server);
  LanguageBudget again("jobs/a", kPlenty, kPlenty, nullptr);
  EXPECT_EQ(Shown(Run(*model, again).value()), first);
  EXPECT_EQ(again.spent().calls, asked) << "the same job counts what it paid";
  LanguageBudget other("jobs/b", 0, 0, nullptr);
  EXPECT_EQ(Shown(Run(*model, other).value()), first);
  EXPECT_EQ(other.spent().calls, 0);
  EXPECT_EQ(other.spent().remembered, asked);
  EXPECT_EQ(server.requests, asked);
}

TEST_F(LanguageProtocolTest, EndsWithItsBudgetAndGoesOnWithAnother) {
  FakeServer server(ReadAndAnswer);
  const auto model = Open(server);
  LanguageBudget calls("jobs/a", 10, kPlenty, nullptr);
  const LanguageResults part = Run(*model, calls).value();
  EXPECT_EQ(server.requests, 10);
  EXPECT_THAT(part.stopped, HasSubstr("the budget of 10 calls is spent"));
  EXPECT_EQ(Shown(part).size(), 6U)
      << "three calls a latent, and the statistical one of the fourth "
         "is not judged";
  LanguageBudget resumed("jobs/a", 10, kPlenty, nullptr);
  EXPECT_EQ(Shown(Run(*model, resumed).value()), Shown(part)) << "a restart has no new budget";
  EXPECT_EQ(server.requests, 10);
  LanguageBudget tokens("jobs/b", kPlenty, 1000, nullptr);
  EXPECT_THAT(Run(*model, tokens).value().stopped, HasSubstr("1000 tokens"));
  EXPECT_EQ(server.requests, 20);
  LanguageBudget rest("jobs/c", kPlenty, kPlenty, nullptr);
  EXPECT_EQ(Run(*model, rest).value().stopped, "");
}

TEST_F(LanguageProtocolTest, StoresNothingThatWasNotJudged) {
  FakeServer prose([](int, const httplib::Request&, httplib::Response& out) {
    Reply(out, "It is hard to say.");
  });
  const auto model = Open(prose);
  LanguageBudget budget("jobs/a", kPlenty, kPlenty, nullptr);
  const LanguageResults results = Run(*model, budget).value();
  EXPECT_TRUE(Shown(results).empty());
  EXPECT_EQ(results.unreadable, 2 * kGenres);
}

TEST_F(LanguageProtocolTest, OneRefusalLeavesALatentOutAndManyEndIt) {
  FakeServer once([](int request, const httplib::Request& in, httplib::Response& out) {
    if (request == 4) {
      out.status = 400;
      out.set_content(R"({"error": {"message": "too long"}})", "application/json");
    } else {
      ReadAndAnswer(request, in, out);
    }
  });
  {
    const auto model = Open(once);
    LanguageBudget budget("jobs/a", kPlenty, kPlenty, nullptr);
    const LanguageResults results = Run(*model, budget).value();
    EXPECT_TRUE(results.latents[1].judged.empty());
    EXPECT_EQ(Shown(results).size(), 2U * (kGenres - 1));
    EXPECT_EQ(results.unreadable, 1);
  }
  std::filesystem::remove_all(folder_);
  FakeServer never(Always(401, R"({"error": {"message": "who are you?"}})"));
  const auto model = Open(never);
  LanguageBudget budget("jobs/a", kPlenty, kPlenty, nullptr);
  const absl::Status status = Run(*model, budget).status();
  EXPECT_EQ(Reason(status), "ENDPOINT_REFUSED");
  EXPECT_EQ(never.requests, 5);
  EXPECT_EQ(budget.spent().calls, 0);
}

TEST_F(LanguageProtocolTest, AnEndpointThatFailsEndsIt) {
  FakeServer failing(Always(503, "overloaded"));
  const auto model = Open(failing);
  LanguageBudget budget("jobs/a", kPlenty, kPlenty, nullptr);
  EXPECT_EQ(Reason(Run(*model, budget).status()), "ENDPOINT_FAILED");
  EXPECT_EQ(failing.requests, 3) << "the attempts of one call";
}

}  // namespace
}  // namespace recsae::explainer
