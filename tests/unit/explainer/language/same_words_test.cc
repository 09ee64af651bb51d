#include "services/explainer/language/same_words.h"

#include <gtest/gtest.h>

namespace recsae::explainer {
namespace {

TEST(SameWordsTest, FoldsWhatSearchFolds) {
  EXPECT_TRUE(SayTheSame("Horror", "horror"));
  EXPECT_TRUE(SayTheSame("90s thrillers", "1990s Thriller"));
  EXPECT_TRUE(SayTheSame("ÉTUDES für Klavier", "études FÜR klavier"));
  EXPECT_TRUE(SayTheSame("ΜΟΥΣΙΚΗ", "μουσικη"));
  EXPECT_TRUE(SayTheSame("Horror, Comedy", "Horror")) << "half of the words";
  EXPECT_FALSE(SayTheSame("Horror, Comedy, Drama", "Horror"));
  EXPECT_FALSE(SayTheSame("ужасы", "комедии"));
}

}  // namespace
}  // namespace recsae::explainer
