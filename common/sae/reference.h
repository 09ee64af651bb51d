// The SAE's loss and gradients written out plainly, for any scalar type: what the fast engine is
// checked against, and what is itself checked against central differences in double.
#ifndef RECSAE_COMMON_SAE_REFERENCE_H_
#define RECSAE_COMMON_SAE_REFERENCE_H_

#include <algorithm>
#include <cstddef>
#include <vector>

#include "common/sae/model.h"
#include "common/sae/reference_codes.h"

namespace recsae::sae::reference {

// The parameters, or their gradients. Arrays as in SaeWeights; no normalisation here.
template <typename T>
struct Parameters {
  std::vector<T> encoder;         // [F, d]
  std::vector<T> encoder_bias;    // [F], or empty for none (then its gradient is empty too)
  std::vector<T> decoder;         // [F, d]
  std::vector<T> pre_bias;        // [d]
  std::vector<T> threshold = {};  // [F], θ > 0, for kJumpRelu; else unused, its gradient empty
};

// What is fixed while the parameters move.
template <typename T>
struct Problem {
  Architecture architecture = Architecture::kTopK;
  int dim = 0;                // d
  int latents = 0;            // F
  int k = 0;                  // active latents per row, or those that kJumpRelu aims at
  std::vector<int> prefixes;  // rising; F is added where it is missing (Matryoshka)
  T sparsity_weight = 0;      // λ, for kRelu and kJumpRelu
  T bandwidth = 1;            // ε, for kJumpRelu
  int aux_k = 0;              // k_aux
  T aux_weight = 0;           // α
  T variance = 1;          // of the data set: reconstruction and auxiliary loss are divided by it
  std::vector<char> dead;  // [F]: 1 for a latent that the auxiliary loss is to revive; or empty
};

// The parts of the loss are as they are before their weights.
template <typename T>
struct Result {
  // Mean over the prefixes P_g of mean ‖x − x̂_g‖² / variance, where x̂_g has the latents below P_g.
  T reconstruction = 0;
  T fvu = 0;        // mean ‖x − x̂‖² / variance: the last prefix, all latents
  T auxiliary = 0;  // mean ‖e − ê‖² / variance; 0 without dead latents
  T sparsity = 0;   // kRelu: mean Σ_j z_j; kJumpRelu: (L0 / k − 1)²; else 0
  T l0 = 0;         // mean number of active latents
  T loss = 0;       // reconstruction + α · auxiliary + λ · sparsity
  std::vector<std::vector<T>> pre;  // [n][F]: pre-activations
  std::vector<Code<T>> codes;       // [n]
  std::vector<Code<T>> aux_codes;   // [n]: of the dead latents; empty without any
  std::vector<std::vector<T>> e;    // [n][d]: x − x̂
};

// pre = encoder · (x − pre_bias) + encoder_bias, [F].
template <typename T>
std::vector<T> PreActivations(const Problem<T>& problem, const Parameters<T>& p, const T* x) {
  std::vector<T> pre(problem.latents, T(0));
  for (int j = 0; j < problem.latents; ++j) {
    for (int i = 0; i < problem.dim; ++i) {
      pre[j] += p.encoder[j * problem.dim + i] * (x[i] - p.pre_bias[i]);
    }
    if (!p.encoder_bias.empty()) pre[j] += p.encoder_bias[j];
  }
  return pre;
}

// The part of a code that is in latents 0 .. prefix − 1.
template <typename T>
Code<T> BelowPrefix(const Code<T>& code, int prefix) {
  Code<T> part;
  for (size_t c = 0; c < code.latents.size(); ++c) {
    if (code.latents[c] >= prefix) continue;
    part.latents.push_back(code.latents[c]);
    part.values.push_back(code.values[c]);
  }
  return part;
}

// decoderᵀ z, [d]; without pre_bias.
template <typename T>
std::vector<T> DecodeDirections(const Problem<T>& problem, const Parameters<T>& p,
                                const Code<T>& code) {
  std::vector<T> out(problem.dim, T(0));
  for (size_t c = 0; c < code.latents.size(); ++c) {
    for (int i = 0; i < problem.dim; ++i) {
      out[i] += code.values[c] * p.decoder[code.latents[c] * problem.dim + i];
    }
  }
  return out;
}

template <typename T>
T SquaredNorm(const std::vector<T>& values) {
  T sum = 0;
  for (T value : values) sum += value * value;
  return sum;
}

// ⟨g, decoder_j⟩.
template <typename T>
T AlongDirection(const Problem<T>& problem, const Parameters<T>& p, const std::vector<T>& g,
                 int j) {
  T sum = 0;
  for (int i = 0; i < problem.dim; ++i) sum += g[i] * p.decoder[j * problem.dim + i];
  return sum;
}

// Adds what follows from delta = ∂loss/∂pre_j of row x:
//   encoder_j += δ (x − pre_bias);  encoder_bias_j += δ;  pre_bias −= δ encoder_j.
template <typename T>
void BackwardPre(const Problem<T>& problem, const Parameters<T>& p, const T* x, int j, T delta,
                 Parameters<T>& gradient) {
  for (int i = 0; i < problem.dim; ++i) {
    gradient.encoder[j * problem.dim + i] += delta * (x[i] - p.pre_bias[i]);
    gradient.pre_bias[i] -= delta * p.encoder[j * problem.dim + i];
  }
  if (!p.encoder_bias.empty()) gradient.encoder_bias[j] += delta;
}

// Adds what a code contributes, given g [d] = ∂loss/∂(decoderᵀ z): decoder_j += z_j g, and
// ∂loss/∂pre_j = ⟨g, decoder_j⟩, as what is selected has slope 1.
template <typename T>
void Backward(const Problem<T>& problem, const Parameters<T>& p, const T* x, const Code<T>& code,
              const std::vector<T>& g, Parameters<T>& gradient) {
  for (size_t c = 0; c < code.latents.size(); ++c) {
    const int j = code.latents[c];
    for (int i = 0; i < problem.dim; ++i) {
      gradient.decoder[j * problem.dim + i] += code.values[c] * g[i];
    }
    BackwardPre(problem, p, x, j, AlongDirection(problem, p, g, j), gradient);
  }
}

// K((pre_j − θ_j) / ε) / ε with the rectangle K(u) = 1 for |u| < 1/2, else 0: how much of a row
// moves the threshold of latent j (Rajamanoharan et al. 2024, equation 11).
template <typename T>
T KernelDensity(const Problem<T>& problem, const Parameters<T>& p, const std::vector<T>& pre,
                int j) {
  const T u = (pre[j] - p.threshold[j]) / problem.bandwidth;
  return u > T(-0.5) && u < T(0.5) ? T(1) / problem.bandwidth : T(0);
}

// Loss and gradients of a batch, part by part; each Add... adds its part of the loss to result and,
// unless gradient is null, its gradients there.
template <typename T>
struct Evaluation {
  const Problem<T>& problem;
  const Parameters<T>& p;
  const T* x;  // [n, d]
  int n;
  Parameters<T>* gradient;
  Result<T> result;

