// Bytes as the files of a data set, in each format: refused with a reason, or a data set in itself
// consistent. The first byte chooses the format; the files are parted by a byte 0x1C.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "services/probe/datasets/readers.h"
#include "tests/fuzz/fuzzing.h"

namespace {

using recsae::probe::Format;

struct Layout {
  Format format;
  std::vector<const char*> files;
};

const std::vector<Layout>& Layouts() {
  static const auto* layouts = new std::vector<Layout>{
      {Format::kCsv, {"interactions.csv", "items.csv"}},
      {Format::kMl1m, {"ratings.dat", "movies.dat"}},
      {Format::kMl100k, {"u.data", "u.item", "u.genre"}},
      {Format::kRechorus, {"train.csv", "dev.csv", "test.csv", "item_meta.csv"}},
      {Format::kHetrecLastfm,
       {"artists.dat", "user_artists.dat", "user_taggedartists.dat", "tags.dat"}},
      {Format::kItemSequences, {"sequences.txt", "items.tsv"}},
      {Format::kAuto, {"log.csv", "things.json"}},
      {Format::kCsv, {"interactions.jsonl", "items.json"}},
      {Format::kRecbole, {"a.inter", "a.item"}},
      {Format::kAmazonReviews, {"reviews_5.json", "meta_a.json"}},
      {Format::kSteam, {"australian_users_items.json", "steam_games.json"}},
      {Format::kMind, {"behaviors.tsv", "news.tsv"}},
      {Format::kLfm, {"LFM-1b_LEs.txt", "LFM-1b_artists.txt"}},
      {Format::kCsv, {"interactions.csv.gz", "items.csv.zst"}},
      {Format::kMlCsv, {"ratings.csv", "movies.csv"}},
      {Format::kYelp, {"yelp_academic_dataset_review.json", "yelp_academic_dataset_business.json"}},
      {Format::kGoodreads, {"goodreads_interactions_a.json", "goodreads_books_a.json"}},
      {Format::kBookCrossing, {"BX-Book-Ratings.csv", "BX-Books.csv"}},
      {Format::kKuairec, {"big_matrix.csv", "item_categories.csv"}},
      {Format::kYoochoose, {"yoochoose-clicks.dat"}},
      {Format::kDiginetica, {"train-item-views.csv", "products.csv", "product-categories.csv"}}};
  return *layouts;
}

void Check(const recsae::probe::Dataset& dataset) {
  using recsae::fuzz::Require;
  std::set<std::string> ids;
  for (const recsae::probe::Item& item : dataset.items) {
    Require(recsae::IsUtf8(item.id) && recsae::IsUtf8(item.title), "texts are UTF-8");
    Require(ids.insert(item.id).second, "ids are unique");
    for (const recsae::probe::Attribute& attribute : item.attributes) {
      Require(recsae::IsUtf8(attribute.key) && recsae::IsUtf8(attribute.value),
              "attributes are UTF-8");
      Require(!attribute.value.empty(), "attributes say something");
    }
  }
  for (const std::string& user : dataset.users) Require(recsae::IsUtf8(user), "users are UTF-8");
  for (const recsae::probe::Remark& remark : dataset.remarks) {
    Require(recsae::IsUtf8(remark.text), "remarks are UTF-8");
    for (const std::string& example : remark.examples) {
      Require(recsae::IsUtf8(example), "examples are UTF-8");
    }
  }
  Require(dataset.sequences.size() == dataset.users.size(), "a sequence for each user");
  Require(dataset.train_length.size() == dataset.users.size(), "a training length for each user");
  for (size_t user = 0; user < dataset.sequences.size(); ++user) {
    Require(dataset.train_length[user] >= 0 &&
                static_cast<size_t>(dataset.train_length[user]) <= dataset.sequences[user].size(),
            "the training prefix lies in the sequence");
    for (const int32_t item : dataset.sequences[user]) {
      Require(item >= 0 && static_cast<size_t>(item) < dataset.items.size(), "items are known");
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const Layout& layout = Layouts()[data[0] % Layouts().size()];
  absl::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::filesystem::remove_all(recsae::fuzz::Folder());
  std::filesystem::create_directories(recsae::fuzz::Folder());
  for (const char* name : layout.files) {
    const size_t end = rest.find('\x1c');
    recsae::fuzz::WriteInput(name, rest.substr(0, end));
    rest = end == absl::string_view::npos ? "" : rest.substr(end + 1);
  }
  const auto dataset = recsae::probe::ReadDataset(recsae::fuzz::Folder().string(), layout.format);
  recsae::fuzz::RequireGoodError(dataset.status());
  if (dataset.ok()) Check(*dataset);
  return 0;
}
