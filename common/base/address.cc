#include "common/base/address.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"

namespace recsae {
namespace {

constexpr int kLargestPort = 65535;

bool IsNumber(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isdigit);
}

// What is missing from an address without blanks and scheme, with the words that come before it; ""
// if nothing is known of it.
std::string Advice(absl::string_view address, bool secure, AddressUse use) {
  if (secure) {
    return "; leave https:// out: for TLS name the authority of the server's certificate "
           "(--tls-ca; "
           "of a server that calls others --peer-ca)";
  }
  if (IsNumber(address)) return absl::StrCat("; a port alone is 127.0.0.1:", address);
  const absl::string_view port = address.substr(address.rfind(':') + 1);
  if (address == absl::StrCat(":", port) || address == absl::StrCat("*:", port)) {
    return use == AddressUse::kDial
               ? absl::StrCat("; the host is missing, for example 127.0.0.1:", port)
               : absl::StrCat("; all addresses of this machine are 0.0.0.0:", port,
                              " or [::]:", port);
  }
  if (address.find('/') != absl::string_view::npos) return "; a path has no place in it";
  if (std::count(address.begin(), address.end(), ':') > 1) {
    return "; an IPv6 address stands in brackets, as [::1]:7400";
  }
  return absl::StrContains(address, ":") || address.empty() ? "" : "; the port is missing";
}

}  // namespace

bool SplitAddress(absl::string_view address, std::string* host, int* port) {
  const size_t colon = address.rfind(':');
  if (colon == absl::string_view::npos) return false;
  absl::string_view name = address.substr(0, colon);
  const absl::string_view digits = address.substr(colon + 1);
  if (name.size() > 2 && name.front() == '[' && name.back() == ']') {
    name = name.substr(1, name.size() - 2);
  } else if (name.find(':') != absl::string_view::npos) {
    return false;
  }
  if (name.empty() || !IsNumber(digits) || !absl::SimpleAtoi(digits, port) ||
      *port > kLargestPort) {
    return false;
  }
  *host = std::string(name);
  return true;
}

bool IsLoopback(absl::string_view address) {
  if (absl::StartsWith(address, "unix:") || absl::StartsWith(address, "unix-abstract:")) {
    return true;
  }
  absl::ConsumePrefix(&address, "dns:///");
  std::string host;
  int port = 0;
  if (!SplitAddress(address, &host, &port)) return false;
  const bool numeric = std::all_of(host.begin(), host.end(),
                                   [](char c) { return absl::ascii_isdigit(c) || c == '.'; });
  return host == "localhost" || host == "::1" || (numeric && absl::StartsWith(host, "127."));
}

absl::StatusOr<std::string> ReadAddress(absl::string_view text, AddressUse use) {
  absl::string_view address = absl::StripAsciiWhitespace(text);
  if (use == AddressUse::kDial) {
    for (const absl::string_view scheme : {"dns:", "ipv4:", "ipv6:", "unix:", "unix-abstract:"}) {
      // "dns:7400" is a host of that name.
      if (absl::StartsWith(address, scheme) && !IsNumber(address.substr(scheme.size()))) {
        return std::string(address);
      }
    }
  }
  const bool secure = absl::StartsWithIgnoreCase(address, "https://") ||
                      absl::StartsWithIgnoreCase(address, "grpcs://");
  for (const absl::string_view scheme : {"http://", "grpc://"}) {
    if (absl::StartsWithIgnoreCase(address, scheme)) address.remove_prefix(scheme.size());
  }
  if (!secure) address = absl::StripSuffix(address, "/");
  std::string host;
  int port = 0;
  const int least = use == AddressUse::kListen ? 0 : 1;
  if (SplitAddress(address, &host, &port) && port >= least &&
      host.find_first_of("/ @?#[]") == std::string::npos &&
      (host != "*" || use == AddressUse::kListen)) {
    return std::string(address);
  }
  return Error(
      absl::StatusCode::kInvalidArgument, "ADDRESS_INVALID",
      absl::StrCat("'", text, "' is not HOST:PORT with a port from ", least, " to ", kLargestPort,
                   ", for example 127.0.0.1:7400", Advice(address, secure, use)),
      {{"address", std::string(text)}});
}

}  // namespace recsae
