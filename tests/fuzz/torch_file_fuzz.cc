// Bytes as a file of torch.save, as a pickle in one, and as an .npz: refused with a reason, or
// tensors of as many values as their shapes say.
#include <cstddef>
#include <cstdint>
#include <string>

#include "common/files/npy.h"
#include "common/files/torch_file.h"
#include "common/files/zip.h"
#include "tests/fuzz/fuzzing.h"

namespace {

void Read(const std::string& bytes) {
  const auto file = recsae::torch_file::Parse(bytes);
  recsae::fuzz::RequireGoodError(file.status());
  if (!file.ok()) return;
  for (const auto& [name, tensor] : file->tensors) {
    uint64_t values = 1;
    for (const int64_t length : tensor.shape) values *= static_cast<uint64_t>(length);
    recsae::fuzz::Require(values == tensor.values.size(), "as many values as the shape says");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  Read(bytes);
  recsae::zip::Writer archive;
  archive.Add("a/data.pkl", bytes);
  archive.Add("a/data/0", std::string(64, 'x'));
  Read(archive.Finish().value());
  recsae::fuzz::RequireGoodError(recsae::cli::ParseNpz(bytes).status());
  return 0;
}
