// Autograd functions around TiMiRec's kernels.
#include "services/torch-host/models/timirec_ops.h"

#include <torch/torch.h>

#include <algorithm>
#include <vector>

#include "common/math/gemm.h"
#include "services/torch-host/models/op_parts.h"
#include "services/torch-host/models/timirec_kernels.h"

namespace recsae::probe {
namespace {

using math::Sgemm;
using math::Transpose;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

class PoolPrefixesFunction : public torch::autograd::Function<PoolPrefixesFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& h_in, const Tensor& scores_in,
                        const Tensor& padding, math::WorkerPool* pool) {
    const Tensor h = h_in.contiguous(), scores = scores_in.contiguous();
    const int64_t windows = h.size(0), length = h.size(1), d = h.size(2), heads = scores.size(2);
    Tensor gates = torch::empty_like(scores);
    Tensor out = torch::empty({windows, length, heads, d});
    InParts(pool, windows, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t w = begin; w < end; ++w) {
        PoolPrefixesForward(
            h.data_ptr<float>() + w * length * d, scores.data_ptr<float>() + w * length * heads,
            padding.data_ptr<int32_t>()[w], static_cast<int>(length), static_cast<int>(d),
            static_cast<int>(heads), gates.data_ptr<float>() + w * length * heads,
            out.data_ptr<float>() + w * length * heads * d);
      }
    });
    ctx->save_for_backward({h, gates, out, padding});
    SavePool(ctx, pool);
    return out;
  }

  static tensor_list backward(AutogradContext* ctx, const tensor_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &h = saved[0], &gates = saved[1], &out = saved[2], &padding = saved[3];
    const Tensor g = grad[0].contiguous();
    const int64_t length = h.size(1), d = h.size(2), heads = gates.size(2);
    Tensor grad_h = torch::empty_like(h), grad_scores = torch::empty_like(gates);
    InParts(SavedPool(ctx), h.size(0), [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t w = begin; w < end; ++w) {
        const int64_t vectors = w * length * d, scores = w * length * heads;
        PoolPrefixesBackward(h.data_ptr<float>() + vectors, gates.data_ptr<float>() + scores,
                             out.data_ptr<float>() + scores * d, g.data_ptr<float>() + scores * d,
                             padding.data_ptr<int32_t>()[w], static_cast<int>(length),
                             static_cast<int>(d), static_cast<int>(heads),
                             grad_h.data_ptr<float>() + vectors,
                             grad_scores.data_ptr<float>() + scores);
      }
    });
    return {grad_h, grad_scores, Tensor(), Tensor()};
  }
};

// The arrays of a GRU over windows of `length` steps; rows of all are [windows, length].
struct GruArrays {
  int64_t length, d;
  const int32_t* padding;
  const float* weight;  // [3d, d]
  const float* bias;    // [3d]
  const float* x;       // [3d] a row
  float* recurrent;     // [3d] a row: the previous state's share of the pre-activations
  float* gates;         // [3d] a row
  float* states;        // [d] a row
};

// Steps windows [begin, end) side by side, so that each step is one matrix product.
void RunGru(const GruArrays& a, int64_t begin, int64_t end) {
  const int64_t count = end - begin, d = a.d;
  std::vector<float> previous(count * d, 0.0f), shares(count * 3 * d);
  for (int64_t t = 0; t < a.length; ++t) {
    for (int64_t w = 0; w < count; ++w) std::copy_n(a.bias, 3 * d, shares.data() + w * 3 * d);
    Sgemm(Transpose::kNo, Transpose::kYes, count, 3 * d, d, previous.data(), a.weight, 1,
          shares.data());
    for (int64_t w = 0; w < count; ++w) {
      const int64_t row = (begin + w) * a.length + t;
      float* state = a.states + row * d;
      if (t < a.padding[begin + w]) {
        std::fill_n(state, d, 0.0f);
        continue;
      }
      float* recurrent = a.recurrent + row * 3 * d;
      std::copy_n(shares.data() + w * 3 * d, 3 * d, recurrent);
      GruStepForward(a.x + row * 3 * d, recurrent, previous.data() + w * d, static_cast<int>(d),
                     a.gates + row * 3 * d, state);
      std::copy_n(state, d, previous.data() + w * d);
    }
  }
}

