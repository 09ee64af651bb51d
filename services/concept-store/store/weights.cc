#include "services/concept-store/store/weights.h"

#include <array>
#include <iterator>

#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::concept_store {
namespace {

constexpr std::array<WeightArray, 5> kWeightArrays = {
    WeightArray::kEncoder, WeightArray::kEncoderBias, WeightArray::kDecoder, WeightArray::kPreBias,
    WeightArray::kThreshold};

}  // namespace

absl::Span<const WeightArray> WeightArraysOf(const v1::Sae& sae) {
  const bool has_threshold = sae.architecture() == v1::Sae::ARCHITECTURE_BATCH_TOPK ||
                             sae.architecture() == v1::Sae::ARCHITECTURE_JUMP_RELU;
  return absl::MakeSpan(kWeightArrays).first(kWeightArrays.size() - (has_threshold ? 0 : 1));
}

absl::string_view WeightArrayName(WeightArray array) {
  switch (array) {
    case WeightArray::kEncoder:
      return "ARRAY_W_ENC";
    case WeightArray::kEncoderBias:
      return "ARRAY_B_ENC";
    case WeightArray::kDecoder:
      return "ARRAY_W_DEC";
    case WeightArray::kPreBias:
      return "ARRAY_B_PRE";
    case WeightArray::kThreshold:
      return "ARRAY_THRESHOLD";
  }
  return "";
}

std::optional<WeightArray> ToWeightArray(const v1::Sae& sae, int number) {
  for (const WeightArray array : WeightArraysOf(sae)) {
    if (static_cast<int>(array) == number) return array;
  }
  return std::nullopt;
}

WeightShape ShapeOf(WeightArray array, const v1::Sae& sae) {
  switch (array) {
    case WeightArray::kEncoder:
    case WeightArray::kDecoder:
      return {sae.latent_count(), sae.activation_dim(), true};
    case WeightArray::kEncoderBias:
    case WeightArray::kThreshold:
      return {sae.latent_count(), 1, false};
    case WeightArray::kPreBias:
      return {sae.activation_dim(), 1, false};
  }
  return {};
}

bool RowCoverage::Add(int64_t start, int64_t count) {
  int64_t end = start + count;
  auto next = ranges_.lower_bound(start);
  if (next != ranges_.end() && next->first < end) return false;
  if (next != ranges_.begin()) {
    const auto previous = std::prev(next);
    if (previous->second > start) return false;
    if (previous->second == start) {
      start = previous->first;
      ranges_.erase(previous);
    }
  }
  if (next != ranges_.end() && next->first == end) {
    end = next->second;
    ranges_.erase(next);
  }
  ranges_.emplace(start, end);
  return true;
}

bool RowCoverage::IsComplete(int64_t rows) const {
  return ranges_.size() == 1 && ranges_.begin()->first == 0 && ranges_.begin()->second == rows;
}

int64_t RowCoverage::bytes() const {
  constexpr int64_t kRangeBytes = 64;  // a node of the map, as allocated
  return static_cast<int64_t>(ranges_.size()) * kRangeBytes;
}

int64_t RowCoverage::FirstMissing() const {
  return ranges_.empty() || ranges_.begin()->first > 0 ? 0 : ranges_.begin()->second;
}

}  // namespace recsae::concept_store
