#include "clients/cli/flags/job_flags.h"

namespace recsae::cli {

void AddJobFlags(Command& command, JobFlags& flags) {
  const Flag no_wait = command.AddSwitch("--no-wait", flags.no_wait,
                                         "Print the job's name once it is accepted and return");
  command
      .AddSwitch("--detach", flags.detach,
                 "Ctrl-C stops the watching and leaves the job running, instead of cancelling it")
      .Excludes(no_wait);
}

void AddRequestId(Command& command, std::string& request_id) {
  command
      .Add("--request-id", request_id,
           "Makes a repeat of this command return the first answer [default: a new one]")
      .Type("ID");
}

}  // namespace recsae::cli
