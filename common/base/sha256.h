// SHA-256 of bytes that come in pieces.
#ifndef RECSAE_COMMON_BASE_SHA256_H_
#define RECSAE_COMMON_BASE_SHA256_H_

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace recsae {

// Used by one thread.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(const Sha256&) = delete;
  Sha256& operator=(const Sha256&) = delete;

  void Update(absl::string_view bytes);
  // 64 lower-case hex digits of everything so far; call it once, last.
  std::string Hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Of bytes that are there as a whole.
std::string Sha256Hex(absl::string_view bytes);

}  // namespace recsae

#endif  // RECSAE_COMMON_BASE_SHA256_H_
