#include "clients/cli/flags/command.h"

#include <CLI/CLI.hpp>
#include <cstdint>
#include <cstdlib>
#include <optional>
#include <type_traits>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "clients/cli/text/dataset_path.h"

namespace recsae::cli {
namespace {

// "~" and "~/…" as the shell would have them; it does not look behind "=".
void ExpandHome(std::string& path) {
  const char* home = std::getenv("HOME");
  const bool ours = path == "~" || path.rfind("~/", 0) == 0;
  if (ours && home != nullptr && *home != '\0') path = home + path.substr(1);
}

std::shared_ptr<const CLI::Validator> PathThen(std::string (*check)(std::string& path)) {
  return std::make_shared<CLI::Validator>(
      [check](std::string& path) {
        ExpandHome(path);
        return check(path);
      },
      "");
}

}  // namespace

Check::Check(const std::function<std::string(const std::string& value)>& error)
    : validator_(std::make_shared<CLI::Validator>(
          // CLI11 lets validators change the value.
          [error](std::string& value) { return error(value); }, "")) {}

Check::Check(std::shared_ptr<const CLI::Validator> validator, bool rewrites)
    : validator_(std::move(validator)), rewrites_(rewrites) {}

// CLI11's own name the largest double there is.
Check Check::Positive() {
  return Check([](const std::string& value) {
    double number = 0;
    const bool good = absl::SimpleAtod(value, &number) && number > 0;
    return good ? "" : "'" + value + "' is not a number above 0";
  });
}

Check Check::NonNegative() {
  return Check([](const std::string& value) {
    double number = 0;
    const bool good = absl::SimpleAtod(value, &number) && number >= 0;
    return good ? "" : "'" + value + "' is not a number from 0 up";
  });
}

Check Check::Range(int lowest, int highest) {
  return Check(std::make_shared<CLI::Range>(lowest, highest));
}

Check Check::OneOf(const std::vector<std::string>& names) {
  return Check(std::make_shared<CLI::IsMember>(names, CLI::ignore_case), true);
}

Check Check::ExistingFile() {
  return Check(PathThen([](std::string& path) { return CLI::ExistingFile(path); }), true);
}

Check Check::ExistingDirectory() {
  return Check(PathThen([](std::string& path) { return CLI::ExistingDirectory(path); }), true);
}

Check Check::ExistingPath() {
  return Check(PathThen([](std::string& path) { return CLI::ExistingPath(path); }), true);
}

Check Check::Path() {
  return Check(PathThen([](std::string&) { return std::string(); }), true);
}

Check Check::Dataset() {
  return Check(std::make_shared<CLI::Validator>(
                   [](std::string& name) -> std::string {
                     name = DatasetArgument(name);
                     if (name.find("://") == std::string::npos) return "";
                     return "'" + name +
                            "' is an address; put what is there into a folder in one of the "
                            "server's data folders (--data), and give the folder's name";
                   },
                   ""),
               true);
}

Flag Flag::Required() {
  option_->required();
  return *this;
}

Flag Flag::Type(const std::string& name) {
  option_->type_name(name);
  return *this;
}

Flag Flag::Group(const std::string& title) {
  option_->group(title);
  return *this;
}

Flag Flag::ShowDefault() {
  option_->capture_default_str();
  return *this;
}

Flag Flag::From(const std::string& environment_variable) {
  option_->envname(environment_variable);
  return *this;
}

Flag Flag::Must(const Check& check) {
  if (check.rewrites_) {
    option_->transform(*check.validator_);
  } else {
    option_->check(*check.validator_);
  }
  return *this;
}

Flag Flag::Excludes(const Flag& other) {
  option_->excludes(other.option_);
  return *this;
}

Flag Flag::SeparatedBy(char delimiter) {
  option_->delimiter(delimiter);
  return Trimmed();
}

Flag Flag::Trimmed() {
  option_->transform(CLI::Validator(
      [](std::string& value) {
        absl::StripAsciiWhitespace(&value);
        return std::string();
      },
      ""));
  return *this;
}

Flag Flag::OneArgumentEach() {
  option_->allow_extra_args(false);
  return *this;
}

bool Flag::Given() const { return option_->count() > 0; }

namespace {

// Numbers without a sign, which "-1" would be the largest of.
template <typename T>
constexpr bool kUnsigned =
    std::is_same_v<T, uint64_t> || std::is_same_v<T, std::optional<uint64_t>> ||
    std::is_same_v<T, std::vector<uint64_t>>;

}  // namespace

template <typename T>
Flag Command::Add(const std::string& name, T& value, const std::string& what) {
  CLI::Option* option = app_->add_option(name, value, what);
  if constexpr (kUnsigned<T>) {
    option->check(CLI::Validator(
        [](std::string& text) {
          return text.find('-') == std::string::npos ? "" : "'" + text + "' is below 0";
        },
        ""));
  }
  return Flag(option);
}

// NOLINTBEGIN(bugprone-macro-parentheses): a type takes none.
#define RECSAE_FLAG_OF(type) \
  template Flag Command::Add(const std::string& name, type& value, const std::string& what)
// NOLINTEND(bugprone-macro-parentheses)
RECSAE_FLAG_OF(std::string);
RECSAE_FLAG_OF(int);
RECSAE_FLAG_OF(int64_t);
RECSAE_FLAG_OF(uint64_t);
RECSAE_FLAG_OF(double);
RECSAE_FLAG_OF(std::optional<int>);
RECSAE_FLAG_OF(std::optional<int64_t>);
RECSAE_FLAG_OF(std::optional<uint64_t>);
RECSAE_FLAG_OF(std::optional<double>);
RECSAE_FLAG_OF(std::vector<std::string>);
RECSAE_FLAG_OF(std::vector<int>);
RECSAE_FLAG_OF(std::vector<int64_t>);
RECSAE_FLAG_OF(std::vector<uint64_t>);
RECSAE_FLAG_OF(std::vector<double>);
#undef RECSAE_FLAG_OF

Flag Command::AddSwitch(const std::string& name, bool& value, const std::string& what) {
  return Flag(app_->add_flag(name, value, what));
}

Flag Command::Find(const std::string& name) { return Flag(app_->get_option(name)); }

std::vector<GivenFlag> Command::Given() const {
  std::vector<GivenFlag> given;
  for (const CLI::Option* option : std::as_const(*app_).get_options()) {
    if (option->count() == 0) continue;
    const std::vector<std::string>& names = option->get_lnames();
    given.push_back({names.empty() ? "" : names[0], {}});
    if (option->get_items_expected_max() > 0) given.back().values = option->results();
  }
  return given;
}

}  // namespace recsae::cli
