#include "common/process/flags.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "common/base/address.h"
#include "common/base/environment.h"
#include "common/budget/bytes.h"

namespace recsae {
namespace {

// CLI11 lets the config file win over the environment; this reader leaves out of the file what the
// environment says.
class ConfigBelowEnvironment : public CLI::ConfigTOML {
 public:
  explicit ConfigBelowEnvironment(const CLI::App* app) : app_(app) {}

  std::vector<CLI::ConfigItem> from_config(std::istream& input) const override {
    std::vector<CLI::ConfigItem> settings = CLI::ConfigTOML::from_config(input);
    const auto in_environment = [this](const CLI::ConfigItem& item) {
      const CLI::Option* option = app_->get_option_no_throw("--" + item.name);
      if (option == nullptr || !item.parents.empty()) {
        throw CLI::ConfigError("'" + item.fullname() + "' is not a flag",
                               CLI::ExitCodes::ConfigError);
      }
      const char* value = std::getenv(option->get_envname().c_str());
      return value != nullptr && *value != '\0';
    };
    settings.erase(std::remove_if(settings.begin(), settings.end(), in_environment),
                   settings.end());
    return settings;
  }

 private:
  const CLI::App* app_;
};

// A check in CLI11's form: the empty string means that the value is fine.
template <typename T, typename Parse>
CLI::Validator Between(T low, T high, Parse parse) {
  const std::string range = absl::StrCat(low, " to ", high);
  return CLI::Validator(
      [low, high, range, parse](std::string& text) -> std::string {
        T value{};
        // Written so that NaN fails.
        if (parse(text, &value) && value >= low && value <= high) return "";
        return absl::StrCat("'", text, "' is not a number from ", range);
      },
      absl::StrCat("[", range, "]"));
}

// "~" and "~/…" as the shell would have them; what is wrong, or "".
std::string ExpandHome(std::string& path) {
  const char* home = std::getenv("HOME");
  if (path != "~" && !absl::StartsWith(path, "~/")) return "";
  if (home == nullptr || *home == '\0') return absl::StrCat("HOME is not set for '", path, "'");
  path = absl::StrCat(home, path.substr(1));
  return "";
}

// The same of "--config=PATH" and of the argument after "--config".
void ExpandHomeOfConfig(std::vector<std::string>& args) {
  constexpr absl::string_view kConfig = "--config=";
  for (size_t i = 0; i < args.size(); ++i) {
    if (absl::StartsWith(args[i], kConfig)) {
      std::string path = args[i].substr(kConfig.size());
      ExpandHome(path);
      args[i] = absl::StrCat(kConfig, path);
    } else if (args[i] == "--config" && i + 1 < args.size()) {
      ExpandHome(args[i + 1]);
    }
  }
}

std::string OneLine(std::string text) {
  absl::StrReplaceAll({{"\n", " "}, {"\r", " "}}, &text);
  absl::StripTrailingAsciiWhitespace(&text);
  return text;
}

}  // namespace

std::string EnvironmentName(absl::string_view flag) {
  return absl::StrCat("RECSAE_", absl::AsciiStrToUpper(absl::StrReplaceAll(flag, {{"-", "_"}})));
}

struct FlagSet::Impl {
  explicit Impl(std::string description) : app(std::move(description)) {}

  // Applies what all flags have in common.
  void Finish(CLI::Option* option, absl::string_view name) {
    option->envname(EnvironmentName(name))->group(group);
    option->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  }

  // Whether another module has added the flag; `value` then gets what that one gets.
  bool IsShared(absl::string_view name, std::string* value) {
    const auto [first, added] = texts.emplace(std::string(name), value);
    if (!added) shared.emplace_back(first->second, value);
    return !added;
  }

  void NoteWarnings();

