#include "services/probe/datasets/encoding.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "absl/strings/match.h"
#include "common/base/utf8.h"

namespace recsae::probe {
namespace {

// Windows-1252 from 0x80 to 0x9F; what it leaves open is the control character of ISO-8859-1.
constexpr std::array<uint16_t, 32> kWindows1252 = {
    0x20AC, 0x81,   0x201A, 0x0192, 0x201E, 0x2026, 0x2020, 0x2021, 0x02C6, 0x2030, 0x0160,
    0x2039, 0x0152, 0x8D,   0x017D, 0x8F,   0x90,   0x2018, 0x2019, 0x201C, 0x201D, 0x2022,
    0x2013, 0x2014, 0x02DC, 0x2122, 0x0161, 0x203A, 0x0153, 0x9D,   0x017E, 0x0178};
constexpr char kShownNul[] = "\xE2\x90\x80";
constexpr unsigned kReplacement = 0xFFFD;
constexpr unsigned kLastCode = 0x10FFFF;

uint8_t ByteAt(absl::string_view text, size_t i) { return static_cast<uint8_t>(text[i]); }

void AppendUtf8(unsigned code, std::string* out) {
  const auto last = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code == 0) {
    out->append(kShownNul);
  } else if (code < 0x80) {
    out->push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out->append({static_cast<char>(0xC0 | (code >> 6)), last(0)});
  } else if (code < 0x10000) {
    out->append({static_cast<char>(0xE0 | (code >> 12)), last(6), last(0)});
  } else {
    out->append({static_cast<char>(0xF0 | (code >> 18)), last(12), last(6), last(0)});
  }
}

// Of the character that `text` starts with; 0: it is none.
size_t CharacterLength(absl::string_view text) {
  const uint8_t lead = ByteAt(text, 0);
  const size_t length = lead < 0x80 ? 1 : lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  return text.size() >= length && IsUtf8(text.substr(0, length)) ? length : 0;
}

// A surrogate that was encoded as if it were a character: its code, or 0.
unsigned SurrogateAt(absl::string_view text) {
  if (text.size() < 3 || ByteAt(text, 0) != 0xED || (ByteAt(text, 1) & 0xE0) != 0xA0 ||
      (ByteAt(text, 2) & 0xC0) != 0x80) {
    return 0;
  }
  return 0xD000U | ((ByteAt(text, 1) & 0x3FU) << 6) | (ByteAt(text, 2) & 0x3FU);
}

bool IsHigh(unsigned unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLow(unsigned unit) { return unit >= 0xDC00 && unit < 0xE000; }

unsigned Joined(unsigned high, unsigned low) {
  return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00);
}

bool IsAscii(absl::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  uint64_t bits = 0;
  while (text.size() >= sizeof(bits)) {
    std::memcpy(&bits, text.data(), sizeof(bits));
    if ((bits & kHighBits) != 0) return false;
    text.remove_prefix(sizeof(bits));
  }
  return std::all_of(text.begin(), text.end(), [](char c) { return (c & 0x80) == 0; });
}

}  // namespace

bool IsCleanUtf8(absl::string_view text) {
  if (absl::StrContains(text, '\0')) return false;
  return IsAscii(text) || IsUtf8(text);
}

std::string ToUtf8(absl::string_view text) {
  if (text.empty() || IsCleanUtf8(text)) return std::string(text);
  std::string utf8;
  while (!text.empty()) {
    if (const size_t length = CharacterLength(text); length > 0) {
      length == 1 ? AppendUtf8(ByteAt(text, 0), &utf8) : (void)utf8.append(text.data(), length);
      text.remove_prefix(length);
      continue;
    }
    if (const unsigned high = SurrogateAt(text); high != 0) {
      const unsigned low = text.size() > 3 ? SurrogateAt(text.substr(3)) : 0;
      if (IsHigh(high) && IsLow(low)) {
        AppendUtf8(Joined(high, low), &utf8);
        text.remove_prefix(6);
        continue;
      }
    }
    const uint8_t byte = ByteAt(text, 0);
    AppendUtf8(byte < 0xA0 ? kWindows1252[byte - 0x80U] : byte, &utf8);
    text.remove_prefix(1);
  }
  return utf8;
}

void WideDecoder::Take(unsigned unit, std::string* out) {
  if (wide_) {
    const bool none = unit > kLastCode || IsHigh(unit) || IsLow(unit);
    return AppendUtf8(none ? kReplacement : unit, out);
  }
  if (high_ != 0) {
    AppendUtf8(IsLow(unit) ? Joined(high_, unit) : kReplacement, out);
    high_ = 0;
    if (IsLow(unit)) return;
  }
  if (IsHigh(unit)) {
    high_ = unit;
  } else {
    AppendUtf8(IsLow(unit) ? kReplacement : unit, out);
  }
}

void WideDecoder::Decode(absl::string_view bytes, std::string* out) {
  const unsigned size = wide_ ? 4 : 2;
  for (const char c : bytes) {
    const unsigned byte = static_cast<unsigned char>(c);
    unit_ = big_endian_ ? unit_ << 8U | byte : unit_ | byte << 8U * bytes_;
    if (++bytes_ < size) continue;
    Take(unit_, out);
    bytes_ = unit_ = 0;
  }
}

void WideDecoder::Finish(std::string* out) {
  if (bytes_ > 0 || high_ != 0) AppendUtf8(kReplacement, out);
  bytes_ = unit_ = high_ = 0;
}

Encoding DetectEncoding(absl::string_view bytes, size_t* mark) {
  *mark = 4;
  if (absl::StartsWith(bytes, absl::string_view("\xFF\xFE\0\0", 4))) return Encoding::kUtf32Little;
  if (absl::StartsWith(bytes, absl::string_view("\0\0\xFE\xFF", 4))) return Encoding::kUtf32Big;
  *mark = 2;
  if (absl::StartsWith(bytes, "\xFF\xFE")) return Encoding::kUtf16Little;
  if (absl::StartsWith(bytes, "\xFE\xFF")) return Encoding::kUtf16Big;
  *mark = 0;
  const absl::string_view start = bytes.substr(0, 512);
  std::array<size_t, 4> zeros = {};
  for (size_t i = 0; i < start.size(); ++i) zeros[i % 4] += start[i] == '\0' ? 1 : 0;
  // The upper half of four bytes is 0 in nearly every script.
  const auto all = [&](size_t at) { return zeros[at] * 4 * 10 > start.size() * 9; };
  if (start.size() >= 8 && all(2) && all(3) && zeros[0] == 0) return Encoding::kUtf32Little;
  if (start.size() >= 8 && all(0) && all(1) && zeros[3] == 0) return Encoding::kUtf32Big;
  const std::array<size_t, 2> sides = {zeros[0] + zeros[2], zeros[1] + zeros[3]};
  // Half of the bytes and more where the text is of our alphabet.
  const auto many = [&](size_t side) { return sides[side] * 5 > start.size() && start.size() > 3; };
  if (many(1) && sides[0] * 8 < sides[1]) return Encoding::kUtf16Little;
  if (many(0) && sides[1] * 8 < sides[0]) return Encoding::kUtf16Big;
  return Encoding::kUtf8;
}

}  // namespace recsae::probe
