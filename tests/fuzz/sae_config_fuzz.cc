// Text as an SAE's cfg.json, beside tensors that fit it: refused with a reason, or an SAE of
// theirs.
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>

#include "clients/cli/formats/saelens.h"
#include "clients/cli/formats/sparsify.h"
#include "tests/fuzz/fuzzing.h"

namespace {

recsae::safetensors::Tensor Ones(std::vector<int64_t> shape) {
  int64_t count = 1;
  for (const int64_t length : shape) count *= length;
  return {std::move(shape), std::vector<float>(static_cast<size_t>(count), 0.5f)};
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  recsae::cli::SaeFiles files;
  files.config = nlohmann::ordered_json::parse(data, data + size, nullptr, false);
  if (!files.config.is_object()) return 0;
  auto& tensors = files.weights.tensors;
  tensors = {{"W_enc", Ones({4, 8})},
             {"W_dec", Ones({8, 4})},
             {"b_enc", Ones({8})},
             {"b_dec", Ones({4})},
             {"threshold", Ones({8})}};
  const auto lens = recsae::cli::FromSaeLens(files, 1.0f);
  recsae::fuzz::RequireGoodError(lens.status());
  tensors = {{"encoder.weight", Ones({8, 4})},
             {"encoder.bias", Ones({8})},
             {"W_dec", Ones({8, 4})},
             {"b_dec", Ones({4})}};
  const auto sparsify = recsae::cli::FromSparsify(files);
  recsae::fuzz::RequireGoodError(sparsify.status());
  for (const auto* sae : {&lens, &sparsify}) {
    if (!sae->ok()) continue;
    recsae::fuzz::Require((*sae)->weights.latents == 8 && (*sae)->weights.dim == 4,
                          "sizes are those of the tensors");
  }
  return 0;
}
