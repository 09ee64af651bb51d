// The flags that every server has.
#ifndef RECSAE_COMMON_PROCESS_OPTIONS_H_
#define RECSAE_COMMON_PROCESS_OPTIONS_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace recsae {

struct ServerSpec;

// Values of the flags of the same names.
struct ServerOptions {
  std::string listen;
  std::string metrics_listen;
  std::string port_file;
  std::string data_dir;
  std::string log_level = "info";
  int64_t job_workers = 1;
  int64_t memory_limit = 0;   // bytes
  int64_t min_free_disk = 0;  // bytes; 0 = no floor
  std::string backup_dir;     // empty = no backups
  int64_t backup_rate = 0;    // bytes a second; 0 = no limit
  int64_t backup_keep = 14;
  double drain_seconds = 10;
  double lame_duck_seconds = 0.2;
  std::map<std::string, std::string> peers;  // address by name
  // What is doubtful about the flags, a sentence each.
  std::vector<std::string> warnings;
};

// Whether any module of the process uses jobs.
bool UsesJobs(const ServerSpec& spec);

// Sets `options` and the flags of the modules. Returns -1, or the exit status of the program as
// FlagSet::Parse.
int ParseServerOptions(int argc, const char* const* argv, const ServerSpec& spec,
                       ServerOptions* options);

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_OPTIONS_H_