  const T* Row(int r) const { return x + static_cast<size_t>(r) * problem.dim; }
  T Weight() const { return T(1) / (T(n) * problem.variance); }

  void EncodeAll() {
    for (int r = 0; r < n; ++r) result.pre.push_back(PreActivations(problem, p, Row(r)));
    result.codes = EncodeBatch(problem.architecture, problem.k, p.threshold, result.pre);
    for (const Code<T>& code : result.codes) result.l0 += T(code.latents.size()) / T(n);
  }

  // The reconstruction of row r by the latents below prefix, one of `prefixes` that there are.
  // Returns x − x̂_g.
  std::vector<T> AddReconstruction(int r, int prefix, int prefixes) {
    const Code<T> part = BelowPrefix(result.codes[r], prefix);
    std::vector<T> e = DecodeDirections(problem, p, part);
    for (int i = 0; i < problem.dim; ++i) e[i] = Row(r)[i] - p.pre_bias[i] - e[i];
    result.reconstruction += Weight() / T(prefixes) * SquaredNorm(e);
    if (gradient == nullptr) return e;
    std::vector<T> g(e);  // ∂loss/∂x̂_g
    for (T& value : g) value *= T(-2) * Weight() / T(prefixes);
    Backward(problem, p, Row(r), part, g, *gradient);
    for (int i = 0; i < problem.dim; ++i) gradient->pre_bias[i] += g[i];
    if (problem.architecture == Architecture::kJumpRelu) {
      for (int j = 0; j < prefix; ++j) {
        gradient->threshold[j] -= AlongDirection(problem, p, g, j) * p.threshold[j] *
                                  KernelDensity(problem, p, result.pre[r], j);
      }
    }
    return e;
  }

