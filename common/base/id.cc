#include "common/base/id.h"

#include <sys/random.h>

#include <cstdlib>

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace recsae {
namespace {

__extension__ typedef unsigned __int128 Bits;

constexpr int kRandomBits = 80;
constexpr int kCharacters = 26;
constexpr char kAlphabet[] = "0123456789abcdefghjkmnpqrstvwxyz";

// `bits` random bits, at most 128.
Bits RandomBits(int bits) {
  Bits value = 0;
  // As little as this comes whole; the kernel has no randomness to give only before it has booted.
  if (getrandom(&value, sizeof(value), 0) != static_cast<ssize_t>(sizeof(value))) std::abort();
  return value >> (128 - bits);
}

}  // namespace

std::string IdSequence::Next(uint64_t unix_millis) {
  const std::lock_guard<std::mutex> lock(mutex_);
  Bits id = (static_cast<Bits>(high_) << 64) | low_;
  if (unix_millis > static_cast<uint64_t>(id >> kRandomBits)) {
    id = (static_cast<Bits>(unix_millis) << kRandomBits) | RandomBits(kRandomBits);
  } else {
    // A step that nobody can guess: a forked process goes on from the same id.
    id += 1 + RandomBits(kRandomBits / 2);
  }
  high_ = static_cast<uint64_t>(id >> 64);
  low_ = static_cast<uint64_t>(id);
  std::string text(kCharacters, '0');
  for (int i = kCharacters - 1; i >= 0; --i, id >>= 5) text[i] = kAlphabet[id & 31];
  return text;
}

std::string NewId() {
  static auto* const sequence = new IdSequence;
  return sequence->Next(static_cast<uint64_t>(absl::ToUnixMillis(absl::Now())));
}

}  // namespace recsae
