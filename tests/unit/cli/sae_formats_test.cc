#include "clients/cli/formats/sae_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "clients/cli/formats/saelens.h"
#include "clients/cli/formats/sparsify.h"
#include "common/base/status.h"
#include "tests/unit/cli/sae_format_testing.h"

namespace recsae::cli {
namespace {

using sae::Architecture;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

constexpr Architecture kForSaeLens[] = {Architecture::kTopK, Architecture::kBatchTopK,
                                        Architecture::kJumpRelu, Architecture::kRelu};

const nlohmann::ordered_json kAbout = {{"sae", "saes/x"}, {"k", kActive}};

// What a file goes through on its way to another machine.
SaeFiles ThroughBytes(const SaeFiles& files) {
  auto parsed = safetensors::Parse(safetensors::Serialize(files.weights));
  EXPECT_TRUE(parsed.ok()) << parsed.status();
  return {nlohmann::ordered_json::parse(files.config.dump()), *std::move(parsed)};
}

SaeFiles Exported(SaeFormat format, const sae::SaeWeights& weights) {
  auto exported = ExportSae(format, weights, kAbout);
  EXPECT_TRUE(exported.ok()) << exported.status();
  return ThroughBytes(exported->files);
}

TEST(SaeFormatsTest, ExportsReconstructTheSameByTheLibrarysOwnRule) {
  for (const Architecture architecture : kForSaeLens) {
    SCOPED_TRACE(static_cast<int>(architecture));
    const SaeFiles files = Exported(SaeFormat::kSaeLens, OurSae(architecture));
    ExpectSameReconstructions(OurSae(architecture), [&](const std::vector<double>& x) {
      return SaeLensReconstruction(files, x);
    });
  }
  const SaeFiles files = Exported(SaeFormat::kSparsify, OurSae(Architecture::kTopK));
  ExpectSameReconstructions(OurSae(Architecture::kTopK), [&](const std::vector<double>& x) {
    return SparsifyReconstruction(files, x);
  });
}

TEST(SaeFormatsTest, ExportedAndImportedIsTheSameToTheBit) {
  for (const Architecture architecture : kForSaeLens) {
    SCOPED_TRACE(static_cast<int>(architecture));
    for (const SaeFormat format : {SaeFormat::kSaeLens, SaeFormat::kSparsify}) {
      if (format == SaeFormat::kSparsify && architecture != Architecture::kTopK) continue;
      const auto imported = ImportSae(format, Exported(format, OurSae(architecture)), 0);
      ASSERT_TRUE(imported.ok()) << imported.status();
      ExpectSameWeights(imported->weights, OurSae(architecture));
      EXPECT_THAT(imported->notes, ElementsAre(HasSubstr("to the bit")));
    }
  }
  // From one library's file to the other's and back.
  const SaeFiles first = Exported(SaeFormat::kSaeLens, OurSae(Architecture::kTopK));
  const auto there = ImportSae(SaeFormat::kSaeLens, first, 0);
  const auto back =
      ImportSae(SaeFormat::kSparsify, Exported(SaeFormat::kSparsify, there->weights), 0);
  ExpectSameWeights(back->weights, OurSae(Architecture::kTopK));
}

TEST(SaeFormatsTest, APursuitGoesOutAsItsEncoderAndComesBackAsPursuit) {
  for (const SaeFormat format : {SaeFormat::kSaeLens, SaeFormat::kSparsify}) {
    const SaeFiles files = Exported(format, OurSae(Architecture::kPursuit));
    const SaeFiles as_top_k = Exported(format, OurSae(Architecture::kTopK));
    EXPECT_EQ(files.config, as_top_k.config);
    for (const auto& [name, tensor] : files.weights.tensors) {
      EXPECT_EQ(tensor.values, as_top_k.weights.tensors.at(name).values) << name;
    }
    const auto imported = ImportSae(format, files, 0);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ExpectSameWeights(imported->weights, OurSae(Architecture::kPursuit));
  }
}

TEST(SaeFormatsTest, AnSaeWithoutEncoderBiasGetsOneOfZeros) {
  sae::SaeWeights weights = OurSae(Architecture::kTopK);
  weights.encoder_bias.clear();
  const auto imported = ImportSae(SaeFormat::kSparsify, Exported(SaeFormat::kSparsify, weights), 0);
  ASSERT_TRUE(imported.ok()) << imported.status();
  weights.encoder_bias.assign(kLatents, 0.0f);
  ExpectSameWeights(imported->weights, weights);
}

TEST(SaeFormatsTest, ImportedAndExportedHasTheSameTensors) {
  for (const char* architecture : {"topk", "jumprelu", "standard"}) {
    SCOPED_TRACE(architecture);
    auto imported = ImportSae(SaeFormat::kSaeLens, SaeLensFiles(architecture), 0);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_THAT(imported->notes, IsEmpty());
    EXPECT_EQ(imported->weights.k, std::string(architecture) == "topk" ? kActive : 0);
    imported->weights.k = kActive;
    ExpectSameTensors(Exported(SaeFormat::kSaeLens, imported->weights), SaeLensFiles(architecture));
  }
  const auto imported = ImportSae(SaeFormat::kSparsify, SparsifyFiles(), 0);
  ASSERT_TRUE(imported.ok()) << imported.status();
  ExpectSameTensors(Exported(SaeFormat::kSparsify, imported->weights), SparsifyFiles());
}

TEST(SaeFormatsTest, WhatWasChangedAfterItsExportCounts) {
  for (const char* tensor : {"b_enc", "b_dec", "threshold", "W_dec"}) {
    SCOPED_TRACE(tensor);
    SaeFiles files = Exported(SaeFormat::kSaeLens, OurSae(Architecture::kBatchTopK));
    files.weights.tensors.at(tensor).values[3] += 0.25f;
    auto imported = ImportSae(SaeFormat::kSaeLens, files, 0);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(imported->weights.input_scale, 1.0f);
    EXPECT_EQ(imported->weights.architecture, Architecture::kJumpRelu);
    EXPECT_THAT(imported->notes, ElementsAre(HasSubstr("changed after its export")));
    EXPECT_EQ(imported->weights.k, kActive) << "cfg.json says it, too";
    ExpectSameReconstructions(imported->weights, [&](const std::vector<double>& x) {
      return SaeLensReconstruction(files, x);
    });
  }
  SaeFiles fewer = Exported(SaeFormat::kSparsify, OurSae(Architecture::kTopK));
  fewer.config["k"] = 2;
  const auto imported = ImportSae(SaeFormat::kSparsify, fewer, 0);
  EXPECT_EQ(imported->weights.k, 2);
  EXPECT_EQ(imported->weights.input_scale, 1.0f);
}

TEST(SaeFormatsTest, ARecordThatIsNoneIsPassedOver) {
  for (const char* record : {"", "[]", "{}", "{\"scale\":0.37}", "not json",
                             "{\"scale\":-1,\"architecture\":1,\"k\":5,\"b_enc\":\"\",\"b_pre\":"
                             "\"\",\"threshold\":\"\"}",
                             "{\"scale\":\"x\",\"architecture\":1,\"k\":5}",
                             "{\"scale\":1,\"architecture\":1,\"k\":5,\"b_enc\":7}"}) {
    SaeFiles files = SparsifyFiles();
    files.weights.metadata["recsae"] = record;
    const auto imported = ImportSae(SaeFormat::kSparsify, files, 0);
    ASSERT_TRUE(imported.ok()) << imported.status();
    EXPECT_EQ(imported->weights.input_scale, 1.0f);
    EXPECT_THAT(imported->notes, ElementsAre(HasSubstr("changed after its export")));
  }
}

TEST(SaeFormatsTest, RefusesWhatAFormatCannotSay) {
  const struct {
    SaeFormat format;
    Architecture architecture;
    const char* way_out;
  } kCases[] = {
      {SaeFormat::kSaeLens, Architecture::kTopKSigned, "--architecture topk can"},
      {SaeFormat::kSparsify, Architecture::kTopKSigned, "--architecture topk can"},
      {SaeFormat::kSparsify, Architecture::kBatchTopK, "--format safetensors-saelens"},
      {SaeFormat::kSparsify, Architecture::kJumpRelu, "--format safetensors-saelens"},
      {SaeFormat::kSparsify, Architecture::kRelu, "--format safetensors-saelens"},
  };
  for (const auto& c : kCases) {
    const absl::Status status = ExportSae(c.format, OurSae(c.architecture), kAbout).status();
    EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;
    EXPECT_EQ(Reason(status), "SAE_NOT_REPRESENTABLE");
    EXPECT_THAT(std::string(status.message()), HasSubstr(c.way_out));
  }
  sae::SaeWeights tiny = OurSae(Architecture::kTopK);
  tiny.input_scale = 1e-40f;
  EXPECT_EQ(Reason(ExportSae(SaeFormat::kSaeLens, tiny, kAbout).status()), "SAE_NOT_REPRESENTABLE");
}

class SaeFolderTest : public testing::Test {
 protected:
  SaeFolderTest()
      : folder_(testing::TempDir() + testing::UnitTest::GetInstance()->current_test_info()->name() +
                "/sae") {
    std::filesystem::remove_all(folder_);
  }
  void Write(const std::string& name, const std::string& content) const {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/" + name, std::ios::binary) << content;
  }
  const std::string folder_;
};

TEST_F(SaeFolderTest, IsWrittenAndReadBack) {
  for (const SaeFormat format : {SaeFormat::kSparsify, SaeFormat::kDictionaryLearning}) {
    SCOPED_TRACE(SaeFormatName(format));
    std::filesystem::remove_all(folder_);
    const SaeFiles files = Exported(format, OurSae(Architecture::kTopK));
    ASSERT_TRUE(WriteSae(files, format, folder_, false).ok());
    const auto location = FindSae(folder_, std::nullopt);
    ASSERT_TRUE(location.ok()) << location.status();
    EXPECT_EQ(location->format, format);
    const auto read = ReadSae(*location);
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->config, files.config);
    ExpectSameTensors(*read, files);
    EXPECT_EQ(read->weights.metadata.at("recsae"), files.weights.metadata.at("recsae"));
    const auto imported = ImportSae(format, *read, 0);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ExpectSameWeights(imported->weights, OurSae(Architecture::kTopK));

    EXPECT_TRUE(absl::IsAlreadyExists(WriteSae(files, format, folder_, false)));
    EXPECT_TRUE(WriteSae(files, format, folder_, true).ok());
  }
  Write("file", "");
  EXPECT_EQ(Reason(WriteSae(SparsifyFiles(), SaeFormat::kSparsify, folder_ + "/file", false)),
            "FILE_NOT_WRITTEN");
}

TEST_F(SaeFolderTest, ErrorsNameTheFile) {
  const auto error = [&] {
    return ReadSae({SaeFormat::kSaeLens, folder_ + "/cfg.json", folder_ + "/" + kSaeLensWeights})
        .status();
  };
  EXPECT_TRUE(absl::IsNotFound(error()));
  EXPECT_THAT(std::string(error().message()), HasSubstr("cfg.json"));
  for (const char* text : {"", "[]", "{", "{\"a\": Nan}", "{\"a\": \"\xFF\"}"}) {
    Write("cfg.json", text);
    EXPECT_EQ(Reason(error()), "SAE_FILES_MALFORMED") << text;
    EXPECT_THAT(std::string(error().message()), HasSubstr("cfg.json"));
  }
  // Deeper than any setting: left out, and not too much for the stack.
  Write("cfg.json", "{\"k\": " + std::string(1'000'000, '[') + std::string(1'000'000, ']') + "}");
  EXPECT_TRUE(absl::IsNotFound(error()));
  EXPECT_THAT(std::string(error().message()), HasSubstr(kSaeLensWeights));
  Write(kSaeLensWeights, "PK");
  EXPECT_EQ(Reason(error()), "SAFETENSORS_MALFORMED");
  EXPECT_THAT(std::string(error().message()), HasSubstr(kSaeLensWeights));
}

TEST_F(SaeFolderTest, TellsItsFormat) {
  const auto format = [&] { return FindSae(folder_, std::nullopt); };
  EXPECT_TRUE(absl::IsNotFound(format().status()));
  Write(kSparsifyWeights, "");
  EXPECT_EQ(format()->format, SaeFormat::kSparsify);
  Write(kSaeLensWeights, "");
  EXPECT_EQ(Reason(format().status()), "SAE_FORMAT_UNCLEAR");
  EXPECT_EQ(FindSae(folder_, SaeFormat::kSparsify)->format, SaeFormat::kSparsify);
  EXPECT_EQ(FindSae(folder_ + "/" + kSaeLensWeights, std::nullopt)->format, SaeFormat::kSaeLens);
  std::filesystem::remove(folder_ + "/" + kSparsifyWeights);
  EXPECT_EQ(format()->format, SaeFormat::kSaeLens);
  for (const std::string& name : ReadableFormats()) {
    EXPECT_EQ(SaeFormatName(ParseSaeFormat(name)), name);
  }
}

TEST_F(SaeFolderTest, IsLookedForInFoldersBelow) {
  Write("notes.txt", "");
  std::filesystem::create_directories(folder_ + "/run/layers.3");
  std::ofstream(folder_ + "/run/layers.3/" + kSparsifyWeights) << "x";
  const auto one = FindSae(folder_, std::nullopt);
  ASSERT_TRUE(one.ok()) << one.status();
  EXPECT_THAT(one->weights, HasSubstr("run/layers.3/sae.safetensors"));
  EXPECT_THAT(one->config, HasSubstr("run/layers.3/cfg.json"));
  std::filesystem::create_directories(folder_ + "/run/layers.7");
  std::ofstream(folder_ + "/run/layers.7/" + kSparsifyWeights) << "x";
  const absl::Status several = FindSae(folder_, std::nullopt).status();
  EXPECT_EQ(Reason(several), "SAE_FORMAT_UNCLEAR");
  EXPECT_THAT(std::string(several.message()), HasSubstr("layers.7"));
}

TEST_F(SaeFolderTest, OtherFilesAreOpenAisOrGemmaScopes) {
  Write("5.pt", "");
  EXPECT_EQ(FindSae(folder_, std::nullopt)->format, SaeFormat::kOpenAi);
  Write("config.json", "{}");
  EXPECT_EQ(FindSae(folder_, std::nullopt)->format, SaeFormat::kDictionaryLearning);
  std::filesystem::remove(folder_ + "/5.pt");
  Write("params.npz", "");
  EXPECT_EQ(FindSae(folder_, std::nullopt)->format, SaeFormat::kGemmaScope);
}

TEST(ParseConfigTest, TakesPythonsNumbersThatAreNone) {
  const auto config =
      ParseConfig(R"({"a": NaN, "b": [-Infinity, Infinity], "c": "NaN \" Infinity", "k": 4.0})");
  ASSERT_TRUE(config.ok()) << config.status();
  EXPECT_TRUE((*config)["a"].is_null());
  EXPECT_TRUE((*config)["b"][1].is_null());
  EXPECT_EQ((*config)["c"], "NaN \" Infinity");
  EXPECT_EQ(IntIn(*config, "k").value(), 4);
  EXPECT_EQ(IntIn(*config, "a").value(), std::nullopt);
  EXPECT_FALSE(IntIn(*ParseConfig("{\"k\": 4.5}"), "k").ok());
}

