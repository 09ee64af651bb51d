#include "services/probe/datasets/dataset_source.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <filesystem>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "common/rpc/log.h"
#include "services/probe/datasets/readers.h"

namespace recsae::probe {
namespace {

namespace fs = std::filesystem;

constexpr char kPlanted[] = "planted";
// Data sets read or made at a time: each takes a core and its share of the memory.
constexpr int kReadAtOnce = 2;
// Of the memory budget, for data sets that nobody uses at the moment.
constexpr int64_t kKeptShare = 4;

bool IsPlanted(const v1::DatasetRef& ref) {
  return ref.name() == kPlanted || ref.format() == v1::DATASET_FORMAT_PLANTED;
}

constexpr auto kFormats = std::to_array<std::pair<v1::DatasetFormat, Format>>({
    {v1::DATASET_FORMAT_UNSPECIFIED, Format::kAuto},
    {v1::DATASET_FORMAT_ML_1M, Format::kMl1m},
    {v1::DATASET_FORMAT_ML_100K, Format::kMl100k},
    {v1::DATASET_FORMAT_RECHORUS, Format::kRechorus},
    {v1::DATASET_FORMAT_CSV, Format::kCsv},
    {v1::DATASET_FORMAT_HETREC_LASTFM, Format::kHetrecLastfm},
    {v1::DATASET_FORMAT_ITEM_SEQUENCES, Format::kItemSequences},
    {v1::DATASET_FORMAT_ML_CSV, Format::kMlCsv},
    {v1::DATASET_FORMAT_RECBOLE, Format::kRecbole},
    {v1::DATASET_FORMAT_AMAZON_REVIEWS, Format::kAmazonReviews},
    {v1::DATASET_FORMAT_STEAM, Format::kSteam},
    {v1::DATASET_FORMAT_YELP, Format::kYelp},
    {v1::DATASET_FORMAT_GOODREADS, Format::kGoodreads},
    {v1::DATASET_FORMAT_BOOK_CROSSING, Format::kBookCrossing},
    {v1::DATASET_FORMAT_KUAIREC, Format::kKuairec},
    {v1::DATASET_FORMAT_YOOCHOOSE, Format::kYoochoose},
    {v1::DATASET_FORMAT_DIGINETICA, Format::kDiginetica},
    {v1::DATASET_FORMAT_LFM, Format::kLfm},
    {v1::DATASET_FORMAT_MIND, Format::kMind},
});

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
  const v1::DatasetOptions::Columns& columns = message.columns();
  options.columns.of(Role::kUser) = columns.user();
  options.columns.of(Role::kItem) = columns.item();
  options.columns.of(Role::kTime) = columns.time();
  options.columns.of(Role::kRating) = columns.rating();
  options.columns.of(Role::kTitle) = columns.title();
  options.columns.of(Role::kSplit) = columns.split();
  options.columns.attributes = {columns.attributes().begin(), columns.attributes().end()};
  if (message.repeats() == v1::DatasetOptions::REPEAT_MODE_KEEP)
    options.repeats = RepeatMode::kKeep;
  if (message.repeats() == v1::DatasetOptions::REPEAT_MODE_DROP)
    options.repeats = RepeatMode::kDrop;
  return options;
}

void CheckColumns(const v1::DatasetOptions::Columns& columns, const std::string& field,
                  BadRequest& bad) {
  for (const auto& [name, value] : {std::pair("user", &columns.user()),
                                    {"item", &columns.item()},
                                    {"time", &columns.time()},
                                    {"rating", &columns.rating()},
                                    {"title", &columns.title()},
                                    {"split", &columns.split()}}) {
    bad.Add(absl::StrCat(field, ".", name), CheckTextSize(*value, kMaxDisplayNameBytes));
  }
  for (const std::string& attribute : columns.attributes()) {
    bad.Add(absl::StrCat(field, ".attributes"), CheckTextSize(attribute, kMaxDisplayNameBytes));
  }
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
  if (!v1::DatasetOptions::RepeatMode_IsValid(options.repeats())) {
    bad.Add(field + ".options.repeats",
            absl::StrCat("is ", options.repeats(), ", which is no RepeatMode"));
  }
  CheckColumns(options.columns(), field + ".options.columns", bad);
  if (options.split() == v1::DatasetOptions::SPLIT_MODE_GIVEN && options.core() > 0) {
    bad.Add(
        field + ".options.core",
        absl::StrCat("must be unset with split GIVEN, which it would break, is ", options.core()));
  }
}

// A few malformed lines are no error; the log says where to look for them, and what else was made
// of the files.
void LogReading(const LoadedDataset& loaded) {
  for (const Remark& remark : loaded.data.remarks) {
    Log(remark.warning ? Severity::kWarning : Severity::kInfo, "remark on a data set",
        {{"dataset", loaded.location}, {"code", remark.code}, {"remark", remark.text}});
  }
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
  constexpr int kDepth = 1;  // folders of part files
  for (fs::recursive_directory_iterator file(folder, error), end; file != end && !error;
       file.increment(error)) {
    if (file.depth() >= kDepth) file.disable_recursion_pending();
    std::error_code gone;
    const auto time = file->last_write_time(gone).time_since_epoch().count();
    const auto size = file->is_regular_file(gone) ? file->file_size(gone) : 0;
    files.insert(absl::StrCat(file->path().string(), " ", size, " ", time));
  }
  return absl::StrJoin(files, "\n");
}

}  // namespace

