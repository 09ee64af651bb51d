#include "clients/cli/formats/sae_units.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/formats/sae_files.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"

namespace recsae::cli {
namespace {

using nlohmann::json;
using sae::SaeWeights;

// The arrays that the scale is folded into, by their names in the record.
struct FoldedArray {
  const char* name;
  std::vector<float> SaeWeights::*values;
};
constexpr FoldedArray kFolded[] = {{"b_enc", &SaeWeights::encoder_bias},
                                   {"b_pre", &SaeWeights::pre_bias},
                                   {"threshold", &SaeWeights::threshold}};

bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  });
}

// The array of `size` values that the record holds under `name`; false where it does not.
bool ReadArray(const json& record, const char* name, size_t size, std::vector<float>& values) {
  const auto found = record.find(name);
  std::string bytes;
  if (found == record.end() || !found->is_string() ||
      !absl::Base64Unescape(found->get_ref<const std::string&>(), &bytes)) {
    return false;
  }
  absl::StatusOr<std::vector<float>> read = FloatsFromBytes(bytes, static_cast<int64_t>(size));
  if (!read.ok()) return false;
  values = *std::move(read);
  return true;
}

// Scale, architecture and k; false where one of them is not there.
bool ReadNumbers(const json& record, SaeWeights& weights) {
  const auto scale = record.find("scale");
  const auto architecture = record.find("architecture");
  const auto k = record.find("k");
  if (scale == record.end() || !scale->is_number() || architecture == record.end() ||
      !architecture->is_number_unsigned() || k == record.end() || !k->is_number_unsigned()) {
    return false;
  }
  weights.input_scale = scale->get<float>();
  weights.architecture = static_cast<sae::Architecture>(architecture->get<int32_t>());
  weights.k = k->get<int>();
  return true;
}

}  // namespace

absl::StatusOr<SaeWeights> InRecommenderUnits(const SaeWeights& weights) {
  SaeWeights folded = weights;
  folded.input_scale = 1.0f;
  // An SAE without encoder bias has one of zeros.
  folded.encoder_bias.resize(static_cast<size_t>(weights.latents));
  for (const FoldedArray& array : kFolded) {
    for (float& value : folded.*array.values) {
      value /= weights.input_scale;
      if (std::isfinite(value)) continue;
      return NotRepresentable(absl::StrCat("its input scale ", weights.input_scale,
                                           " is too small to be folded into ", array.name,
                                           " as float32"));
    }
  }
  return folded;
}

std::string OriginRecord(const SaeWeights& weights) {
  json record = {{"scale", weights.input_scale},
                 {"architecture", static_cast<uint32_t>(weights.architecture)},
                 {"k", weights.k}};
  for (const FoldedArray& array : kFolded) {
    std::vector<float> values = weights.*array.values;
    if (array.values == &SaeWeights::encoder_bias) {
      values.resize(static_cast<size_t>(weights.latents));
    }
    record[array.name] = absl::Base64Escape(FloatsAsBytes(values));
  }
  return record.dump();
}

bool RestoreOrigin(const std::string& record, SaeWeights& weights) {
  const json parsed = json::parse(record, nullptr, /*allow_exceptions=*/false);
  SaeWeights original = weights;
  if (!parsed.is_object() || !ReadNumbers(parsed, original)) return false;
  for (const FoldedArray& array : kFolded) {
    std::vector<float>& values = original.*array.values;
    if (!ReadArray(parsed, array.name, values.size(), values)) return false;
  }
  // BatchTopK and JumpReLU encode alike, and a pursuit's encoder is a TopK. TopK's k decides what
  // it computes; the others only aim at it.
  const bool top_k = SelectsTopK(original.architecture) && IsPositive(original.architecture) &&
                     weights.architecture == sae::Architecture::kTopK;
  const bool alike = original.architecture == weights.architecture || top_k ||
                     (HasThreshold(original.architecture) && HasThreshold(weights.architecture));
  const bool same_k = !SelectsTopK(weights.architecture) || original.k == weights.k;
  if (!alike || !same_k || !sae::Validate(original).ok()) return false;
  const absl::StatusOr<SaeWeights> folded = InRecommenderUnits(original);
  if (!folded.ok()) return false;
  for (const FoldedArray& array : kFolded) {
    if (!SameBits(*folded.*array.values, weights.*array.values)) return false;
  }
  weights = std::move(original);
  return true;
}

}  // namespace recsae::cli
