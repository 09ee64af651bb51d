// Flags that name a data set, as the request they become.
#include "clients/cli/flags/dataset_flags.h"

#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <string>

#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {
namespace {

probe::v1::DatasetRef Parsed(const std::string& line) {
  CLI::App app;
  DatasetFlags flags;
  Command command(app);
  AddDatasetFlags(command, flags);
  app.parse(line);
  return MakeDatasetRef("shop", flags);
}

TEST(DatasetFlagsTest, NoFlagsSetNoOptions) {
  const probe::v1::DatasetRef ref = Parsed("");
  EXPECT_EQ(ref.name(), "shop");
  EXPECT_FALSE(ref.has_options());
  EXPECT_EQ(ref.format(), probe::v1::DATASET_FORMAT_UNSPECIFIED);
}

TEST(DatasetFlagsTest, EachFlagSetsItsOption) {
  const probe::v1::DatasetRef ref = Parsed(
      "--format hetrec_lastfm --core 0 --positive-threshold 2.5 --split leave-one-out "
      "--split-seed 7");
  EXPECT_EQ(ref.format(), probe::v1::DATASET_FORMAT_HETREC_LASTFM);
  ASSERT_TRUE(ref.options().has_core());
  EXPECT_EQ(ref.options().core(), 0);
  EXPECT_EQ(ref.options().positive_threshold(), 2.5);
  EXPECT_EQ(ref.options().split(), probe::v1::DatasetOptions::SPLIT_MODE_LEAVE_ONE_OUT);
  EXPECT_EQ(ref.options().seed(), 7);
  EXPECT_EQ(Parsed("--split given").options().split(), probe::v1::DatasetOptions::SPLIT_MODE_GIVEN);
  EXPECT_FALSE(Parsed("--split given").options().has_core());
  EXPECT_EQ(Parsed("--format item_sequences").format(), probe::v1::DATASET_FORMAT_ITEM_SEQUENCES);
}

TEST(DatasetFlagsTest, ColumnsAndRepeats) {
  const probe::v1::DatasetOptions options =
      Parsed("--columns user=who,item=what --columns attribute=kind,attribute=brand --repeats drop")
          .options();
  EXPECT_EQ(options.columns().user(), "who");
  EXPECT_EQ(options.columns().item(), "what");
  ASSERT_EQ(options.columns().attributes_size(), 2);
  EXPECT_EQ(options.columns().attributes(1), "brand");
  EXPECT_EQ(options.repeats(), probe::v1::DatasetOptions::REPEAT_MODE_DROP);
  EXPECT_EQ(MakeDatasetRef("shop/", DatasetFlags()).name(), "shop");
  EXPECT_EQ(MakeDatasetRef("/", DatasetFlags()).name(), "/");
}

TEST(DatasetFlagsTest, UnknownWordsAreRefused) {
  EXPECT_THROW(Parsed("--columns who"), CLI::ValidationError);
  EXPECT_THROW(Parsed("--columns buyer=who"), CLI::ValidationError);
  EXPECT_THROW(Parsed("--repeats some"), CLI::ValidationError);
  EXPECT_THROW(Parsed("--split random"), CLI::ValidationError);
  EXPECT_THROW(Parsed("--core few"), CLI::ConversionError);
}

}  // namespace
}  // namespace recsae::cli
