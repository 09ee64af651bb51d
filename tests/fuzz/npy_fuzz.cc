// Bytes as an .npy file: refused with a reason, or an array of as many values as its shape says.
#include <cstddef>
#include <cstdint>

#include "common/files/npy.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string path =
      recsae::fuzz::WriteInput("array.npy", {reinterpret_cast<const char*>(data), size});
  const auto array = recsae::cli::ReadNpy(path);
  recsae::fuzz::RequireGoodError(array.status());
  if (!array.ok()) return 0;
  uint64_t values = 1;
  for (const int64_t length : array->shape) values *= static_cast<uint64_t>(length);
  recsae::fuzz::Require(values == array->values.size(), "as many values as the shape says");
  return 0;
}
