#include "common/process/options.h"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <memory>
#include <set>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/address.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/budget/bytes.h"
#include "common/budget/memory_limit.h"
#include "common/process/flags.h"
#include "common/process/server.h"
#include "common/storage/disk_floor.h"

namespace recsae {
namespace {

// So that copying leaves most of a disk to those who wait for answers.
constexpr int64_t kBackupRate = 64 * kMib;

// "~/.local/share/recsae/probe" for recsae-probe; "" where nothing says where home is.
std::string DefaultDataDir(const std::string& program) {
  const char* base = std::getenv("XDG_DATA_HOME");
  const char* home = std::getenv("HOME");
  if ((base == nullptr || *base == '\0') && (home == nullptr || *home == '\0')) return "";
  const std::string root =
      base != nullptr && *base != '\0' ? base : absl::StrCat(home, "/.local/share");
  return absl::StrCat(root, "/recsae/", absl::StripPrefix(program, "recsae-"));
}

// Default address of each service that others call.
std::string DefaultPeerAddress(const std::string& name) {
  static const auto* const kPorts = new std::map<std::string, int>{
      {"probe", 7401}, {"trainer", 7402}, {"concept-store", 7403}, {"explainer", 7404}};
  const auto port = kPorts->find(name);
  return absl::StrCat("127.0.0.1:", port == kPorts->end() ? 7400 : port->second);
}

// Services that modules call and that are not among the modules.
std::set<std::string> OutsidePeers(const ServerSpec& spec) {
  std::set<std::string> outside;
  for (const auto& module : spec.modules) {
    for (const std::string& peer : module->peers()) outside.insert(peer);
  }
  for (const auto& module : spec.modules) outside.erase(std::string(module->name()));
  return outside;
}

bool HasFolder(const std::string& path) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    if (entry.is_directory(error)) return true;
  }
  return false;
}

// RECSAE_DATA_DIR is where data sets are, but looks like the variable of --data-dir.
void NoteStoreVariable(bool data_dir_given, ServerOptions* options) {
  const char* folder = std::getenv("RECSAE_DATA_DIR");
  if (data_dir_given || folder == nullptr || *folder == '\0' || HasFolder(folder)) return;
  options->warnings.push_back(
      absl::StrCat("RECSAE_DATA_DIR is ", folder,
                   ", which holds no data set; it is not the variable of --data-dir: "
                   "the server stores everything in ",
                   options->data_dir, ", which RECSAE_STORE_DIR changes"));
}

}  // namespace

bool AsksIdentity(const ServerOptions& options) {
  return !options.tokens.empty() || !options.tls.authorities.empty();
}

absl::Status CheckIdentity(const ServerOptions& options) {
  RECSAE_RETURN_IF_ERROR(CheckTlsFiles(options.tls));
  const bool tls = !options.tls.certificate.empty();
  if (!options.tls.authorities.empty() && !tls) {
    return Error(absl::StatusCode::kFailedPrecondition, "TLS_FILE_INVALID",
                 "--tls-client-ca needs a certificate of the server's own: --tls-cert, --tls-key");
  }
  for (const auto& [name, address] : options.peers) {
    RECSAE_RETURN_IF_ERROR(Annotate(CheckSecurity(address, options.peer_security), name));
  }
  if (IsLoopback(options.listen)) return absl::OkStatus();
  if (!options.tokens.empty() && !tls) {
    return Error(absl::StatusCode::kFailedPrecondition, "TOKEN_IN_PLAINTEXT",
                 absl::StrCat("callers would send their tokens to ", options.listen,
                              " in plaintext, for anyone on the way to read: give --tls-cert and "
                              "--tls-key"));
  }
  if (AsksIdentity(options) || options.insecure) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "IDENTITY_MISSING",
               absl::StrCat("--listen ", options.listen,
                            " is reached from other machines, and anyone there could read, change "
                            "and delete everything: give --tls-cert, --tls-key and --tokens or "
                            "--tls-client-ca, or say --insecure where something else protects it"));
}

bool UsesJobs(const ServerSpec& spec) {
  return std::any_of(
      spec.modules.begin(), spec.modules.end(),
      [](const std::unique_ptr<ServiceModule>& module) { return module->uses_jobs(); });
}

