// Dictionaries of directions that an activation can be written in, trained and not: what is said of
// an SAE must be worse of the others.
#ifndef SERVICES_EXPLAINER_EVIDENCE_DICTIONARY_H_
#define SERVICES_EXPLAINER_EVIDENCE_DICTIONARY_H_

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sae/codes.h"
#include "common/sae/model.h"

namespace recsae::explainer {

using Alive = absl::FunctionRef<absl::Status()>;

enum class DictionaryKind { kTrained, kRaw, kComponents, kRandom, kExemplars };

// x ~ offset + sum over latents of code * direction. Immutable, thread-safe.
class Dictionary {
 public:
  virtual ~Dictionary() = default;

  DictionaryKind kind() const { return kind_; }
  int dim() const { return dim_; }
  int latents() const { return static_cast<int>(decoder_.size()) / dim_; }
  int k() const { return k_; }
  // Whether codes have both signs, and a latent says as much by the one as by the other.
  bool is_signed() const { return is_signed_; }
  // [latents, dim].
  std::span<const float> decoder() const { return decoder_; }
  // [dim].
  std::span<const float> offset() const { return offset_; }

  // The codes of rows [n, dim].
  virtual absl::StatusOr<sae::SparseCodes> Encode(const float* rows, int64_t n,
                                                  Alive alive) const = 0;

 protected:
  Dictionary(DictionaryKind kind, int dim, int k, bool is_signed)
      : kind_(kind), dim_(dim), k_(k), is_signed_(is_signed) {}

  DictionaryKind kind_;
  int dim_;
  int k_;
  bool is_signed_;
  std::vector<float> decoder_;
  std::vector<float> offset_;
};

// `model` outlives it.
std::unique_ptr<Dictionary> TrainedDictionary(const sae::SaeModel& model);

// The dimensions of rows [n, dim] less their mean, each a latent.
std::unique_ptr<Dictionary> RawDictionary(std::span<const float> rows, int dim);

// Their principal components, all dim of them.
std::unique_ptr<Dictionary> ComponentsDictionary(std::span<const float> rows, int dim);

// The mean of rows [n, dim].
std::vector<float> MeanOf(std::span<const float> rows, int dim);

// Random directions of unit length, or the directions of random rows; the k largest products above
// 0 of a row less the mean are its code, and the decoder is fitted to the codes of the rows by
// least squares (with a little ridge), which takes some latents^3 operations.
absl::StatusOr<std::unique_ptr<Dictionary>> RandomDictionary(std::span<const float> rows, int dim,
                                                             int latents, int k, uint64_t seed,
                                                             Alive alive);
absl::StatusOr<std::unique_ptr<Dictionary>> ExemplarDictionary(std::span<const float> rows, int dim,
                                                               int latents, int k, uint64_t seed,
                                                               Alive alive);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_DICTIONARY_H_
