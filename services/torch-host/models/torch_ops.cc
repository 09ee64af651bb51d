// Autograd functions around the plain kernels.
#include "services/torch-host/models/torch_ops.h"

#include <torch/torch.h>

#include <algorithm>
#include <limits>
#include <vector>

#include "common/base/random.h"
#include "common/math/gemm.h"
#include "services/probe/recommenders/train/kernels.h"
#include "services/torch-host/models/op_parts.h"

namespace recsae::probe {
namespace {

using math::Sgemm;
using math::Transpose;
using torch::Tensor;
using torch::autograd::AutogradContext;
using torch::autograd::tensor_list;

// Scores of this many rows are worked on at once: 128 x 3,000 floats fit a level-2 cache.
constexpr int64_t kLossRows = 128;

struct LossPart {
  double loss = 0;
  std::vector<float> grad_items;
};

using Masks = absl::Span<const absl::Span<const int32_t>>;

// Takes the items out of a row's softmax, but for the target.
void Mask(absl::Span<const int32_t> items, int64_t target, float* scores) {
  const float kept = scores[target];
  for (const int32_t item : items) scores[item] = -std::numeric_limits<float>::infinity();
  scores[target] = kept;
}

// SoftmaxGradient of a row's scores with the target's label smoothed over the items that the row's
// softmax is over (Szegedy et al. 2016, section 7); `masked` are those outside it.
double SmoothedGradient(float* scores, int64_t n, absl::Span<const int32_t> masked, int64_t target,
                        double smoothing, float scale) {
  if (smoothing == 0) return SoftmaxGradient(scores, n, target, scale);
  double sum = 0;
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const bool in = scores[i] > -std::numeric_limits<float>::infinity();
    sum += in ? scores[i] : 0.0F;
    count += in ? 1 : 0;
  }
  const double shift = scores[target] - sum / static_cast<double>(count);
  const double loss = SoftmaxGradient(scores, n, target, scale) + smoothing * shift;
  const auto each = static_cast<float>(scale * smoothing / static_cast<double>(count));
  for (int64_t i = 0; i < n; ++i) scores[i] -= each;
  const float own = scores[target];
  for (const int32_t item : masked) scores[item] = 0;
  scores[target] = own + static_cast<float>(scale * smoothing);
  return loss;
}

// Loss and gradients of rows [begin, end).
void SoftmaxLossPart(const Tensor& hidden, const Tensor& items, const Tensor& targets, Masks masked,
                     double smoothing, int64_t begin, int64_t end, float* grad_hidden,
                     LossPart* part) {
  const int64_t n = items.size(0), d = items.size(1);
  const auto* h = hidden.data_ptr<float>();
  const auto* e = items.data_ptr<float>();
  const auto* t = targets.data_ptr<int64_t>();
  const float scale = 1 / static_cast<float>(hidden.size(0));
  part->grad_items.assign(n * d, 0);
  std::vector<float> scores(kLossRows * n);
  for (int64_t row = begin; row < end; row += kLossRows) {
    const int64_t rows = std::min(kLossRows, end - row);
    Sgemm(Transpose::kNo, Transpose::kYes, rows, n, d, h + row * d, e, 0, scores.data());
    for (int64_t r = 0; r < rows; ++r) {
      float* row_scores = scores.data() + r * n;
      const auto mask = masked.empty() ? absl::Span<const int32_t>() : masked[row + r];
      Mask(mask, t[row + r], row_scores);
      part->loss += SmoothedGradient(row_scores, n, mask, t[row + r], smoothing, scale);
    }
    Sgemm(Transpose::kNo, Transpose::kNo, rows, d, n, scores.data(), e, 0, grad_hidden + row * d);
    Sgemm(Transpose::kYes, Transpose::kNo, n, d, rows, scores.data(), h + row * d, 1,
          part->grad_items.data());
  }
}

class SoftmaxLossFunction : public torch::autograd::Function<SoftmaxLossFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& hidden_in, const Tensor& items_in,
                        const Tensor& targets, Masks masked, double smoothing,
                        math::WorkerPool* pool) {
    const Tensor hidden = hidden_in.contiguous(), items = items_in.contiguous();
    Tensor grad_hidden = torch::empty_like(hidden);
    std::vector<LossPart> parts(kParts);
    InParts(pool, hidden.size(0), [&](int64_t p, int64_t begin, int64_t end) {
      SoftmaxLossPart(hidden, items, targets, masked, smoothing, begin, end,
                      grad_hidden.data_ptr<float>(), &parts[p]);
    });
    Tensor grad_items = torch::zeros_like(items);
    double loss = 0;
    for (const LossPart& part : parts) {
      loss += part.loss;
      auto* sum = grad_items.data_ptr<float>();
      for (size_t i = 0; i < part.grad_items.size(); ++i) sum[i] += part.grad_items[i];
    }
    ctx->save_for_backward({grad_hidden, grad_items});
    return torch::tensor(static_cast<float>(loss / static_cast<double>(hidden.size(0))));
  }

  static tensor_list backward(AutogradContext* ctx, const tensor_list& grad) {
    const auto saved = ctx->get_saved_variables();
    return {saved[0] * grad[0], saved[1] * grad[0], Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

class LinearFunction : public torch::autograd::Function<LinearFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& x_in, const Tensor& weight,
                        const Tensor& bias, math::WorkerPool* pool) {
    const Tensor x = x_in.contiguous();
    const int64_t rows = x.size(0), in = x.size(1), out = weight.size(0);
    // A copy also of one row, which would be the bias itself otherwise.
    Tensor y = torch::empty({rows, out}).copy_(bias.detach());
    InParts(pool, rows, [&](int64_t, int64_t begin, int64_t end) {
      Sgemm(Transpose::kNo, Transpose::kYes, end - begin, out, in, x.data_ptr<float>() + begin * in,
            weight.data_ptr<float>(), 1, y.data_ptr<float>() + begin * out);
    });
    ctx->save_for_backward({x, weight});
    SavePool(ctx, pool);
    return y;
  }

  static tensor_list backward(AutogradContext* ctx, const tensor_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& x = saved[0];
    const Tensor& weight = saved[1];
    const Tensor g = grad[0].contiguous();
    const int64_t rows = x.size(0), in = x.size(1), out = weight.size(0);
    Tensor grad_x = torch::empty_like(x);
    Tensor grad_weights = torch::zeros({kParts, out, in});
    InParts(SavedPool(ctx), rows, [&](int64_t p, int64_t begin, int64_t end) {
      const float* rows_g = g.data_ptr<float>() + begin * out;
      Sgemm(Transpose::kNo, Transpose::kNo, end - begin, in, out, rows_g, weight.data_ptr<float>(),
            0, grad_x.data_ptr<float>() + begin * in);
      if (end == begin) return;
      Sgemm(Transpose::kYes, Transpose::kNo, out, in, end - begin, rows_g,
            x.data_ptr<float>() + begin * in, 0, grad_weights.data_ptr<float>() + p * out * in);
    });
    return {grad_x, grad_weights.sum(0), g.sum(0), Tensor()};
  }
};

