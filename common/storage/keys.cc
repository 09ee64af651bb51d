#include "common/storage/keys.h"

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae {
namespace {

template <typename Int>
std::string BigEndian(Int value) {
  std::string bytes(sizeof(Int), '\0');
  for (size_t i = sizeof(Int); i-- > 0; value >>= 8) bytes[i] = static_cast<char>(value & 0xFF);
  return bytes;
}

template <typename Int>
Int ReadBigEndian(absl::string_view bytes) {
  Int value = 0;
  for (size_t i = 0; i < sizeof(Int); ++i) {
    value = (value << 8) | static_cast<unsigned char>(bytes[i]);
  }
  return value;
}

}  // namespace

std::string BigEndian64(uint64_t value) { return BigEndian(value); }
std::string BigEndian32(uint32_t value) { return BigEndian(value); }
uint64_t ReadBigEndian64(absl::string_view bytes) { return ReadBigEndian<uint64_t>(bytes); }
uint32_t ReadBigEndian32(absl::string_view bytes) { return ReadBigEndian<uint32_t>(bytes); }

absl::StatusOr<uint64_t> StoredNumber(absl::string_view value, size_t offset) {
  if (value.size() >= offset + sizeof(uint64_t)) return ReadBigEndian64(value.substr(offset));
  return Error(absl::StatusCode::kDataLoss, "STORE_CORRUPT",
               absl::StrCat("a stored value has ", value.size(), " bytes where at least ",
                            offset + sizeof(uint64_t),
                            " should be; restore the data directory from a backup"));
}

std::string KeyPrefix(std::initializer_list<absl::string_view> parts) {
  std::string key;
  for (const absl::string_view part : parts) {
    key.append(part.data(), part.size());
    key.push_back('\0');
  }
  return key;
}

std::string PrefixEnd(absl::string_view prefix) {
  std::string end(prefix);
  while (!end.empty() && static_cast<unsigned char>(end.back()) == 0xFF) end.pop_back();
  if (!end.empty()) ++end.back();
  return end;
}

}  // namespace recsae
