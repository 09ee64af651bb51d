#include "clients/cli/flags/job_flags.h"

namespace recsae::cli {

void AddJobFlags(CLI::App& command, JobFlags& flags) {
  const auto* no_wait = command.add_flag("--no-wait", flags.no_wait,
                                         "Print the job's name once it is accepted and return");
  command
      .add_flag("--detach", flags.detach,
                "Ctrl-C stops the watching and leaves the job running, instead of cancelling it")
      ->excludes(const_cast<CLI::Option*>(no_wait));
}

void AddRequestId(CLI::App& command, std::string& request_id) {
  command
      .add_option("--request-id", request_id,
                  "Makes a repeat of this command return the first answer [default: a new one]")
      ->type_name("ID");
}

}  // namespace recsae::cli
