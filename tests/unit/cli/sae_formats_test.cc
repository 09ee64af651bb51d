#include "clients/cli/formats/sae_formats.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
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
  auto files = ExportSae(format, weights, kAbout);
  EXPECT_TRUE(files.ok()) << files.status();
  return ThroughBytes(*files);
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
    // The matrices are not part of the record: with one changed, the rest is restored.
    const bool restored = std::string(tensor) == "W_dec";
    EXPECT_EQ(imported->weights.input_scale, restored ? 0.37f : 1.0f);
    EXPECT_EQ(imported->weights.architecture,
              restored ? Architecture::kBatchTopK : Architecture::kJumpRelu);
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
  const SaeFiles files = Exported(SaeFormat::kSparsify, OurSae(Architecture::kTopK));
  ASSERT_TRUE(WriteSaeFiles(files, folder_, kSparsifyWeights, false).ok());
  const auto read = ReadSaeFiles(folder_, kSparsifyWeights);
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->config, files.config);
  ExpectSameTensors(*read, files);
  EXPECT_EQ(read->weights.metadata, files.weights.metadata);

  const absl::Status again = WriteSaeFiles(files, folder_, kSaeLensWeights, false);
  EXPECT_TRUE(absl::IsAlreadyExists(again)) << again;
  EXPECT_THAT(std::string(again.message()), HasSubstr("cfg.json"));
  EXPECT_FALSE(std::filesystem::exists(folder_ + "/" + kSaeLensWeights));
  EXPECT_TRUE(WriteSaeFiles(files, folder_, kSparsifyWeights, true).ok());
  Write("file", "");
  EXPECT_EQ(Reason(WriteSaeFiles(files, folder_ + "/file", kSparsifyWeights, false)),
            "FILE_NOT_WRITTEN");
}

TEST_F(SaeFolderTest, ErrorsNameTheFile) {
  const auto error = [&] { return ReadSaeFiles(folder_, kSaeLensWeights).status(); };
  EXPECT_TRUE(absl::IsNotFound(error()));
  EXPECT_THAT(std::string(error().message()), HasSubstr("cfg.json"));
  for (const char* text : {"", "[]", "{", "{\"a\": NaN}", "{\"a\": \"\xFF\"}"}) {
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
  std::filesystem::remove(folder_ + "/cfg.json");
  std::filesystem::create_directories(folder_ + "/cfg.json");
  EXPECT_TRUE(absl::IsNotFound(error())) << "a folder is no file";
}

TEST_F(SaeFolderTest, TellsItsFormat) {
  EXPECT_TRUE(absl::IsNotFound(GuessSaeFormat(folder_).status()));
  Write(kSparsifyWeights, "");
  EXPECT_EQ(GuessSaeFormat(folder_).value(), SaeFormat::kSparsify);
  Write(kSaeLensWeights, "");
  EXPECT_EQ(Reason(GuessSaeFormat(folder_).status()), "SAE_FORMAT_UNCLEAR");
  std::filesystem::remove(folder_ + "/" + kSparsifyWeights);
  EXPECT_EQ(GuessSaeFormat(folder_).value(), SaeFormat::kSaeLens);
  for (const char* name : {kSaeLensFormat, kSparsifyFormat}) {
    EXPECT_STREQ(SaeFormatName(ParseSaeFormat(name)), name);
  }
}

}  // namespace
}  // namespace recsae::cli