  std::map<std::string, std::string*> texts;                        // by name
  std::vector<std::pair<const std::string*, std::string*>> shared;  // from, to
  std::vector<std::string> warnings;
  std::string program;
  std::string group = "Options";
  CLI::App app;
};

void FlagSet::Impl::NoteWarnings() {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_envname().empty()) known.push_back(option->get_envname());
    const std::vector<std::string>& results = option->results();
    if (option->get_expected_min() == 0 || results.size() < 2) continue;
    warnings.push_back(absl::StrCat(option->get_name(), " is given ", results.size(),
                                    " times; the last one counts: ", results.back()));
  }
  for (std::string& doubt : DoubtfulVariables(std::move(known)))
    warnings.push_back(std::move(doubt));
}

FlagSet::FlagSet(const std::string& program, const std::string& description,
                 const std::string& examples, const std::string& version)
    : impl_(std::make_unique<Impl>(description)) {
  impl_->program = program;
  CLI::App& app = impl_->app;
  app.name(program);
  app.set_help_flag("--help,-h", "Print this help and exit");
  app.set_version_flag("--version", absl::StrCat(program, " ", version),
                       "Print the version and exit");
  app.config_formatter(std::make_shared<ConfigBelowEnvironment>(&app));
  app.allow_config_extras(CLI::config_extras_mode::error);
  app.set_config("--config", "",
                 "TOML file with values for these flags, for example: log-level = \"debug\" "
                 "(Env:RECSAE_CONFIG)")
      ->type_name("FILE");
  app.footer(absl::StrCat(examples.empty() ? "" : "Examples:\n", examples,
                          examples.empty() ? "" : "\n\n",
                          "A value on the command line wins over the environment, the environment "
                          "over the --config file."));
}

FlagSet::~FlagSet() = default;

void FlagSet::Group(std::string title) { impl_->group = std::move(title); }

void FlagSet::Add(absl::string_view name, std::string* value, absl::string_view help) {
  if (impl_->IsShared(name, value)) return;
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  impl_->Finish(option->capture_default_str(), name);
}

void FlagSet::AddPath(absl::string_view name, std::string* value, absl::string_view help) {
  if (impl_->IsShared(name, value)) return;
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  option->transform(CLI::Validator(ExpandHome, ""));
  impl_->Finish(option->capture_default_str(), name);
}

void FlagSet::AddPaths(absl::string_view name, std::string* value, absl::string_view help) {
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  option->transform(CLI::Validator(
      [](std::string& paths) -> std::string {
        std::vector<std::string> parts = absl::StrSplit(paths, ':');
        for (std::string& part : parts) {
          if (std::string problem = ExpandHome(part); !problem.empty()) return problem;
        }
        paths = absl::StrJoin(parts, ":");
        return "";
      },
      ""));
  impl_->Finish(option->capture_default_str(), name);
}

void FlagSet::Add(absl::string_view name, bool* value, absl::string_view help) {
  impl_->Finish(impl_->app.add_flag(absl::StrCat("--", name), *value, std::string(help)), name);
}

void FlagSet::Add(absl::string_view name, int64_t* value, absl::string_view help, int64_t low,
                  int64_t high) {
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  option->check(Between<int64_t>(low, high, [](const std::string& text, int64_t* out) {
    return absl::SimpleAtoi(text, out);
  }));
  impl_->Finish(option->capture_default_str(), name);
}

void FlagSet::Add(absl::string_view name, double* value, absl::string_view help, double low,
                  double high) {
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  option->check(Between<double>(
      low, high, [](const std::string& text, double* out) { return absl::SimpleAtod(text, out); }));
  impl_->Finish(option->capture_default_str(), name);
}

void FlagSet::AddBytes(absl::string_view name, int64_t* bytes, absl::string_view help,
                       bool allow_zero) {
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *bytes, std::string(help));
  option->type_name("BYTES")->default_str(FormatBytes(*bytes));
  option->transform(CLI::Validator(
      [allow_zero](std::string& text) -> std::string {
        int64_t size = 0;
        if (!ParseBytes(text, &size) && !(allow_zero && text == "0")) {
          return absl::StrCat("'", text, "' is not a size such as 1073741824, 1024MiB or 1GiB");
        }
        text = absl::StrCat(size);
        return "";
      },
      ""));
  impl_->Finish(option, name);
}