TEST(SaeFormatsTest, APursuitSaysThatItsRuleChanges) {
  for (const SaeFormat format :
       {SaeFormat::kSaeLens, SaeFormat::kSparsify, SaeFormat::kDictionaryLearning}) {
    const auto pursuit = ExportSae(format, OurSae(Architecture::kPursuit), kAbout);
    ASSERT_TRUE(pursuit.ok()) << pursuit.status();
    EXPECT_TRUE(pursuit->changes_rule);
    EXPECT_THAT(pursuit->notes, ElementsAre(HasSubstr("pursuit")));
    EXPECT_EQ(pursuit->computes.architecture, Architecture::kTopK);
    const auto top_k = ExportSae(format, OurSae(Architecture::kTopK), kAbout);
    EXPECT_FALSE(top_k->changes_rule);
    EXPECT_THAT(top_k->notes, IsEmpty());
  }
}

// What the library has is what the SAE has: no scale to divide out.
TEST(SaeFormatsTest, ExportsHaveTheLatentsOfTheSae) {
  for (const Architecture architecture : kForSaeLens) {
    const sae::SaeWeights ours = OurSae(architecture);
    const auto exported = ExportSae(SaeFormat::kSaeLens, ours, kAbout);
    const auto before = sae::SaeModel::Create(ours);
    const auto after = sae::SaeModel::Create(exported->computes);
    for (uint64_t seed = 1; seed < 30; ++seed) {
      const std::vector<float> x = sae::RandomValues(kDim, seed, 2.0f);
      const auto a = before->Encode(x.data());
      const auto b = after->Encode(x.data());
      ASSERT_EQ(a.size(), b.size());
      for (size_t i = 0; i < a.size(); ++i) {
        EXPECT_EQ(a[i].latent, b[i].latent);
        EXPECT_NEAR(a[i].value, b[i].value, 1e-5 * std::abs(a[i].value) + 1e-6);
      }
    }
  }
}

