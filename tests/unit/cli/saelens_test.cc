#include "clients/cli/formats/saelens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "common/base/status.h"
#include "tests/unit/cli/sae_format_testing.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using sae::Architecture;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

// Reads the files, expects that the result computes what SAELens does with them, and returns it.
ImportedSae ExpectImported(const SaeFiles& files, float input_scale = 0) {
  auto imported = FromSaeLens(files, input_scale);
  EXPECT_TRUE(imported.ok()) << imported.status();
  if (!imported.ok()) return {};
  sae::SaeWeights weights = imported->weights;
  weights.k = std::max(weights.k, 1);
  if (input_scale > 0) weights.input_scale = input_scale;
  ExpectSameReconstructions(
      weights, [&](const std::vector<double>& x) { return SaeLensReconstruction(files, x); },
      input_scale > 0 ? input_scale : 1.0);
  return *std::move(imported);
}

TEST(SaeLensTest, ReadsWhatItSaves) {
  const std::pair<const char*, Architecture> kArchitectures[] = {
      {"topk", Architecture::kTopK},
      {"jumprelu", Architecture::kJumpRelu},
      {"standard", Architecture::kRelu}};
  for (const auto& [name, architecture] : kArchitectures) {
    SCOPED_TRACE(name);
    const ImportedSae imported = ExpectImported(SaeLensFiles(name));
    EXPECT_EQ(imported.weights.architecture, architecture);
    EXPECT_THAT(imported.notes, IsEmpty());
  }
}

TEST(SaeLensTest, ReadsFilesOfBefore6) {
  SaeFiles files = SaeLensFiles("topk");
  files.config.erase("k");
  files.config.erase("metadata");
  files.config.erase("reshape_activations");
  files.config["activation_fn_str"] = "topk";
  files.config["activation_fn_kwargs"] = {{"k", kActive}};
  files.config["finetuning_scaling_factor"] = false;
  files.config["normalize_activations"] = nullptr;
  files.config["prepend_bos"] = true;
  files.weights.tensors["scaling_factor"] = {{kLatents}, std::vector<float>(kLatents, 1.0f)};
  EXPECT_EQ(FromSaeLens(files, 0)->weights.k, kActive);

  // The oldest say neither architecture nor apply_b_dec_to_input.
  files = SaeLensFiles("standard");
  files.config = {{"d_in", kDim},
                  {"d_sae", kLatents},
                  {"activation_fn", "relu"},
                  {"normalize_activations", false}};
  const auto imported = FromSaeLens(files, 0);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->weights.architecture, Architecture::kRelu);
  EXPECT_TRUE(SameBits(imported->weights.encoder_bias, files.weights.tensors.at("b_enc").values));
}

TEST(SaeLensTest, FoldsInADecoderBiasThatIsNotSubtracted) {
  for (const char* architecture : {"topk", "jumprelu", "standard"}) {
    SaeFiles files = SaeLensFiles(architecture);
    files.config["apply_b_dec_to_input"] = false;
    EXPECT_THAT(ExpectImported(files).notes, ElementsAre(HasSubstr("without subtracting b_dec")));
    // All but the folded bias is as it was.
    ImportedSae imported = ExpectImported(files);
    imported.weights.k = kActive;
    SaeFiles again = *ToSaeLens(imported.weights);
    EXPECT_FALSE(
        SameBits(again.weights.tensors["b_enc"].values, files.weights.tensors["b_enc"].values));
    again.weights.tensors["b_enc"] = files.weights.tensors["b_enc"];
    ExpectSameTensors(again, files);
  }
  SaeFiles zero = SaeLensFiles("topk");
  zero.config["apply_b_dec_to_input"] = false;
  zero.weights.tensors["b_dec"].values.assign(kDim, 0.0f);
  const ImportedSae imported = ExpectImported(zero);
  EXPECT_THAT(imported.notes, IsEmpty());
  EXPECT_TRUE(SameBits(imported.weights.encoder_bias, zero.weights.tensors["b_enc"].values));
}