int ParseServerOptions(int argc, const char* const* argv, const ServerSpec& spec,
                       ServerOptions* options) {
  options->listen = absl::StrCat("127.0.0.1:", spec.port);
  options->metrics_listen = absl::StrCat("127.0.0.1:", spec.metrics_port);
  options->data_dir = DefaultDataDir(spec.program);
  options->memory_limit = DefaultMemoryLimit();
  options->min_free_disk = kMinFreeDisk;
  options->backup_rate = kBackupRate;

  std::string version = VersionAndCommit();
  for (const std::string& line : spec.version_lines) absl::StrAppend(&version, "\n", line);
  FlagSet flags(spec.program, spec.description, spec.examples, version);
  flags.Group("Addresses");
  flags.AddAddress("listen", &options->listen, "Where to serve gRPC; port 0 = any free port", true,
                   false);
  flags.AddAddress("metrics-listen", &options->metrics_listen,
                   "Where to serve Prometheus metrics (/metrics); port 0 = any free port, off = "
                   "nowhere",
                   true, true);
  flags.AddPath("port-file", &options->port_file,
                "Write the gRPC port to this file once the server takes calls");
  for (const std::string& peer : OutsidePeers(spec)) {
    std::string& address = options->peers[peer];
    address = DefaultPeerAddress(peer);
    flags.AddAddress(peer, &address, absl::StrCat("Where the ", peer, " service is"), false, false);
  }
  flags.Group("Who may call");
  flags.AddPath("tls-cert", &options->tls.certificate,
                "Certificate that this server shows, with those that lead to its authority (PEM); "
                "read again when it changes, as are all of these files");
  flags.AddPath("tls-key", &options->tls.key, "Key of --tls-cert (PEM)");
  flags.AddPath("tls-client-ca", &options->tls.authorities,
                "Authorities of client certificates (PEM); one whose URI name is "
                "recsae:role/reader, writer or admin may call as that");
  flags.AddPath("tokens", &options->tokens,
                "File of the bearer tokens that callers may show, a line each: NAME ROLE SHA256, "
                "where ROLE is reader, writer or admin");
  flags.Add("insecure", &options->insecure,
            "Listen beyond this machine without asking callers who they are");
  if (!options->peers.empty()) {
    flags.AddPath("peer-ca", &options->peer_security.files.authorities,
                  "Authorities of the services that this one calls (PEM); calls them by TLS");
    flags.AddPath("peer-cert", &options->peer_security.files.certificate,
                  "Certificate that is shown to them (PEM)");
    flags.AddPath("peer-key", &options->peer_security.files.key, "Key of --peer-cert (PEM)");
    flags.AddPath("peer-token", &options->peer_security.token_file,
                  "File of the bearer token that is sent to them");
  }
  flags.Group("Limits at the door");
  flags.Add("max-connections", &options->max_connections,
            "Connections at a time; one more is closed at once. 0 = 1000, or what the number of "
            "files allows that the process may open",
            0, 1'000'000);
  flags.Add("max-connections-per-peer", &options->max_connections_per_peer,
            "Connections at a time from one address; 0 = three quarters of --max-connections", 0,
            1'000'000);
  flags.Add(
      "max-connection-age-seconds", &options->max_connection_age_seconds,
      "After this, a tenth more or less, a connection takes no new calls and its client makes "
      "another, so that new replicas get their share; 0 = never",
      0, 1e7);
  flags.Add("max-connection-idle-seconds", &options->max_connection_idle_seconds,
            "After so long without a call a connection is closed; 0 = never", 0, 1e7);
  flags.Add("max-concurrent-calls", &options->max_concurrent_calls,
            "Explain and Steer, and as many ComputeActivations, that run at a time", 1, 96);
  flags.Add("max-waiting-calls", &options->max_waiting_calls,
            "How many more of each wait for their turn; one more is OVERLOADED", 0, 96);
  flags.Group("State and logs");
  flags.AddPath("data-dir", &options->data_dir, "Directory of everything that this server stores");
  flags.ReadFrom("data-dir", "RECSAE_STORE_DIR");
  flags.AddChoice("log-level", &options->log_level, "Least severity of log lines",
                  {"debug", "info", "warning", "error"});
  flags.Add("otlp-endpoint", &options->otlp_endpoint,
            "Send a span of each call and job to the OpenTelemetry collector at http://HOST:PORT "
            "(OTLP over HTTP, usually port 4318); empty: none. Without it traces that callers "
            "began are passed on, and named in log lines, all the same");
  if (UsesJobs(spec)) {
    flags.Add("job-workers", &options->job_workers, "Jobs that run at once", 1, 64);
  }
  flags.AddBytes("memory-limit", &options->memory_limit,
                 "What data sets, models, training, evaluation and caches may take together, for "
                 "example 6GiB; work beyond it is refused, not started. The default is three "
                 "quarters of what the container or the machine has");
  flags.AddBytes("min-free-disk", &options->min_free_disk,
                 "What stays free on the disk of --data-dir: below it writes are refused "
                 "(STORE_FULL), and what deletes or cancels still works. 0 = nothing. The default "
                 "is an eighth of a disk on which that is less",
                 /*allow_zero=*/true);
  flags.AddPath("backup-dir", &options->backup_dir,
                "Folder for backups (recsae backup create), one for each server; none without it");
  flags.AddBytes("backup-rate", &options->backup_rate,
                 "Bytes that a backup copies in a second; 0 = as fast as it goes",
                 /*allow_zero=*/true);
  flags.Add("backup-keep", &options->backup_keep, "Backups that are kept; the oldest go", 1, 1000);
  flags.Group("Stopping");
  flags.Add("lame-duck-seconds", &options->lame_duck_seconds,
            "After SIGTERM: time with health NOT_SERVING in which calls are still taken, so that "
            "balancers notice",
            0, 3600);
  flags.Add("drain-seconds", &options->drain_seconds,
            "After that: time for calls and jobs to end before they are cancelled", 0, 3600);
  for (const auto& module : spec.modules) {
    flags.Group(absl::StrCat("Service ", module->name()));
    module->AddFlags(flags);
  }
  const int status = flags.Parse(argc, argv);
  if (status != -1) return status;
  if (options->data_dir.empty()) {
    std::cerr << spec.program
              << ": say with --data-dir (RECSAE_STORE_DIR) where to keep what the server stores: "
              << (flags.Given("data-dir") ? "it is empty\n" : "HOME is not set\n");
    return 2;
  }
  if (!flags.Given("min-free-disk")) {
    options->min_free_disk = DefaultMinFreeDisk(options->data_dir);
  }
  options->warnings = flags.warnings();
  NoteStoreVariable(flags.Given("data-dir"), options);
  const TlsFiles& peer_files = options->peer_security.files;
  options->peer_security.tls = !peer_files.authorities.empty() || !peer_files.certificate.empty();
  return -1;
}

}  // namespace recsae
