#include "services/probe/datasets/dataset_source.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <exception>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/rpc/log.h"
#include "services/probe/datasets/readers.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

constexpr char kPlanted[] = "planted";
constexpr size_t kKept = 2;

bool IsPlanted(const v1::DatasetRef& ref) {
  return ref.name() == kPlanted || ref.format() == v1::DATASET_FORMAT_PLANTED;
}

constexpr std::array<std::pair<v1::DatasetFormat, Format>, 7> kFormats = {{
    {v1::DATASET_FORMAT_UNSPECIFIED, Format::kAuto},
    {v1::DATASET_FORMAT_ML_1M, Format::kMl1m},
    {v1::DATASET_FORMAT_ML_100K, Format::kMl100k},
    {v1::DATASET_FORMAT_RECHORUS, Format::kRechorus},
    {v1::DATASET_FORMAT_CSV, Format::kCsv},
    {v1::DATASET_FORMAT_HETREC_LASTFM, Format::kHetrecLastfm},
    {v1::DATASET_FORMAT_ITEM_SEQUENCES, Format::kItemSequences},
}};

Format ToFormat(v1::DatasetFormat format) {
  const auto* known = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const auto& pair) { return pair.first == format; });
  return known->second;
}

v1::DatasetFormat ToMessage(Format format) {
  const auto* known = std::find_if(kFormats.begin(), kFormats.end(),
                                   [&](const auto& pair) { return pair.second == format; });
  return known->first;
}

DatasetOptions ToOptions(const v1::DatasetOptions& message) {
  DatasetOptions options;
  if (message.has_core()) options.core = message.core();
  if (message.has_positive_threshold()) options.positive_threshold = message.positive_threshold();
  if (message.split() == v1::DatasetOptions::SPLIT_MODE_LEAVE_ONE_OUT)
    options.split = SplitMode::kLeaveOneOut;
  if (message.split() == v1::DatasetOptions::SPLIT_MODE_GIVEN) options.split = SplitMode::kGiven;
  options.seed = message.seed();
  return options;
}

void CheckOptions(const v1::DatasetRef& ref, const std::string& field, BadRequest& bad) {
  if (!ref.has_options()) return;
  const v1::DatasetOptions& options = ref.options();
  if (IsPlanted(ref)) {
    bad.Add(field + ".options", "must be unset for the generated data set: it has its own options");
  }
  if (options.core() < 0) {
    bad.Add(field + ".options.core", absl::StrCat("must be 0 or more, is ", options.core()));
  }
  if (!std::isfinite(options.positive_threshold())) {
    bad.Add(field + ".options.positive_threshold", "must be a finite number");
  }
  if (!v1::DatasetOptions::SplitMode_IsValid(options.split())) {
    bad.Add(field + ".options.split",
            absl::StrCat("is ", options.split(), ", which is no SplitMode"));
  }
  if (options.split() == v1::DatasetOptions::SPLIT_MODE_GIVEN && options.core() > 0) {
    bad.Add(
        field + ".options.core",
        absl::StrCat("must be unset with split GIVEN, which it would break, is ", options.core()));
  }
}

// A few malformed lines are no error; the log says where to look for them.
void LogMalformed(const LoadedDataset& loaded) {
  if (loaded.data.malformed.empty()) return;
  Log(Severity::kWarning, "malformed lines left out",
      {{"dataset", loaded.location},
       {"lines", loaded.data.malformed_lines},
       {"first", absl::StrJoin(loaded.data.malformed, "; ")}});
}

PlantedOptions ToOptions(const v1::PlantedOptions& planted) {
  const auto value = [](int32_t given, int fallback) { return given == 0 ? fallback : given; };
  PlantedOptions options;
  options.concepts = value(planted.concept_count(), 16);
  options.items = options.concepts * value(planted.items_per_concept(), 25);
  options.users = value(planted.user_count(), 2000);
  // Drawn evenly around the average; the generator wants sequences well below the number of items.
  const int length = value(planted.interactions_per_user(), 40);
  const int longest = std::max(length, std::min(length + length / 2, options.items / 4));
  options.min_length = 2 * length - longest;
  options.max_length = longest;
  options.seed = planted.seed();
  return options;
}

// Names, sizes and times of the folder's files: changes when the data set does.
std::string FolderState(const std::string& folder) {
  if (folder.empty()) return "";  // generated
  std::set<std::string> files;
  std::error_code error;
  for (fs::directory_iterator file(folder, error), end; file != end && !error;
       file.increment(error)) {
    std::error_code gone;
    const auto time = file->last_write_time(gone).time_since_epoch().count();
    const auto size = file->is_regular_file(gone) ? file->file_size(gone) : 0;
    files.insert(absl::StrCat(file->path().string(), " ", size, " ", time));
  }
  return absl::StrJoin(files, "\n");
}

}  // namespace