void FlagSet::AddChoice(absl::string_view name, std::string* value, absl::string_view help,
                        const std::vector<std::string>& choices) {
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  impl_->Finish(option->transform(CLI::IsMember(choices, CLI::ignore_case))->capture_default_str(),
                name);
}

void FlagSet::AddAddress(absl::string_view name, std::string* value, absl::string_view help,
                         bool allow_any, bool allow_off) {
  CLI::Option* option = impl_->app.add_option(absl::StrCat("--", name), *value, std::string(help));
  option->type_name("HOST:PORT");
  option->transform(CLI::Validator(
      [allow_any, allow_off](std::string& text) -> std::string {
        const absl::string_view bare = absl::StripAsciiWhitespace(text);
        const bool off = bare.empty() || absl::EqualsIgnoreCase(bare, kOff) ||
                         absl::EqualsIgnoreCase(bare, "none");
        if (off && allow_off) {
          text = kOff;
          return "";
        }
        absl::StatusOr<std::string> address =
            ReadAddress(text, allow_any ? AddressUse::kListen : AddressUse::kDial);
        if (!address.ok()) {
          return absl::StrCat(address.status().message(), allow_off ? "; off is nowhere" : "");
        }
        text = *std::move(address);
        return "";
      },
      ""));
  impl_->Finish(option->capture_default_str(), name);
}

void FlagSet::ReadFrom(absl::string_view flag, const std::string& variable) {
  impl_->app.get_option(absl::StrCat("--", flag))->envname(variable);
}

int FlagSet::Parse(int argc, const char* const* argv) {
  std::vector<std::string> args;
  for (int i = 1; i < argc; ++i) {
    const std::string arg = argv[i];
    // For "--flag=" CLI11 would take the next argument as the value.
    const bool empty_value = arg.rfind("--", 0) == 0 && arg.find('=') == arg.size() - 1;
    args.push_back(empty_value ? arg.substr(0, arg.size() - 1) : arg);
    if (empty_value) args.emplace_back();
  }
  const bool names_config = std::any_of(args.begin(), args.end(), [](const std::string& arg) {
    return arg == "--config" || arg.rfind("--config=", 0) == 0;
  });
  const char* config = std::getenv("RECSAE_CONFIG");
  if (!names_config && config != nullptr && *config != '\0') {
    args.push_back(absl::StrCat("--config=", config));
  }
  ExpandHomeOfConfig(args);
  const auto fail = [this](absl::string_view why) {
    std::cerr << absl::StrCat(impl_->program, ": ", OneLine(std::string(why)), " (see ",
                              impl_->program, " --help)\n");
    return 2;
  };
  std::reverse(args.begin(), args.end());  // the order that CLI11 takes a vector in
  try {
    impl_->app.parse(args);
    for (const auto& [from, to] : impl_->shared) *to = *from;
    impl_->NoteWarnings();
    return -1;
  } catch (const CLI::CallForHelp&) {
    std::cout << absl::StripTrailingAsciiWhitespace(impl_->app.help()) << '\n';
    return 0;
  } catch (const CLI::CallForVersion& version) {
    std::cout << version.what() << '\n';
    return 0;
  } catch (const CLI::FileError& error) {
    return fail(absl::StrCat("--config: ", error.what()));
  } catch (const CLI::ConfigError& error) {
    return fail(absl::StrCat("--config: ", error.what()));
  } catch (const std::exception& error) {
    return fail(error.what());
  }
}

bool FlagSet::Given(absl::string_view name) const {
  return impl_->app.get_option(absl::StrCat("--", name))->count() > 0;
}

const std::vector<std::string>& FlagSet::warnings() const { return impl_->warnings; }

}  // namespace recsae
