// The life of every server of the suite: parse flags, open, serve, drain, close.
#ifndef RECSAE_COMMON_PROCESS_SERVER_H_
#define RECSAE_COMMON_PROCESS_SERVER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "common/process/module.h"

namespace recsae {

// What makes one server differ from another.
struct ServerSpec {
  // "recsae-probe": the name in messages and in --help.
  std::string program;
  // What it is for, in a sentence or two; opens --help.
  std::string description;
  // Command lines with a word of explanation each; closes --help.
  std::string examples;
  // Printed by --version after the version, a line each: "instruction set: AVX-512".
  std::vector<std::string> version_lines;
  // Default port of --listen; the default host is 127.0.0.1.
  int port = 0;
  // Default port of --metrics-listen.
  int metrics_port = 0;
  // The services that the process hosts, opened in this order and stopped in reverse.
  std::vector<std::unique_ptr<ServiceModule>> modules;
};

// Runs the server until SIGTERM, SIGINT or SIGHUP and ends the process: with status 0 after a clean
// stop (also of a server that was still starting), 1 if it could not start or had to cut calls off
// by force. Returns the exit status of main() after --help or --version (0) and bad flags (2).
// Errors are one line on standard error.
//
// Values are taken from the command line, else from the environment (--log-level is
// RECSAE_LOG_LEVEL; --data-dir alone has another name, RECSAE_STORE_DIR, because RECSAE_DATA_DIR is
// where data sets are looked up), else from the --config file (TOML), else the default.
//
// At the first signal: health becomes NOT_SERVING; after --lame-duck-seconds modules drain, jobs
// stop (they go on at the next start) and the port closes; calls have --drain-seconds to end and
// are cancelled then; stores close. Within a second more the process has ended, whatever hangs
// (status 1 if something did). So it does at a second signal that comes later than a second after
// the first.
int RunServer(int argc, char** argv, ServerSpec spec);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_SERVER_H_
