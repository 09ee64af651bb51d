// Reads a ReChorus folder: train.csv, dev.csv, test.csv (user_id, item_id, time) and item_meta.csv.
#include <algorithm>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "common/status/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {
namespace {

struct SplitRow {
  Interaction interaction;
  int split = 0;  // 0 train, 1 dev, 2 test
};

absl::Status ReadSplit(const std::string& path, int split, IdIndex* users, IdIndex* items,
                       std::vector<SplitRow>* rows, Malformed* malformed) {
  int user = -1, item = -1, time = -1;
  return ReadTable(
      path, malformed,
      [&](const Fields& header) {
        user = FindColumn(header, {"user_id", "user"});
        item = FindColumn(header, {"item_id", "item"});
        time = FindColumn(header, {"time", "timestamp"});
        if (user >= 0 && item >= 0 && time >= 0) return absl::OkStatus();
        return MalformedError(path, 1, "the header must name user_id, item_id and time");
      },
      [&](const Fields& fields) -> std::string {
        SplitRow row{.interaction = {}, .split = split};
        if (fields[user].empty()) return "empty user_id";
        if (fields[item].empty()) return "empty item_id";
        if (!ParseNumber(fields[time], &row.interaction.time)) {
          return absl::StrCat("time '", fields[time], "' is not a number");
        }
        row.interaction.user = users->Add(fields[user]);
        row.interaction.item = items->Add(fields[item]);
        rows->push_back(row);
        return "";
      });
}

// A user's sequence is the training rows in time order, then dev and test rows together in time
// order: a held-out row's history is all that user's interactions before it (ReChorus convention).
void FillSequences(std::vector<SplitRow> rows, Dataset* dataset) {
  std::stable_sort(rows.begin(), rows.end(), [](const SplitRow& a, const SplitRow& b) {
    const auto key = [](const SplitRow& r) {
      return std::make_tuple(r.interaction.user, r.split != 0, r.interaction.time);
    };
    return key(a) < key(b);
  });
  dataset->sequences.assign(dataset->users.size(), {});
  dataset->train_length.assign(dataset->users.size(), 0);
  for (const SplitRow& row : rows) {
    const int32_t user = row.interaction.user;
    auto& sequence = dataset->sequences[user];
    const Case here{user, static_cast<int32_t>(sequence.size())};
    sequence.push_back(row.interaction.item);
    if (row.split == 0) ++dataset->train_length[user];
    if (row.split == 1) dataset->dev.push_back(here);
    if (row.split == 2) dataset->test.push_back(here);
  }
}

}  // namespace

absl::StatusOr<Dataset> ReadRechorus(const std::string& folder) {
  Dataset dataset;
  Malformed malformed;
  IdIndex users, items;
  RECSAE_RETURN_IF_ERROR(ReadItemTable(folder + "/item_meta.csv", &items, &dataset, &malformed));
  std::vector<SplitRow> rows;
  int split = 0;
  for (const char* name : {"train.csv", "dev.csv", "test.csv"}) {
    RECSAE_RETURN_IF_ERROR(
        ReadSplit(absl::StrCat(folder, "/", name), split++, &users, &items, &rows, &malformed));
  }
  dataset.users = users.ids();
  CompleteCatalog(items, &dataset);
  FillSequences(std::move(rows), &dataset);
  SetMalformed(std::move(malformed), &dataset);
  RECSAE_RETURN_IF_ERROR(CheckNotEmpty(dataset, folder));
  return dataset;
}

}  // namespace recsae::probe