TEST(SaeLensTest, FoldsInLengthsOfDecoderRows) {
  SaeFiles files = SaeLensFiles("topk");
  files.config["rescale_acts_by_decoder_norm"] = true;
  EXPECT_THAT(ExpectImported(files).notes, ElementsAre(HasSubstr("rescale_acts")));
  // A latent that decodes to nothing must not take a place among the k.
  SaeFiles silent = files;
  for (int i = 0; i < kDim; ++i) silent.weights.tensors["W_dec"].values[i] = 0.0f;
  silent.weights.tensors["b_enc"].values[0] = 100.0f;
  const auto imported = FromSaeLens(silent, 0);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->weights.encoder_bias[0], 0.0f);

  // Lengths of 1 up to rounding, as SAELens leaves them when it saves: nothing to fold.
  std::vector<float>& decoder = files.weights.tensors["W_dec"].values;
  for (int j = 0; j < kLatents; ++j) {
    double squared = 0;
    for (int i = 0; i < kDim; ++i) squared += std::pow(decoder[j * kDim + i], 2);
    for (int i = 0; i < kDim; ++i) {
      decoder[j * kDim + i] = static_cast<float>(decoder[j * kDim + i] / std::sqrt(squared));
    }
  }
  const ImportedSae unit = ExpectImported(files);
  EXPECT_THAT(unit.notes, IsEmpty());
  ExpectSameTensors(*ToSaeLens(unit.weights), files);
}

TEST(SaeLensTest, ThresholdsBelowZeroAreZero) {
  SaeFiles files = SaeLensFiles("jumprelu");
  files.weights.tensors["threshold"].values[4] = -0.3f;
  files.weights.tensors["threshold"].values[7] = -1e-9f;
  const ImportedSae imported = ExpectImported(files);
  EXPECT_EQ(imported.weights.threshold[4], 0.0f);
  EXPECT_THAT(imported.notes, ElementsAre(HasSubstr("2 thresholds")));
}

TEST(SaeLensTest, TakesTheScaleOfItsActivations) {
  for (const char* architecture : {"topk", "jumprelu", "standard"}) {
    SaeFiles files = SaeLensFiles(architecture);
    files.config["normalize_activations"] = "expected_average_only_in";
    EXPECT_THAT(std::string(FromSaeLens(files, 0).status().message()), HasSubstr("--input-scale"));
    ExpectImported(files, 1.7f);
  }
}

TEST(SaeLensTest, WritesWhatItsLoaderAsksFor) {
  const auto config = [](Architecture architecture) {
    sae::SaeWeights weights = OurSae(architecture);
    weights.input_scale = 1.0f;
    return ToSaeLens(weights)->config;
  };
  const ordered_json topk = config(Architecture::kTopK);
  EXPECT_EQ(topk["architecture"], "topk");
  EXPECT_EQ(topk["k"], kActive);
  EXPECT_EQ(topk["d_in"], kDim);
  EXPECT_EQ(topk["d_sae"], kLatents);
  EXPECT_EQ(topk["dtype"], "float32");
  EXPECT_EQ(topk["normalize_activations"], "none");
  EXPECT_EQ(topk["apply_b_dec_to_input"], true);
  // Its loader reads k elsewhere in files that say no version from 6 on.
  EXPECT_EQ(topk["metadata"]["sae_lens_version"], "6.0.0");
  EXPECT_EQ(config(Architecture::kBatchTopK)["architecture"], "jumprelu");
  EXPECT_EQ(config(Architecture::kJumpRelu)["architecture"], "jumprelu");
  EXPECT_EQ(config(Architecture::kRelu)["architecture"], "standard");
  EXPECT_FALSE(config(Architecture::kRelu).contains("k"));
}

struct Refusal {
  const char* architecture;
  std::function<void(SaeFiles&)> change;
  const char* reason;
  const char* what;
};

