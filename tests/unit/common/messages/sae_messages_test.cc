#include "common/messages/sae_messages.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "tests/unit/common/sae/testing.h"

namespace recsae {
namespace {

using concept_store::v1::Sae;
using Piece = concept_store::v1::SaeWeights;
using sae::Architecture;

sae::SaeWeights Sample(Architecture architecture, int dim = 5, int latents = 30) {
  sae::SaeWeights weights = sae::RandomWeights(dim, latents, 3, architecture, 1);
  weights.input_scale = 0.25F;
  weights.threshold.clear();
  for (int j = 0; sae::HasThreshold(architecture) && j < latents; ++j) {
    weights.threshold.push_back(0.1F * static_cast<float>(j));
  }
  return weights;
}

Sae Described(const sae::SaeWeights& weights) {
  Sae sae;
  sae.set_name("saes/mine");
  DescribeWeights(weights, &sae);
  return sae;
}

std::vector<Piece> Pieces(const sae::SaeWeights& weights) {
  std::vector<Piece> pieces;
  EXPECT_TRUE(WriteWeights(weights, [&](Piece& piece) {
    pieces.push_back(piece);
    return true;
  }));
  return pieces;
}

absl::StatusOr<sae::SaeWeights> Assemble(const Sae& sae, const std::vector<Piece>& pieces) {
  RECSAE_ASSIGN_OR_RETURN(WeightAssembler assembler, WeightAssembler::Create(sae));
  for (const Piece& piece : pieces) RECSAE_RETURN_IF_ERROR(assembler.Add(piece));
  return assembler.Finish();
}

TEST(SaeMessages, EveryArchitectureComesBackWhole) {
  for (const Architecture architecture :
       {Architecture::kTopK, Architecture::kTopKSigned, Architecture::kBatchTopK,
        Architecture::kJumpRelu, Architecture::kRelu, Architecture::kPursuit}) {
    const sae::SaeWeights weights = Sample(architecture);
    const absl::StatusOr<sae::SaeWeights> back = Assemble(Described(weights), Pieces(weights));
    ASSERT_TRUE(back.ok()) << back.status();
    EXPECT_EQ(back->dim, weights.dim);
    EXPECT_EQ(back->latents, weights.latents);
    EXPECT_EQ(back->k, weights.k);
    EXPECT_EQ(back->architecture, architecture);
    EXPECT_EQ(back->input_scale, weights.input_scale);
    EXPECT_EQ(back->encoder, weights.encoder);
    EXPECT_EQ(back->encoder_bias, weights.encoder_bias);
    EXPECT_EQ(back->decoder, weights.decoder);
    EXPECT_EQ(back->pre_bias, weights.pre_bias);
    EXPECT_EQ(back->threshold, weights.threshold);
  }
}

TEST(SaeMessages, LargeWeightsComeInPiecesOfAboutAMebibyteInAnyOrder) {
  const sae::SaeWeights weights = Sample(Architecture::kJumpRelu, 100, 7000);
  std::vector<Piece> pieces = Pieces(weights);
  EXPECT_GT(pieces.size(), 6U);
  for (const Piece& piece : pieces) EXPECT_LT(piece.ByteSizeLong(), size_t{2} << 20);
  std::mt19937 random(5);
  std::shuffle(pieces.begin(), pieces.end(), random);
  const absl::StatusOr<sae::SaeWeights> back = Assemble(Described(weights), pieces);
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(back->encoder, weights.encoder);
  EXPECT_EQ(back->decoder, weights.decoder);
}

TEST(SaeMessages, NoEncoderBiasIsSentAsZeros) {
  sae::SaeWeights weights = Sample(Architecture::kTopKSigned);
  weights.encoder_bias.clear();
  EXPECT_EQ(Assemble(Described(weights), Pieces(weights))->encoder_bias, std::vector<float>(30));
}

TEST(SaeMessages, WritingEndsWhenAPieceIsNotTaken) {
  int taken = 0;
  EXPECT_FALSE(WriteWeights(Sample(Architecture::kTopK), [&](Piece&) { return ++taken < 2; }));
  EXPECT_EQ(taken, 2);
}

TEST(SaeMessages, RefusesWhatDoesNotFit) {
  const sae::SaeWeights weights = Sample(Architecture::kJumpRelu);
  const Sae sae = Described(weights);
  const std::vector<Piece> good = Pieces(weights);
  const auto reason = [](const Sae& of, const std::vector<Piece>& pieces) {
    return Reason(Assemble(of, pieces).status());
  };
  EXPECT_EQ(reason(sae, {good.begin(), good.end() - 1}), "WEIGHTS_INCOMPLETE");
  Sae topk = sae;
  topk.set_architecture(Sae::ARCHITECTURE_TOPK);
  EXPECT_EQ(reason(topk, good), "WEIGHTS_INCOMPLETE");
  for (const int64_t row : {int64_t{-1}, int64_t{1}, INT64_MAX}) {
    std::vector<Piece> moved = good;
    moved[2].set_start_row(row);
    EXPECT_EQ(reason(sae, moved), "WEIGHTS_INCOMPLETE") << row;
  }
  std::vector<Piece> twice = good;
  twice.push_back(good[0]);
  EXPECT_EQ(reason(sae, twice), "WEIGHTS_INCOMPLETE");
  Sae later = sae;
  later.set_architecture(static_cast<Sae::Architecture>(99));
  EXPECT_EQ(reason(later, good), "SAE_ARCHITECTURE_UNKNOWN");
  later.clear_architecture();
  EXPECT_EQ(reason(later, good), "SAE_ARCHITECTURE_UNKNOWN");
}

}  // namespace
}  // namespace recsae
