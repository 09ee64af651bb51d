#include "common/process/flags.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>

#include "common/base/status.h"
#include "common/process/embeddings_flags.h"

namespace recsae {
namespace {

using ::testing::internal::CaptureStderr;
using ::testing::internal::GetCapturedStderr;

// What one command line sets, by Parse's result.
struct Values {
  std::string text = "default";
  bool on = false;
  int64_t count = 3;
  double rate = 0.5;
  std::string address = "127.0.0.1:1";
  std::string to = "127.0.0.1:0";
  int64_t size = 4096;

  int Parse(std::vector<const char*> args) {
    FlagSet flags("program", "Does things.", "", "1.0");
    flags.Add("text", &text, "text");
    flags.Add("turn-on", &on, "switch");
    flags.Add("count", &count, "count", -5, 5);
    flags.Add("rate", &rate, "rate", 0, 1);
    flags.AddAddress("at", &address, "address", false, true);
    flags.AddAddress("to", &to, "address", true, false);
    flags.AddBytes("size", &size, "size");
    flags.ReadFrom("text", "OTHER_NAME");
    args.insert(args.begin(), "program");
    return flags.Parse(static_cast<int>(args.size()), args.data());
  }
};

TEST(FlagsTest, DefaultsStay) {
  Values values;
  EXPECT_EQ(values.Parse({}), -1);
  EXPECT_EQ(values.text, "default");
  EXPECT_EQ(values.count, 3);
  EXPECT_EQ(values.rate, 0.5);
  EXPECT_EQ(values.size, 4096);
}

TEST(FlagsTest, ValuesOfEveryType) {
  Values values;
  EXPECT_EQ(values.Parse({"--text", "a b", "--turn-on", "--count=-5", "--rate=1", "--at=[::1]:80",
                          "--size=2GiB"}),
            -1);
  EXPECT_EQ(values.text, "a b");
  EXPECT_TRUE(values.on);
  EXPECT_EQ(values.count, -5);
  EXPECT_EQ(values.rate, 1);
  EXPECT_EQ(values.address, "[::1]:80");
  EXPECT_EQ(values.size, int64_t{2} << 30);
}

TEST(FlagsTest, EnvironmentUnderTheUsualOrAnotherName) {
  setenv("RECSAE_TURN_ON", "true", 1);
  setenv("OTHER_NAME", "other", 1);
  setenv("RECSAE_TEXT", "not read", 1);
  Values values;
  EXPECT_EQ(values.Parse({}), -1);
  EXPECT_TRUE(values.on);
  EXPECT_EQ(values.text, "other");
  EXPECT_EQ(EnvironmentName("turn-on"), "RECSAE_TURN_ON");
  for (const char* name : {"RECSAE_TURN_ON", "OTHER_NAME", "RECSAE_TEXT"}) unsetenv(name);
}

TEST(FlagsTest, BadValuesAreOneLineThatNamesThem) {
  for (const char* arg :
       {"--count=6", "--count=2.5", "--count=", "--rate=nan", "--rate=1.01", "--at=host",
        "--at=host:0", "--at=:1", "--at=a:b:1", "--at=h:65536", "--at=h:+1", "--to=", "--size=0",
        "--size=-1", "--size=1.5G", "--size=much", "--config=/no/such/file", "--bogus"}) {
    Values values;
    CaptureStderr();
    EXPECT_EQ(values.Parse({arg}), 2) << arg;
    const std::string line = GetCapturedStderr();
    EXPECT_EQ(line.find('\n'), line.size() - 1) << line;
    const std::string flag = std::string(arg).substr(0, std::string(arg).find('='));
    EXPECT_THAT(line, ::testing::HasSubstr(flag));
  }
}

TEST(FlagsTest, ConfigFileMayOnlyHoldFlags) {
  const std::string path = ::testing::TempDir() + "/flags_test.toml";
  std::ofstream(path) << "counts = 1\n";
  Values values;
  CaptureStderr();
  EXPECT_EQ(values.Parse({"--config", path.c_str()}), 2);
  EXPECT_EQ(GetCapturedStderr(),
            "program: --config: 'counts' is not a flag (see program --help)\n");
}

TEST(FlagsTest, LastOfTwoCounts) {
  Values values;
  EXPECT_EQ(values.Parse({"--count=1", "--count=2", "--at="}), -1);
  EXPECT_EQ(values.count, 2);
  EXPECT_EQ(values.address, kOff);
}

// As the client takes the address of a server.
TEST(FlagSetTest, ModulesShareAFlagOfOneName) {
  std::string first = "a";
  std::string second = "b";
  std::string path;
  std::string same_path;
  FlagSet flags("program", "Does things.", "", "1.0");
  flags.Add("text", &first, "text");
  flags.Add("text", &second, "the same");
  flags.AddPath("file", &path, "file");
  flags.AddPath("file", &same_path, "the same");
  setenv("HOME", "/home/someone", 1);
  const std::vector<const char*> args = {"program", "--text", "x", "--file", "~/key"};
  ASSERT_EQ(flags.Parse(static_cast<int>(args.size()), args.data()), -1);
  EXPECT_EQ(first, "x");
  EXPECT_EQ(second, "x");
  EXPECT_EQ(path, "/home/someone/key");
  EXPECT_EQ(same_path, path);
  EXPECT_TRUE(flags.warnings().empty());
}

TEST(FlagsTest, EmbeddingsNeedBothUrlAndModel) {
  const auto check = [](std::string url, std::string model, std::string key) {
    EmbeddingsFlags flags;
    flags.url = std::move(url);
    flags.model = std::move(model);
    flags.key_file = std::move(key);
    return Reason(flags.Check());
  };
  EXPECT_EQ(check("", "", ""), "");
  EXPECT_EQ(check("http://a/v1", "small", ""), "");
  EXPECT_EQ(check("http://a/v1", "small", "key"), "");
  EXPECT_EQ(check("", "small", ""), "EMBEDDINGS_FLAGS_INVALID");
  EXPECT_EQ(check("", "", "key"), "EMBEDDINGS_FLAGS_INVALID");
  EXPECT_EQ(check("http://a/v1", "", ""), "EMBEDDINGS_FLAGS_INVALID");
}

TEST(FlagsTest, AddressesAreTakenAsPeopleWriteThem) {
  Values values;
  EXPECT_EQ(values.Parse({"--at=http://host:7401/", "--to", " grpc://127.0.0.1:0 "}), -1);
  EXPECT_EQ(values.address, "host:7401");
  EXPECT_EQ(values.to, "127.0.0.1:0");
  for (const auto& [arg, said] : {std::pair{"--at=host", "the port is missing"},
                                  {"--at=https://host:7401", "--tls-ca"},
                                  {"--to=:7401", "0.0.0.0:7401"}}) {
    CaptureStderr();
    EXPECT_EQ(Values().Parse({arg}), 2);
    const std::string error = GetCapturedStderr();
    EXPECT_THAT(error, testing::HasSubstr(said)) << arg;
    EXPECT_EQ(std::count(error.begin(), error.end(), '\n'), 1) << error;
  }
}

TEST(FlagSetTest, HomeOfTheConfigAndInListsOfPaths) {
  setenv("HOME", ::testing::TempDir().c_str(), 1);
  std::ofstream(::testing::TempDir() + "/home_test.toml") << "paths = \"/srv:~/data\"\n";
  for (const bool in_environment : {false, true}) {
    FlagSet flags("program", "", "", "1");
    std::string paths;
    flags.AddPaths("paths", &paths, "");
    if (in_environment) setenv("RECSAE_CONFIG", "~/home_test.toml", 1);
    const char* argv[] = {"program", "--config=~/home_test.toml"};
    EXPECT_EQ(flags.Parse(in_environment ? 1 : 2, argv), -1);
    EXPECT_EQ(paths, "/srv:" + ::testing::TempDir() + "/data");
    unsetenv("RECSAE_CONFIG");
  }
}

TEST(FlagSetTest, CapitalsAreNoOtherChoice) {
  FlagSet flags("program", "", "", "1");
  std::string level, address;
  flags.AddChoice("level", &level, "", {"debug", "info"});
  flags.AddAddress("at", &address, "", true, true);
  const char* argv[] = {"program", "--level=DEBUG", "--at=Off"};
  EXPECT_EQ(flags.Parse(3, argv), -1);
  EXPECT_EQ(level, "debug");
  EXPECT_EQ(address, kOff);
}

TEST(FlagSetTest, APathMayBeginAtHome) {
  setenv("HOME", "/home/ann", 1);
  FlagSet flags("program", "", "", "1");
  std::string path;
  std::string other;
  flags.AddPath("path", &path, "");
  flags.AddPath("other", &other, "");
  const char* argv[] = {"program", "--path=~/data", "--other", "/tmp/~", "--other", "/tmp/x"};
  EXPECT_EQ(flags.Parse(6, argv), -1);
  EXPECT_EQ(path, "/home/ann/data");
  EXPECT_EQ(other, "/tmp/x");
  ASSERT_EQ(flags.warnings().size(), 1u);
  EXPECT_NE(flags.warnings()[0].find("--other is given 2 times"), std::string::npos)
      << flags.warnings()[0];
  EXPECT_TRUE(flags.Given("path"));
}

}  // namespace
}  // namespace recsae
