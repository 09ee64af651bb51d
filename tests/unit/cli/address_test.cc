#include "clients/cli/text/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "clients/cli/text/errors.h"

namespace recsae::cli {
namespace {

TEST(ServerAddressTest, TakesWhatPeoplePaste) {
  for (const auto& [typed, dialled] : {std::pair{"10.0.0.7:7400", "10.0.0.7:7400"},
                                       {" host:1 ", "host:1"},
                                       {"http://host:7400/", "host:7400"},
                                       {"GRPC://host:7400", "host:7400"},
                                       {"[::1]:7400", "[::1]:7400"},
                                       {"dns:///host:7400", "dns:///host:7400"},
                                       {"unix:/run/recsae", "unix:/run/recsae"}}) {
    const auto address = ServerAddress("--server", typed);
    ASSERT_TRUE(address.ok()) << typed << ": " << address.status();
    EXPECT_EQ(*address, dialled);
  }
}

TEST(ServerAddressTest, RefusesWhatIsNone) {
  for (const char* typed : {"localhost", "host:", "host:0", "host:70000", "host:7400/path",
                            "::1:7400", "https://host:7400", ":7400", "http://host"}) {
    const absl::Status status = ServerAddress("--probe", typed).status();
    EXPECT_EQ(ExitStatus(status), kExitUsage) << typed;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("not HOST:PORT")) << typed;
    EXPECT_THAT(std::string(status.message()), testing::HasSubstr("--probe")) << typed;
  }
}

}  // namespace
}  // namespace recsae::cli
