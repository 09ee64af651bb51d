// The flags that a command declares. Over CLI11, whose headers cost four seconds a file: only the
// sources behind this interface include them.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_COMMAND_H_
#define RECSAE_CLIENTS_CLI_FLAGS_COMMAND_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace CLI {
class App;
class Option;
class Validator;
}  // namespace CLI

namespace recsae::cli {

// What a value must be; --help says so.
class Check {
 public:
  // `error` says what is wrong with a value, nothing if it is good.
  explicit Check(const std::function<std::string(const std::string& value)>& error);

  static Check Positive();
  static Check NonNegative();
  static Check Range(int lowest, int highest);
  // Capitals do not matter.
  static Check OneOf(const std::vector<std::string>& names);
  static Check ExistingFile();
  static Check ExistingDirectory();
  // A file or a folder.
  static Check ExistingPath();
  // A file or folder that need not be there. All of these take ~/… for the home directory.
  static Check Path();
  // A data set, as DatasetArgument takes it.
  static Check Dataset();

 private:
  friend class Flag;
  explicit Check(std::shared_ptr<const CLI::Validator> validator, bool rewrites = false);

  std::shared_ptr<const CLI::Validator> validator_;
  bool rewrites_ = false;  // changes the value
};

// One flag or positional argument. A handle: copies are the same flag, of which each method changes
// one thing.
class Flag {
 public:
  explicit Flag(CLI::Option* option) : option_(option) {}

  Flag Required();
  // In --help, in place of TEXT or INT.
  Flag Type(const std::string& name);
  // The heading in --help under which it stands.
  Flag Group(const std::string& title);
  // The value that its variable has now is shown as the default.
  Flag ShowDefault();
  Flag From(const std::string& environment_variable);
  Flag Must(const Check& check);
  Flag Excludes(const Flag& other);
  // Blanks around the value are no part of it.
  Flag Trimmed();
  // A list: one argument holds several values, with or without blanks between.
  Flag SeparatedBy(char delimiter);
  // A list: each value, or list of them, follows the flag's name again.
  Flag OneArgumentEach();
  // After parsing: whether it was given.
  bool Given() const;

 private:
  CLI::Option* option_;
};

// A flag that was given, and its values as typed.
struct GivenFlag {
  // Without dashes; empty for a positional argument.
  std::string name;
  // None of a switch.
  std::vector<std::string> values;
};

// A command or a group of them. A handle, as Flag.
class Command {
 public:
  explicit Command(CLI::App& app) : app_(&app) {}

  // A flag ("--top") or positional argument ("FILE") whose value goes to `value`, which must live
  // as long as the command line. T: std::string, int, int64_t, uint64_t or double, std::optional of
  // a number, or a list of any.
  template <typename T>
  Flag Add(const std::string& name, T& value, const std::string& what);
  // A flag without a value.
  Flag AddSwitch(const std::string& name, bool& value, const std::string& what);

  // One that was added.
  Flag Find(const std::string& name);
  // Those that the command line gave.
  std::vector<GivenFlag> Given() const;

  CLI::App& app() const { return *app_; }

 private:
  CLI::App* app_;
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_COMMAND_H_
