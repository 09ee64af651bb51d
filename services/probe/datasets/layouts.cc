#include "services/probe/datasets/layouts.h"

#include <fnmatch.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/probe/datasets/byte_source.h"
#include "services/probe/datasets/other_kinds.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

constexpr double kAll = -std::numeric_limits<double>::infinity();

// In the order in which they are tried: of two that fit, the one that says more comes first.
constexpr std::array kLayouts = std::to_array<Layout>({
    {.format = Format::kMl1m,
     .name = "ml-1m",
     .interactions = "ratings.dat",
     .files = "ratings.dat and movies.dat",
     .core = 5,
     .read = ReadMl1m},
    {.format = Format::kMl100k,
     .name = "ml-100k",
     .interactions = "u.data",
     .files = "u.data and u.item",
     .core = 5,
     .read = ReadMl100k},
    {.format = Format::kHetrecLastfm,
     .name = "hetrec-lastfm",
     .interactions = "user_artists.dat",
     .files = "user_artists.dat, artists.dat, tags.dat and user_taggedartists.dat",
     .positive_threshold = kAll,
     .core = 5,
     .read = ReadHetrecLastfm},
    {.format = Format::kItemSequences,
     .name = "item-sequences",
     .interactions = "sequences.txt",
     .files = "sequences.txt and items.tsv",
     .positive_threshold = kAll,
     .read = ReadItemSequences},
    {.format = Format::kCsv,
     .name = "csv",
     .interactions = "interactions.*|interactions",
     .items = "items.*|items",
     .files =
         "interactions.csv and items.csv, or tables whose header lines name a user and an item"},
    {.format = Format::kMind,
     .name = "mind",
     .interactions = "behaviors.tsv",
     .items = "news.tsv",
     .files = "behaviors.tsv and news.tsv",
     .read = ReadMind},
    {.format = Format::kRecbole,
     .name = "recbole",
     .interactions = "*.train.inter",
     .dev = "*.valid.inter",
     .test = "*.test.inter",
     .items = "*.item",
     .files = "*.inter and *.item",
     .quotes = false},
    {.format = Format::kRecbole,
     .name = "recbole",
     .interactions = "*.inter",
     .items = "*.item",
     .files = "*.inter and *.item",
     .quotes = false},
    {.format = Format::kRechorus,
     .name = "rechorus",
     .interactions = "train.csv|train.tsv|train.txt|train.json|train.jsonl|train.inter|train",
     .dev = "dev.*|valid.*|val.*|validation.*|eval.*|dev|valid|val|validation",
     .test = "test.*|test",
     .items = "item_meta.*|items.*|item.*|meta.*|movies.*|products.*|books.*",
     .files = "train.csv, dev.csv (or valid.csv, …), test.csv and item_meta.csv"},
    {.format = Format::kMlCsv,
     .name = "ml-csv",
     .interactions = "ratings.csv",
     .items = "movies.csv",
     .beside = "movies.csv",
     .files = "ratings.csv and movies.csv",
     .core = 5},
    {.format = Format::kYelp,
     .name = "yelp",
     .interactions = "*yelp*review*|*academic_dataset_review*",
     .items = "*yelp*business*|*academic_dataset_business*",
     .files = "yelp_academic_dataset_review.json and yelp_academic_dataset_business.json"},
    {.format = Format::kGoodreads,
     .name = "goodreads",
     .interactions = "goodreads_interactions*|goodreads_reviews*",
     .items = "goodreads_books*",
     .files = "goodreads_interactions….json (or goodreads_reviews….json) and goodreads_books….json",
     .meaning = "time=date_added"},
    {.format = Format::kSteam,
     .name = "steam",
     .interactions = "*steam*reviews*|australian_users_items*|australian_user_reviews*",
     .items = "*steam_games*",
     .files = "steam_reviews.json (or australian_users_items.json) and steam_games.json",
     .meaning = "user=username"},
    {.format = Format::kBookCrossing,
     .name = "book-crossing",
     .interactions = "*book-ratings*|*book_ratings*",
     .items = "*books.csv|*books.*",
     .files = "BX-Book-Ratings.csv and BX-Books.csv"},
    {.format = Format::kKuairec,
     .name = "kuairec",
     .interactions = "big_matrix.csv|small_matrix.csv",
     .items = "kuairec_caption_category.csv|item_categories.csv",
     .files = "big_matrix.csv (or small_matrix.csv), kuairec_caption_category.csv and "
              "item_categories.csv",
     .meaning = "rating=watch_ratio time=timestamp",
     .positive_threshold = 2},
    {.format = Format::kYoochoose,
     .name = "yoochoose",
     .interactions = "*yoochoose-clicks*|*yoochoose_clicks*|*yoochoose-buys*",
     .files = "yoochoose-clicks.dat",
     .columns = "session_id timestamp item_id category"},
    {.format = Format::kDiginetica,
     .name = "diginetica",
     .interactions = "train-item-views.csv|*item-views*",
     .items = "products.csv|product-categories.csv",
     .files = "train-item-views.csv, products.csv and product-categories.csv",
     .meaning = "user=sessionId item=itemId time=timeframe"},
    {.format = Format::kLfm,
     .name = "lfm",
     .interactions = "*LFM-1b_LEs*|*LFM*_LEs*",
     .items = "*LFM-1b_artists*|*LFM*_artists*",
     .files = "LFM-1b_LEs.txt and LFM-1b_artists.txt, or listening_events.tsv and tracks.tsv",
     .columns = "user_id artist_id album_id track_id timestamp",
     .meaning = "item=artist_id",
     .item_columns = "artist_id artist_name",
     .quotes = false},
    {.format = Format::kLfm,
     .name = "lfm",
     .interactions = "listening_events.tsv|listening-events.tsv",
     .items = "tracks.tsv",
     .files = "LFM-1b_LEs.txt and LFM-1b_artists.txt, or listening_events.tsv and tracks.tsv",
     .meaning = "item=track_id",
     .quotes = false},
    {.format = Format::kAmazonReviews,
     .name = "amazon-reviews",
     .interactions = "*.train.csv",
     .dev = "*.valid.csv",
     .test = "*.test.csv",
     .items = "meta_*|*_meta.*",
     .files = "reviews and meta_… as JSON lines"},
    {.format = Format::kAmazonReviews,
     .name = "amazon-reviews",
     .interactions = "*_5.json|reviews_*|*review*|*.jsonl|*.json|*.csv",
     .items = "meta_*|*_meta.*",
     .beside = "meta_*.json|meta_*.jsonl|*_meta.json|*_meta.jsonl",
     .files = "reviews and meta_… as JSON lines"},
});

