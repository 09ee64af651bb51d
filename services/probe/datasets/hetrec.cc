// Reads Last.fm of HetRec 2011 in its published layout.
#include <algorithm>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <utility>
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

constexpr int kMinTaggers = 2;      // a tag that one person gave is that person's
constexpr size_t kTagsOfItem = 10;  // the most given ones

using Views = std::vector<absl::string_view>;

// Lines of `width` fields or more between tabs, after a header line. Quotes mean nothing here: they
// are part of some artists' names.
absl::Status ReadColumns(const std::string& path, size_t width, Reading* reading,
                         const std::function<std::string(const Views&)>& parse) {
  bool header = true;
  return ReadLines(path, reading, [&](absl::string_view line) -> std::string {
    if (std::exchange(header, false)) return "";
    const Views fields = absl::StrSplit(line, '\t');
    if (fields.size() < width) return absl::StrCat("has ", fields.size(), " fields, not ", width);
    for (size_t f = 0; f < width; ++f) {
      if (fields[f].empty()) return absl::StrCat("field ", f + 1, " is empty");
    }
    return parse(fields);
  });
}

absl::Status ReadArtists(const std::string& path, InteractionLog* log) {
  return ReadColumns(path, 2, &log->reading, [&](const Views& fields) -> std::string {
    const CatalogPlace place = PlaceItem(fields[0], log);
    if (place.is_new) log->dataset.items[place.index].title = log->reading.Text(fields[1]);
    return "";
  });
}

absl::Status ReadCounts(const std::string& path, InteractionLog* log) {
  log->rated = true;
  log->ordered = false;
  log->timed = false;
  return ReadColumns(path, 3, &log->reading, [&](const Views& fields) -> std::string {
    double count = 0;
    if (!ParseNumber(fields[2], &count)) return absl::StrCat("weight '", fields[2], "'");
    log->Add(fields[0], fields[1], 0, count);
    return "";
  });
}

using TagNames = std::unordered_map<std::string, std::string, TextHash, std::equal_to<>>;  // by id

absl::Status ReadTags(const std::string& path, Reading* reading, TagNames* names) {
  return ReadColumns(path, 2, reading, [&](const Views& fields) -> std::string {
    const bool added = names->try_emplace(std::string(fields[0]), reading->Text(fields[1])).second;
    return added ? "" : absl::StrCat("tag ", fields[0], " repeated");
  });
}

// How many people gave a tag to an artist: [item][tag].
using Taggers = std::vector<std::map<std::string, int>>;

absl::Status ReadTaggings(const std::string& path, const TagNames& names, InteractionLog* log,
                          Taggers* taggers) {
  return ReadColumns(path, 3, &log->reading, [&](const Views& fields) -> std::string {
    const auto tag = names.find(fields[2]);
    if (tag == names.end()) return absl::StrCat("tag ", fields[2], " is not in tags.dat");
    // Artists that artists.dat lacks have tags too: no mistake, and of no use.
    const int32_t item = log->items.Find(fields[1]);
    if (item >= 0) ++(*taggers)[item][tag->second];
    return "";
  });
}

void AddTags(const std::map<std::string, int>& given, Item* item) {
  std::vector<std::pair<std::string, int>> tags(given.begin(), given.end());
  std::erase_if(tags, [](const auto& tag) { return tag.second < kMinTaggers; });
  std::stable_sort(tags.begin(), tags.end(),
                   [](const auto& a, const auto& b) { return a.second > b.second; });
  if (tags.size() > kTagsOfItem) tags.resize(kTagsOfItem);
  for (auto& [tag, count] : tags) item->attributes.push_back({"tag", tag});
}

}  // namespace

absl::Status ReadHetrecLastfm(const std::string& folder, InteractionLog* log) {
  RECSAE_RETURN_IF_ERROR(ReadArtists(FileIn(folder, "artists.dat"), log));
  TagNames names;
  RECSAE_RETURN_IF_ERROR(ReadTags(FileIn(folder, "tags.dat"), &log->reading, &names));
  Taggers taggers(log->dataset.items.size());
  RECSAE_RETURN_IF_ERROR(
      ReadTaggings(FileIn(folder, "user_taggedartists.dat"), names, log, &taggers));
  for (size_t i = 0; i < taggers.size(); ++i) AddTags(taggers[i], &log->dataset.items[i]);
  return ReadCounts(FileIn(folder, "user_artists.dat"), log);
}

}  // namespace recsae::probe
