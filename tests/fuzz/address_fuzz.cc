// Bytes as an address: refused with a reason, or one that is read again as it is.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/base/address.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view text(reinterpret_cast<const char*>(data), size);
  recsae::IsLoopback(text);
  for (const auto use : {recsae::AddressUse::kListen, recsae::AddressUse::kDial}) {
    const auto address = recsae::ReadAddress(text, use);
    recsae::fuzz::RequireGoodError(address.status());
    if (!address.ok()) continue;
    recsae::IsLoopback(*address);
    const auto again = recsae::ReadAddress(*address, use);
    recsae::fuzz::Require(again.ok() && *again == *address, "an address is read in one way");
    std::string host;
    int port = -1;
    if (use == recsae::AddressUse::kListen) {
      recsae::fuzz::Require(recsae::SplitAddress(*address, &host, &port) && !host.empty() &&
                                port >= 0 && port <= 65535,
                            "what is listened on has a host and a port");
    }
  }
  return 0;
}
