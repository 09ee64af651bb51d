#include "common/base/environment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

namespace recsae {
namespace {

TEST(MisspeltVariablesTest, NamesTheNearestOne) {
  const std::vector<std::string> known = {"RECSAE_LISTEN", "RECSAE_DATA_DIR", "RECSAE_STORE_DIR"};
  const auto found = MisspeltVariables(
      {"RECSAE_LISTN", "RECSAE_LISTEN", "RECSAE_DATADIR", "PATH", "RECSAE_LISTEN_PORT",
       "RECSAE_PROBE_SERVICE_HOST", "RECSAE_SOMETHING_ELSE"},
      known);
  EXPECT_EQ(found, (std::vector<std::pair<std::string, std::string>>{
                       {"RECSAE_LISTN", "RECSAE_LISTEN"}, {"RECSAE_DATADIR", "RECSAE_DATA_DIR"}}));
}

TEST(DoubtfulVariablesTest, NamesBothOfThem) {
  setenv("RECSAE_SERVR", "localhost:7400", 1);
  setenv("RECSAE_STORE_DIR", "/var/lib/recsae", 1);
  EXPECT_THAT(DoubtfulVariables({"RECSAE_STORE_DIR"}),
              testing::ElementsAre("the environment has RECSAE_SERVR, which nothing reads; is "
                                   "RECSAE_SERVER meant?"));
  unsetenv("RECSAE_SERVR");
  EXPECT_THAT(DoubtfulVariables({"RECSAE_STORE_DIR"}), testing::IsEmpty());
  unsetenv("RECSAE_STORE_DIR");
}

}  // namespace
}  // namespace recsae