TEST(SaeFormatsTest, DictionaryLearningRestoresEveryKind) {
  for (const Architecture architecture :
       {Architecture::kTopK, Architecture::kBatchTopK, Architecture::kJumpRelu, Architecture::kRelu,
        Architecture::kPursuit}) {
    SCOPED_TRACE(static_cast<int>(architecture));
    const SaeFiles files = Exported(SaeFormat::kDictionaryLearning, OurSae(architecture));
    const auto imported = ImportSae(SaeFormat::kDictionaryLearning, files, 0);
    ASSERT_TRUE(imported.ok()) << imported.status();
    ExpectSameWeights(imported->weights, OurSae(architecture));
  }
}

// A gated SAE and one that keeps signs, each by its own rule in double.
TEST(SaeFormatsTest, GatesAndSignsAreFolded) {
  SaeFiles files = SaeLensFiles("gated");
  auto& tensors = files.weights.tensors;
  tensors.erase("b_enc");
  tensors["r_mag"] = {{kLatents}, sae::RandomValues(kLatents, 6, 0.4f)};
  tensors["b_gate"] = {{kLatents}, sae::RandomValues(kLatents, 7, 0.4f)};
  tensors["b_mag"] = {{kLatents}, sae::RandomValues(kLatents, 8, 0.4f)};
  const auto gated = ImportSae(SaeFormat::kSaeLens, files, 0);
  ASSERT_TRUE(gated.ok()) << gated.status();
  EXPECT_THAT(gated->notes, ElementsAre(HasSubstr("gate")));
  const auto project = [&](const std::vector<float>& x, int j) {
    double u = 0;
    for (int i = 0; i < kDim; ++i) {
      u += (double{x[i]} - tensors["b_dec"].values[i]) * tensors["W_enc"].values[i * kLatents + j];
    }
    return u;
  };
  const auto model = sae::SaeModel::Create([&] {
    sae::SaeWeights weights = gated->weights;
    weights.k = 1;
    return weights;
  }());
  ASSERT_TRUE(model.ok()) << model.status();
  int active = 0;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    const std::vector<float> x = sae::RandomValues(kDim, seed, 2.0f);
    std::vector<double> expected(kLatents);
    for (int j = 0; j < kLatents; ++j) {
      const double u = project(x, j);
      const double magnitude =
          std::exp(double{tensors["r_mag"].values[j]}) * u + tensors["b_mag"].values[j];
      expected[j] = u + tensors["b_gate"].values[j] > 0 ? std::max(0.0, magnitude) : 0;
    }
    std::vector<double> ours(kLatents);
    for (const auto& latent : model->Encode(x.data())) ours[latent.latent] = latent.value;
    for (int j = 0; j < kLatents; ++j) {
      EXPECT_NEAR(ours[j], expected[j], 1e-5) << j;
      active += expected[j] > 0 ? 1 : 0;
    }
  }
  EXPECT_GT(active, 20);

  SaeFiles signs = SaeLensFiles("abstopk");
  signs.config["k"] = 3;
  const auto split = ImportSae(SaeFormat::kSaeLens, signs, 0);
  ASSERT_TRUE(split.ok()) << split.status();
  EXPECT_EQ(split->weights.latents, 2 * kLatents);
  EXPECT_EQ(split->weights.encoder[(kLatents + 2) * kDim + 1],
            -split->weights.encoder[2 * kDim + 1]);
  EXPECT_THAT(split->notes, ElementsAre(HasSubstr("two directions")));
}

