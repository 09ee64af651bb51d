// Reads MovieLens-1M and MovieLens-100K in their published layouts.
#include <array>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {
namespace {

constexpr double kPositiveRating = 4;
constexpr int kCore = 5;

// A data set in the making.
struct MovieLens {
  Dataset dataset;
  Malformed malformed;
  IdIndex users, items;
  std::vector<Interaction> interactions;
};

// Takes one catalogue entry; says what is wrong with it, or "".
std::string AddMovie(absl::string_view id, absl::string_view title, absl::string_view genres,
                     MovieLens* ml) {
  if (ml->items.Find(id) >= 0) return absl::StrCat("movie ", id, " repeated");
  ml->items.Add(id);
  Item item{std::string(id), ToUtf8(title), {}};
  AddAttributes("genre", genres, &item);
  AddTitleDecade(&item);
  ml->dataset.items.push_back(std::move(item));
  return "";
}

// Ratings: user, movie, stars, time, separated by `separator`.
absl::Status ReadRatings(const std::string& path, const std::string& separator, MovieLens* ml) {
  return ReadLines(path, &ml->malformed, [&](absl::string_view line) -> std::string {
    const std::vector<absl::string_view> fields = absl::StrSplit(line, separator);
    if (fields.size() != 4) return absl::StrCat("has ", fields.size(), " fields, not 4");
    Interaction row;
    double stars = 0;
    if (fields[0].empty() || fields[1].empty()) return "empty user or movie";
    if (!ParseNumber(fields[2], &stars)) return absl::StrCat("rating '", fields[2], "'");
    if (!ParseNumber(fields[3], &row.time)) return absl::StrCat("time '", fields[3], "'");
    if (stars < kPositiveRating) return "";
    row.user = ml->users.Add(fields[0]);
    row.item = ml->items.Add(fields[1]);
    ml->interactions.push_back(row);
    return "";
  });
}

absl::StatusOr<Dataset> Finish(const std::string& folder, MovieLens ml) {
  ml.dataset.users = ml.users.ids();
  CompleteCatalog(ml.items, &ml.dataset);
  KeepCore(kCore, &ml.interactions);
  DropUnused(&ml.interactions, &ml.dataset);
  LeaveOneOut(&ml.interactions, &ml.dataset);
  SetMalformed(std::move(ml.malformed), &ml.dataset);
  RECSAE_RETURN_IF_ERROR(CheckNotEmpty(ml.dataset, folder));
  return std::move(ml.dataset);
}

// The flags of u.item in their order, as the data set's README gives them. (u.genre says the same,
// but copies of it are about that are cut off.)
constexpr std::array<absl::string_view, 19> kGenres100k = {
    "unknown",     "Action", "Adventure", "Animation", "Children's", "Comedy",  "Crime",
    "Documentary", "Drama",  "Fantasy",   "Film-Noir", "Horror",     "Musical", "Mystery",
    "Romance",     "Sci-Fi", "Thriller",  "War",       "Western"};

// u.item: id|title|release|video release|URL|one 0/1 flag for each genre.
std::string ParseMovie100k(absl::string_view line, MovieLens* ml) {
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
  return AddMovie(fields[0], fields[1], genres, ml);
}

}  // namespace

absl::StatusOr<Dataset> ReadMl1m(const std::string& folder) {
  MovieLens ml;
  RECSAE_RETURN_IF_ERROR(
      ReadLines(folder + "/movies.dat", &ml.malformed, [&](absl::string_view line) -> std::string {
        const std::vector<absl::string_view> fields = absl::StrSplit(line, "::");
        if (fields.size() != 3) return absl::StrCat("has ", fields.size(), " fields, not 3");
        if (fields[0].empty()) return "empty movie id";
        return AddMovie(fields[0], fields[1], fields[2], &ml);
      }));
  RECSAE_RETURN_IF_ERROR(ReadRatings(folder + "/ratings.dat", "::", &ml));
  return Finish(folder, std::move(ml));
}

absl::StatusOr<Dataset> ReadMl100k(const std::string& folder) {
  MovieLens ml;
  RECSAE_RETURN_IF_ERROR(ReadLines(folder + "/u.item", &ml.malformed, [&](absl::string_view line) {
    return ParseMovie100k(line, &ml);
  }));
  RECSAE_RETURN_IF_ERROR(ReadRatings(folder + "/u.data", "\t", &ml));
  return Finish(folder, std::move(ml));
}

}  // namespace recsae::probe