  // The dead latents' reconstruction of target, a constant.
  void AddAuxiliary(int r, const std::vector<T>& target) {
    const bool relu = IsPositive(problem.architecture);
    const Code<T> code = TopK(result.pre[r], problem.aux_k, relu, &problem.dead);
    std::vector<T> missing = DecodeDirections(problem, p, code);
    for (int i = 0; i < problem.dim; ++i) missing[i] = target[i] - missing[i];
    result.auxiliary += Weight() * SquaredNorm(missing);
    result.aux_codes.push_back(code);
    if (gradient == nullptr) return;
    for (T& value : missing) value *= T(-2) * problem.aux_weight * Weight();
    Backward(problem, p, Row(r), code, missing, *gradient);
  }

  // λ · mean Σ_j z_j.
  void AddL1() {
    for (int r = 0; r < n; ++r) {
      for (T value : result.codes[r].values) result.sparsity += value / T(n);
      if (gradient == nullptr) continue;
      for (int j : result.codes[r].latents) {
        BackwardPre(problem, p, Row(r), j, problem.sparsity_weight / T(n), *gradient);
      }
    }
  }

  // λ (L0 / k − 1)², which moves the thresholds alone.
  void AddL0() {
    const T excess = result.l0 / T(problem.k) - T(1);
    result.sparsity = excess * excess;
    if (gradient == nullptr) return;
    const T slope = T(2) * problem.sparsity_weight * excess / T(problem.k);  // ∂loss/∂L0
    for (int r = 0; r < n; ++r) {
      for (int j = 0; j < problem.latents; ++j) {
        gradient->threshold[j] -= slope / T(n) * KernelDensity(problem, p, result.pre[r], j);
      }
    }
  }
};

// Loss over rows x [n, d] and, when gradient is not null, its gradients (resized and overwritten).
// Exact where the selection does not change, but for θ, whose gradient is the straight-through
// estimate: the loss itself is flat or jumps there. The gradient is by θ, not by log θ.
// The target of the auxiliary loss is the error e held constant: by default the one computed here;
// with fixed_e (as Result::e of another call) that one, which is what central differences need.
template <typename T>
Result<T> Evaluate(const Problem<T>& problem, const Parameters<T>& p, const T* x, int n,
                   Parameters<T>* gradient, const std::vector<std::vector<T>>* fixed_e = nullptr) {
  const bool jump_relu = problem.architecture == Architecture::kJumpRelu;
  if (gradient != nullptr) {
    gradient->encoder.assign(p.encoder.size(), T(0));
    gradient->encoder_bias.assign(p.encoder_bias.size(), T(0));
    gradient->decoder.assign(p.decoder.size(), T(0));
    gradient->pre_bias.assign(p.pre_bias.size(), T(0));
    gradient->threshold.assign(jump_relu ? p.threshold.size() : 0, T(0));
  }
  std::vector<int> prefixes(problem.prefixes);
  if (prefixes.empty() || prefixes.back() != problem.latents) prefixes.push_back(problem.latents);
  const bool any_dead =
      std::find(problem.dead.begin(), problem.dead.end(), char(1)) != problem.dead.end();
  Evaluation<T> evaluation{problem, p, x, n, gradient, {}};
  Result<T>& result = evaluation.result;
  evaluation.EncodeAll();
  for (int r = 0; r < n; ++r) {
    std::vector<T> e;
    for (int prefix : prefixes) {
      e = evaluation.AddReconstruction(r, prefix, static_cast<int>(prefixes.size()));
    }
    result.fvu += evaluation.Weight() * SquaredNorm(e);
    if (any_dead) evaluation.AddAuxiliary(r, fixed_e != nullptr ? (*fixed_e)[r] : e);
    result.e.push_back(e);
  }
  if (problem.architecture == Architecture::kRelu) evaluation.AddL1();
  if (jump_relu) evaluation.AddL0();
  result.loss = result.reconstruction + problem.aux_weight * result.auxiliary +
                problem.sparsity_weight * result.sparsity;
  return result;
}

}  // namespace recsae::sae::reference

#endif  // RECSAE_COMMON_SAE_REFERENCE_H_