TEST(SaeFormatsTest, OneMoreDimensionOfOneIsTaken) {
  SaeFiles files = SaeLensFiles("topk");
  files.weights.tensors["b_dec"].shape = {1, kDim};
  EXPECT_TRUE(ImportSae(SaeFormat::kSaeLens, files, 0).ok());
  files.weights.tensors["b_dec"].shape = {kDim, 1};
  EXPECT_EQ(Reason(ImportSae(SaeFormat::kSaeLens, files, 0).status()), "SAE_FILES_MALFORMED");
}

TEST(SaeFormatsTest, AScalingFactorOfTheFilesIsTakenUnlessOneIsGiven) {
  SaeFiles files = SaeLensFiles("topk");
  files.config["normalize_activations"] = "expected_average_only_in";
  EXPECT_EQ(Reason(ImportSae(SaeFormat::kSaeLens, files, 0).status()), "SAE_NOT_REPRESENTABLE");
  files.scaling_factor = 0.25f;
  EXPECT_EQ(ImportSae(SaeFormat::kSaeLens, files, 0)->weights.input_scale, 0.25f);
  EXPECT_EQ(ImportSae(SaeFormat::kSaeLens, files, 2)->weights.input_scale, 2.0f);
}

}  // namespace
}  // namespace recsae::cli
