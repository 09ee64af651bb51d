#include "clients/cli/formats/sae_units.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/formats/sae_files.h"
#include "common/base/status.h"
#include "common/base/whole_number.h"
#include "common/messages/tensor.h"

namespace recsae::cli {
namespace {

using nlohmann::json;
using sae::SaeWeights;

// The arrays of an SAE by their names in the record. Matrices are large: of them the record holds
// how far division and multiplication by the scale miss the original.
struct Array {
  const char* name;
  std::vector<float> SaeWeights::*values;
};
constexpr Array kVectors[] = {{"b_enc", &SaeWeights::encoder_bias},
                              {"b_pre", &SaeWeights::pre_bias},
                              {"threshold", &SaeWeights::threshold}};
constexpr Array kMatrices[] = {{"W_enc", &SaeWeights::encoder}, {"W_dec", &SaeWeights::decoder}};

// A distance between floats goes into four bits.
constexpr int kNearest = -8;
constexpr int kFarthest = 7;
constexpr char kNoDistance = '\x88';  // twice

void Scale(std::vector<float>& values, float factor) {
  for (float& value : values) value *= factor;
}

void Divide(std::vector<float>& values, float divisor) {
  for (float& value : values) value /= divisor;
}

// A first guess of a matrix before its export.
std::vector<float> Guess(const Array& matrix, const SaeWeights& imported, float scale) {
  std::vector<float> guess = imported.*matrix.values;
  if (matrix.values == &SaeWeights::encoder) {
    Divide(guess, scale);
  } else {
    Scale(guess, scale);
  }
  return guess;
}

// Floats by their order, so that neighbours differ by 1.
int64_t Place(float value) {
  const auto bits = std::bit_cast<int32_t>(value);
  return bits < 0 ? int64_t{INT32_MIN} - bits : bits;
}
float AtPlace(int64_t place) {
  const auto bits = place < 0 ? int64_t{INT32_MIN} - place : place;
  return std::bit_cast<float>(static_cast<int32_t>(bits));
}

// The distances between two arrays, two a byte; nothing if one is too large, or a zero has the
// other sign.
std::optional<std::string> Distances(const std::vector<float>& from, const std::vector<float>& to) {
  std::string packed((from.size() + 1) / 2, kNoDistance);
  for (size_t i = 0; i < from.size(); ++i) {
    const int64_t distance = Place(to[i]) - Place(from[i]);
    if (distance < kNearest || distance > kFarthest ||
        std::bit_cast<uint32_t>(AtPlace(Place(from[i]) + distance)) !=
            std::bit_cast<uint32_t>(to[i])) {
      return std::nullopt;
    }
    const auto nibble = static_cast<uint8_t>(distance - kNearest);
    const auto other = static_cast<uint8_t>(packed[i / 2]) & (0xF0 >> (4 * (i % 2)));
    packed[i / 2] = static_cast<char>(other | nibble << (4 * (i % 2)));
  }
  return packed;
}

bool ApplyDistances(const std::string& packed, std::vector<float>& values) {
  if (packed.empty()) return true;
  if (packed.size() != (values.size() + 1) / 2) return false;
  for (size_t i = 0; i < values.size(); ++i) {
    const int nibble = static_cast<uint8_t>(packed[i / 2]) >> (4 * (i % 2)) & 0xF;
    values[i] = AtPlace(Place(values[i]) + nibble + kNearest);
  }
  return true;
}

// FNV-1a over names, shapes and values.
uint64_t Fingerprint(const safetensors::File& file) {
  uint64_t hash = 0xcbf29ce484222325;
  const auto add = [&](uint64_t value) { hash = (hash ^ value) * 0x100000001b3; };
  for (const auto& [name, tensor] : file.tensors) {
    for (const char c : name) add(static_cast<uint8_t>(c));
    for (const int64_t size : tensor.shape) add(static_cast<uint64_t>(size));
    for (const float value : tensor.values) add(std::bit_cast<uint32_t>(value));
  }
  return hash;
}

std::optional<std::string> TextOf(const json& record, const char* name) {
  const auto found = record.find(name);
  std::string bytes;
  if (found == record.end() || !found->is_string() ||
      !absl::Base64Unescape(found->get_ref<const std::string&>(), &bytes)) {
    return std::nullopt;
  }
  return bytes;
}

// The array that the record holds; false where it does not.
bool ReadFloats(const json& record, const char* name, size_t size, std::vector<float>& values) {
  const std::optional<std::string> bytes = TextOf(record, name);
  if (!bytes) return false;
  absl::StatusOr<std::vector<float>> read = FloatsFromBytes(*bytes, static_cast<int64_t>(size));
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
      k == record.end()) {
    return false;
  }
  const std::optional<int> which = WholeNumber<int>(*architecture);
  const std::optional<int> sparsity = WholeNumber<int>(*k);
  if (!which || *which < 0 || !sparsity || *sparsity < 0) return false;
  weights.input_scale = scale->get<float>();
  weights.architecture = static_cast<sae::Architecture>(*which);
  weights.k = *sparsity;
  return std::isfinite(weights.input_scale) && weights.input_scale > 0;
}

bool ReadMatrix(const json& record, const Array& matrix, SaeWeights& original) {
  std::vector<float>& values = original.*matrix.values;
  if (ReadFloats(record, matrix.name, values.size(), values)) return true;
  values = Guess(matrix, original, original.input_scale);
  const std::optional<std::string> packed =
      TextOf(record, absl::StrCat(matrix.name, "_distances").c_str());
  return packed && ApplyDistances(*packed, values);
}

// Whether the record's architecture is one that goes out as the imported one.
bool Alike(const SaeWeights& original, const SaeWeights& imported) {
  // BatchTopK and JumpReLU encode alike, and a pursuit's encoder is a TopK. TopK's k decides what
  // it computes; the others only aim at it.
  const bool top_k = SelectsTopK(original.architecture) && IsPositive(original.architecture) &&
                     imported.architecture == sae::Architecture::kTopK;
  const bool alike = original.architecture == imported.architecture || top_k ||
                     (HasThreshold(original.architecture) && HasThreshold(imported.architecture));
  return alike && (!SelectsTopK(imported.architecture) || original.k == imported.k);
}

}  // namespace

