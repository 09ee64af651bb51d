// What SAELens and sparsify compute with the files that they save, in double, straight from their
// rules; and SAEs to put into such files.
#ifndef RECSAE_TESTS_UNIT_CLI_SAE_FORMAT_TESTING_H_
#define RECSAE_TESTS_UNIT_CLI_SAE_FORMAT_TESTING_H_

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "clients/cli/formats/sae_files.h"
#include "common/sae/model.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae::cli {

inline constexpr int kDim = 12;
inline constexpr int kLatents = 40;
inline constexpr int kActive = 5;
inline constexpr int kRows = 50;

// A matrix of a file, by row and column.
class FileMatrix {
 public:
  FileMatrix(const SaeFiles& files, const char* name) : tensor_(files.weights.tensors.at(name)) {}
  double At(int row, int col) const { return tensor_.values.at(row * tensor_.shape.at(1) + col); }

 private:
  const safetensors::Tensor& tensor_;
};

inline std::vector<double> FileVector(const SaeFiles& files, const char* name) {
  const std::vector<float>& values = files.weights.tensors.at(name).values;
  return {values.begin(), values.end()};
}

// torch.topk and what follows it: every value but the k largest becomes 0.
inline void KeepLargest(int k, std::vector<double>& values) {
  std::vector<int> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  std::sort(order.begin(), order.end(), [&](int a, int b) { return values[a] > values[b]; });
  for (size_t i = static_cast<size_t>(k); i < order.size(); ++i) values[order[i]] = 0;
}

inline std::vector<double> Decoded(const SaeFiles& files, const std::vector<double>& z,
                                   std::vector<double> x) {
  const FileMatrix w_dec(files, "W_dec");
  const std::vector<double> b_dec = FileVector(files, "b_dec");
  for (int i = 0; i < kDim; ++i) {
    x[i] = b_dec[i];
    for (int j = 0; j < kLatents; ++j) x[i] += z[j] * w_dec.At(j, i);
  }
  return x;
}

// SAE.encode() and decode() of SAELens 6.
inline std::vector<double> SaeLensReconstruction(const SaeFiles& files, std::vector<double> x) {
  const auto& config = files.config;
  const std::string architecture = config.at("architecture");
  const FileMatrix w_enc(files, "W_enc");
  const FileMatrix w_dec(files, "W_dec");
  const std::vector<double> b_dec = FileVector(files, "b_dec");
  std::vector<double> z = FileVector(files, "b_enc");
  const bool subtract = config.value("apply_b_dec_to_input", true);
  std::vector<double> norms(kLatents, 1.0);
  for (int j = 0; j < kLatents; ++j) {
    double squared = 0;
    for (int i = 0; i < kDim; ++i) {
      z[j] += w_enc.At(i, j) * (x[i] - (subtract ? b_dec[i] : 0));
      squared += w_dec.At(j, i) * w_dec.At(j, i);
    }
    if (config.value("rescale_acts_by_decoder_norm", false)) norms[j] = std::sqrt(squared);
    z[j] *= norms[j];
  }
  if (architecture == "topk") KeepLargest(config.at("k"), z);
  std::vector<double> threshold(kLatents, 0.0);
  if (architecture == "jumprelu") threshold = FileVector(files, "threshold");
  for (int j = 0; j < kLatents; ++j) {
    z[j] = z[j] > threshold[j] ? std::max(z[j], 0.0) / norms[j] : 0.0;
  }
  return Decoded(files, z, x);
}

// SparseCoder.encode() and decode() of sparsify.
inline std::vector<double> SparsifyReconstruction(const SaeFiles& files, std::vector<double> x) {
  const FileMatrix weight(files, "encoder.weight");
  const std::vector<double> b_dec = FileVector(files, "b_dec");
  std::vector<double> z = FileVector(files, "encoder.bias");
  for (int j = 0; j < kLatents; ++j) {
    for (int i = 0; i < kDim; ++i) z[j] += weight.At(j, i) * (x[i] - b_dec[i]);
    z[j] = std::max(z[j], 0.0);
  }
  KeepLargest(files.config.at("k"), z);
  return Decoded(files, z, x);
}

// `reconstruct` computes what the model does, within 1e-5 of each reconstruction's length. `scale`:
// it reads, and gives, activations multiplied by it.
template <typename Reconstruct>
void ExpectSameReconstructions(const sae::SaeWeights& weights, Reconstruct reconstruct,
                               double scale = 1.0) {
  const auto model = sae::SaeModel::Create(weights);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<float> rows = sae::RandomValues(kRows * kDim, 99, 2.0f);
  for (int r = 0; r < kRows; ++r) {
    const float* x = rows.data() + r * kDim;
    std::vector<float> ours(kDim);
    model->Decode(model->Encode(x), ours.data());
    std::vector<double> scaled(x, x + kDim);
    for (double& value : scaled) value *= scale;
    const std::vector<double> theirs = reconstruct(scaled);
    double difference = 0;
    double length = 0;
    for (int i = 0; i < kDim; ++i) {
      difference += std::pow(ours[i] - theirs[i] / scale, 2);
      length += std::pow(theirs[i] / scale, 2);
    }
    ASSERT_LE(std::sqrt(difference), 1e-5 * std::sqrt(length)) << "row " << r;
  }
}

