// Reads plain tables: items.csv (also ReChorus's item_meta.csv) and interactions.csv.
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {
namespace {

constexpr double kPositiveRating = 4;

// The key of a column's attributes: lower case, and the singular of the usual plurals, so that one
// value reads genre=Horror whatever the source called its column.
std::string AttributeKey(const std::string& column) {
  const std::string key = absl::AsciiStrToLower(column);
  if (key == "genres") return "genre";
  if (key == "categories") return "category";
  if (key == "tags") return "tag";
  return key;
}

absl::Status ReadInteractions(const std::string& path, IdIndex* users, IdIndex* items,
                              std::vector<Interaction>* interactions, Malformed* malformed) {
  int user = -1, item = -1, time = -1, rating = -1;
  return ReadTable(
      path, malformed,
      [&](const Fields& header) {
        user = FindColumn(header, {"user", "user_id"});
        item = FindColumn(header, {"item", "item_id"});
        time = FindColumn(header, {"time", "timestamp"});
        rating = FindColumn(header, {"rating"});
        if (user >= 0 && item >= 0) return absl::OkStatus();
        return MalformedError(path, 1, "the header must name user and item (time and rating too)");
      },
      [&](const Fields& fields) -> std::string {
        Interaction row;
        double stars = kPositiveRating;
        if (fields[user].empty()) return "empty user";
        if (fields[item].empty()) return "empty item";
        if (time >= 0 && !ParseNumber(fields[time], &row.time)) {
          return absl::StrCat("time '", fields[time], "' is not a number");
        }
        if (rating >= 0 && !ParseNumber(fields[rating], &stars)) {
          return absl::StrCat("rating '", fields[rating], "' is not a number");
        }
        if (stars < kPositiveRating) return "";
        row.user = users->Add(fields[user]);
        row.item = items->Add(fields[item]);
        interactions->push_back(row);
        return "";
      });
}

}  // namespace

absl::Status ReadItemTable(const std::string& path, IdIndex* items, Dataset* dataset,
                           Malformed* malformed) {
  int id = -1, title = -1;
  Fields columns;
  return ReadTable(
      path, malformed,
      [&](const Fields& header) {
        columns = header;
        id = FindColumn(header, {"item_id", "item", "id"});
        title = FindColumn(header, {"title", "name"});
        if (id >= 0 && title >= 0) return absl::OkStatus();
        return MalformedError(path, 1, "the header must name item (or item_id) and title");
      },
      [&](const Fields& fields) -> std::string {
        if (fields[id].empty()) return "empty item id";
        if (items->Find(fields[id]) >= 0) return absl::StrCat("item ", fields[id], " repeated");
        items->Add(fields[id]);
        Item item{fields[id], ToUtf8(fields[title]), {}};
        for (int c = 0; c < static_cast<int>(columns.size()); ++c) {
          if (c != id && c != title) AddAttributes(AttributeKey(columns[c]), fields[c], &item);
        }
        AddTitleDecade(&item);
        dataset->items.push_back(std::move(item));
        return "";
      });
}

absl::StatusOr<Dataset> ReadCsv(const std::string& folder) {
  Dataset dataset;
  Malformed malformed;
  IdIndex users, items;
  RECSAE_RETURN_IF_ERROR(ReadItemTable(folder + "/items.csv", &items, &dataset, &malformed));
  std::vector<Interaction> interactions;
  const std::string path = folder + "/interactions.csv";
  RECSAE_RETURN_IF_ERROR(ReadInteractions(path, &users, &items, &interactions, &malformed));
  dataset.users = users.ids();
  CompleteCatalog(items, &dataset);
  LeaveOneOut(&interactions, &dataset);
  SetMalformed(std::move(malformed), &dataset);
  RECSAE_RETURN_IF_ERROR(CheckNotEmpty(dataset, folder));
  return dataset;
}

}  // namespace recsae::probe
