#include "clients/cli/reproduce/cell.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/files/whole_file.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

CellId CellOf(const ordered_json& json) {
  return {json.at("dataset"), json.at("recommender"), json.at("method"), json.at("seed")};
}

absl::Status NotWritable(const std::string& path, const std::string& why) {
  return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITABLE", absl::StrCat(path, ": ", why),
               {{"file", path}});
}

absl::Status Malformed(const std::string& path) {
  return Error(
      absl::StatusCode::kInvalidArgument, "CELL_MALFORMED",
      absl::StrCat(path, " is not a cell of a reproduction; delete it to measure it again"),
      {{"file", path}});
}

absl::StatusOr<ordered_json> ReadCell(const std::filesystem::path& path) {
  std::ifstream file(path);
  ordered_json json = ordered_json::parse(file, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Malformed(path);
  for (const char* key : {"dataset", "recommender", "method", "settings"}) {
    if (!json.contains(key) || !json[key].is_string()) return Malformed(path);
  }
  if (!json.contains("seed") || !json["seed"].is_number_unsigned()) return Malformed(path);
  if (CellKey(CellOf(json)) != path.stem()) return Malformed(path);
  return json;
}

std::string Flags(const std::string& settings) {
  return settings.empty() ? "no flags of its own" : settings;
}

}  // namespace

std::string SweepMethod(const SweepPoint& point) {
  return absl::StrCat("s", point.expansion, "-k", point.k);
}

std::optional<SweepPoint> ParseSweep(const std::string& method) {
  absl::string_view rest = method;
  SweepPoint point{};
  if (!absl::ConsumePrefix(&rest, "s")) return std::nullopt;
  const std::pair<absl::string_view, absl::string_view> parts = absl::StrSplit(rest, "-k");
  if (!absl::SimpleAtoi(parts.first, &point.expansion) ||
      !absl::SimpleAtoi(parts.second, &point.k)) {
    return std::nullopt;
  }
  return point;
}

std::string CellKey(const CellId& cell) {
  return absl::StrCat(cell.dataset, ".", cell.recommender, ".", cell.method, ".seed", cell.seed);
}

std::string DescribeCell(const CellId& cell) {
  return absl::StrCat(cell.dataset, ", ", cell.recommender, ", seed ", cell.seed, ": ",
                      cell.method);
}

absl::StatusOr<CellStore> CellStore::Open(const std::string& out, const std::string& settings) {
  CellStore store((std::filesystem::path(out) / "cells").string(), settings);
  std::error_code error;
  std::filesystem::create_directories(store.folder_, error);
  if (error) return NotWritable(store.folder_, error.message());
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(store.folder_, error)) {
    if (entry.path().extension() == ".json") paths.push_back(entry.path());
  }
  if (error) return NotWritable(store.folder_, error.message());
  std::sort(paths.begin(), paths.end());
  for (const std::filesystem::path& path : paths) {
    RECSAE_ASSIGN_OR_RETURN(ordered_json json, ReadCell(path));
    if (json["settings"] != settings) {
      return Error(absl::StatusCode::kFailedPrecondition, "SETTINGS_DIFFER",
                   absl::StrCat(path.string(), " was measured with ", Flags(json["settings"]),
                                ", now there is ", Flags(settings),
                                ": give the same flags, or another --out"),
                   {{"file", path.string()}});
    }
    store.cells_.push_back(std::move(json));
  }
  return store;
}

const ordered_json* CellStore::Find(const CellId& cell) const {
  for (const ordered_json& json : cells_) {
    if (CellOf(json) == cell) return &json;
  }
  return nullptr;
}

bool CellStore::Finished(const CellId& cell) const {
  const ordered_json* found = Find(cell);
  return found != nullptr && !found->contains("refused");
}

absl::Status CellStore::Write(const CellId& cell, double seconds, const ordered_json& measured) {
  ordered_json json = {{"dataset", cell.dataset},
                       {"recommender", cell.recommender},
                       {"method", cell.method},
                       {"seed", cell.seed},
                       {"settings", settings_},
                       {"seconds", seconds},
                       {"version", std::string(Version())}};
  json.update(measured);
  const std::string key = CellKey(cell);
  // Titles may hold any bytes.
  const std::string text = json.dump(2, ' ', false, ordered_json::error_handler_t::replace);
  RECSAE_RETURN_IF_ERROR(
      WriteWholeFile((std::filesystem::path(folder_) / (key + ".json")).string(), text + "\n"));
  const auto at = std::lower_bound(
      cells_.begin(), cells_.end(), key,
      [](const ordered_json& other, const std::string& k) { return CellKey(CellOf(other)) < k; });
  if (at != cells_.end() && CellKey(CellOf(*at)) == key) {
    *at = std::move(json);
  } else {
    cells_.insert(at, std::move(json));
  }
  return absl::OkStatus();
}

}  // namespace recsae::cli