std::string Name(const std::string& path) { return fs::path(path).filename().string(); }

bool IsTable(const std::string& path) {
  static constexpr absl::string_view kEndings[] = {".csv",  ".tsv",   ".txt",    ".dat",
                                                   ".json", ".jsonl", ".ndjson", ".inter",
                                                   ".item", ".tab",   ".data"};
  const absl::string_view plain = WithoutPacking(path);
  return std::any_of(std::begin(kEndings), std::end(kEndings), [&](absl::string_view ending) {
    return absl::EndsWithIgnoreCase(plain, ending);
  });
}

bool Matches(absl::string_view name, absl::string_view pattern) {
  return fnmatch(std::string(pattern).c_str(), std::string(WithoutPacking(name)).c_str(),
                 FNM_CASEFOLD) == 0;
}

// Hidden files, and what editors, Spark and downloads leave beside the real ones.
bool IsHidden(absl::string_view name) {
  if (name.empty() || name[0] == '.' || name[0] == '_') return true;
  for (const absl::string_view ending :
       {"~", ".bak", ".orig", ".tmp", ".partial", ".crc", ".md5", ".sha1", ".sha256"}) {
    if (absl::EndsWithIgnoreCase(name, ending)) return true;
  }
  return false;
}

// The names in a folder that a data set may be made of.
std::vector<std::string> NamesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; file != end && !error;
       file.increment(error)) {
    std::string name = file->path().filename().string();
    if (!IsHidden(name) && OtherKind(name).empty()) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> PartsOf(const std::string& path) {
  std::error_code error;
  if (!fs::is_directory(path, error)) return {path};
  std::vector<std::string> parts;
  for (const std::string& name : NamesIn(path)) {
    const std::string part = absl::StrCat(path, "/", name);
    if (fs::is_regular_file(part, error)) parts.push_back(part);
  }
  return parts;
}

}  // namespace

std::vector<std::vector<std::string>> TablesIn(const std::string& folder) {
  std::vector<std::vector<std::string>> tables;
  std::error_code error;
  for (const std::string& name : NamesIn(folder)) {
    const std::string path = absl::StrCat(folder, "/", name);
    std::vector<std::string> parts = PartsOf(path);
    const bool part_files = fs::is_directory(path, error);
    std::erase_if(parts, [&](const std::string& part) {
      return !IsTable(part) && !(part_files && absl::StartsWith(Name(part), "part-"));
    });
    if (!parts.empty()) tables.push_back(std::move(parts));
  }
  return tables;
}

absl::Span<const Layout> Layouts() { return kLayouts; }

const Layout& LayoutOf(Format format) {
  return *std::find_if(kLayouts.begin(), kLayouts.end(),
                       [&](const Layout& layout) { return layout.format == format; });
}

std::vector<std::string> FindFiles(const std::string& folder, const char* patterns) {
  const std::vector<std::string> names = NamesIn(folder);
  for (const absl::string_view pattern : absl::StrSplit(patterns, '|', absl::SkipEmpty())) {
    std::vector<std::string> paths;
    for (const std::string& name : names) {
      const std::string path = absl::StrCat(folder, "/", name);
      std::error_code error;
      if (!Matches(name, pattern)) continue;
      for (std::string& part : PartsOf(path)) paths.push_back(std::move(part));
    }
    // The same file as it is and packed is one.
    std::erase_if(paths, [&](const std::string& path) {
      const absl::string_view plain = WithoutPacking(path);
      return plain.size() != path.size() &&
             std::find(paths.begin(), paths.end(), plain) != paths.end();
    });
    if (!paths.empty()) return paths;
  }
  return {};
}

std::vector<std::string> InteractionFiles(const std::string& folder, const Layout& layout) {
  std::vector<std::string> paths;
  for (const absl::string_view pattern :
       absl::StrSplit(layout.interactions, '|', absl::SkipEmpty())) {
    paths = FindFiles(folder, std::string(pattern).c_str());
    // A pattern that takes all there is takes the items too.
    std::erase_if(paths, [&](const std::string& path) {
      const std::vector<absl::string_view> items =
          absl::StrSplit(layout.items, '|', absl::SkipEmpty());
      const std::string name = fs::path(path).filename().string();
      return std::any_of(items.begin(), items.end(),
                         [&](absl::string_view item) { return Matches(name, item); });
    });
    if (!paths.empty()) return paths;
  }
  return paths;
}

std::string FileIn(const std::string& folder, const std::string& name) {
  std::error_code error;
  const std::string path = absl::StrCat(folder, "/", name);
  for (const char* packing : {"", ".gz", ".zst"}) {
    if (fs::exists(path + packing, error)) return path + packing;
  }
  return path;
}

}  // namespace recsae::probe
