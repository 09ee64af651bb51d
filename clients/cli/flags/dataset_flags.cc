#include "clients/cli/flags/dataset_flags.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace recsae::cli {

using probe::v1::DatasetFormat;

namespace {

// What is wrong with one of --columns, or "".
std::string ColumnProblem(const std::string& column) {
  const size_t equals = column.find('=');
  const absl::string_view meaning =
      absl::StripTrailingAsciiWhitespace(absl::string_view(column).substr(0, equals));
  for (const char* known : {"user", "item", "time", "rating", "title", "split", "attribute"}) {
    if (equals != std::string::npos && equals + 1 < column.size() && meaning == known) return "";
  }
  return absl::StrCat("'", column,
                      "' is not MEANING=COLUMN with user, item, time, rating, title, split or "
                      "attribute as the meaning");
}

void AddOptionFlags(Command& command, DatasetFlags& flags) {
  const std::string group = "Interactions that count (docs/data-sets.md)";
  const auto add = [&](const char* flag, auto& value, const char* what) {
    return command.Add(flag, value, what).Group(group);
  };
  add("--core", flags.core,
      "Drop users and items with fewer interactions until none is left; 0 keeps all [default: the "
      "format's]")
      .Type("N");
  add("--positive-threshold", flags.positive_threshold,
      "Interactions rated (or counted) lower do not count [default: the format's]")
      .Type("X");
  add("--split", flags.split,
      "Hold out each user's last interactions, or what the files say [default: the format's]")
      .Must(Check::OneOf({"leave-one-out", "given"}));
  add("--split-seed", flags.split_seed,
      "Of the interactions held out at random where there are no times [default: 0]")
      .Type("N");
  add("--columns", flags.columns,
      "What columns mean whose names do not say it: user, item, time, rating, title, split, "
      "attribute")
      .Type("MEANING=COLUMN,...")
      .SeparatedBy(',')
      .OneArgumentEach()
      .Must(Check(ColumnProblem));
  add("--repeats", flags.repeats,
      "A user's further interactions with an item count, or the first one alone [default: keep]")
      .Must(Check::OneOf({"keep", "drop"}));
}

void SetColumns(const DatasetFlags& flags, probe::v1::DatasetOptions& options) {
  probe::v1::DatasetOptions::Columns& columns = *options.mutable_columns();
  for (const std::string& column : flags.columns) {
    const size_t equals = column.find('=');
    const absl::string_view text = column;
    const absl::string_view meaning = absl::StripTrailingAsciiWhitespace(text.substr(0, equals));
    const std::string name(absl::StripLeadingAsciiWhitespace(text.substr(equals + 1)));
    if (meaning == "user") columns.set_user(name);
    if (meaning == "item") columns.set_item(name);
    if (meaning == "time") columns.set_time(name);
    if (meaning == "rating") columns.set_rating(name);
    if (meaning == "title") columns.set_title(name);
    if (meaning == "split") columns.set_split(name);
    if (meaning == "attribute") columns.add_attributes(name);
  }
}

void SetOptions(const DatasetFlags& flags, probe::v1::DatasetRef& dataset) {
  if (flags.core) dataset.mutable_options()->set_core(*flags.core);
  if (flags.positive_threshold) {
    dataset.mutable_options()->set_positive_threshold(*flags.positive_threshold);
  }
  if (flags.split == "leave-one-out") {
    dataset.mutable_options()->set_split(probe::v1::DatasetOptions::SPLIT_MODE_LEAVE_ONE_OUT);
  } else if (flags.split == "given") {
    dataset.mutable_options()->set_split(probe::v1::DatasetOptions::SPLIT_MODE_GIVEN);
  }
  if (!flags.columns.empty()) SetColumns(flags, *dataset.mutable_options());
  if (flags.repeats == "keep") {
    dataset.mutable_options()->set_repeats(probe::v1::DatasetOptions::REPEAT_MODE_KEEP);
  } else if (flags.repeats == "drop") {
    dataset.mutable_options()->set_repeats(probe::v1::DatasetOptions::REPEAT_MODE_DROP);
  }
  if (flags.split_seed) dataset.mutable_options()->set_seed(*flags.split_seed);
}

}  // namespace

void AddDatasetFlags(Command& command, DatasetFlags& flags) {
  command
      .Add("--format", flags.format,
           "How the files are laid out [default: recognised by the files there]")
      .Must(Check::OneOf({"ml_1m", "ml_100k", "rechorus", "csv", "hetrec_lastfm", "item_sequences",
                          "ml_csv", "recbole", "amazon_reviews", "steam", "yelp", "goodreads",
                          "book_crossing", "kuairec", "yoochoose", "diginetica", "lfm", "mind"}));
  AddOptionFlags(command, flags);
  const std::string group = "Generated data set (planted)";
  const auto add = [&](const char* flag, auto& value, const char* what) {
    command.Add(flag, value, what).Type("N").Group(group);
  };
  add("--planted-concepts", flags.planted_concepts, "Concepts [default: 16]");
  add("--planted-items", flags.planted_items, "Items of each concept [default: 25]");
  add("--planted-users", flags.planted_users, "Users [default: 2000]");
  add("--planted-interactions", flags.planted_interactions,
      "Interactions of a user, on average [default: 40]");
  add("--planted-seed", flags.planted_seed, "Makes another data set [default: 0]");
}

probe::v1::DatasetRef MakeDatasetRef(const std::string& name, const DatasetFlags& flags) {
  probe::v1::DatasetRef dataset;
  // The slash that completing a path adds.
  const size_t end = name.find_last_not_of('/');
  dataset.set_name(end == std::string::npos ? name : name.substr(0, end + 1));
  if (!flags.format.empty()) {
    DatasetFormat format = probe::v1::DATASET_FORMAT_UNSPECIFIED;
    probe::v1::DatasetFormat_Parse(
        absl::StrCat("DATASET_FORMAT_", absl::AsciiStrToUpper(flags.format)), &format);
    dataset.set_format(format);
  }
  SetOptions(flags, dataset);
  if (name != "planted") return dataset;
  probe::v1::PlantedOptions& planted = *dataset.mutable_planted();
  planted.set_concept_count(flags.planted_concepts.value_or(0));
  planted.set_items_per_concept(flags.planted_items.value_or(0));
  planted.set_user_count(flags.planted_users.value_or(0));
  planted.set_interactions_per_user(flags.planted_interactions.value_or(0));
  planted.set_seed(flags.planted_seed.value_or(0));
  return dataset;
}

}  // namespace recsae::cli
