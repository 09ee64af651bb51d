#include "common/messages/sae_messages.h"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae {
namespace {

using concept_store::v1::Sae;
using Piece = concept_store::v1::SaeWeights;
using Write = absl::FunctionRef<bool(Piece&)>;

constexpr int64_t kValuesPerPiece = 1 << 18;

bool IsMatrix(Piece::Array array) {
  return array == Piece::ARRAY_W_ENC || array == Piece::ARRAY_W_DEC;
}

// Writes an array of rows of `cols` values (1 for a vector).
bool WriteArray(Piece::Array array, const std::vector<float>& values, int64_t cols, Write write) {
  const int64_t rows = static_cast<int64_t>(values.size()) / cols;
  const int64_t step = std::max<int64_t>(kValuesPerPiece / cols, 1);
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t count = std::min(step, rows - row);
    const float* begin = values.data() + row * cols;
    Piece piece;
    piece.set_array(array);
    piece.set_start_row(row);
    if (IsMatrix(array)) {
      WriteMatrix({begin, count, cols}, piece.mutable_values());
    } else {
      WriteVector({begin, static_cast<size_t>(count)}, piece.mutable_values());
    }
    if (!write(piece)) return false;
  }
  return true;
}

absl::Status Incomplete(const Sae& sae, absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "WEIGHTS_INCOMPLETE",
               absl::StrCat("the concept-store sent weights of ", sae.name(), " that ", what),
               {{"sae", sae.name()}});
}

// The array's place, or null for one that the SAE does not have.
std::vector<float>* PlaceOf(Piece::Array array, sae::SaeWeights& weights) {
  switch (array) {
    case Piece::ARRAY_W_ENC:
      return &weights.encoder;
    case Piece::ARRAY_B_ENC:
      return &weights.encoder_bias;
    case Piece::ARRAY_W_DEC:
      return &weights.decoder;
    case Piece::ARRAY_B_PRE:
      return &weights.pre_bias;
    case Piece::ARRAY_THRESHOLD:
      return sae::HasThreshold(weights.architecture) ? &weights.threshold : nullptr;
    default:
      return nullptr;
  }
}

absl::StatusOr<absl::Span<const float>> ValuesOf(const Piece& piece, int dim) {
  constexpr char kField[] = "weights.values";
  if (!IsMatrix(piece.array())) return ReadVector(piece.values(), kField, kAnySize);
  RECSAE_ASSIGN_OR_RETURN(const MatrixView view, ReadMatrix(piece.values(), kField, kAnySize, dim));
  return view.flat();
}

}  // namespace

void DescribeWeights(const sae::SaeWeights& weights, Sae* sae) {
  sae->set_activation_dim(weights.dim);
  sae->set_latent_count(weights.latents);
  sae->set_k(weights.k);
  sae->set_architecture(static_cast<Sae::Architecture>(weights.architecture));
  sae->set_scale(weights.input_scale);
}

bool WriteWeights(const sae::SaeWeights& weights, Write write) {
  std::vector<float> bias = weights.encoder_bias;
  bias.resize(static_cast<size_t>(weights.latents));
  return WriteArray(Piece::ARRAY_W_ENC, weights.encoder, weights.dim, write) &&
         WriteArray(Piece::ARRAY_B_ENC, bias, 1, write) &&
         WriteArray(Piece::ARRAY_W_DEC, weights.decoder, weights.dim, write) &&
         WriteArray(Piece::ARRAY_B_PRE, weights.pre_bias, 1, write) &&
         WriteArray(Piece::ARRAY_THRESHOLD, weights.threshold, 1, write);
}

absl::StatusOr<WeightAssembler> WeightAssembler::Create(const Sae& sae) {
  if (!Sae::Architecture_IsValid(sae.architecture()) ||
      sae.architecture() == Sae::ARCHITECTURE_UNSPECIFIED) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "SAE_ARCHITECTURE_UNKNOWN",
        absl::StrCat(sae.name(), " has architecture ", static_cast<int>(sae.architecture()),
                     ", which this version does not know; update this program"),
        {{"sae", sae.name()}});
  }
  return WeightAssembler(sae);
}

WeightAssembler::WeightAssembler(const Sae& sae) : sae_(std::make_unique<Sae>(sae)) {
  weights_.dim = sae.activation_dim();
  weights_.latents = sae.latent_count();
  weights_.k = sae.k();
  weights_.architecture = static_cast<sae::Architecture>(sae.architecture());
  weights_.input_scale = sae.scale();
  const auto latents = static_cast<size_t>(weights_.latents);
  const auto dim = static_cast<size_t>(weights_.dim);
  weights_.encoder.resize(latents * dim);
  weights_.encoder_bias.resize(latents);
  weights_.decoder.resize(latents * dim);
  weights_.pre_bias.resize(dim);
  if (sae::HasThreshold(weights_.architecture)) weights_.threshold.resize(latents);
  missing_ = 2 * latents * dim + latents + dim + weights_.threshold.size();
}

WeightAssembler::WeightAssembler(WeightAssembler&&) noexcept = default;
WeightAssembler::~WeightAssembler() = default;

absl::Status WeightAssembler::Add(const Piece& piece) {
  std::vector<float>* const place = PlaceOf(piece.array(), weights_);
  if (place == nullptr) return Incomplete(*sae_, "name an array that it does not have");
  RECSAE_ASSIGN_OR_RETURN(const absl::Span<const float> values, ValuesOf(piece, weights_.dim));
  const int64_t width = IsMatrix(piece.array()) ? weights_.dim : 1;
  const auto size = static_cast<int64_t>(place->size());
  if (piece.start_row() < 0 || piece.start_row() > size / width ||
      static_cast<int64_t>(values.size()) > size - piece.start_row() * width) {
    return Incomplete(*sae_, "go beyond their array");
  }
  std::copy(values.begin(), values.end(), place->begin() + piece.start_row() * width);
  // The store sends each row once, so a sum tells whether all are there.
  if (values.size() > missing_) return Incomplete(*sae_, "come more than once");
  missing_ -= values.size();
  return absl::OkStatus();
}

absl::StatusOr<sae::SaeWeights> WeightAssembler::Finish() {
  if (missing_ > 0) return Incomplete(*sae_, "lack rows");
  return std::move(weights_);
}

}  // namespace recsae
