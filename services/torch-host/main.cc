// recsae-torch-host: what runs on libtorch, in a process of its own that a probe starts.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <string>

#include "common/base/version.h"
#include "services/torch-host/session/session.h"

namespace {

constexpr char kHelp[] =
    "recsae-torch-host runs TorchScript modules, trains and runs SASRec, TiMiRec, GPT and "
    "BERT4Rec, and trains ECF.\n"
    "recsae-probe and recsae-standalone start it, one for each model; see their --torch-host. It "
    "is\n"
    "of no use by hand.\n"
    "\n"
    "usage: recsae-torch-host SOCKET MODEL PARENT\n"
    "  numbers of an open socket, of an open file or -1, and of the process that started it\n"
    "       recsae-torch-host --version | --help\n";

// This process must not outlive the one that started it, nor end before it is told to where a whole
// group or container is: the server may still need it for the calls that it ends with.
bool LiveAsLongAs(pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (const int ignored : {SIGHUP, SIGINT, SIGTERM, SIGPIPE}) std::signal(ignored, SIG_IGN);
  return getppid() == parent;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string first = argc > 1 ? argv[1] : "--help";
  if (first == "--version") {
    std::cout << "recsae-torch-host " << recsae::VersionAndCommit() << "\n";
    return 0;
  }
  if (first == "--help" || argc != 4) {
    (first == "--help" ? std::cout : std::cerr) << kHelp;
    return first == "--help" ? 0 : 2;
  }
  if (!LiveAsLongAs(std::atoi(argv[3]))) return 1;
  dup2(STDERR_FILENO, STDOUT_FILENO);
  return recsae::probe::RunSession(std::atoi(argv[1]), std::atoi(argv[2]));
}
