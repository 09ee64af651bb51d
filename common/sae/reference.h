// The SAE's loss and gradients written out plainly, for any scalar type: what the fast engine is
// checked against, and what is itself checked against central differences in double.
#ifndef RECSAE_COMMON_SAE_REFERENCE_H_
#define RECSAE_COMMON_SAE_REFERENCE_H_

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <vector>

namespace recsae::sae::reference {

// The parameters, or their gradients. Arrays as in SaeWeights; no normalisation here.
template <typename T>
struct Parameters {
  std::vector<T> encoder;       // [F, d]
  std::vector<T> encoder_bias;  // [F]; zeros for none
  std::vector<T> decoder;       // [F, d]
  std::vector<T> pre_bias;      // [d]
};

// What is fixed while the parameters move.
template <typename T>
struct Problem {
  int dim = 0;
  int latents = 0;
  int k = 0;
  int aux_k = 0;           // k_aux
  T aux_weight = 0;        // α
  T variance = 1;          // of the data set; both losses are divided by it
  bool relu = true;        // TopK(ReLU(pre)) or TopK(pre)
  std::vector<char> dead;  // [F]: 1 for a latent that the auxiliary loss is to revive
};

// A sparse code: latents and their values, in order of selection.
template <typename T>
struct Code {
  std::vector<int> latents;
  std::vector<T> values;
};

template <typename T>
struct Result {
  T reconstruction = 0;  // mean over rows of ‖x − x̂‖² / variance: the FVU of the batch
  T auxiliary = 0;       // mean over rows of ‖e − ê‖² / variance; 0 without dead latents
  T loss = 0;            // reconstruction + α · auxiliary
  std::vector<Code<T>> codes;     // [n]
  std::vector<std::vector<T>> e;  // [n][d]: x − x̂
};

// pre = encoder · (x − pre_bias) + encoder_bias, [F].
template <typename T>
std::vector<T> PreActivations(const Problem<T>& problem, const Parameters<T>& p, const T* x) {
  std::vector<T> pre(p.encoder_bias);
  for (int j = 0; j < problem.latents; ++j) {
    for (int i = 0; i < problem.dim; ++i) {
      pre[j] += p.encoder[j * problem.dim + i] * (x[i] - p.pre_bias[i]);
    }
  }
  return pre;
}

// The k largest of pre among the allowed latents; ties go to the lower index.
template <typename T>
Code<T> TopK(const std::vector<T>& pre, int k, bool relu, const std::vector<char>* allowed) {
  std::vector<int> order;
  for (int j = 0; j < static_cast<int>(pre.size()); ++j) {
    if (allowed != nullptr && !(*allowed)[j]) continue;
    if (relu && !(pre[j] > T(0))) continue;
    order.push_back(j);
  }
  std::stable_sort(order.begin(), order.end(), [&](int a, int b) { return pre[a] > pre[b]; });
  if (static_cast<int>(order.size()) > k) order.resize(k);
  Code<T> code;
  code.latents = order;
  for (int j : order) code.values.push_back(pre[j]);
  return code;
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

// Adds what a code contributes to the gradients, given g [d] = ∂loss/∂(decoderᵀ z):
//   decoder_j += z_j g;  δ_j = ⟨g, decoder_j⟩;  encoder_j += δ_j (x − pre_bias);
//   encoder_bias_j += δ_j;  pre_bias −= δ_j encoder_j.
// The selection itself and ReLU above 0 have slope 1.
template <typename T>
void Backward(const Problem<T>& problem, const Parameters<T>& p, const T* x, const Code<T>& code,
              const std::vector<T>& g, Parameters<T>& gradient) {
  const int d = problem.dim;
  for (size_t c = 0; c < code.latents.size(); ++c) {
    const int j = code.latents[c];
    T delta = 0;
    for (int i = 0; i < d; ++i) {
      gradient.decoder[j * d + i] += code.values[c] * g[i];
      delta += g[i] * p.decoder[j * d + i];
    }
    for (int i = 0; i < d; ++i) {
      gradient.encoder[j * d + i] += delta * (x[i] - p.pre_bias[i]);
      gradient.pre_bias[i] -= delta * p.encoder[j * d + i];
    }
    gradient.encoder_bias[j] += delta;
  }
}

// Loss over rows x [n, d] and, when gradient is not null, its gradients (resized and overwritten).
// The target of the auxiliary loss is the error e held constant: by default the one computed here;
// with fixed_e (as Result::e of another call) that one, which is what central differences need.
template <typename T>
Result<T> Evaluate(const Problem<T>& problem, const Parameters<T>& p, const T* x, int n,
                   Parameters<T>* gradient, const std::vector<std::vector<T>>* fixed_e = nullptr) {
  const int d = problem.dim;
  const bool any_dead =
      std::find(problem.dead.begin(), problem.dead.end(), char(1)) != problem.dead.end();
  if (gradient != nullptr) {
    gradient->encoder.assign(p.encoder.size(), T(0));
    gradient->encoder_bias.assign(p.encoder_bias.size(), T(0));
    gradient->decoder.assign(p.decoder.size(), T(0));
    gradient->pre_bias.assign(p.pre_bias.size(), T(0));
  }
  Result<T> result;
  const T weight = T(1) / (T(n) * problem.variance);
  for (int r = 0; r < n; ++r) {
    const T* row = x + static_cast<size_t>(r) * d;
    const std::vector<T> pre = PreActivations(problem, p, row);
    const Code<T> code = TopK(pre, problem.k, problem.relu, nullptr);
    const std::vector<T> reconstruction = DecodeDirections(problem, p, code);
    std::vector<T> e(d);
    std::vector<T> g(d);
    for (int i = 0; i < d; ++i) {
      e[i] = row[i] - p.pre_bias[i] - reconstruction[i];
      g[i] = T(-2) * weight * e[i];
      result.reconstruction += weight * e[i] * e[i];
    }
    if (gradient != nullptr) {
      Backward(problem, p, row, code, g, *gradient);
      for (int i = 0; i < d; ++i) gradient->pre_bias[i] += g[i];
    }
    if (any_dead) {
      const std::vector<T>& target = fixed_e != nullptr ? (*fixed_e)[r] : e;
      const Code<T> aux_code = TopK(pre, problem.aux_k, problem.relu, &problem.dead);
      const std::vector<T> aux = DecodeDirections(problem, p, aux_code);
      for (int i = 0; i < d; ++i) {
        const T missing = target[i] - aux[i];
        g[i] = T(-2) * problem.aux_weight * weight * missing;
        result.auxiliary += weight * missing * missing;
      }
      if (gradient != nullptr) Backward(problem, p, row, aux_code, g, *gradient);
    }
    result.codes.push_back(code);
    result.e.push_back(e);
  }
  result.loss = result.reconstruction + problem.aux_weight * result.auxiliary;
  return result;
}

}  // namespace recsae::sae::reference

#endif  // RECSAE_COMMON_SAE_REFERENCE_H_
