// Reads plain tables: items.csv (also ReChorus's item_meta.csv) and interactions.csv.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {
namespace {

// The key of a column's attributes: lower case, and the singular of the usual plurals, so that one
// value reads genre=Horror whatever the source called its column.
std::string AttributeKey(const std::string& column) {
  const std::string key = absl::AsciiStrToLower(column);
  if (key == "genres") return "genre";
  if (key == "categories") return "category";
  if (key == "tags") return "tag";
  return key;
}

// "train", "dev" or "test"; false for anything else.
bool ParsePart(absl::string_view text, Part* part) {
  if (text == "train") *part = Part::kTrain;
  if (text == "dev") *part = Part::kDev;
  if (text == "test") *part = Part::kTest;
  return text == "train" || text == "dev" || text == "test";
}

struct Columns {
  int user = -1, item = -1, time = -1, rating = -1, split = -1;
};

// Takes one row; says what is wrong with it, or "".
std::string AddRow(const Columns& columns, const Fields& fields, InteractionLog* log) {
  double time = 0, rating = kUnrated;
  Part part = Part::kTrain;
  const auto text = [&](int column) { return absl::StrCat("'", fields[column], "'"); };
  if (fields[columns.user].empty()) return "empty user";
  if (fields[columns.item].empty()) return "empty item";
  if (columns.time >= 0 && !ParseNumber(fields[columns.time], &time)) {
    return absl::StrCat("time ", text(columns.time), " is not a number");
  }
  if (columns.rating >= 0 && !ParseNumber(fields[columns.rating], &rating)) {
    return absl::StrCat("rating ", text(columns.rating), " is not a number");
  }
  if (columns.split >= 0 && !ParsePart(fields[columns.split], &part)) {
    return absl::StrCat("split ", text(columns.split), " is not train, dev or test");
  }
  log->Add(fields[columns.user], fields[columns.item], time, rating, part);
  return "";
}

absl::Status ReadInteractions(const std::string& path, InteractionLog* log) {
  Columns columns;
  return ReadTable(
      path, &log->reading,
      [&](const Fields& header) {
        columns = {.user = FindColumn(header, {"user", "user_id"}),
                   .item = FindColumn(header, {"item", "item_id"}),
                   .time = FindColumn(header, {"time", "timestamp"}),
                   .rating = FindColumn(header, {"rating"}),
                   .split = FindColumn(header, {"split"})};
        log->rated = columns.rating >= 0;
        log->split_given = columns.split >= 0;
        if (columns.user >= 0 && columns.item >= 0) return absl::OkStatus();
        return MalformedError(path, 1,
                              "the header must name user and item (time, rating and split too)");
      },
      [&](const Fields& fields) { return AddRow(columns, fields, log); });
}

}  // namespace

absl::Status ReadItemTable(const std::string& path, InteractionLog* log) {
  int id = -1, title = -1;
  Fields columns;
  return ReadTable(
      path, &log->reading,
      [&](const Fields& header) {
        columns = header;
        id = FindColumn(header, {"item_id", "item", "id"});
        title = FindColumn(header, {"title", "name"});
        if (id >= 0 && title >= 0) return absl::OkStatus();
        return MalformedError(path, 1, "the header must name item (or item_id) and title");
      },
      [&](const Fields& fields) -> std::string {
        if (fields[id].empty()) return "empty item id";
        if (log->items.Find(fields[id]) >= 0) return absl::StrCat("item ", fields[id], " repeated");
        log->items.Add(fields[id]);
        Item item{fields[id], ToUtf8(fields[title]), {}};
        for (int c = 0; c < static_cast<int>(columns.size()); ++c) {
          if (c != id && c != title) AddAttributes(AttributeKey(columns[c]), fields[c], &item);
        }
        AddTitleDecade(&item);
        log->dataset.items.push_back(std::move(item));
        return "";
      });
}

absl::Status ReadCsv(const std::string& folder, InteractionLog* log) {
  RECSAE_RETURN_IF_ERROR(ReadItemTable(folder + "/items.csv", log));
  return ReadInteractions(folder + "/interactions.csv", log);
}

}  // namespace recsae::probe
