// Each layout is recognised by its files and read as published.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "tests/unit/probe/datasets/files.h"

namespace recsae::probe {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsSupersetOf;
using testing::Not;

using Files = std::map<std::string, std::string>;

struct Expected {
  Format format;
  std::vector<std::string> sequence;  // of the first user
  std::string title;                  // of the first item of it
  std::vector<Attribute> attributes;  // some of them
};

void Check(const Files& files, const std::string& user, const Expected& expected,
           const DatasetOptions& options = {.core = 0}) {
  const std::string folder = NewFolder();
  for (const auto& [name, text] : files) {
    std::filesystem::create_directories(std::filesystem::path(folder + "/" + name).parent_path());
    WriteFile(folder + "/" + name, text);
  }
  const auto format = DetectFormat(folder);
  ASSERT_TRUE(format.ok()) << format.status();
  EXPECT_EQ(static_cast<int>(*format), static_cast<int>(expected.format));
  const auto dataset = ReadDataset(folder, Format::kAuto, options);
  ASSERT_TRUE(dataset.ok()) << dataset.status();
  EXPECT_EQ(dataset->malformed_lines, 0);
  EXPECT_EQ(SequenceIds(*dataset, user), expected.sequence);
  for (const Item& item : dataset->items) {
    if (item.id != expected.sequence.front()) continue;
    EXPECT_EQ(item.title, expected.title);
    EXPECT_THAT(item.attributes, IsSupersetOf(expected.attributes));
  }
}

TEST(LayoutsTest, MovieLensTables) {
  Check({{"ratings.csv", "userId,movieId,rating,timestamp\n1,2,4.5,20\n1,1,5.0,10\n1,3,2.0,5\n"},
         {"movies.csv",
          "movieId,title,genres\n1,\"Tea, The (1995)\",Drama|Comedy\n2,Cup (2001),(no genres "
          "listed)\n"},
         {"links.csv", "movieId,imdbId,tmdbId\n1,0114709,862\n"},
         {"tags.csv", "userId,movieId,tag,timestamp\n1,1,fun,10\n"}},
        "1",
        {Format::kMlCsv,
         {"1", "2"},
         "Tea, The (1995)",
         {{"genre", "Drama"}, {"genre", "Comedy"}, {"decade", "1990s"}}});
}

TEST(LayoutsTest, RecBole) {
  const std::string items =
      "item_id:token\tmovie_title:token_seq\tclass:token_seq\n1\tToy \"Story\tAnimation "
      "Comedy\n2\tHeat\tCrime\n";
  const Expected expected = {
      Format::kRecbole, {"1", "2"}, "Toy \"Story", {{"class", "Animation"}, {"class", "Comedy"}}};
  Check({{"ml.inter", "user_id:token\titem_id:token\ttimestamp:float\nu\t2\t9\nu\t1\t8\n"},
         {"ml.item", items},
         {"ml.user", "user_id:token\tage:float\nu\t3\n"}},
        "u", expected);
  const std::string header = "user_id:token\titem_id:token\n";
  Check({{"ml.train.inter", header + "u\t1\n"},
         {"ml.valid.inter", header},
         {"ml.test.inter", header + "u\t2\n"},
         {"ml.item", items}},
        "u", expected, {});
}

TEST(LayoutsTest, AmazonReviews) {
  Check({{"reviews_Beauty_5.json",
          "{\"reviewerID\": \"A1\", \"asin\": \"B1\", \"overall\": 5.0, \"unixReviewTime\": "
          "1400000000, \"reviewText\": \"x\"}\n"
          "{\"reviewerID\": \"A1\", \"asin\": \"B2\", \"overall\": 4.0, \"unixReviewTime\": "
          "1300000000}\n"
          "{\"reviewerID\": \"A1\", \"asin\": \"B3\", \"overall\": 1.0, \"unixReviewTime\": "
          "1200000000}\n"},
         {"meta_Beauty.json",
          "{'asin': 'B2', 'title': 'Shampoo &amp; \"Co\"', 'categories': [['Beauty', 'Hair']], "
          "'price': 9.99}\n"
          "{\"asin\": \"B1\", \"title\": \"Soap\"}\n"}},
        "A1",
        {Format::kAmazonReviews,
         {"B2", "B1"},
         "Shampoo & \"Co\"",
         {{"category", "Beauty"}, {"category", "Hair"}}});
  // 2023: the catalogue is by parent_asin.
  Check({{"Musical_Instruments.jsonl",
          "{\"rating\": 5.0, \"title\": \"Great\", \"asin\": \"X1\", \"parent_asin\": \"P1\", "
          "\"user_id\": \"AE\", \"timestamp\": 1588687728923}\n"
          "{\"rating\": 4.0, \"asin\": \"X2\", \"parent_asin\": \"P2\", \"user_id\": \"AE\", "
          "\"timestamp\": 1588687728924}\n"},
         {"meta_Musical_Instruments.jsonl",
          "{\"main_category\": \"Music\", \"title\": \"Guitar\", \"parent_asin\": \"P1\", "
          "\"categories\": [\"Strings\"], \"details\": {\"a\": \"b\"}}\n"}},
        "AE",
        {Format::kAmazonReviews,
         {"P1", "P2"},
         "Guitar",
         {{"category", "Strings"}, {"main_category", "Music"}}});
}

TEST(LayoutsTest, SteamDictionaries) {
  Check(
      {{"steam_reviews.json",
        "{u'username': u'Ann', u'product_id': u'10', u'date': u'2017-12-17', u'text': u\"it's\"}\n"
        "{u'username': u'Ann', u'product_id': u'20', u'date': u'2016-01-02', u'hours': 3.5}\n"},
       {"steam_games.json",
        "{u'id': u'20', u'app_name': u'Half-Life', u'genres': [u'Action', u'Classic'], "
        "u'early_access': False}\n"}},
      "Ann",
      {Format::kSteam, {"20", "10"}, "Half-Life", {{"genre", "Action"}, {"genre", "Classic"}}});
  // A user a line, with a list of items.
  Check({{"australian_users_items.json",
          "{'user_id': 'Bob', 'items_count': 2, 'items': [{'item_id': '10', 'item_name': 'CS', "
          "'playtime_forever': 6}, {'item_id': '20', 'item_name': 'HL'}]}\n"}},
        "Bob", {Format::kSteam, {"10", "20"}, "10", {}});
}

TEST(LayoutsTest, YelpAndGoodreads) {
  Check({{"yelp_academic_dataset_review.json",
          "{\"review_id\":\"r1\",\"user_id\":\"u\",\"business_id\":\"b2\",\"stars\":5.0,\"date\":"
          "\"2018-07-07 22:09:11\"}\n"
          "{\"review_id\":\"r2\",\"user_id\":\"u\",\"business_id\":\"b1\",\"stars\":4.0,\"date\":"
          "\"2017-07-07 22:09:11\"}\n"},
         {"yelp_academic_dataset_business.json",
          "{\"business_id\":\"b1\",\"name\":\"Tea "
          "Room\",\"city\":\"Leipzig\",\"categories\":\"Tea, Food\"}\n"
          "{\"business_id\":\"b2\",\"name\":\"Bar\",\"city\":\"Leipzig\",\"categories\":\"Bars, "
          "Food, Tea\"}\n"
          "{\"business_id\":\"b3\",\"name\":\"Pub\",\"city\":\"Ulm\",\"categories\":\"Bars, "
          "Food\"}\n"}},
        "u",
        {Format::kYelp,
         {"b1", "b2"},
         "Tea Room",
         {{"category", "Tea"}, {"category", "Food"}, {"city", "Leipzig"}}});
  Check({{"goodreads_interactions_poetry.json",
          "{\"user_id\": \"u\", \"book_id\": \"7\", \"rating\": 5, \"date_added\": \"Tue Nov 01 "
          "11:18:04 -0700 2011\", \"date_updated\": \"x\"}\n"
          "{\"user_id\": \"u\", \"book_id\": \"8\", \"rating\": 4, \"date_added\": \"Mon Oct 03 "
          "11:18:04 -0700 2011\"}\n"},
         {"goodreads_books_poetry.json",
          "{\"isbn\": \"1\", \"asin\": \"B0\", \"book_id\": \"8\", \"title\": \"Howl\", "
          "\"popular_shelves\": [{\"count\": \"9\", \"name\": \"poetry\"}]}\n"}},
        "u", {Format::kGoodreads, {"8", "7"}, "Howl", {{"popular_shelves", "poetry"}}});
}

TEST(LayoutsTest, BookCrossing) {
  Check({{"BX-Book-Ratings.csv",
          "\"User-ID\";\"ISBN\";\"Book-Rating\"\n\"1\";\"0001\";\"9\"\n\"1\";\"0002\";\"8\"\n\"1\";"
          "\"0003\";\"0\"\n\"2\";\"0001\";\"10\"\n"},
         {"BX-Books.csv",
          "\"ISBN\";\"Book-Title\";\"Book-Author\";\"Image-URL-S\"\n\"0001\";\"Ma\xDF \\\"und\\\" "
          "Tee\";\"K. Author\";\"http://x\"\n"},
         {"BX-Users.csv", "\"User-ID\";\"Location\";\"Age\"\n\"1\";\"ulm\";NULL\n"}},
        "1",
        {Format::kBookCrossing,
         {"0001", "0002"},
         "Ma\u00DF \"und\" Tee",
         {{"book-author", "K. Author"}}});
}

TEST(LayoutsTest, KuaiRec) {
  Check(
      {{"big_matrix.csv",
        "user_id,video_id,play_duration,video_duration,time,date,timestamp,watch_ratio\n"
        "0,5,1,1,2020-07-05 "
        "00:08:23.438,20200705,1593878903.5,2.5\n0,6,1,1,x,1,1593878800,2.0\n0,7,1,1,x,1,1,0.3\n"},
       {"item_categories.csv", "video_id,feat\n6,\"[27, 9]\"\n5,[8]\n"},
       {"kuairec_caption_category.csv",
        "video_id,caption,first_level_category_name\n6,\u7EFF\u8336,\u7F8E\u98DF\n"}},
      "0",
      {Format::kKuairec,
       {"6", "5"},
       "\u7EFF\u8336",
       {{"feat", "27"}, {"feat", "9"}, {"first_level_category_name", "\u7F8E\u98DF"}}});
}

TEST(LayoutsTest, Sessions) {
  Check({{"yoochoose-clicks.dat",
          "1,2014-04-07T10:54:09.868Z,200,0\n1,2014-04-07T10:51:09.277Z,100,0\n2,2014-04-07T10:51:"
          "09.277Z,100,S\n"}},
        "1", {Format::kYoochoose, {"100", "200"}, "100", {}});
  Check({{"train-item-views.csv",
          "sessionId;userId;itemId;timeframe;eventdate\n1;NA;81766;526309;2016-05-09\n1;NA;31331;"
          "10;2016-05-09\n"},
         {"products.csv", "itemId;pricelog2;product.name.tokens\n31331;10;1,2,3\n"},
         {"product-categories.csv", "itemId;categoryId\n31331;7\n"}},
        "1", {Format::kDiginetica, {"31331", "81766"}, "1,2,3", {{"categoryid", "7"}}});
}

TEST(LayoutsTest, LastFm) {
  Check({{"LFM-1b_LEs.txt", "31\t5\t9\t11\t1385212958\n31\t6\t9\t12\t1385212900\n"},
         {"LFM-1b_artists.txt", "5\tThe \"Fives\n6\tSix\n"}},
        "31", {Format::kLfm, {"6", "5"}, "Six", {}});
  Check({{"listening_events.tsv",
          "user_id\ttrack_id\talbum_id\ttimestamp\n1\t7\t1\t2020-01-02 "
          "10:00:00\n1\t8\t1\t2019-01-02 10:00:00\n"},
         {"tracks.tsv", "track_id\tartist_name\ttrack_name\n8\tBand\tSong\n"}},
        "1", {Format::kLfm, {"8", "7"}, "Song", {{"artist_name", "Band"}}});
}

TEST(LayoutsTest, MindTakesClicksAndHistory) {
  Check(
      {{"behaviors.tsv",
        "1\tU1\t11/11/2019 9:05:58 AM\tN9 N8\tN1-0 N2-1\n2\tU1\t11/10/2019 9:05:58 AM\tN9 "
        "N8\tN3-1\n"},
       {"news.tsv",
        "N9\tsports\tgolf\tThe \"Open\t abstract\thttps://x\t[]\t[]\nN2\tnews\tus\tTwo\t\t\t\t\n"}},
      "U1",
      {Format::kMind,
       {"N9", "N8", "N3", "N2"},
       "The \"Open",
       {{"category", "sports"}, {"subcategory", "golf"}}});
}

TEST(LayoutsTest, SplitFilesUnderAnyName) {
  const std::string header = "user,item,time\n";
  for (const char* dev : {"dev.csv", "valid.csv", "val.csv", "validation.csv"}) {
    Check({{"train.csv", header + "u,a,1\n"},
           {dev, header + "u,b,2\n"},
           {"test.csv", header + "u,c,3\n"},
           {"items.csv", "item,title\na,Alpha\n"}},
          "u", {Format::kRechorus, {"a", "b", "c"}, "Alpha", {}}, {});
  }
}

TEST(LayoutsTest, AnyTablesAreToldByTheirColumns) {
  Check(
      {{"orders_2020.csv", "Customer ID,StockCode,InvoiceDate\n7,s1,2020-01-02\n7,s2,2020-01-01\n"},
       {"orders_2021.csv", "Customer ID,StockCode,InvoiceDate\n7,s3,2021-01-01\n"},
       {"stock.tsv", "StockCode\tname\tkind\ns2\tCup\tKitchen\n"},
       {"README.txt", "about this data\n"}},
      "7", {Format::kCsv, {"s2", "s1", "s3"}, "Cup", {{"kind", "Kitchen"}}});
  // Part files of a folder, and JSON lines as pandas writes them.
  Check({{"interactions/part-00000.csv", "user,item\n1,a\n"},
         {"interactions/part-00001.csv", "user,item\n1,b\n"},
         {"interactions/_SUCCESS", ""}},
        "1", {Format::kCsv, {"a", "b"}, "a", {}});
  Check({{"interactions.jsonl",
          "{\"user\":1,\"item\":12,\"extra\":null}\n{\"user\":1,\"item\":13}\n"},
         {"items.json",
          "[\n {\"id\": 12,\n  \"title\": 1984, \"genre\": \"Crime\"},\n {\"id\": 13, \"title\": "
          "\"B\"}\n]\n"}},
        "1", {Format::kCsv, {"12", "13"}, "1984", {{"genre", "Crime"}}});
}

TEST(LayoutsTest, WhatIsNotUnderstoodIsNamed) {
  const std::string folder = NewFolder();
  WriteFile(folder + "/log.csv", "who,what\na,b\n");
  const absl::Status unknown = ReadDataset(folder).status();
  EXPECT_EQ(Reason(unknown), "DATASET_FORMAT_UNKNOWN");
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("log.csv (its columns are who, what)"));
  EXPECT_THAT(std::string(unknown.message()), HasSubstr("--columns"));
  DatasetOptions options;
  options.columns.of(Role::kUser) = "who";
  options.columns.of(Role::kItem) = "what";
  EXPECT_TRUE(ReadDataset(folder, Format::kAuto, options).ok());
  std::filesystem::remove(folder + "/log.csv");
  WriteFile(folder + "/log.parquet", "PAR1");
  EXPECT_THAT(std::string(ReadDataset(folder).status().message()), HasSubstr("Python package"));
}

}  // namespace
}  // namespace recsae::probe