// Back through the same windows: grad_states [d] a row in, grad_x and grad_recurrent [3d] a row out
// (0 at padded positions).
void RunGruBack(const GruArrays& a, const float* grad_states, int64_t begin, int64_t end,
                float* grad_x, float* grad_recurrent) {
  const int64_t count = end - begin, d = a.d;
  const std::vector<float> zero(d, 0.0f);
  std::vector<float> grad(count * d, 0.0f), through(count * 3 * d), of_state(d);
  for (int64_t t = a.length - 1; t >= 0; --t) {
    std::fill(through.begin(), through.end(), 0.0f);
    for (int64_t w = 0; w < count; ++w) {
      const int64_t row = (begin + w) * a.length + t;
      const int first = a.padding[begin + w];
      float* of_x = grad_x + row * 3 * d;
      if (t < first) {
        std::fill_n(of_x, 3 * d, 0.0f);
        continue;
      }
      float* g = grad.data() + w * d;
      for (int64_t j = 0; j < d; ++j) of_state[j] = g[j] + grad_states[row * d + j];
      GruStepBackward(a.gates + row * 3 * d, a.recurrent + row * 3 * d,
                      t == first ? zero.data() : a.states + (row - 1) * d, of_state.data(),
                      static_cast<int>(d), of_x, through.data() + w * 3 * d, g);
    }
    for (int64_t w = 0; w < count; ++w) {
      std::copy_n(through.data() + w * 3 * d, 3 * d,
                  grad_recurrent + ((begin + w) * a.length + t) * 3 * d);
    }
    Sgemm(Transpose::kNo, Transpose::kNo, count, d, 3 * d, through.data(), a.weight, 1,
          grad.data());
  }
}

class GruFunction : public torch::autograd::Function<GruFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x_in, const Tensor& weight_in,
                        const Tensor& bias_in, const Tensor& padding, math::WorkerPool* pool) {
    const Tensor x = x_in.contiguous(), weight = weight_in.contiguous(),
                 bias = bias_in.contiguous();
    const int64_t windows = x.size(0), length = x.size(1), d = weight.size(1);
    Tensor recurrent = torch::empty_like(x), gates = torch::empty_like(x);
    Tensor states = torch::empty({windows, length, d});
    const GruArrays arrays = Arrays(x, weight, bias, padding, recurrent, gates, states);
    InParts(pool, windows,
            [&](int64_t, int64_t begin, int64_t end) { RunGru(arrays, begin, end); });
    ctx->save_for_backward({x, weight, bias, padding, recurrent, gates, states});
    SavePool(ctx, pool);
    return states;
  }

  static tensor_list backward(AutogradContext* ctx, const tensor_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const Tensor &x = saved[0], &weight = saved[1], &states = saved[6];
    const Tensor g = grad[0].contiguous();
    const int64_t windows = x.size(0), length = x.size(1), d = weight.size(1);
    const GruArrays arrays = Arrays(x, weight, saved[2], saved[3], saved[4], saved[5], states);
    Tensor grad_x = torch::empty_like(x), grad_recurrent = torch::empty_like(x);
    InParts(SavedPool(ctx), windows, [&](int64_t, int64_t begin, int64_t end) {
      RunGruBack(arrays, g.data_ptr<float>(), begin, end, grad_x.data_ptr<float>(),
                 grad_recurrent.data_ptr<float>());
    });
    // Each step's previous states: 0 before the first item, as the states at padded positions are.
    Tensor previous = torch::zeros_like(states);
    previous.slice(1, 1, length).copy_(states.slice(1, 0, length - 1));
    Tensor grad_weights = torch::zeros({kParts, 3 * d, d});
    InParts(SavedPool(ctx), windows * length, [&](int64_t p, int64_t begin, int64_t end) {
      if (begin == end) return;
      Sgemm(Transpose::kYes, Transpose::kNo, 3 * d, d, end - begin,
            grad_recurrent.data_ptr<float>() + begin * 3 * d,
            previous.data_ptr<float>() + begin * d, 0,
            grad_weights.data_ptr<float>() + p * 3 * d * d);
    });
    return {grad_x, grad_weights.sum(0), grad_recurrent.view({-1, 3 * d}).sum(0), Tensor(),
            Tensor()};
  }

 private:
  static GruArrays Arrays(const Tensor& x, const Tensor& weight, const Tensor& bias,
                          const Tensor& padding, const Tensor& recurrent, const Tensor& gates,
                          const Tensor& states) {
    return {x.size(1),
            weight.size(1),
            padding.data_ptr<int32_t>(),
            weight.data_ptr<float>(),
            bias.data_ptr<float>(),
            x.data_ptr<float>(),
            recurrent.data_ptr<float>(),
            gates.data_ptr<float>(),
            states.data_ptr<float>()};
  }
};

}  // namespace

at::Tensor PoolPrefixes(const at::Tensor& h, const at::Tensor& scores, const at::Tensor& padding,
                        math::WorkerPool* pool) {
  return PoolPrefixesFunction::apply(h, scores, padding, pool);
}

at::Tensor Gru(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
               const at::Tensor& padding, math::WorkerPool* pool) {
  return GruFunction::apply(x, weight, bias, padding, pool);
}

}  // namespace recsae::probe
