// Bytes as what lies in a store, keys and cases: refused with a reason, or the same bytes again.
#include <cstddef>
#include <cstdint>

#include "common/storage/keys.h"
#include "services/probe/captures/case_codec.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view bytes(reinterpret_cast<const char*>(data), size);
  const auto stored = recsae::probe::DecodeCase(bytes);
  recsae::fuzz::RequireGoodError(stored.status());
  if (stored.ok()) {
    const auto again = recsae::probe::DecodeCase(recsae::probe::EncodeCase(*stored));
    recsae::fuzz::Require(again.ok(), "a case that was read can be stored");
  }
  const std::string end = recsae::PrefixEnd(bytes);
  recsae::fuzz::Require(end.empty() || end > bytes, "the end lies behind the prefix");
  if (size >= 8) {
    const uint64_t value = recsae::ReadBigEndian64(bytes);
    recsae::fuzz::Require(recsae::BigEndian64(value) == bytes.substr(0, 8), "8 bytes round trip");
  }
  return 0;
}
