#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "common/base/words.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/meaning/meaning_index.h"
#include "services/concept-store/meaning/meaning_text.h"
#include "services/concept-store/meaning/meaning_texts.h"
#include "services/concept-store/search/concept_index.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

v1::Concept Said(const std::string& description, const std::string& popularity = "") {
  v1::Concept latent_concept = SampleConcept(1, description, {"Horror"});
  if (!popularity.empty()) {
    v1::Term* term = latent_concept.add_terms();
    term->set_text(popularity);
    term->set_kind("popularity");
  }
  return latent_concept;
}

TEST(MeaningText, IsWhatTheConceptSays) {
  EXPECT_EQ(MeaningText(Said("Horror; like Misery, Carrie")), "Horror");
  EXPECT_EQ(MeaningText(Said("obscure Horror", "obscure")), "Horror");
  EXPECT_EQ(MeaningText(Said("obscure Horror")), "obscure Horror") << "somebody's own word";
  EXPECT_EQ(MeaningText(Said("obscure", "obscure")), "obscure") << "it says nothing else";
  EXPECT_EQ(MeaningText(Said("")), "Horror") << "its terms";
  v1::Concept silent = Said("");
  silent.clear_terms();
  EXPECT_EQ(MeaningText(silent), "");
}

TEST(MeaningTexts, EachIsWantedOnceAndForgottenWithItsLastUse) {
  MeaningTexts texts;
  texts.Use("a");
  texts.Use("a");
  texts.Use("b");
  texts.Use("");
  texts.Use("c");
  texts.Drop("b");
  EXPECT_THAT(texts.WaitForWanted(10), ElementsAre("a", "c"));
  texts.Set("a", std::vector<float>{3, 4});
  texts.Set("b", std::vector<float>{1, 0});  // of nobody any more
  EXPECT_EQ(texts.counts().known, 1);
  EXPECT_EQ(texts.counts().wanted, 1);
  EXPECT_THAT(*texts.Find(std::vector<absl::string_view>{"a"})[0].embedding,
              ElementsAre(0.6f, 0.8f));
  texts.Drop("a");
  EXPECT_EQ(texts.counts().known, 1) << "one more says it";
  texts.Drop("a");
  EXPECT_EQ(texts.counts().known, 0);
  EXPECT_EQ(texts.counts().bytes, 0);
  texts.Stop();
  EXPECT_THAT(texts.WaitForWanted(10), IsEmpty());
}

TEST(MeaningTexts, WhatHasNoRoomIsWantedAgainOnceThereIs) {
  MeaningTexts texts(16);
  for (const char* text : {"a", "b", "c"}) {
    texts.Use(text);
    texts.Set(text, std::vector<float>{1, 1});
  }
  EXPECT_EQ(texts.counts().known, 2);
  EXPECT_EQ(texts.counts().bytes, 16);
  EXPECT_EQ(texts.Find(std::vector<absl::string_view>{"c"})[0].gap, MeaningGap::kFull);
  EXPECT_THAT(texts.WaitForWanted(10), ElementsAre("c"));
  texts.Drop("a");
  EXPECT_THAT(texts.WaitForWanted(10), ElementsAre("c"));
  texts.Set("c", std::vector<float>{1, 1});
  EXPECT_EQ(texts.counts().known, 2);
}

TEST(MeaningTexts, AnEmbeddingWithoutADirectionIsNone) {
  EXPECT_EQ(Normalized(std::vector<float>{0, 0}), nullptr);
  EXPECT_EQ(Normalized(std::vector<float>{}), nullptr);
  MeaningTexts texts;
  texts.Use("a");
  texts.Set("a", std::vector<float>{0, 0});
  EXPECT_EQ(texts.counts().known, 0);
}

TEST(MeaningIndex, NearestFirstOneOfEachText) {
  MeaningTexts texts;
  MeaningIndex index;
  const std::vector<std::pair<std::string, std::vector<float>>> known = {
      {"horror", {1, 0}}, {"ghosts", {0.8f, 0.6f}}, {"war", {0, 1}}};
  for (const auto& [text, values] : known) {
    texts.Use(text);
    texts.Set(text, values);
  }
  texts.Use("new");
  texts.Use("wide");
  texts.Set("wide", std::vector<float>{1, 0, 0});  // of another model
  index.Put(1, "horror", 1);
  index.Put(2, "horror", 2);
  index.Put(3, "ghosts", 2);
  index.Put(4, "war", 2);
  index.Put(5, "new", 2);
  index.Put(6, "wide", 2);
  index.Put(7, "", 2);
  const Comparison found = index.Compare(texts, std::vector<float>{1, 0});
  std::vector<int32_t> latents;
  for (const NearConcept& near : found.nearest) latents.push_back(near.latent);
  EXPECT_THAT(latents, ElementsAre(2, 3, 4));
  EXPECT_NEAR(found.nearest[1].similarity, 0.8, 1e-6);
  EXPECT_EQ(found.similarities.size(), 4U);
  EXPECT_EQ(found.pending, 2);
  // Cosines .8, 0 and .6.
  EXPECT_NEAR(*found.typical_similarity, 1.4 / 3, 1e-6);
  index.Put(2, "war", 2);
  index.Remove(4);
  EXPECT_EQ(index.Compare(texts, std::vector<float>{1, 0}).nearest[0].latent, 1);
  EXPECT_EQ(index.Compare(texts, std::vector<float>{1, 0}).nearest[2].latent, 2);
}

