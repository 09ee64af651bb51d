// Parts of keys: integers whose byte order is their numeric order.
#ifndef RECSAE_COMMON_STORAGE_KEYS_H_
#define RECSAE_COMMON_STORAGE_KEYS_H_

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace recsae {

// 8 or 4 bytes, most significant first.
std::string BigEndian64(uint64_t value);
std::string BigEndian32(uint32_t value);
// The first bytes of `bytes`, which must hold that many.
uint64_t ReadBigEndian64(absl::string_view bytes);
uint32_t ReadBigEndian32(absl::string_view bytes);

// The 8 bytes at `offset` of a stored value. DATA_LOSS (STORE_CORRUPT) if it is shorter.
absl::StatusOr<uint64_t> StoredNumber(absl::string_view value, size_t offset = 0);

// "a", "b" -> "a\0b\0": a prefix of exactly the keys below (a, b), since names hold no zero byte.
std::string KeyPrefix(std::initializer_list<absl::string_view> parts);

// The smallest key greater than every key that starts with `prefix`; empty = there is none.
std::string PrefixEnd(absl::string_view prefix);

}  // namespace recsae

#endif  // RECSAE_COMMON_STORAGE_KEYS_H_
