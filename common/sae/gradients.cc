// The inner loop of training: one SGEMM for the encoder, then k rows of each matrix per sample.
#include "common/sae/gradients.h"

#include <algorithm>

#include "common/sae/gemm.h"
#include "common/sae/kernels.h"
#include "common/sae/simd.h"
#include "common/sae/top_k.h"

namespace recsae::sae {
namespace {

// Rows encoded at a time: their pre-activations stay in the second-level cache.
constexpr int64_t kRowsPerBlock = 64;

// Residual e = centred − decoderᵀ z, and its squared norm.
RECSAE_MULTIVERSION
float Residual(const float* centred, const float* decoder, const LatentActivation* code, int count,
               int d, float* e) {
  for (int i = 0; i < d; ++i) e[i] = centred[i];
  for (int c = 0; c < count; ++c) {
    const float value = code[c].value;
    const float* w = decoder + static_cast<int64_t>(code[c].latent) * d;
#pragma omp simd
    for (int i = 0; i < d; ++i) e[i] -= value * w[i];
  }
  float squared = 0.0f;
#pragma omp simd reduction(+ : squared)
  for (int i = 0; i < d; ++i) squared += e[i] * e[i];
  return squared;
}

// Adds a code's share of the gradients, with g = factor · e the gradient at decoderᵀ z:
//   decoder_j += z_j g,  δ_j = ⟨g, decoder_j⟩,  encoder_j += δ_j centred,  encoder_bias_j += δ_j.
RECSAE_MULTIVERSION
void Backward(const float* centred, const float* decoder, const LatentActivation* code, int count,
              const float* e, float factor, int d, float* decoder_gradient, float* encoder_gradient,
              float* bias_gradient) {
  for (int c = 0; c < count; ++c) {
    const int64_t at = static_cast<int64_t>(code[c].latent) * d;
    const float* w = decoder + at;
    float delta = 0.0f;
#pragma omp simd reduction(+ : delta)
    for (int i = 0; i < d; ++i) delta += e[i] * w[i];
    delta *= factor;
    const float scale = code[c].value * factor;
    float* dw = decoder_gradient + at;
    float* dv = encoder_gradient + at;
#pragma omp simd
    for (int i = 0; i < d; ++i) {
      dw[i] += scale * e[i];
      dv[i] += delta * centred[i];
    }
    bias_gradient[code[c].latent] += delta;
  }
}

// Works through rows of one block; its buffers live as long as one AccumulateGradients call.
class RowPass {
 public:
  RowPass(const SaeWeights& weights, const LossConfig& loss, const std::vector<int32_t>& dead,
          ShardGradients& out)
      : weights_(weights),
        loss_(loss),
        dead_(dead),
        out_(out),
        relu_(weights.architecture == Architecture::kTopK),
        code_(static_cast<size_t>(std::max(weights.k, loss.aux_k))),
        dead_pre_(dead.size()),
        e_(static_cast<size_t>(weights.dim)),
        missing_(static_cast<size_t>(weights.dim)) {}

  void Run(const float* centred, const float* pre) {
    Main(centred, pre);
    if (!dead_.empty()) Auxiliary(centred, pre);
  }

 private:
  void Main(const float* centred, const float* pre) {
    const int count = SelectTopK(pre, weights_.latents, weights_.k, relu_, code_.data());
    out_.squared_error +=
        Residual(centred, weights_.decoder.data(), code_.data(), count, weights_.dim, e_.data());
    out_.active += count;
    for (int c = 0; c < count; ++c) out_.fired[static_cast<size_t>(code_[c].latent)] = 1;
    const float factor = -2.0f * loss_.weight;
    AddGradients(centred, e_.data(), count, factor);
    AddScaled(factor, e_.data(), weights_.dim, out_.pre_bias.data());
  }

  void Auxiliary(const float* centred, const float* pre) {
    const int dead = static_cast<int>(dead_.size());
    for (int i = 0; i < dead; ++i) dead_pre_[i] = pre[dead_[i]];
    const int count = SelectTopK(dead_pre_.data(), dead, loss_.aux_k, relu_, code_.data());
    for (int c = 0; c < count; ++c) code_[c].latent = dead_[code_[c].latent];
    out_.aux_squared_error += Residual(e_.data(), weights_.decoder.data(), code_.data(), count,
                                       weights_.dim, missing_.data());
    AddGradients(centred, missing_.data(), count, -2.0f * loss_.weight * loss_.aux_weight);
  }

  void AddGradients(const float* centred, const float* e, int count, float factor) {
    Backward(centred, weights_.decoder.data(), code_.data(), count, e, factor, weights_.dim,
             out_.decoder.data(), out_.encoder.data(), out_.encoder_bias.data());
  }

  const SaeWeights& weights_;
  const LossConfig& loss_;
  const std::vector<int32_t>& dead_;
  ShardGradients& out_;
  const bool relu_;
  std::vector<LatentActivation> code_;
  std::vector<float> dead_pre_;
  std::vector<float> e_;        // x − x̂
  std::vector<float> missing_;  // e − ê
};

}  // namespace

ShardGradients::ShardGradients(int dim, int latents)
    : encoder(static_cast<size_t>(dim) * static_cast<size_t>(latents)),
      decoder(encoder.size()),
      encoder_bias(static_cast<size_t>(latents)),
      pre_bias(static_cast<size_t>(dim)),
      fired(static_cast<size_t>(latents)) {}

void ShardGradients::Clear() {
  std::fill(encoder.begin(), encoder.end(), 0.0f);
  std::fill(decoder.begin(), decoder.end(), 0.0f);
  std::fill(encoder_bias.begin(), encoder_bias.end(), 0.0f);
  std::fill(pre_bias.begin(), pre_bias.end(), 0.0f);
  std::fill(fired.begin(), fired.end(), uint8_t{0});
  squared_error = 0.0;
  aux_squared_error = 0.0;
  active = 0;
}

void AccumulateGradients(const SaeWeights& weights, const LossConfig& loss,
                         const std::vector<int32_t>& dead, const float* rows, int64_t n,
                         ShardGradients& out) {
  const int d = weights.dim;
  const int latents = weights.latents;
  const int64_t block = std::min(n, kRowsPerBlock);
  std::vector<float> centred(static_cast<size_t>(block * d));
  std::vector<float> pre(static_cast<size_t>(block * latents));
  RowPass pass(weights, loss, dead, out);
  for (int64_t begin = 0; begin < n; begin += block) {
    const int64_t count = std::min(block, n - begin);
    for (int64_t r = 0; r < count; ++r) {
      const float* row = rows + (begin + r) * d;
      for (int i = 0; i < d; ++i) centred[r * d + i] = row[i] - weights.pre_bias[i];
      if (!weights.encoder_bias.empty()) {
        std::copy(weights.encoder_bias.begin(), weights.encoder_bias.end(),
                  pre.begin() + r * latents);
      }
    }
    Sgemm(Transpose::kNo, Transpose::kYes, count, latents, d, centred.data(),
          weights.encoder.data(), weights.encoder_bias.empty() ? 0.0f : 1.0f, pre.data());
    for (int64_t r = 0; r < count; ++r) pass.Run(&centred[r * d], &pre[r * latents]);
  }
}

void FinishPreBias(const SaeWeights& weights, ShardGradients& total) {
  for (int j = 0; j < weights.latents; ++j) {
    AddScaled(-total.encoder_bias[j], &weights.encoder[static_cast<size_t>(j) * weights.dim],
              weights.dim, total.pre_bias.data());
  }
}

}  // namespace recsae::sae