void CheckRef(const v1::DatasetRef& ref, const std::string& field, BadRequest& bad) {
  const std::string& name = ref.name();
  if (name.empty() || name == "." || name == ".." ||
      name.find_first_of(std::string("/\\\0", 3)) != std::string::npos) {
    bad.Add(field + ".name", "must be a folder name such as \"ml-1m\", without path separators");
  }
  if (!v1::DatasetFormat_IsValid(ref.format())) {
    bad.Add(field + ".format", absl::StrCat("is ", ref.format(), ", which is no DatasetFormat"));
  }
  const auto check = [&](const char* option, int32_t value, int32_t most) {
    if (value < 0 || value > most) {
      bad.Add(absl::StrCat(field, ".planted.", option),
              absl::StrCat("must be 0 to ", most, ", is ", value));
    }
  };
  CheckOptions(ref, field, bad);
  check("concept_count", ref.planted().concept_count(), 64);
  check("items_per_concept", ref.planted().items_per_concept(), 1000);
  check("user_count", ref.planted().user_count(), 1'000'000);
  check("interactions_per_user", ref.planted().interactions_per_user(), 10'000);
}

DatasetSource::Result DatasetSource::Read(const v1::DatasetRef& ref) const {
  auto loaded = std::make_shared<LoadedDataset>();
  if (IsPlanted(ref)) {
    RECSAE_ASSIGN_OR_RETURN(loaded->data, GeneratePlanted(ToOptions(ref.planted())));
    loaded->format = v1::DATASET_FORMAT_PLANTED;
  } else {
    LocateOptions options = options_;
    options.progress = [this](int64_t, int64_t) { return !stopping_; };
    RECSAE_ASSIGN_OR_RETURN(loaded->location, LocateDataset(ref.name(), options));
    loaded->state = FolderState(loaded->location);
    Format format = ToFormat(ref.format());
    if (format == Format::kAuto) {
      RECSAE_ASSIGN_OR_RETURN(format, DetectFormat(loaded->location));
    }
    RECSAE_ASSIGN_OR_RETURN(loaded->data,
                            ReadDataset(loaded->location, format, ToOptions(ref.options())));
    loaded->format = ToMessage(format);
  }
  loaded->data.name = ref.name();
  LogMalformed(*loaded);
  return std::shared_ptr<const LoadedDataset>(std::move(loaded));
}

std::shared_future<DatasetSource::Result> DatasetSource::Find(const v1::DatasetRef& ref) {
  const auto is_done = [](const Entry& entry) {
    return entry.result.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  };
  const auto is_stale = [&](const Entry& entry) {
    if (!is_done(entry)) return false;
    const Result& result = entry.result.get();
    return !result.ok() || FolderState((*result)->location) != (*result)->state;
  };
  const std::string key = ref.SerializeAsString();
  std::lock_guard lock(mutex_);
  entries_.remove_if(is_stale);
  for (auto entry = entries_.begin(); entry != entries_.end(); ++entry) {
    if (entry->key != key) continue;
    entries_.splice(entries_.begin(), entries_, entry);
    return entry->result;
  }
  // Only what has been read is given up: letting go of a running read would wait for it.
  for (auto entry = entries_.end(); entry != entries_.begin() && entries_.size() >= kKept;) {
    --entry;
    if (is_done(*entry)) entry = entries_.erase(entry);
  }
  const auto read = [this, ref]() -> Result {
    try {
      return Read(ref);
    } catch (const std::exception& error) {  // none may leave the thread
      return Error(absl::StatusCode::kInternal, "DATASET_READ_FAILED",
                   absl::StrCat("reading data set \"", ref.name(), "\" failed: ", error.what()));
    }
  };
  entries_.push_front({key, std::async(std::launch::async, read).share()});
  return entries_.front().result;
}

absl::StatusOr<std::shared_ptr<const LoadedDataset>> DatasetSource::Load(
    const v1::DatasetRef& ref, absl::FunctionRef<absl::Status()> alive) {
  BadRequest bad;
  CheckRef(ref, "dataset", bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  const std::shared_future<Result> result = Find(ref);
  while (result.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    RECSAE_RETURN_IF_ERROR(alive());
  }
  return result.get();
}

}  // namespace recsae::probe
