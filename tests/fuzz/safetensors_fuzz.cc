// Bytes as a safetensors file: refused with a reason, or read and written to the same tensors.
#include <cstddef>
#include <cstdint>

#include "common/files/safetensors.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  namespace safetensors = recsae::safetensors;
  const auto file = safetensors::Parse({reinterpret_cast<const char*>(data), size});
  recsae::fuzz::RequireGoodError(file.status());
  if (!file.ok()) return 0;
  const auto again = safetensors::Parse(safetensors::Serialize(*file));
  recsae::fuzz::Require(again.ok(), "what was read can be written and read again");
  recsae::fuzz::Require(again->tensors.size() == file->tensors.size(), "no tensor is lost");
  for (const auto& [name, tensor] : file->tensors) {
    const auto found = again->tensors.find(name);
    recsae::fuzz::Require(found != again->tensors.end(), "names are kept");
    recsae::fuzz::Require(found->second.shape == tensor.shape, "shapes are kept");
    recsae::fuzz::Require(found->second.values == tensor.values, "values are kept");
  }
  return 0;
}
