#include "clients/cli/formats/sparsify.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "common/base/status.h"
#include "tests/unit/cli/sae_format_testing.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

TEST(SparsifyTest, ReadsWhatItSaves) {
  const SaeFiles files = SparsifyFiles();
  const auto imported = FromSparsify(files);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_THAT(imported->notes, IsEmpty());
  ExpectSameReconstructions(imported->weights, [&](const std::vector<double>& x) {
    return SparsifyReconstruction(files, x);
  });
}

TEST(SparsifyTest, ReadsFewerAndMoreSettings) {
  SaeFiles files = SparsifyFiles();
  // Before `activation` and `transcode` were settings.
  files.config = {{"expansion_factor", 4}, {"k", kActive}, {"d_in", kDim}, {"num_latents", 40}};
  EXPECT_TRUE(FromSparsify(files).ok());
  files.config["gram_lookup"] = false;
  files.config["lookup_max_order"] = 4;
  files.config["gram_table_hash"] = nullptr;
  EXPECT_TRUE(FromSparsify(files).ok());
  files.config["num_latents"] = 0;
  EXPECT_THAT(std::string(FromSparsify(files).status().message()),
              HasSubstr("expansion_factor = 4"));
}

TEST(SparsifyTest, MultiTopKMattersInTrainingAlone) {
  SaeFiles files = SparsifyFiles();
  files.config["multi_topk"] = true;
  const auto imported = FromSparsify(files);
  ASSERT_TRUE(imported.ok()) << imported.status();
  EXPECT_EQ(imported->weights.k, kActive);
  EXPECT_THAT(imported->notes, ElementsAre(HasSubstr("multi_topk")));
}

TEST(SparsifyTest, WritesWhatItsLoaderAsksFor) {
  sae::SaeWeights weights = OurSae(sae::Architecture::kTopK);
  weights.input_scale = 1.0f;
  ordered_json config = ToSparsify(weights)->config;
  EXPECT_EQ(config["activation"], "topk");
  EXPECT_EQ(config["num_latents"], kLatents);
  EXPECT_EQ(config["expansion_factor"], kLatents / kDim);
  EXPECT_EQ(config["k"], kActive);
  EXPECT_EQ(config["d_in"], kDim);
  EXPECT_EQ(config["transcode"], false);
  EXPECT_EQ(config["normalize_decoder"], false);
  for (int j = 0; j < kLatents; ++j) {
    for (int i = 0; i < kDim; ++i) weights.decoder[j * kDim + i] = i == j % kDim ? -1.0f : 0.0f;
  }
  EXPECT_EQ(ToSparsify(weights)->config["normalize_decoder"], true);
}

TEST(SparsifyTest, RefusesWithTheReason) {
  constexpr char kMalformed[] = "SAE_FILES_MALFORMED";
  constexpr char kUnknown[] = "SAE_NOT_REPRESENTABLE";
  const auto set = [](const char* key, const ordered_json& value) {
    return [=](SaeFiles& files) { files.config[key] = value; };
  };
  const auto erase = [](const char* tensor) {
    return [=](SaeFiles& files) { files.weights.tensors.erase(tensor); };
  };
  const struct {
    std::function<void(SaeFiles&)> change;
    const char* reason;
    const char* what;
  } kCases[] = {
      {set("activation", "groupmax"), kUnknown, "groupmax"},
      {set("activation", 1), kMalformed, "activation"},
      {set("architecture", "jumprelu"), kUnknown, "jumprelu"},
      {set("transcode", true), kUnknown, "no autoencoder"},
      {set("skip_connection", true), kUnknown, "linear map"},
      {set("embed_skip", true), kUnknown, "embed_skip"},
      {set("gram_lookup", true), kUnknown, "n-grams"},
      {set("signed", true), kUnknown, "absolute value"},
      {set("matching_pursuit", true), kUnknown, "matching_pursuit is true"},
      {set("k", nullptr), kMalformed, "k must be"},
      {set("k", 41), kMalformed, "is 41"},
      {set("d_in", 13), kMalformed, "d_in = 13"},
      {set("num_latents", 41), kMalformed, "num_latents = 41"},
      {set("multi_topk", 1), kMalformed, "multi_topk"},
      {erase("W_dec"), kMalformed, "no tensor W_dec"},
      {erase("encoder.weight"), kMalformed, "encoder.weight"},
      {[](SaeFiles& files) {
         files.weights.tensors["W_skip"] = {{1}, {0}};
       },
       kUnknown, "W_skip"},
  };
  for (const auto& c : kCases) {
    SaeFiles files = SparsifyFiles();
    c.change(files);
    const absl::Status status = FromSparsify(files).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << c.what << ": " << status;
    EXPECT_EQ(Reason(status), c.reason) << status;
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.what));
  }
}

}  // namespace
}  // namespace recsae::cli
