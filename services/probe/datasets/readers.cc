// Chooses the reader for a folder.
#include "services/probe/datasets/readers.h"

#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/status/status.h"

namespace recsae::probe {
namespace {

bool Has(const std::string& folder, absl::string_view file) {
  std::error_code error;
  return std::filesystem::exists(absl::StrCat(folder, "/", file), error);
}

}  // namespace

absl::StatusOr<Format> DetectFormat(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return Error(absl::StatusCode::kNotFound, "DATASET_NOT_FOUND",
                 absl::StrCat(folder, " is not a folder"), {{"path", folder}});
  }
  if (Has(folder, "ratings.dat")) return Format::kMl1m;
  if (Has(folder, "u.data")) return Format::kMl100k;
  if (Has(folder, "train.csv")) return Format::kRechorus;
  if (Has(folder, "interactions.csv")) return Format::kCsv;
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
               absl::StrCat(folder,
                            " holds no data set: put there ratings.dat and movies.dat (ml-1m), "
                            "u.data and u.item (ml-100k), train.csv, dev.csv, test.csv and "
                            "item_meta.csv (rechorus), or interactions.csv and items.csv (csv)"),
               {{"path", folder}});
}

absl::StatusOr<Format> ParseFormat(const std::string& name) {
  if (name.empty() || name == "auto") return Format::kAuto;
  if (name == "ml-1m") return Format::kMl1m;
  if (name == "ml-100k") return Format::kMl100k;
  if (name == "rechorus") return Format::kRechorus;
  if (name == "csv") return Format::kCsv;
  return Error(
      absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
      absl::StrCat("'", name, "' is not a format: use auto, ml-1m, ml-100k, rechorus or csv"),
      {{"format", name}});
}

absl::StatusOr<Dataset> ReadDataset(const std::string& folder, Format format) {
  if (format == Format::kAuto) {
    RECSAE_ASSIGN_OR_RETURN(format, DetectFormat(folder));
  }
  absl::StatusOr<Dataset> dataset = absl::InternalError("no reader");
  switch (format) {
    case Format::kMl1m:
      dataset = ReadMl1m(folder);
      break;
    case Format::kMl100k:
      dataset = ReadMl100k(folder);
      break;
    case Format::kRechorus:
      dataset = ReadRechorus(folder);
      break;
    case Format::kCsv:
      dataset = ReadCsv(folder);
      break;
    case Format::kAuto:
      break;
  }
  if (dataset.ok()) {
    dataset->name = std::filesystem::path(folder).lexically_normal().filename().string();
  }
  return dataset;
}

}  // namespace recsae::probe