inline bool SameBits(const std::vector<float>& a, const std::vector<float>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](float x, float y) {
    return std::bit_cast<uint32_t>(x) == std::bit_cast<uint32_t>(y);
  });
}

inline void ExpectSameWeights(const sae::SaeWeights& a, const sae::SaeWeights& b) {
  EXPECT_EQ(a.dim, b.dim);
  EXPECT_EQ(a.latents, b.latents);
  EXPECT_EQ(a.k, b.k);
  EXPECT_EQ(a.architecture, b.architecture);
  EXPECT_EQ(a.input_scale, b.input_scale);
  EXPECT_TRUE(SameBits(a.encoder, b.encoder));
  EXPECT_TRUE(SameBits(a.encoder_bias, b.encoder_bias));
  EXPECT_TRUE(SameBits(a.decoder, b.decoder));
  EXPECT_TRUE(SameBits(a.pre_bias, b.pre_bias));
  EXPECT_TRUE(SameBits(a.threshold, b.threshold));
}

inline void ExpectSameTensors(const SaeFiles& a, const SaeFiles& b) {
  ASSERT_EQ(a.weights.tensors.size(), b.weights.tensors.size());
  for (const auto& [name, tensor] : a.weights.tensors) {
    ASSERT_EQ(b.weights.tensors.count(name), 1u) << name;
    EXPECT_EQ(tensor.shape, b.weights.tensors.at(name).shape) << name;
    EXPECT_TRUE(SameBits(tensor.values, b.weights.tensors.at(name).values)) << name;
  }
}

// One of ours, with a scale that no float divides evenly.
inline sae::SaeWeights OurSae(sae::Architecture architecture) {
  sae::SaeWeights weights = sae::RandomWeights(kDim, kLatents, kActive, architecture, 17);
  weights.input_scale = 0.37f;
  if (architecture == sae::Architecture::kBatchTopK) {
    std::fill(weights.threshold.begin(), weights.threshold.end(), 0.21f);
  }
  return weights;
}

// A file as SAELens 6 saves it.
inline SaeFiles SaeLensFiles(const std::string& architecture) {
  SaeFiles files;
  files.config = {{"d_in", kDim},
                  {"d_sae", kLatents},
                  {"dtype", "float32"},
                  {"device", "cuda"},
                  {"apply_b_dec_to_input", true},
                  {"normalize_activations", "none"},
                  {"reshape_activations", "none"},
                  {"metadata", {{"sae_lens_version", "6.12.1"}, {"hook_name", "blocks.3"}}},
                  {"architecture", architecture}};
  if (architecture == "topk") files.config["k"] = kActive;
  auto& tensors = files.weights.tensors;
  tensors["W_enc"] = {{kDim, kLatents}, sae::RandomValues(kDim * kLatents, 1, 0.5f)};
  tensors["b_enc"] = {{kLatents}, sae::RandomValues(kLatents, 2, 0.3f)};
  tensors["W_dec"] = {{kLatents, kDim}, sae::RandomValues(kDim * kLatents, 3, 0.5f)};
  tensors["b_dec"] = {{kDim}, sae::RandomValues(kDim, 4, 0.5f)};
  if (architecture == "jumprelu") {
    tensors["threshold"] = {{kLatents}, sae::RandomValues(kLatents, 5, 0.3f)};
    for (float& value : tensors["threshold"].values) value = std::abs(value);
  }
  return files;
}

// A file as sparsify saves it.
inline SaeFiles SparsifyFiles() {
  SaeFiles files;
  files.config = {{"activation", "topk"},     {"expansion_factor", 32}, {"normalize_decoder", true},
                  {"num_latents", kLatents},  {"k", kActive},           {"multi_topk", false},
                  {"skip_connection", false}, {"transcode", false},     {"d_in", kDim}};
  auto& tensors = files.weights.tensors;
  tensors["encoder.weight"] = {{kLatents, kDim}, sae::RandomValues(kDim * kLatents, 1, 0.5f)};
  tensors["encoder.bias"] = {{kLatents}, sae::RandomValues(kLatents, 2, 0.3f)};
  tensors["W_dec"] = {{kLatents, kDim}, sae::RandomValues(kDim * kLatents, 3, 0.5f)};
  tensors["b_dec"] = {{kDim}, sae::RandomValues(kDim, 4, 0.5f)};
  return files;
}

}  // namespace recsae::cli

#endif  // RECSAE_TESTS_UNIT_CLI_SAE_FORMAT_TESTING_H_