absl::StatusOr<SaeWeights> WithoutScale(const SaeWeights& weights) {
  SaeWeights folded = weights;
  folded.input_scale = 1.0f;
  // An SAE without encoder bias has one of zeros.
  folded.encoder_bias.resize(static_cast<size_t>(weights.latents));
  Scale(folded.encoder, weights.input_scale);
  Divide(folded.decoder, weights.input_scale);
  Divide(folded.pre_bias, weights.input_scale);
  for (const std::vector<float>* values : {&folded.encoder, &folded.decoder, &folded.pre_bias}) {
    if (std::all_of(values->begin(), values->end(), [](float v) { return std::isfinite(v); })) {
      continue;
    }
    return NotRepresentable(absl::StrCat("its input scale ", weights.input_scale,
                                         " cannot be folded into the weights as float32"));
  }
  return folded;
}

std::string OriginRecord(const SaeWeights& weights, const safetensors::File& exported,
                         const SaeWeights& imported) {
  json record = {{"scale", weights.input_scale},
                 {"architecture", static_cast<uint32_t>(weights.architecture)},
                 {"k", weights.k},
                 {"tensors", Fingerprint(exported)}};
  for (const Array& vector : kVectors) {
    std::vector<float> values = weights.*vector.values;
    if (vector.values == &SaeWeights::encoder_bias) {
      values.resize(static_cast<size_t>(weights.latents));
    }
    record[vector.name] = absl::Base64Escape(FloatsAsBytes(values));
  }
  for (const Array& matrix : kMatrices) {
    const std::vector<float>& values = weights.*matrix.values;
    if (const auto packed = Distances(Guess(matrix, imported, weights.input_scale), values)) {
      const bool none = packed->find_first_not_of(kNoDistance) == std::string::npos;
      record[absl::StrCat(matrix.name, "_distances")] = none ? "" : absl::Base64Escape(*packed);
    } else {
      record[matrix.name] = absl::Base64Escape(FloatsAsBytes(values));
    }
  }
  return record.dump();
}

bool RestoreOrigin(const std::string& record, const safetensors::File& exported,
                   SaeWeights& weights) {
  const json parsed = json::parse(record, nullptr, /*allow_exceptions=*/false);
  SaeWeights original = weights;
  if (!parsed.is_object() || !ReadNumbers(parsed, original)) return false;
  const auto tensors = parsed.find("tensors");
  if (tensors == parsed.end() || !tensors->is_number_unsigned() ||
      tensors->get<uint64_t>() != Fingerprint(exported) || !Alike(original, weights)) {
    return false;
  }
  for (const Array& vector : kVectors) {
    std::vector<float>& values = original.*vector.values;
    if (!ReadFloats(parsed, vector.name, values.size(), values)) return false;
  }
  for (const Array& matrix : kMatrices) {
    if (!ReadMatrix(parsed, matrix, original)) return false;
  }
  if (!sae::Validate(original).ok()) return false;
  weights = std::move(original);
  return true;
}

}  // namespace recsae::cli
