#include "common/base/address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "common/base/status.h"

namespace recsae {
namespace {

using ::testing::HasSubstr;

std::string Why(const char* text, AddressUse use) {
  const absl::Status status = ReadAddress(text, use).status();
  EXPECT_EQ(Reason(status), "ADDRESS_INVALID") << text;
  EXPECT_THAT(std::string(status.message()), HasSubstr("is not HOST:PORT")) << text;
  return std::string(status.message());
}

TEST(SplitAddressTest, TellsHostAndPort) {
  std::string host;
  int port = 0;
  EXPECT_TRUE(SplitAddress("[::1]:7401", &host, &port));
  EXPECT_EQ(host, "::1");
  EXPECT_EQ(port, 7401);
  EXPECT_TRUE(SplitAddress("localhost:0", &host, &port));
  EXPECT_EQ(host, "localhost");
  EXPECT_EQ(port, 0);
  EXPECT_FALSE(SplitAddress("localhost:", &host, &port));
  EXPECT_FALSE(SplitAddress("localhost", &host, &port));
}

TEST(ReadAddressTest, TakesWhatPeoplePaste) {
  for (const auto& [typed, meant] : {std::pair{"10.0.0.7:7400", "10.0.0.7:7400"},
                                     {" host:1\n", "host:1"},
                                     {"http://host:7400/", "host:7400"},
                                     {"GRPC://host:7400", "host:7400"},
                                     {"host:7400/", "host:7400"},
                                     {"[::1]:7400", "[::1]:7400"},
                                     {"dns:7400", "dns:7400"}}) {
    for (const AddressUse use : {AddressUse::kListen, AddressUse::kDial}) {
      const auto address = ReadAddress(typed, use);
      ASSERT_TRUE(address.ok()) << typed << ": " << address.status();
      EXPECT_EQ(*address, meant);
    }
  }
}

TEST(ReadAddressTest, ListensOnAnyPortAndDialsNamesOfGrpc) {
  EXPECT_EQ(*ReadAddress("host:0", AddressUse::kListen), "host:0");
  Why("host:0", AddressUse::kDial);
  for (const char* name : {"dns:///host:7400", "unix:/run/recsae", "ipv4:127.0.0.1:1"}) {
    EXPECT_EQ(*ReadAddress(name, AddressUse::kDial), name);
    Why(name, AddressUse::kListen);
  }
}

TEST(ReadAddressTest, SaysWhatIsWrong) {
  EXPECT_THAT(Why("localhost", AddressUse::kDial), HasSubstr("the port is missing"));
  EXPECT_THAT(Why("http://host", AddressUse::kListen), HasSubstr("the port is missing"));
  EXPECT_THAT(Why("7400", AddressUse::kListen), HasSubstr("127.0.0.1:7400"));
  EXPECT_THAT(Why(":7401", AddressUse::kListen), HasSubstr("0.0.0.0:7401"));
  EXPECT_EQ(*ReadAddress("*:7401", AddressUse::kListen), "*:7401");
  EXPECT_THAT(Why("*:7401", AddressUse::kDial), HasSubstr("the host is missing"));
  EXPECT_THAT(Why("::1:7401", AddressUse::kListen), HasSubstr("brackets"));
  EXPECT_THAT(Why(":7401", AddressUse::kDial), HasSubstr("the host is missing"));
  EXPECT_THAT(Why("::1:7400", AddressUse::kDial), HasSubstr("brackets"));
  EXPECT_THAT(Why("http://host:7400/v1", AddressUse::kDial), HasSubstr("a path"));
  for (const char* typed : {"https://host:7400", "grpcs://host:7400"})
    EXPECT_THAT(Why(typed, AddressUse::kDial), HasSubstr("--tls-ca"));
  for (const char* typed : {"", " ", "host:", "host:70000", "host:+1", "a b:1", "me@host:1"})
    Why(typed, AddressUse::kDial);
}

TEST(IsLoopbackTest, IsThisMachineAlone) {
  for (const char* here : {"127.0.0.1:7400", "127.1.2.3:1", "localhost:7400", "[::1]:7400",
                           "dns:///localhost:7400", "unix:/run/recsae"}) {
    EXPECT_TRUE(IsLoopback(here)) << here;
  }
  for (const char* elsewhere : {"0.0.0.0:7400", "[::]:7400", "10.0.0.7:7400", "suite:7400",
                                "127.0.0.1.example.com:7400", "dns:///probe:7401", "", "*:7400"}) {
    EXPECT_FALSE(IsLoopback(elsewhere)) << elsewhere;
  }
}

}  // namespace
}  // namespace recsae
