#include "common/budget/bytes.h"

#include <array>

#include "absl/strings/numbers.h"
#include "absl/strings/str_format.h"
#include "absl/strings/strip.h"

namespace recsae {
namespace {

constexpr std::array<const char*, 5> kUnits = {"", "K", "M", "G", "T"};

}  // namespace

std::string FormatBytes(int64_t bytes) {
  if (bytes < kKib) return absl::StrFormat("%d B", bytes);
  auto value = static_cast<double>(bytes);
  size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) value /= 1024, ++unit;
  return absl::StrFormat("%.1f %siB", value, kUnits[unit]);
}

bool ParseBytes(absl::string_view text, int64_t* bytes) {
  absl::ConsumeSuffix(&text, "B");
  absl::ConsumeSuffix(&text, "i");
  int64_t unit = 1;
  for (size_t i = kUnits.size() - 1; i > 0; --i) {
    if (!absl::ConsumeSuffix(&text, kUnits[i])) continue;
    unit = int64_t{1} << (10 * i);
    break;
  }
  int64_t count = 0;
  if (!absl::SimpleAtoi(text, &count) || count <= 0 || count > kMostBytes / unit) return false;
  *bytes = count * unit;
  return true;
}

}  // namespace recsae
