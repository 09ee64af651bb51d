#include "clients/cli/dataset_flags.h"

#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"

namespace recsae::cli {

using probe::v1::DatasetFormat;

void AddDatasetFlags(CLI::App& command, DatasetFlags& flags) {
  command
      .add_option("--format", flags.format,
                  "How the files are laid out [default: recognised by the files there]")
      ->check(CLI::IsMember({"ml_1m", "ml_100k", "rechorus", "csv"}));
  const std::string group = "Generated data set (planted)";
  const auto add = [&](const char* flag, auto& value, const char* what) {
    command.add_option(flag, value, what)->type_name("N")->group(group);
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
  dataset.set_name(name);
  if (!flags.format.empty()) {
    DatasetFormat format = probe::v1::DATASET_FORMAT_UNSPECIFIED;
    probe::v1::DatasetFormat_Parse(
        absl::StrCat("DATASET_FORMAT_", absl::AsciiStrToUpper(flags.format)), &format);
    dataset.set_format(format);
  }
  if (name != "planted") return dataset;
  probe::v1::PlantedOptions& planted = *dataset.mutable_planted();
  planted.set_concepts(flags.planted_concepts.value_or(0));
  planted.set_items_per_concept(flags.planted_items.value_or(0));
  planted.set_users(flags.planted_users.value_or(0));
  planted.set_interactions_per_user(flags.planted_interactions.value_or(0));
  planted.set_seed(flags.planted_seed.value_or(0));
  return dataset;
}

}  // namespace recsae::cli