void AddRemarks(const std::vector<Remark>& remarks,
                google::protobuf::RepeatedPtrField<v1::DatasetRemark>& messages) {
  for (const Remark& remark : remarks) {
    v1::DatasetRemark& message = *messages.Add();
    message.set_code(remark.code);
    message.set_count(remark.count);
    message.set_text(remark.text);
    message.mutable_examples()->Assign(remark.examples.begin(), remark.examples.end());
    message.set_severity(remark.warning ? v1::DatasetRemark::SEVERITY_WARNING
                                        : v1::DatasetRemark::SEVERITY_NOTE);
  }
}

void CheckRef(const v1::DatasetRef& ref, const std::string& field, BadRequest& bad) {
  const std::string& name = ref.name();
  const std::string parts = absl::StrCat("/", name, "/");
  if (name.empty() || name == "." || parts.find("/../") != std::string::npos ||
      name.find_first_of(std::string("\\\0", 2)) != std::string::npos) {
    bad.Add(field + ".name",
            "must be the name of a folder such as \"ml-1m\", or the path of one in a data folder");
  }
  bad.Add(field + ".name", CheckTextSize(name, kMaxDisplayNameBytes));
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

// One of the data sets that are read at a time.
class DatasetSource::Slot {
 public:
  explicit Slot(DatasetSource& source) : source_(source) {}
  ~Slot() {
    if (!held_) return;
    const absl::MutexLock lock(&source_.mutex_);
    --source_.reading_;
    source_.slot_free_.Signal();
  }
  Slot(const Slot&) = delete;
  Slot& operator=(const Slot&) = delete;

  absl::Status Wait(absl::FunctionRef<absl::Status()> alive) {
    const absl::MutexLock lock(&source_.mutex_);
    while (source_.reading_ >= kReadAtOnce) {
      RECSAE_RETURN_IF_ERROR(alive());
      source_.slot_free_.WaitWithTimeout(&source_.mutex_, absl::Milliseconds(20));
    }
    ++source_.reading_;
    held_ = true;
    return absl::OkStatus();
  }

 private:
  DatasetSource& source_;
  bool held_ = false;
};

DatasetSource::DatasetSource(LocateOptions options, MemoryBudget& memory)
    : options_(std::move(options)),
      memory_(memory),
      cache_("datasets", memory, memory.limit() / kKeptShare) {}

absl::Status DatasetSource::ReadFiles(const v1::DatasetRef& ref,
                                      absl::FunctionRef<absl::Status()> alive, Permit& permit,
                                      LoadedDataset& loaded) const {
  LocateOptions options = options_;
  absl::Status status;
  options.progress = [&](int64_t, int64_t) {
    status = alive();
    return status.ok();
  };
  absl::StatusOr<std::string> location = LocateDataset(ref.name(), options);
  RECSAE_RETURN_IF_ERROR(status);
  RECSAE_RETURN_IF_ERROR(location.status());
  loaded.location = *std::move(location);
  loaded.state = FolderState(loaded.location);
  Format format = ToFormat(ref.format());
  if (format == Format::kAuto) {
    RECSAE_ASSIGN_OR_RETURN(format,
                            DetectFormat(loaded.location, ToOptions(ref.options()).columns));
  }
  loaded.format = ToMessage(format);
  const auto proceed = [&](int64_t bytes) -> absl::Status {
    RECSAE_RETURN_IF_ERROR(alive());
    return permit.Resize(std::max(permit.bytes(), bytes));
  };
  RECSAE_ASSIGN_OR_RETURN(loaded.data,
                          ReadDataset(loaded.location, format, ToOptions(ref.options()), proceed));
  return absl::OkStatus();
}

absl::StatusOr<DatasetSource::Cache::Loaded> DatasetSource::Read(
    const v1::DatasetRef& ref, absl::FunctionRef<absl::Status()> caller_alive) {
  Slot slot(*this);
  RECSAE_RETURN_IF_ERROR(slot.Wait(caller_alive));
  // Asked for every line or user; whether a call is alive is not that cheap to tell.
  absl::Time asked = absl::InfinitePast();
  const auto alive = [&] {
    const absl::Time now = absl::Now();
    if (now - asked < absl::Milliseconds(2)) return absl::OkStatus();
    asked = now;
    return caller_alive();
  };
  auto loaded = std::make_shared<LoadedDataset>();
  const bool planted = IsPlanted(ref);
  const PlantedOptions options = ToOptions(ref.planted());
  RECSAE_ASSIGN_OR_RETURN(
      Permit permit, memory_.Take(planted ? PlantedBytes(options) : kReadingBytes,
                                  absl::StrCat("data set \"", ref.name(), "\""),
                                  planted ? "planted.user_count or planted.interactions_per_user"
                                          : "the size of its files"));
  if (planted) {
    RECSAE_ASSIGN_OR_RETURN(loaded->data,
                            GeneratePlanted(options, [&](int64_t) { return alive(); }));
    loaded->format = v1::DATASET_FORMAT_PLANTED;
  } else {
    RECSAE_RETURN_IF_ERROR(ReadFiles(ref, alive, permit, *loaded));
  }
  loaded->data.name = ref.name();
  loaded->fingerprint = FingerprintOf(loaded->data);
  LogReading(*loaded);
  RECSAE_RETURN_IF_ERROR(permit.Resize(BytesOf(loaded->data)));
  return Cache::Loaded{std::move(permit), std::move(loaded)};
}

absl::StatusOr<std::shared_ptr<const LoadedDataset>> DatasetSource::Load(
    const v1::DatasetRef& asked, absl::FunctionRef<absl::Status()> alive) {
  BadRequest bad;
  CheckRef(asked, "dataset", bad);
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  v1::DatasetRef ref = asked;
  RECSAE_ASSIGN_OR_RETURN(*ref.mutable_name(), DatasetName(asked.name(), options_));
  const std::string key = ref.SerializeAsString();
  const auto read = [&] { return Read(ref, alive); };
  RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedDataset> loaded,
                          cache_.Get(key, alive, read));
  if (FolderState(loaded->location) == loaded->state) return loaded;
  cache_.Drop(key, loaded);
  return cache_.Get(key, alive, read);
}

}  // namespace recsae::probe