std::function<void(SaeFiles&)> Set(const char* key, const ordered_json& value) {
  return [=](SaeFiles& files) { files.config[key] = value; };
}

std::function<void(SaeFiles&)> Shape(const char* tensor, const std::vector<int64_t>& shape) {
  return [=](SaeFiles& files) {
    int64_t size = 1;
    for (const int64_t n : shape) size *= n;
    files.weights.tensors[tensor] = {shape, std::vector<float>(static_cast<size_t>(size))};
  };
}

std::function<void(SaeFiles&)> Erase(const char* tensor) {
  return [=](SaeFiles& files) { files.weights.tensors.erase(tensor); };
}

TEST(SaeLensTest, RefusesWithTheReason) {
  constexpr char kMalformed[] = "SAE_FILES_MALFORMED";
  constexpr char kUnknown[] = "SAE_NOT_REPRESENTABLE";
  const Refusal kCases[] = {
      {"topk", Set("architecture", "matching_pursuit"), kUnknown, "\"matching_pursuit\""},
      {"topk", Set("architecture", "batchtopk"), kUnknown, "save_inference_model"},
      {"topk", Set("architecture", 3), kMalformed, "architecture must be text, is 3"},
      {"topk", Set("normalize_activations", "layer_norm"), kUnknown, "layer_norm"},
      {"topk", Set("normalize_activations", "constant_norm_rescale"), kUnknown,
       "no SAE's weights hold"},
      {"topk", Set("normalize_activations", true), kUnknown, "--input-scale"},
      {"topk", Set("normalize_activations", 1), kMalformed, "normalize_activations"},
      {"topk", Set("reshape_activations", "hook_z"), kUnknown, "hook_z"},
      {"topk", Set("apply_b_dec_to_input", "yes"), kMalformed, "apply_b_dec_to_input"},
      {"standard", Set("activation_fn_str", "tanh-relu"), kUnknown, "activation_fn_str"},
      {"standard", Set("activation_fn", "tanh-relu"), kUnknown, "tanh-relu"},
      {"topk", Set("k", 0), kMalformed, "from 1 to the 40 latents, is 0"},
      {"topk", Set("k", 41), kMalformed, "is 41"},
      {"topk", Set("k", nullptr), kMalformed, "is not there"},
      {"topk", Set("k", 2.5), kMalformed, "2.5"},
      {"topk", Set("k", -1), kMalformed, "-1"},
      {"topk", Set("k", 99999999999), kMalformed, "99999999999"},
      {"topk", Set("d_in", 13), kMalformed, "d_in = 13"},
      {"topk", Set("d_sae", 13), kMalformed, "d_sae = 13"},
      {"topk", Erase("W_enc"), kMalformed, "no tensor W_enc; there are: W_dec, b_dec, b_enc"},
      {"topk", Erase("b_enc"), kMalformed, "b_enc"},
      {"jumprelu", Erase("threshold"), kMalformed, "threshold"},
      {"topk", Shape("W_enc", {kDim}), kMalformed, "2 dimensions"},
      {"topk", Shape("W_enc", {0, 4}), kMalformed, "[0, 4]"},
      {"topk", Shape("W_dec", {kDim, kLatents}), kMalformed, "[40, 12]"},
      {"topk", Shape("b_dec", {kLatents}), kMalformed, "b_dec"},
      {"topk", Shape("b_mag", {kLatents}), kUnknown, "b_mag"},
      {"topk", Shape("threshold", {kLatents}), kUnknown, "threshold"},
      {"topk", Shape("scaling_factor", {kLatents}), kUnknown, "multiply row j"},
  };
  for (const Refusal& c : kCases) {
    SaeFiles files = SaeLensFiles(c.architecture);
    c.change(files);
    const absl::Status status = FromSaeLens(files, 0).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.what << ": " << status;
    EXPECT_EQ(Reason(status), c.reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what));
  }
}

}  // namespace
}  // namespace recsae::cli
