// Chooses the reader for a folder, and what its format does by itself.
#include "services/probe/datasets/readers.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "services/probe/datasets/build.h"

namespace recsae::probe {
namespace {

struct FormatRule {
  Format format;
  const char* name;    // as users type it
  const char* marker;  // the file that tells it
  const char* files;   // all that it needs
  absl::Status (*read)(const std::string& folder, InteractionLog* log);
  double positive_threshold;  // of what is rated
  int core;
  SplitMode split;
};

constexpr double kAll = -std::numeric_limits<double>::infinity();

constexpr std::array<FormatRule, 6> kFormats = {{
    {Format::kMl1m, "ml-1m", "ratings.dat", "ratings.dat and movies.dat", ReadMl1m, 4, 5,
     SplitMode::kLeaveOneOut},
    {Format::kMl100k, "ml-100k", "u.data", "u.data and u.item", ReadMl100k, 4, 5,
     SplitMode::kLeaveOneOut},
    {Format::kRechorus, "rechorus", "train.csv", "train.csv, dev.csv, test.csv and item_meta.csv",
     ReadRechorus, kAll, 0, SplitMode::kGiven},
    {Format::kCsv, "csv", "interactions.csv", "interactions.csv and items.csv", ReadCsv, 4, 0,
     SplitMode::kLeaveOneOut},
    {Format::kHetrecLastfm, "hetrec-lastfm", "user_artists.dat",
     "user_artists.dat, artists.dat, tags.dat and user_taggedartists.dat", ReadHetrecLastfm, kAll,
     5, SplitMode::kLeaveOneOut},
    {Format::kItemSequences, "item-sequences", "sequences.txt", "sequences.txt and items.tsv",
     ReadItemSequences, kAll, 0, SplitMode::kLeaveOneOut},
}};

std::string Names() {
  return absl::StrJoin(kFormats, ", ", [](std::string* out, const FormatRule& rule) {
    absl::StrAppend(out, rule.name);
  });
}

}  // namespace

absl::StatusOr<Format> DetectFormat(const std::string& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return Error(absl::StatusCode::kNotFound, "DATASET_NOT_FOUND",
                 absl::StrCat(folder, " is not a folder"), {{"path", folder}});
  }
  std::vector<std::string> wanted;
  for (const FormatRule& rule : kFormats) {
    if (std::filesystem::exists(absl::StrCat(folder, "/", rule.marker), error)) return rule.format;
    wanted.push_back(absl::StrCat(rule.files, " (", rule.name, ")"));
  }
  return Error(
      absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
      absl::StrCat(folder, " holds no data set: put there ", absl::StrJoin(wanted, ", or ")),
      {{"path", folder}});
}

absl::StatusOr<Format> ParseFormat(const std::string& name) {
  if (name.empty() || name == "auto") return Format::kAuto;
  for (const FormatRule& rule : kFormats) {
    if (name == rule.name) return rule.format;
  }
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_FORMAT_UNKNOWN",
               absl::StrCat("'", name, "' is not a format: use auto, ", Names()),
               {{"format", name}});
}

absl::StatusOr<Dataset> ReadDataset(const std::string& folder, Format format,
                                    const DatasetOptions& options, const Proceed& proceed) {
  if (format == Format::kAuto) {
    RECSAE_ASSIGN_OR_RETURN(format, DetectFormat(folder));
  }
  const FormatRule& rule = *std::find_if(kFormats.begin(), kFormats.end(),
                                         [&](const FormatRule& r) { return r.format == format; });
  InteractionLog log;
  log.reading.proceed = proceed;
  log.positive_threshold = options.positive_threshold.value_or(rule.positive_threshold);
  RECSAE_RETURN_IF_ERROR(rule.read(folder, &log));
  DatasetOptions complete = options;
  if (complete.split == SplitMode::kOwn) complete.split = rule.split;
  if (!complete.core && complete.split != SplitMode::kGiven) complete.core = rule.core;
  RECSAE_ASSIGN_OR_RETURN(Dataset dataset, Assemble(folder, complete, std::move(log)));
  dataset.name = std::filesystem::path(folder).lexically_normal().filename().string();
  return dataset;
}

}  // namespace recsae::probe
