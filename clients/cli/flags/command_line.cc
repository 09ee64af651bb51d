#include "clients/cli/flags/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <iostream>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/session/interrupt.h"
#include "clients/cli/text/address.h"
#include "clients/cli/text/errors.h"
#include "common/base/environment.h"
#include "common/base/status.h"
#include "common/base/version.h"

namespace recsae::cli {
namespace {

constexpr char kDescription[] =
    "Opens the inside of a recommender: records its activations, trains a sparse autoencoder on "
    "them,\nnames what its latents mean, and explains and steers recommendations with them.";

constexpr char kExamples[] = R"(Examples:
  recsae pipeline --dataset ml-1m         everything, from ratings to explained recommendations
  recsae explain --user 42                why these items?
  recsae steer --user 42 --edit horror:+4 what if the user liked horror more?
  recsae concepts search horror           which latents mean horror?
  recsae saes list --json                 for programs

Names may be short (ml-1m, ml-1m/test) or whole (saes/ml-1m).
Every command: recsae COMMAND --help. Results go to standard output, everything else to
standard error; with --json an error is a JSON document there. Exit status:
  0 done                    4 not found             8 no answer in time
  1 failed                  5 exists, or changed    9 out of memory, disk or quota
  2 wrong command line      6 not possible now     10 cancelled
  3 a value or file wrong   7 server unavailable   11 standard output took no more
130 Ctrl-C and 143 SIGTERM cancel the job that is being waited for, unless --detach. A terminal that
is closed (SIGHUP) leaves the job to the server.)";

void AddGlobalOptions(Command& root, GlobalOptions& options) {
  const std::string where = "Servers";
  const auto address = [&](const char* flag, const char* variable, std::string& value,
                           const std::string& what) {
    root.Add(flag, value, what).From(variable).Type("HOST:PORT").Group(where);
  };
  address("--server", "RECSAE_SERVER", options.server,
          "Where recsae-standalone is [default: 127.0.0.1:7400]");
  address("--probe", "RECSAE_PROBE", options.probe, "Where the probe is [default: --server]");
  address("--trainer", "RECSAE_TRAINER", options.trainer,
          "Where the trainer is [default: --server]");
  address("--concept-store", "RECSAE_CONCEPT_STORE", options.concept_store,
          "Where the concept-store is [default: --server]");
  address("--explainer", "RECSAE_EXPLAINER", options.explainer,
          "Where the explainer is [default: --server]");
  const auto file = [&](const char* flag, const char* variable, std::string& value,
                        const std::string& what) {
    root.Add(flag, value, what).From(variable).Type("FILE").Group(where);
  };
  file("--tls-ca", "RECSAE_TLS_CA", options.tls.authorities,
       "Call servers by TLS, and trust those whose certificate is of these authorities (PEM)");
  file("--tls-cert", "RECSAE_TLS_CERT", options.tls.certificate,
       "Certificate to show to servers (PEM)");
  file("--tls-key", "RECSAE_TLS_KEY", options.tls.key, "Key of --tls-cert (PEM)");
  file("--token-file", "RECSAE_TOKEN_FILE", options.token_file,
       "File of the token to show to servers");
  root.Add("--timeout", options.timeout_seconds,
           "Limit for one call (jobs may run longer) [default: 60; more where it must be]")
      .Type("SECONDS")
      .Must(Check::Positive())
      .Group(where);

  const std::string output = "Output";
  root.AddSwitch("--json", options.json, "Print one JSON document instead of text").Group(output);
  root.AddSwitch("--quiet,-q", options.quiet,
                 "No progress and no messages, only results and errors")
      .Group(output);
  root.AddSwitch("--no-color", options.no_color, "No colours, as with NO_COLOR=1").Group(output);
}

std::string CommandNames(const CLI::App& group) {
  std::vector<std::string> names;
  for (const CLI::App* command : group.get_subcommands(nullptr)) {
    names.push_back(command->get_name());
  }
  return absl::StrJoin(names, ", ");
}

// Whether the arguments ask for JSON; what was parsed before an error may not have come to it.
bool HasJson(int argc, const char* const* argv) {
  return std::any_of(argv, argv + argc,
                     [](const char* argument) { return std::string_view(argument) == "--json"; });
}

// A variable that was meant to be one of these leads to another server than meant. Not with --json,
// whose standard error is for scripts.
void SayDoubts(Session& session) {
  if (session.json()) return;
  for (const std::string& doubt : DoubtfulVariables({})) session.console().Say("warning: " + doubt);
}

}  // namespace

