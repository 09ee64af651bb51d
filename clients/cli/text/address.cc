#include "clients/cli/text/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/cli/text/errors.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

constexpr int kLargestPort = 65535;

bool IsHostAndPort(absl::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == absl::string_view::npos) return false;
  const absl::string_view host = text.substr(0, colon);
  const absl::string_view digits = text.substr(colon + 1);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && absl::StrContains(host, ":")) return false;
  int port = 0;
  return !host.empty() && host.find_first_of("/ @?#") == absl::string_view::npos &&
         std::all_of(digits.begin(), digits.end(), absl::ascii_isdigit) &&
         absl::SimpleAtoi(digits, &port) && port >= 1 && port <= kLargestPort;
}

}  // namespace

absl::StatusOr<std::string> ServerAddress(absl::string_view flag, absl::string_view text) {
  absl::string_view address = absl::StripAsciiWhitespace(text);
  for (const absl::string_view scheme : {"dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:"}) {
    if (absl::StartsWith(address, scheme)) return std::string(address);
  }
  for (const absl::string_view scheme : {"http://", "grpc://"}) {
    if (!absl::StartsWithIgnoreCase(address, scheme)) continue;
    address = absl::StripSuffix(address.substr(scheme.size()), "/");
  }
  if (IsHostAndPort(address)) return std::string(address);
  const bool secure = absl::StartsWithIgnoreCase(address, "https://");
  return UsageError(absl::StrCat(
      flag, ": '", text, "' is not HOST:PORT, for example 127.0.0.1:7400",
      secure ? "; for TLS name the authority of the server's certificate with --tls-ca" : ""));
}

}  // namespace recsae::cli