class AttentionFunction : public torch::autograd::Function<AttentionFunction> {
 public:
  static Tensor forward(AutogradContext* ctx, const Tensor& qkv_in, const Tensor& padding,
                        int64_t heads, bool causal, math::WorkerPool* pool) {
    const Tensor qkv = qkv_in.contiguous();
    const int64_t windows = qkv.size(0), length = qkv.size(1), d = qkv.size(2) / 3;
    Tensor out = torch::empty({windows, length, d});
    Tensor weights = torch::empty({windows, heads, length, length});
    const int64_t head_dim = d / heads;
    InParts(pool, windows, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin * heads; i < end * heads; ++i) {
        const int64_t w = i / heads, offset = i % heads * head_dim;
        const float* q = qkv.data_ptr<float>() + w * length * 3 * d + offset;
        AttendForward(q, q + d, q + 2 * d, 3 * d, padding.data_ptr<int32_t>()[w], length, head_dim,
                      causal, weights.data_ptr<float>() + i * length * length,
                      out.data_ptr<float>() + w * length * d + offset, d);
      }
    });
    ctx->save_for_backward({qkv, padding, weights});
    ctx->saved_data["causal"] = causal;
    SavePool(ctx, pool);
    return out;
  }

  static tensor_list backward(AutogradContext* ctx, const tensor_list& grad) {
    const auto saved = ctx->get_saved_variables();
    const Tensor& qkv = saved[0];
    const Tensor& padding = saved[1];
    const Tensor& weights = saved[2];
    const Tensor g = grad[0].contiguous();
    const int64_t windows = qkv.size(0), length = qkv.size(1), d = qkv.size(2) / 3;
    const int64_t heads = weights.size(1), head_dim = d / heads;
    const bool causal = ctx->saved_data["causal"].toBool();
    Tensor grad_qkv = torch::empty_like(qkv);
    InParts(SavedPool(ctx), windows, [&](int64_t, int64_t begin, int64_t end) {
      for (int64_t i = begin * heads; i < end * heads; ++i) {
        const int64_t w = i / heads, offset = i % heads * head_dim;
        const float* q = qkv.data_ptr<float>() + w * length * 3 * d + offset;
        float* grad_q = grad_qkv.data_ptr<float>() + w * length * 3 * d + offset;
        AttendBackward(q, q + d, q + 2 * d, 3 * d, padding.data_ptr<int32_t>()[w], length, head_dim,
                       causal, weights.data_ptr<float>() + i * length * length,
                       g.data_ptr<float>() + w * length * d + offset, d, grad_q, grad_q + d,
                       grad_q + 2 * d);
      }
    });
    return {grad_qkv, Tensor(), Tensor(), Tensor(), Tensor()};
  }
};

}  // namespace

at::Tensor SoftmaxLoss(const at::Tensor& hidden, const at::Tensor& items, const at::Tensor& targets,
                       absl::Span<const absl::Span<const int32_t>> masked, double smoothing,
                       math::WorkerPool* pool) {
  return SoftmaxLossFunction::apply(hidden, items, targets, masked, smoothing, pool);
}

at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias,
                  math::WorkerPool* pool) {
  return LinearFunction::apply(x, weight, bias, pool);
}

at::Tensor Attention(const at::Tensor& qkv, const at::Tensor& padding, int heads, bool causal,
                     math::WorkerPool* pool) {
  return AttentionFunction::apply(qkv, padding, static_cast<int64_t>(heads), causal, pool);
}

at::Tensor Dropout(const at::Tensor& x, double p, Random* random, math::WorkerPool* pool) {
  Tensor mask = torch::empty(x.sizes());
  const auto drop = static_cast<uint32_t>(p * 65536 + 0.5);
  const float scale = 65536.0f / static_cast<float>(65536 - drop);
  const uint64_t seed = random->Next();
  InParts(pool, mask.numel(), [&](int64_t part, int64_t begin, int64_t end) {
    Random stream(seed, part);
    FillDropoutMask(stream.Next(), drop, scale, end - begin, mask.data_ptr<float>() + begin);
  });
  return x * mask;
}

}  // namespace recsae::probe
