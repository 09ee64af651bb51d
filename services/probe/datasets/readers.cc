// Chooses the reader for a folder, and what its format does by itself.
#include "services/probe/datasets/readers.h"

#include <algorithm>
#include <filesystem>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"
#include "services/probe/datasets/layouts.h"
#include "services/probe/datasets/other_kinds.h"

namespace recsae::probe {
namespace {

std::string Names() {
  std::vector<std::string> names;
  for (const Layout& layout : Layouts()) {
    if (std::find(names.begin(), names.end(), layout.name) == names.end())
      names.emplace_back(layout.name);
  }
  return absl::StrJoin(names, ", ");
}

bool Fits(const std::string& folder, const Layout& layout) {
  if (InteractionFiles(folder, layout).empty()) return false;
  if (*layout.beside != '\0' && FindFiles(folder, layout.beside).empty()) return false;
  // Training rows of files that are parted; train.csv alone says that the others are missing.
  return *layout.test == '\0' || layout.format == Format::kRechorus ||
         !FindFiles(folder, layout.test).empty();
}

// The line of the table that the folder has the files of.
const Layout& LayoutIn(const std::string& folder, Format format) {
  for (const Layout& layout : Layouts()) {
    if (layout.format == format && Fits(folder, layout)) return layout;
  }
  return LayoutOf(format);
}

absl::Status UnknownFormat(const std::string& folder, absl::string_view seen) {
  std::vector<std::string> wanted;
  for (const Layout& layout : Layouts()) {
    std::string one = absl::StrCat(layout.files, " (", layout.name, ")");
    if (std::find(wanted.begin(), wanted.end(), one) == wanted.end())
      wanted.push_back(std::move(one));
  }
  const std::vector<std::string> others = OtherKindsIn(folder);
  return Error(
      absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
      absl::StrCat(seen, others.empty() ? "" : absl::StrCat(". ", absl::StrJoin(others, "; ")),
                   ". Name a table's columns (--columns user=…,item=…,time=…), or put there ",
                   absl::StrJoin(wanted, ", or ")),
      {{"path", folder}});
}

// Says what lies beside the files that were read and may have been meant: items.parquet.
void NoteOtherKinds(const std::string& folder, InteractionLog* log) {
  const std::vector<std::string> others = OtherKindsIn(folder);
  if (others.empty()) return;
  log->remarks.push_back({"FILES_NOT_READ",
                          static_cast<int64_t>(others.size()),
                          absl::StrCat("not read: ", absl::StrJoin(others, "; ")),
                          {},
                          !log->described});
}

}  // namespace

absl::StatusOr<Format> DetectFormat(const std::string& folder, const ColumnNames& columns) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return Error(absl::StatusCode::kNotFound, "DATASET_NOT_FOUND",
                 absl::StrCat(folder, " is not a folder"), {{"path", folder}});
  }
  for (const Layout& layout : Layouts()) {
    if (Fits(folder, layout)) return layout.format;
  }
  Reading reading;
  const absl::Status found = FindTables(folder, columns, &reading).status();
  if (found.ok()) return Format::kCsv;
  return Reason(found) == "DATASET_FORMAT_UNKNOWN" ? UnknownFormat(folder, found.message()) : found;
}

absl::StatusOr<Format> ParseFormat(const std::string& name) {
  if (name.empty() || name == "auto") return Format::kAuto;
  for (const Layout& layout : Layouts()) {
    if (name == layout.name) return layout.format;
  }
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
               absl::StrCat("'", name, "' is not a format: use auto, ", Names()),
               {{"format", name}});
}

absl::StatusOr<Dataset> ReadDataset(const std::string& folder, Format format,
                                    const DatasetOptions& options, const Proceed& proceed) {
  if (format == Format::kAuto) {
    RECSAE_ASSIGN_OR_RETURN(format, DetectFormat(folder, options.columns));
  }
  const Layout& layout = LayoutIn(folder, format);
  InteractionLog log;
  log.reading.proceed = proceed;
  log.reading.held = kReadingBytes;
  log.positive_threshold =
      options.positive_threshold ? options.positive_threshold : layout.positive_threshold;
  RECSAE_RETURN_IF_ERROR(layout.read != nullptr
                             ? layout.read(folder, &log)
                             : ReadLayout(folder, layout, options.columns, &log));
  if (!options.positive_threshold && layout.positive_threshold && log.rated && log.below > 0) {
    log.remarks.push_back({"RATING_THRESHOLD",
                           log.below,
                           absl::StrCat(Counted(log.below, "row"), " rated below ",
                                        *layout.positive_threshold, ", the rule of ", layout.name,
                                        ": left out (--positive-threshold says otherwise)"),
                           {},
                           false});
  }
  NoteOtherKinds(folder, &log);
  DatasetOptions complete = options;
  const bool given =
      options.split == SplitMode::kGiven || (options.split == SplitMode::kOwn && log.split_given);
  log.own_core = !options.core.has_value();
  if (!complete.core && !given) complete.core = layout.core;
  RECSAE_ASSIGN_OR_RETURN(Dataset dataset, Assemble(folder, complete, std::move(log)));
  dataset.name = std::filesystem::path(folder).lexically_normal().filename().string();
  return dataset;
}

}  // namespace recsae::probe