TEST(MeaningIndex, OfTwoAboutAsNearTheWeightierOneComesFirst) {
  MeaningTexts texts;
  MeaningIndex index;
  for (const auto& [text, values] : std::vector<std::pair<std::string, std::vector<float>>>{
           {"seldom", {1, 0}}, {"often", {0.99f, std::sqrt(1 - 0.99f * 0.99f)}}}) {
    texts.Use(text);
    texts.Set(text, values);
  }
  index.Put(1, "seldom", 1);
  index.Put(2, "often", 8);
  EXPECT_EQ(index.Compare(texts, std::vector<float>{1, 0}).nearest[0].latent, 2);
}

class CombinedSearch : public testing::Test {
 protected:
  CombinedSearch() : index_(&texts_) {
    IndexEditor editor(index_);
    editor.AddSae("a", 16);
    Put(editor, 1, "Horror");
    Put(editor, 2, "Adventure");
    Put(editor, 3, "Sci-Fi");
    Put(editor, 4, "Adventure, 1990s");
  }
  void Put(IndexEditor& editor, int32_t latent, const std::string& description) {
    editor.Put("a", Summarize(SampleConcept(latent, description, {})));
  }
  void Know(const std::string& text, const std::vector<float>& values) { texts_.Set(text, values); }
  std::vector<int32_t> Search(const std::string& query, const Embedding* meaning,
                              size_t most = 10) {
    found_ = index_.Search("a", SearchWords(query), most, meaning);
    std::vector<int32_t> latents;
    for (const Found::Hit& hit : found_.hits) latents.push_back(hit.latent);
    return latents;
  }

  MeaningTexts texts_;
  ConceptIndex index_;
  Found found_;
  const Embedding space_ = {0, 1};
};

TEST_F(CombinedSearch, MeaningDecidesWhereTheConceptsDoNotHaveAllWords) {
  Know("Horror", {1, 0});
  Know("Adventure", {0.8f, 0.6f});
  Know("Sci-Fi", {0, 1});
  Know("Adventure, 1990s", {0.9f, 0.1f});
  EXPECT_THAT(Search("rocket adventures", nullptr), UnorderedElementsAre(2, 4));
  EXPECT_THAT(Search("rocket adventures", &space_), ElementsAre(3, 2, 4, 1));
  EXPECT_TRUE(found_.hits[0].by_meaning);
  EXPECT_NEAR(*found_.hits[0].similarity, 1, 1e-6);
  EXPECT_EQ(found_.compared, 4);
  EXPECT_EQ(found_.pending, 0);
  for (size_t i = 1; i < found_.hits.size(); ++i) {
    EXPECT_LE(found_.hits[i].score, found_.hits[i - 1].score);
  }
  EXPECT_THAT(Search("rocket adventures", &space_, 2), ElementsAre(3, 2));
}

TEST_F(CombinedSearch, WordsThatTheConceptsHaveAreNeverOverridden) {
  Know("Horror", {1, 0});
  Know("Adventure", {0.8f, 0.6f});
  Know("Sci-Fi", {0, 1});
  Know("Adventure, 1990s", {0.9f, 0.1f});
  const std::vector<int32_t> found = Search("horror", &space_);
  EXPECT_EQ(found.front(), 1);
  EXPECT_FALSE(found_.hits[0].by_meaning);
  EXPECT_GT(found_.hits[0].score, found_.hits[1].score);
  EXPECT_TRUE(found_.hits[1].by_meaning);
  // "90s" and "horror" are words of concepts, if not of one.
  EXPECT_THAT(Search("90s horror", &space_, 1), ElementsAre(1));
  EXPECT_FALSE(found_.hits[0].by_meaning);
}

TEST_F(CombinedSearch, WhatIsNotEmbeddedIsFoundByItsWords) {
  Know("Sci-Fi", {0, 1});
  EXPECT_THAT(Search("rocket adventures", &space_),
              ElementsAre(testing::AnyOf(2, 4), testing::AnyOf(2, 4), 3));
  EXPECT_EQ(found_.compared, 1);
  EXPECT_EQ(found_.pending, 3);
}

TEST_F(CombinedSearch, TextsComeAndGoWithTheirConcepts) {
  EXPECT_THAT(texts_.All(),
              UnorderedElementsAre("Horror", "Adventure", "Sci-Fi", "Adventure, 1990s"));
  {
    IndexEditor editor(index_);
    Put(editor, 1, "Horror");  // the same again
    Put(editor, 2, "Western");
    editor.Remove("a", 3);
  }
  EXPECT_THAT(texts_.All(), UnorderedElementsAre("Horror", "Western", "Adventure, 1990s"));
  IndexEditor(index_).RemoveSae("a");
  EXPECT_THAT(texts_.All(), IsEmpty());
}

}  // namespace
}  // namespace recsae::concept_store
