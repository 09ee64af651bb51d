// Reads a ReChorus folder: train.csv, dev.csv, test.csv (user_id, item_id, time) and item_meta.csv.
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/datasets/text_file.h"

namespace recsae::probe {
namespace {

absl::Status ReadPart(const std::string& path, Part part, InteractionLog* log) {
  int user = -1, item = -1, time = -1;
  return ReadTable(
      path, &log->reading,
      [&](const Fields& header) {
        user = FindColumn(header, {"user_id", "user"});
        item = FindColumn(header, {"item_id", "item"});
        time = FindColumn(header, {"time", "timestamp"});
        if (user >= 0 && item >= 0 && time >= 0) return absl::OkStatus();
        return MalformedError(path, 1, "the header must name user_id, item_id and time");
      },
      [&](const Fields& fields) -> std::string {
        double when = 0;
        if (fields[user].empty()) return "empty user_id";
        if (fields[item].empty()) return "empty item_id";
        if (!ParseNumber(fields[time], &when)) {
          return absl::StrCat("time '", fields[time], "' is not a number");
        }
        log->Add(fields[user], fields[item], when, kUnrated, part);
        return "";
      });
}

}  // namespace

absl::Status ReadRechorus(const std::string& folder, InteractionLog* log) {
  log->split_given = true;
  RECSAE_RETURN_IF_ERROR(ReadItemTable(folder + "/item_meta.csv", log));
  RECSAE_RETURN_IF_ERROR(ReadPart(folder + "/train.csv", Part::kTrain, log));
  RECSAE_RETURN_IF_ERROR(ReadPart(folder + "/dev.csv", Part::kDev, log));
  return ReadPart(folder + "/test.csv", Part::kTest, log);
}

}  // namespace recsae::probe