CommandLine::CommandLine()
    : app_(std::make_unique<CLI::App>(kDescription, "recsae")), root_(*app_) {
  app_->get_formatter()->column_width(34);
  app_->set_help_flag("--help,-h", "Print this help");
  app_->set_version_flag("--version", "recsae " + VersionAndCommit(), "Print the version");
  app_->footer(kExamples);
  app_->require_subcommand(0, 1);
  AddGlobalOptions(root_, options_);
}

CommandLine::~CommandLine() = default;

Command CommandLine::NewCommand(Command& parent, const std::string& name,
                                const std::string& summary, const std::string& examples) {
  CLI::App& command = *parent.app().add_subcommand(name, summary);
  // Global options may stand anywhere.
  command.fallthrough();
  if (!examples.empty()) command.footer("Examples:\n" + examples);
  return Command(command);
}

void CommandLine::RunIfChosen(Command& command, Work work) {
  command.app().callback([this, work = std::move(work)] { run_ = work; });
}

Command CommandLine::AddGroup(const std::string& name, const std::string& summary,
                              const std::string& examples) {
  Command group = NewCommand(root_, name, summary, examples);
  group.app().require_subcommand(0, 1);
  return group;
}

std::string CommandLine::MissingCommand() const {
  const auto [where, group] = Chosen();
  return absl::StrCat(where, ": say which command: ", CommandNames(*group), "\nTry ", where,
                      " --help.");
}

std::string CommandLine::UnknownArguments(const std::string& otherwise) const {
  const auto [where, group] = Chosen();
  const std::vector<std::string> rest = app_->remaining(true);
  const bool command = !rest.empty() && !rest[0].empty() && rest[0][0] != '-';
  if (!command || group->get_subcommands(nullptr).empty()) {
    return absl::StrCat("recsae: ", otherwise, "\nTry ", where, " --help.");
  }
  return absl::StrCat(where, ": there is no command '", rest[0], "'; there are ",
                      CommandNames(*group), "\nTry ", where, " --help.");
}

std::pair<std::string, const CLI::App*> CommandLine::Chosen() const {
  const CLI::App* group = app_.get();
  std::string where = app_->get_name();
  for (auto chosen = group->get_subcommands(); !chosen.empty(); chosen = group->get_subcommands()) {
    group = chosen.front();
    absl::StrAppend(&where, " ", group->get_name());
  }
  return {where, group};
}

int CommandLine::Refuse(const std::string& message, bool json) const {
  Console console(false, options_.no_color);
  console.Fail(json ? ErrorAsJson(UsageError(message)) : message);
  return kExitUsage;
}

absl::Status CommandLine::CheckAddresses() {
  const std::pair<const char*, std::string*> addresses[] = {
      {"--server", &options_.server},
      {"--probe", &options_.probe},
      {"--trainer", &options_.trainer},
      {"--concept-store", &options_.concept_store},
      {"--explainer", &options_.explainer}};
  for (const auto& [flag, address] : addresses) {
    if (address->empty() && !root_.Find(flag).Given()) continue;
    RECSAE_ASSIGN_OR_RETURN(*address, ServerAddress(flag, *address));
    RECSAE_RETURN_IF_ERROR(CheckSecurity(*address, SecurityOf(options_)));
  }
  return absl::OkStatus();
}

int CommandLine::Run(int argc, const char* const* argv) {
  try {
    app_->parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    const int status = app_->exit(help_or_version);
    return std::cout.flush() ? status : kExitNotWritten;
  } catch (const CLI::ExtrasError& error) {
    return Refuse(UnknownArguments(error.what()), HasJson(argc, argv));
  } catch (const CLI::ParseError& error) {
    return Refuse(std::string("recsae: ") + error.what() + "\nTry recsae --help.",
                  HasJson(argc, argv));
  }
  if (!run_) return Refuse(MissingCommand(), options_.json);
  if (const absl::Status status = CheckAddresses(); !status.ok()) {
    return Refuse(absl::StrCat("recsae: ", status.message()), options_.json);
  }
  Session session(options_);
  SayDoubts(session);
  const absl::Status status = run_(session);
  if (Interrupted()) return InterruptedExit();
  Console& console = session.console();
  if (!status.ok()) {
    console.Fail(session.json() ? ErrorAsJson(status) : "recsae: " + DescribeError(status));
    return ExitStatus(status);
  }
  if (console.output_error() == 0) return kExitDone;
  const absl::Status not_written =
      Error(absl::StatusCode::kInternal, "OUTPUT_NOT_WRITTEN",
            absl::StrCat("standard output: ", std::strerror(console.output_error())));
  console.Fail(session.json() ? ErrorAsJson(not_written) : "recsae: " + DescribeError(not_written));
  return kExitNotWritten;
}

}  // namespace recsae::cli
