// The command line: global options, the tree of commands, and which of them was chosen.
#ifndef RECSAE_CLIENTS_CLI_FLAGS_COMMAND_LINE_H_
#define RECSAE_CLIENTS_CLI_FLAGS_COMMAND_LINE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "clients/cli/flags/command.h"
#include "clients/cli/session/session.h"

namespace recsae::cli {

// Not thread-safe.
class CommandLine {
 public:
  CommandLine();
  ~CommandLine();

  // The program itself, above all groups and commands.
  Command& root() { return root_; }
  const GlobalOptions& options() const { return options_; }

  // A group of commands, for example "saes".
  Command AddGroup(const std::string& name, const std::string& summary,
                   const std::string& examples);

  // A command under `parent`. `declare` adds its flags, which fill `Args`; `run` does the work.
  // `examples` are command lines, closing its --help.
  template <typename Args>
  Command Add(Command& parent, const std::string& name, const std::string& summary,
              const std::string& examples, const std::function<void(Command&, Args&)>& declare,
              std::function<absl::Status(Session&, const Args&)> run) {
    auto args = std::make_shared<Args>();
    Command command = NewCommand(parent, name, summary, examples);
    declare(command, *args);
    RunIfChosen(command,
                [args, run = std::move(run)](Session& session) { return run(session, *args); });
    return command;
  }

  // Parses, runs the chosen command and returns the exit status (ExitCode, text/errors.h). With
  // --json an error is one JSON document on standard error.
  int Run(int argc, const char* const* argv);

 private:
  using Work = std::function<absl::Status(Session&)>;

  static Command NewCommand(Command& parent, const std::string& name, const std::string& summary,
                            const std::string& examples);
  void RunIfChosen(Command& command, Work work);
  // Says a usage error; returns its exit status.
  int Refuse(const std::string& message, bool json) const;
  // The servers' addresses as they are dialled.
  absl::Status CheckAddresses();
  // The command that was chosen, as typed, or the group of those that are missing.
  std::pair<std::string, const CLI::App*> Chosen() const;
  // What to say to a command line that ends before it names a command.
  std::string MissingCommand() const;
  // The same to one with arguments that nothing takes; `otherwise` where none of them is a command.
  std::string UnknownArguments(const std::string& otherwise) const;

  std::unique_ptr<CLI::App> app_;
  Command root_;
  GlobalOptions options_;
  Work run_;
};

// One for each file of commands.
void AddPipelineCommand(CommandLine& line);
void AddReproduceCommands(CommandLine& line);
void AddExplainCommands(CommandLine& line);
void AddSteerCommand(CommandLine& line);
void AddSteeringEvaluationCommand(CommandLine& line);
void AddStatusCommand(CommandLine& line);
void AddDatasetCommands(CommandLine& line);
void AddCatalogCommands(CommandLine& line);
void AddRecommenderCommands(CommandLine& line);
void AddCaptureCommands(CommandLine& line);
void AddSaeCommands(CommandLine& line);
void AddConceptCommands(CommandLine& line);
void AddControlCommands(CommandLine& line);
void AddJobCommands(CommandLine& line);
void AddReportCommands(CommandLine& line);
void AddBackupCommands(CommandLine& line);
void AddBenchCommands(CommandLine& line);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_FLAGS_COMMAND_LINE_H_
