// The flags that every server has.
#ifndef RECSAE_COMMON_PROCESS_OPTIONS_H_
#define RECSAE_COMMON_PROCESS_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/access/certificate.h"
#include "common/client/peer.h"

namespace recsae {

struct ServerSpec;

// Values of the flags of the same names.
struct ServerOptions {
  std::string listen;
  std::string metrics_listen;
  std::string port_file;
  std::string data_dir;
  std::string log_level = "info";
  std::string otlp_endpoint;  // empty = no spans are sent
  int64_t job_workers = 1;
  int64_t memory_limit = 0;   // bytes
  int64_t min_free_disk = 0;  // bytes; 0 = no floor
  std::string backup_dir;     // empty = no backups
  int64_t backup_rate = 0;    // bytes a second; 0 = no limit
  int64_t backup_keep = 14;
  double drain_seconds = 10;
  double lame_duck_seconds = 0.2;
  std::map<std::string, std::string> peers;  // address by name
  // What this server shows to those that call it, and by which authorities it judges theirs.
  TlsFiles tls;
  std::string tokens;
  bool insecure = false;
  // What it shows to, and by what it judges, the services that it calls.
  ChannelSecurity peer_security;
  int64_t max_connections = 0;           // 0: by the number of files that may be open
  int64_t max_connections_per_peer = 0;  // 0: three quarters of those
  double max_connection_age_seconds = 1800;
  double max_connection_idle_seconds = 900;
  int64_t max_concurrent_calls = 48;
  int64_t max_waiting_calls = 48;
  // What is doubtful about the flags, a sentence each.
  std::vector<std::string> warnings;
};

// Whether a caller has to say who it is.
bool AsksIdentity(const ServerOptions& options);

// FAILED_PRECONDITION for files that cannot be used, and for a server that would listen beyond this
// machine without asking callers who they are (IDENTITY_MISSING) or would take tokens in plaintext
// (TOKEN_IN_PLAINTEXT).
absl::Status CheckIdentity(const ServerOptions& options);

// Whether any module of the process uses jobs.
bool UsesJobs(const ServerSpec& spec);

// Sets `options` and the flags of the modules. Returns -1, or the exit status of the program as
// FlagSet::Parse.
int ParseServerOptions(int argc, const char* const* argv, const ServerSpec& spec,
                       ServerOptions* options);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_OPTIONS_H_
