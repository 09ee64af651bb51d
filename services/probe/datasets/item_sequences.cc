// Reads item-sequence files: sequences.txt and items.tsv.
#include <string>
#include <unordered_set>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/encoding.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/table.h"
#include "services/probe/datasets/values.h"

namespace recsae::probe {
namespace {

std::string Unescape(absl::string_view text) { return WithoutMarkup(ToUtf8(text)); }

// The values of an item's attributes column in their order; "Unknown" is none.
std::vector<std::string> Values(absl::string_view field) {
  std::vector<std::string> values;
  for (absl::string_view value : absl::StrSplit(field, '|')) {
    value = absl::StripAsciiWhitespace(value);
    if (!value.empty() && value != "Unknown") values.push_back(Unescape(value));
  }
  return values;
}

// Brand and categories stand in one column, the brand (not always there) first. What stands in a
// later place of any item is a category.
void AddBrandAndCategories(const std::vector<std::vector<std::string>>& values,
                           std::vector<Item>* items) {
  std::unordered_set<std::string> categories;
  for (const auto& of_item : values) {
    for (size_t v = 1; v < of_item.size(); ++v) categories.insert(of_item[v]);
  }
  for (size_t i = 0; i < values.size(); ++i) {
    for (const std::string& value : values[i]) {
      const char* key = categories.contains(value) ? "category" : "brand";
      (*items)[i].attributes.push_back({key, value});
    }
  }
}

absl::Status ReadItems(const std::string& path, InteractionLog* log) {
  int id = -1, title = -1, attributes = -1;
  std::vector<std::vector<std::string>> values;
  RECSAE_RETURN_IF_ERROR(ReadTable(
      path, {}, &log->reading,
      [&](const Header& header) {
        id = FindRole(header, Role::kItem, "");
        title = FindRole(header, Role::kTitle, "");
        attributes = FindNamed(header, "attributes");
        if (id >= 0 && title >= 0 && attributes >= 0) return absl::OkStatus();
        return MalformedError(
            path, 1,
            absl::StrCat("the header must name item_id, short_text and attributes; ",
                         ListColumns(header)));
      },
      [&](const Fields& fields) -> std::string {
        const absl::string_view item = fields[static_cast<size_t>(id)];
        if (item.empty()) return "empty item_id";
        const CatalogPlace place = PlaceItem(item, log);
        values.resize(log->dataset.items.size());
        const std::string text = Unescape(fields[static_cast<size_t>(title)]);
        if (place.is_new && !text.empty()) log->dataset.items[place.index].title = text;
        for (std::string& value : Values(fields[static_cast<size_t>(attributes)]))
          values[place.index].push_back(std::move(value));
        return "";
      }));
  AddBrandAndCategories(values, &log->dataset.items);
  return absl::OkStatus();
}

}  // namespace

absl::Status ReadItemSequences(const std::string& folder, InteractionLog* log) {
  RECSAE_RETURN_IF_ERROR(ReadItems(FileIn(folder, "items.tsv"), log));
  const std::string path = FileIn(folder, "sequences.txt");
  return ReadLines(path, &log->reading, [&](absl::string_view line) -> std::string {
    const std::vector<absl::string_view> ids =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (ids.size() < 2) return "has no item: a user and then items are wanted";
    if (log->users.Find(ToUtf8(ids[0])) >= 0) return absl::StrCat("user ", ids[0], " repeated");
    for (size_t i = 1; i < ids.size(); ++i) log->Add(ids[0], ids[i], static_cast<double>(i));
    return "";
  });
}

}  // namespace recsae::probe
