#include "clients/cli/text/dataset_path.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace recsae::cli {
namespace {

namespace fs = std::filesystem;

TEST(DatasetArgumentTest, NamesStay) {
  for (const auto& [typed, asked] : {std::pair{"ml-1m", "ml-1m"},
                                     {"my shop//", "my shop"},
                                     {" my-shop ", "my-shop"},
                                     {"..shop", "..shop"},
                                     {"https://shop.example/data", "https://shop.example/data"},
                                     {"./of-the-server", "of-the-server"}}) {
    EXPECT_EQ(DatasetArgument(typed), asked);
  }
}

TEST(DatasetArgumentTest, PathsBecomeWholeOnesOfFolders) {
  const fs::path root = fs::canonical(::testing::TempDir()) / "dataset_path";
  fs::create_directories(root / "shop");
  std::ofstream(root / "shop" / "interactions.csv") << "user,item\n";
  const std::string shop = (root / "shop").string();
  const fs::path before = fs::current_path();
  fs::current_path(root);
  for (const std::string& typed :
       std::vector<std::string>{shop, shop + "/", "file://" + shop, "./shop", "shop/../shop/",
                                shop + "/interactions.csv", std::string("shop/interactions.csv")}) {
    EXPECT_EQ(DatasetArgument(typed), shop) << typed;
  }
  fs::current_path(shop);
  EXPECT_EQ(DatasetArgument("."), shop);
  EXPECT_EQ(DatasetArgument(".."), root.string());
  const std::string home = std::getenv("HOME") == nullptr ? "" : std::getenv("HOME");
  setenv("HOME", root.c_str(), 1);
  EXPECT_EQ(DatasetArgument("~/shop"), shop);
  setenv("HOME", home.c_str(), 1);
  fs::current_path(before);
  EXPECT_EQ(DatasetArgument("/srv/data/elsewhere/"), "/srv/data/elsewhere");
}

}  // namespace
}  // namespace recsae::cli
