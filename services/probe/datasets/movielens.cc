// Reads MovieLens-1M and MovieLens-100K in their published layouts.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/table.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

// Takes one catalogue entry; of a movie that was there before the genres alone.
void AddMovie(absl::string_view id, absl::string_view title, absl::string_view genres,
              InteractionLog* log) {
  const CatalogPlace place = PlaceItem(id, log);
  Item& item = log->dataset.items[place.index];
  Item more;
  AddAttributes("genre", genres, &more);
  if (place.is_new) {
    more.title = item.title = log->reading.Text(title);
    AddTitleDecade(&more);
  }
  for (Attribute& attribute : more.attributes) {
    const bool known = std::find(item.attributes.begin(), item.attributes.end(), attribute) !=
                       item.attributes.end();
    if (!known) item.attributes.push_back(std::move(attribute));
  }
}

// Ratings: user, movie, stars, time, separated by `separator`.
absl::Status ReadRatings(const std::string& path, const std::string& separator,
                         InteractionLog* log) {
  log->rated = true;
  return ReadLines(path, &log->reading, [&](absl::string_view line) -> std::string {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, separator);
    if (fields.size() != 4) return absl::StrCat("has ", fields.size(), " fields, not 4");
    double stars = 0, time = 0;
    if (fields[0].empty() || fields[1].empty()) return "empty user or movie";
    if (!ParseNumber(fields[2], &stars)) return absl::StrCat("rating '", fields[2], "'");
    if (!ParseNumber(fields[3], &time)) return absl::StrCat("time '", fields[3], "'");
    log->Add(fields[0], fields[1], time, stars);
    return "";
  });
}

// The flags of u.item in their order, as the data set's README gives them. (u.genre says the same,
// but copies of it are about that are cut off.)
constexpr std::array<absl::string_view, 19> kGenres100k = {
    "unknown",     "Action", "Adventure", "Animation", "Children's", "Comedy",  "Crime",
    "Documentary", "Drama",  "Fantasy",   "Film-Noir", "Horror",     "Musical", "Mystery",
    "Romance",     "Sci-Fi", "Thriller",  "War",       "Western"};

// u.item: id|title|release|video release|URL|one 0/1 flag for each genre.
std::string ParseMovie100k(absl::string_view line, InteractionLog* log) {
  constexpr size_t kFlags = 5;
  const std::vector<absl::string_view> fields = absl::StrSplit(line, '|');
  if (fields.size() != kFlags + kGenres100k.size()) {
    return absl::StrCat("has ", fields.size(), " fields, not ", kFlags + kGenres100k.size());
  }
  if (fields[0].empty()) return "empty movie id";
  std::string genres;
  for (size_t g = 1; g < kGenres100k.size(); ++g) {  // not "unknown"
    if (fields[kFlags + g] == "1") absl::StrAppend(&genres, kGenres100k[g], "|");
  }
  AddMovie(fields[0], fields[1], genres, log);
  return "";
}

}  // namespace

absl::Status ReadMl1m(const std::string& folder, InteractionLog* log) {
  RECSAE_RETURN_IF_ERROR(ReadLines(
      FileIn(folder, "movies.dat"), &log->reading, [&](absl::string_view line) -> std::string {
        const std::vector<absl::string_view> fields = absl::StrSplit(line, "::");
        if (fields.size() != 3) return absl::StrCat("has ", fields.size(), " fields, not 3");
        if (fields[0].empty()) return "empty movie id";
        AddMovie(fields[0], fields[1], fields[2], log);
        return "";
      }));
  return ReadRatings(FileIn(folder, "ratings.dat"), "::", log);
}

absl::Status ReadMl100k(const std::string& folder, InteractionLog* log) {
  RECSAE_RETURN_IF_ERROR(
      ReadLines(FileIn(folder, "u.item"), &log->reading,
                [&](absl::string_view line) { return ParseMovie100k(line, log); }));
  return ReadRatings(FileIn(folder, "u.data"), "\t", log);
}

}  // namespace recsae::probe
