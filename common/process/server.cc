#include "common/process/server.h"

#include <grpc/grpc.h>
#include <grpc/grpc_security_constants.h>
#include <grpc/support/log.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <grpcpp/support/client_interceptor.h>
#include <grpcpp/support/server_interceptor.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "common/access/access_control.h"
#include "common/access/audit.h"
#include "common/access/credentials.h"
#include "common/access/tokens.h"
#include "common/base/id.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/budget/limits.h"
#include "common/budget/memory_budget.h"
#include "common/client/peer.h"
#include "common/jobs/job_runner.h"
#include "common/jobs/jobs_service.h"
#include "common/process/acceptor.h"
#include "common/process/backups_service.h"
#include "common/process/flags.h"
#include "common/process/health.h"
#include "common/process/listen.h"
#include "common/process/metrics_endpoint.h"
#include "common/process/options.h"
#include "common/process/otlp_exporter.h"
#include "common/process/process_metrics.h"
#include "common/process/resource_metrics.h"
#include "common/process/signals.h"
#include "common/rpc/call_trace.h"
#include "common/rpc/grpc_metrics.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"
#include "common/rpc/metrics.h"
#include "common/rpc/service_names.h"
#include "common/rpc/spans.h"
#include "common/storage/backup.h"
#include "common/storage/disk_floor.h"
#include "common/storage/marker.h"
#include "common/storage/store_group.h"

namespace recsae {
namespace {

constexpr char kJobsFolder[] = "jobs";

// How long calls, jobs and modules that were told to end may still take before the process ends
// anyway, and how much later it does so where even that is not noticed.
constexpr absl::Duration kForceAfter = absl::Milliseconds(800);
constexpr absl::Duration kForceAnyway = absl::Milliseconds(100);
// How long a collector may take for the last spans.
constexpr absl::Duration kSpansAtEnd = absl::Milliseconds(300);

// What all calls together may take: threads of synchronous handlers (a call that finds none is
// RESOURCE_EXHAUSTED) and bytes of messages in flight (the transport stops reading meanwhile).
constexpr int kMaxThreads = 256;
// Calls at a time on one connection.
constexpr int kMaxStreamsOfConnection = 256;
constexpr size_t kMaxTransportBytes = size_t{512} << 20;

// Clients may ping so often, also while they make no calls; those that do so more often than they
// may have their connection closed as abusive. The usual keepalives are of 10 s and more.
constexpr int kLeastPingIntervalMs = 1'000;

// A connection has so long to become one of HTTP/2, and is closed where its client does not answer
// a ping that was sent after so long a silence.
constexpr int kHandshakeMs = 10'000;
constexpr int kPingMs = 60'000;
constexpr int kPingAnswerMs = 20'000;

// Without --max-connections, and the descriptors that are kept for stores and everything else.
constexpr int64_t kMaxConnections = 1000;
constexpr int64_t kOtherFiles = 300;

// Descriptors that a connection costs (common/process/acceptor.h).
constexpr int64_t kFilesOfConnection = 2;

// 0 = no limit, which is the transport's own default.
void LimitTime(grpc::ServerBuilder& builder, const char* argument, double seconds) {
  constexpr double kLongest = 2e6;  // as milliseconds it is an int
  if (seconds <= 0) return;
  builder.AddChannelArgument(argument,
                             std::max(1, static_cast<int>(std::min(seconds, kLongest) * 1000)));
}

ConnectionLimits LimitsOf(const ServerOptions& options, int64_t files) {
  ConnectionLimits limits;
  limits.all = options.max_connections;
  if (limits.all == 0) {
    limits.all =
        std::clamp((files - kOtherFiles) / kFilesOfConnection, int64_t{16}, kMaxConnections);
  }
  limits.one_peer = options.max_connections_per_peer;
  if (limits.one_peer == 0) limits.one_peer = std::max<int64_t>(1, limits.all * 3 / 4);
  return limits;
}

// gRPC's own log lines in our form.
void LogGrpc(gpr_log_func_args* args) {
  const Severity severity =
      args->severity == GPR_LOG_SEVERITY_ERROR ? Severity::kWarning : Severity::kDebug;
  Log(severity, "grpc", {{"detail", args->message}, {"file", args->file}, {"line", args->line}});
}

DiskFloorOptions FloorOptions(const ServerOptions& options) {
  return {.path = options.data_dir,
          .floor_bytes = options.min_free_disk,
          .on_change = [path = options.data_dir, floor = options.min_free_disk](bool writable,
                                                                                int64_t free) {
            Log(writable ? Severity::kInfo : Severity::kError,
                writable ? "the disk has room again: writes are taken"
                         : "the disk is nearly full: writes are refused, deletions are not",
                {{"path", path}, {"free_bytes", free}, {"floor_bytes", floor}});
          }};
}

BackupOptions BackupOptionsOf(const ServerOptions& options, const std::string& program) {
  return {.folder = options.backup_dir,
          .data_dir = options.data_dir,
          .program = program,
          .version = std::string(Version()),
          .bytes_per_second = options.backup_rate,
          .kept = static_cast<int>(options.backup_keep)};
}

// Everything between the parsed options and the exit status.
class Process {
 public:
  Process(ServerSpec spec, ServerOptions options)
      : options_(std::move(options)),
        memory_(options_.memory_limit),
        floor_(FloorOptions(options_)),
        backups_(stores_, BackupOptionsOf(options_, spec.program)),
        spec_(std::move(spec)) {}

  // Metrics, stores, models, kinds of job; breaks off early once `stop` was received.
  absl::Status Open(const StopSignal& stop);
  // Port, peers in this process, background work, readiness.
  absl::Status Start();
  // Ends an orderly life, at whatever point it is; returns the exit status.
  int Stop();
  // Ends what an Open or Start that failed has begun.
  void Abandon();

 private:
  absl::Status StartMetrics();
  std::vector<ReadyCheck> Ready();
  absl::Status StartSpans();
  absl::Status OpenJobs();
  absl::Status OpenModules(const StopSignal& stop);
  Environment StoreEnvironment() { return {.floor = &floor_, .group = &stores_}; }
  std::vector<std::shared_ptr<Peer>> PeersOf(const ServiceModule& module);
  std::shared_ptr<grpc::ServerCredentials> Credentials();
  void SetLimits(grpc::ServerBuilder& builder) const;
  absl::Status StartGrpc();
  absl::Status ServePort(grpc::ServerBuilder& builder);
  absl::Status StartModules();
  void End(absl::Time drained);
  absl::Status StopJobs(absl::Time end);
  absl::Status StopGrpc(absl::Time drained, absl::Time end);
  absl::Status StopModules(absl::Time end);

  const ServerOptions options_;
  // Destroyed from the last to the first: calls end before what they use, and modules before what
  // they were given.
  MemoryBudget memory_;
  DiskFloor floor_;
  StoreGroup stores_;
  Backups backups_;
  MetricsRegistry metrics_;
  std::unique_ptr<OtlpExporter> spans_;
  std::map<std::string, std::shared_ptr<Peer>> peers_;
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<grpc::Service> jobs_service_;
  const std::unique_ptr<grpc::Service> backups_service_ = MakeBackupsService(backups_);
  HealthService health_;
  std::shared_ptr<Tokens> tokens_;  // null without --tokens
  std::unique_ptr<Acceptor> acceptor_;
  std::unique_ptr<MetricsEndpoint> metrics_endpoint_;
  std::shared_ptr<const std::atomic<int64_t>> active_calls_;
  ServerSpec spec_;
  std::vector<ServiceModule*> opened_;
  std::mutex ready_mutex_;  // held while modules are asked, and while they begin to end
  bool serving_ = false;
  std::unique_ptr<grpc::Server> server_;
  std::thread shutdown_;
};

absl::Status Process::Open(const StopSignal& stop) {
  RECSAE_RETURN_IF_ERROR(CheckIdentity(options_));
  if (!options_.tokens.empty()) {
    RECSAE_ASSIGN_OR_RETURN(tokens_, Tokens::Open(options_.tokens));
  }
  RECSAE_ASSIGN_OR_RETURN(acceptor_,
                          Acceptor::Bind(options_.listen, LimitsOf(options_, RaiseFileLimit())));
  RECSAE_RETURN_IF_ERROR(StartMetrics());
  RECSAE_RETURN_IF_ERROR(StartSpans());
  RECSAE_RETURN_IF_ERROR(ClaimFolder(options_.data_dir, spec_.program));
  RECSAE_RETURN_IF_ERROR(OpenJobs());
  return OpenModules(stop);
}

absl::Status Process::StartMetrics() {
  metrics_
      .GetGauge("recsae_build_info", "1; the version is in the label.",
                {{"version", std::string(Version())}, {"program", spec_.program}})
      .Set(1);
  AddMemoryMetrics(metrics_, memory_);
  std::vector<std::string> stores;
  for (const auto& module : spec_.modules) stores.emplace_back(module->name());
  if (UsesJobs(spec_)) stores.emplace_back(kJobsFolder);
  AddStoreMetrics(metrics_, options_.data_dir, stores);
  const Gauge ready =
      metrics_.GetGauge("recsae_ready", "1 where every check of /readyz is right, else 0.");
  metrics_.OnCollect([this, ready] {
    const std::vector<ReadyCheck> checks = Ready();
    const bool all = std::all_of(checks.begin(), checks.end(),
                                 [](const ReadyCheck& check) { return check.second.ok(); });
    ready.Set(all ? 1 : 0);
  });
  AddConnectionMetrics(metrics_, acceptor_->counts());
  AddCertificateMetrics(metrics_, {options_.tls.certificate, options_.tls.authorities,
                                   options_.peer_security.files.certificate,
                                   options_.peer_security.files.authorities});
  AddCacheMetrics(metrics_, memory_);
  AddDatabaseMetrics(metrics_);
  AddProcessMetrics(metrics_);
  AddDiskMetrics(metrics_, floor_);
  AddBackupMetrics(metrics_, backups_);
  if (options_.metrics_listen == kOff) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(
      metrics_endpoint_,
      MetricsEndpoint::Start(options_.metrics_listen, metrics_, [this] { return Ready(); }));
  return absl::OkStatus();
}

std::vector<ReadyCheck> Process::Ready() {
  const std::lock_guard<std::mutex> lock(ready_mutex_);
  std::vector<ReadyCheck> checks;
  checks.emplace_back("serving", serving_ ? absl::OkStatus()
                                          : Error(absl::StatusCode::kUnavailable, "NOT_SERVING",
                                                  "the server is starting or stopping"));
  if (!serving_) return checks;
  checks.emplace_back("disk", floor_.writable()
                                  ? absl::OkStatus()
                                  : Error(absl::StatusCode::kResourceExhausted, "STORE_FULL",
                                          "less is free than --min-free-disk: delete something"));
  for (const auto& module : spec_.modules) {
    checks.emplace_back(std::string(module->name()), module->Ready());
  }
  return checks;
}

absl::Status Process::StartSpans() {
  const Counter dropped = metrics_.GetCounter(
      "recsae_spans_dropped_total",
      "Spans that the collector at --otlp-endpoint did not take, or that came faster than it did.");
  if (options_.otlp_endpoint.empty()) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(OtlpEndpoint endpoint, ParseOtlpEndpoint(options_.otlp_endpoint));
  spans_ = std::make_unique<OtlpExporter>(
      std::move(endpoint), SpanSource{spec_.program, std::string(Version()), NewId()}, dropped);
  SetSpanReceiver(spans_.get());
  return absl::OkStatus();
}

absl::Status Process::OpenJobs() {
  if (!UsesJobs(spec_)) return absl::OkStatus();
  JobRunnerOptions job_options;
  job_options.service = std::string(absl::StripPrefix(spec_.program, "recsae-"));
  job_options.workers = static_cast<int>(options_.job_workers);
  job_options.metrics = &metrics_;
  job_options.environment = StoreEnvironment();
  RECSAE_ASSIGN_OR_RETURN(
      jobs_, JobRunner::Open(absl::StrCat(options_.data_dir, "/", kJobsFolder), job_options));
  AddJobMetrics(metrics_, *jobs_);
  jobs_service_ = MakeJobsService(*jobs_);
  return absl::OkStatus();
}

absl::Status Process::OpenModules(const StopSignal& stop) {
  for (const auto& module : spec_.modules) {
    if (stop.received()) return absl::OkStatus();
    ModuleContext context;
    context.data_dir = absl::StrCat(options_.data_dir, "/", module->name());
    context.jobs = jobs_.get();
    context.metrics = &metrics_;
    context.memory = &memory_;
    context.call_limits.running = static_cast<int>(options_.max_concurrent_calls);
    context.call_limits.waiting = static_cast<int>(options_.max_waiting_calls);
    context.environment = StoreEnvironment();
    context.peers = PeersOf(*module);
    std::error_code error;
    std::filesystem::create_directories(context.data_dir, error);
    if (error) {
      return Error(absl::StatusCode::kFailedPrecondition, "DATA_DIR_UNUSABLE",
                   absl::StrCat("cannot make ", context.data_dir, ": ", error.message()));
    }
    RECSAE_RETURN_IF_ERROR(module->Open(context));
    opened_.push_back(module.get());
  }
  return absl::OkStatus();
}

std::vector<std::shared_ptr<Peer>> Process::PeersOf(const ServiceModule& module) {
  std::vector<std::shared_ptr<Peer>> result;
  for (const std::string& name : module.peers()) {
    std::shared_ptr<Peer>& peer = peers_[name];
    if (peer == nullptr) {
      const auto address = options_.peers.find(name);
      peer = address == options_.peers.end()
                 ? std::make_shared<Peer>(name)
                 : std::make_shared<Peer>(name, address->second, options_.peer_security);
    }
    result.push_back(peer);
  }
  return result;
}

absl::Status Process::Start() {
  RECSAE_RETURN_IF_ERROR(StartGrpc());
  RECSAE_RETURN_IF_ERROR(StartModules());
  health_.SetServing(true);
  const std::lock_guard<std::mutex> lock(ready_mutex_);
  serving_ = true;
  return absl::OkStatus();
}

// Where callers say who they are but nothing is encrypted, the port is this machine's alone.
std::shared_ptr<grpc::ServerCredentials> Process::Credentials() {
  std::shared_ptr<grpc::ServerCredentials> credentials;
  if (!options_.tls.certificate.empty()) {
    credentials = ServerTls(options_.tls);
  } else if (AsksIdentity(options_)) {
    credentials = grpc::experimental::LocalServerCredentials(LOCAL_TCP);
  } else {
    return grpc::InsecureServerCredentials();
  }
  if (!AsksIdentity(options_)) return credentials;
  credentials->SetAuthMetadataProcessor(MakeAccessControl(tokens_, metrics_));
  return credentials;
}

void Process::SetLimits(grpc::ServerBuilder& builder) const {
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kLeastPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kPingMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kPingAnswerMs);
  builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, kHandshakeMs);
  LimitTime(builder, GRPC_ARG_MAX_CONNECTION_IDLE_MS, options_.max_connection_idle_seconds);
  LimitTime(builder, GRPC_ARG_MAX_CONNECTION_AGE_MS, options_.max_connection_age_seconds);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxStreamsOfConnection);
  builder.SetResourceQuota(
      grpc::ResourceQuota("server").Resize(kMaxTransportBytes).SetMaxThreads(kMaxThreads));
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
}

absl::Status Process::ServePort(grpc::ServerBuilder& builder) {
  using Connections = grpc::experimental::ExternalConnectionAcceptor;
  const std::shared_ptr<Connections> connections(
      builder.experimental().AddExternalConnectionAcceptor(
          grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD, Credentials()));
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    return Error(absl::StatusCode::kFailedPrecondition, "ADDRESS_NOT_AVAILABLE",
                 absl::StrCat("cannot serve on ", options_.listen,
                              "; the log lines before this one say why"));
  }
  return acceptor_->Start([connections](int socket, int listener) {
    Connections::NewConnectionParameters connection;
    connection.fd = socket;
    connection.listener_fd = listener;
    connections->HandleNewConnection(&connection);
  });
}

absl::Status Process::StartGrpc() {
  grpc::EnableDefaultHealthCheckService(false);
  grpc::reflection::InitProtoReflectionServerBuilderPlugin();
  grpc::ServerBuilder builder;
  SetLimits(builder);
  builder.RegisterService(&health_);
  if (jobs_service_ != nullptr) builder.RegisterService(jobs_service_.get());
  builder.RegisterService(backups_service_.get());
  for (const auto& module : spec_.modules) {
    for (grpc::Service* service : module->services()) builder.RegisterService(service);
  }
  ReceiveServiceNames(builder, [this](const std::vector<std::string>& services) {
    for (const std::string& service : services) health_.Add(service);
  });
  std::vector<std::unique_ptr<grpc::experimental::ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(TraceServedCalls());
  active_calls_ = AddGrpcMetrics(builder, metrics_, interceptors);
  interceptors.push_back(NameCallers(tokens_, AsksIdentity(options_)));
  interceptors.push_back(MakeAudit());
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  RECSAE_RETURN_IF_ERROR(ServePort(builder));
  grpc::ChannelArguments args;
  args.SetMaxReceiveMessageSize(kMaxMessageBytes);
  args.SetMaxSendMessageSize(kMaxMessageBytes);
  for (const auto& module : spec_.modules) {
    const auto peer = peers_.find(std::string(module->name()));
    if (peer == peers_.end()) continue;
    std::vector<std::unique_ptr<grpc::experimental::ClientInterceptorFactoryInterface>> calls;
    calls.push_back(TraceCallsTo(std::string(module->name())));
    peer->second->SetChannel(
        server_->experimental().InProcessChannelWithInterceptors(args, std::move(calls)));
  }
  const int metrics_port = metrics_endpoint_ == nullptr ? 0 : metrics_endpoint_->port();
  Log(Severity::kInfo, "listening",
      {{"program", spec_.program},
       {"version", Version()},
       {"address", options_.listen},
       {"port", acceptor_->port()},
       {"tls", !options_.tls.certificate.empty()},
       {"identity", AsksIdentity(options_)},
       {"metrics_port", metrics_port},
       {"data_dir", options_.data_dir}});
  if (options_.port_file.empty()) return absl::OkStatus();
  return WriteFileAtomically(options_.port_file, absl::StrCat(acceptor_->port(), "\n"));
}

absl::Status Process::StartModules() {
  for (const auto& module : spec_.modules) RECSAE_RETURN_IF_ERROR(module->Start());
  return jobs_ == nullptr ? absl::OkStatus() : jobs_->Start();
}

int Process::Stop() {
  Log(Severity::kInfo, "stopping", {{"drain_seconds", options_.drain_seconds}});
  health_.SetServing(false);
  {
    const std::lock_guard<std::mutex> lock(ready_mutex_);
    serving_ = false;
  }
  if (server_ != nullptr) absl::SleepFor(absl::Seconds(options_.lame_duck_seconds));
  End(absl::Now() + absl::Seconds(options_.drain_seconds));
  Log(Severity::kInfo, "stopped");
  return 0;
}

void Process::Abandon() { End(absl::Now()); }

void Process::End(absl::Time drained) {
  const absl::Time end = drained + kForceAfter;
  for (ServiceModule* module : opened_) module->Drain();
  backups_.Stop();
  health_.EndWatches();
  // Jobs first: in one process with the services they call, they must not see those go away.
  absl::Status status = StopJobs(end);
  if (status.ok()) status = StopGrpc(drained, end);
  if (status.ok()) status = StopModules(end);
  if (!status.ok()) {
    Log(Severity::kError, "not all ended in time: ending at once", {{"error", status}});
    // Stores are safe: what was acknowledged is on disk. Destructors would wait for those threads.
    _exit(1);
  }
  metrics_endpoint_.reset();
  if (spans_ == nullptr) return;
  SetSpanReceiver(nullptr);
  spans_->Stop(std::min(kSpansAtEnd, end - absl::Now()));
}

absl::Status Process::StopJobs(absl::Time end) {
  return jobs_ == nullptr ? absl::OkStatus() : jobs_->Stop(end - absl::Now());
}

absl::Status Process::StopGrpc(absl::Time drained, absl::Time end) {
  if (acceptor_ != nullptr) acceptor_->Stop();
  if (server_ == nullptr) return absl::OkStatus();
  std::promise<void> done;
  std::future<void> ended = done.get_future();
  std::thread([this, drained, done = std::move(done)]() mutable {
    Contain("closing the server", [&] {
      server_->Shutdown(absl::ToChronoTime(drained));
      return absl::OkStatus();
    }).IgnoreError();
    done.set_value();
  }).swap(shutdown_);
  while (ended.wait_for(std::chrono::milliseconds(20)) != std::future_status::ready) {
    if (absl::Now() > end) {
      return Error(absl::StatusCode::kDeadlineExceeded, "CALLS_UNFINISHED",
                   absl::StrCat(active_calls_->load(), " calls do not end"));
    }
    // Shutdown also waits for idle clients to answer its GOAWAY, which they may do only after
    // seconds: without calls the connections are closed.
    if (*active_calls_ == 0) grpc_server_cancel_all_calls(server_->c_server());
  }
  shutdown_.join();
  server_.reset();
  return absl::OkStatus();
}

absl::Status Process::StopModules(absl::Time end) {
  for (auto module = opened_.rbegin(); module != opened_.rend(); ++module) {
    RECSAE_RETURN_IF_ERROR((*module)->Stop(end));
  }
  opened_.clear();
  spec_.modules.clear();
  return absl::OkStatus();
}

// From the parsed flags to the exit status.
int Live(ServerSpec spec, ServerOptions options) {
  const std::string program = spec.program;
  const absl::Duration limit =
      absl::Seconds(options.lame_duck_seconds + options.drain_seconds) + kForceAfter + kForceAnyway;
  StopSignal stop(absl::ToChronoNanoseconds(limit));
  Severity severity = Severity::kInfo;
  ParseSeverity(options.log_level, &severity);
  SetLogLevel(severity);
  for (const std::string& warning : options.warnings) Log(Severity::kWarning, warning);
  gpr_set_log_function(LogGrpc);
  // absl as Debian compiles it looks at every lock, gRPC's among them, for mutexes that are taken
  // in two orders, one thread at a time, and aborts on it. That is for tests.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  // Never taken back: shutting gRPC down whole at the end can wait 10 s for a thread that polls.
  grpc_init();

  Process process(std::move(spec), std::move(options));
  absl::Status status = process.Open(stop);
  if (status.ok() && !stop.received()) status = process.Start();
  if (!status.ok()) {
    process.Abandon();
    std::cerr << absl::StrCat(program, ": ", status.message(), "\n");
    return 1;
  }
  stop.Wait();
  return process.Stop();
}

}  // namespace

int RunServer(int argc, char** argv, ServerSpec spec) {
  ServerOptions options;
  if (const int exit_status = ParseServerOptions(argc, argv, spec, &options); exit_status >= 0) {
    return exit_status;
  }
  const int status = Live(std::move(spec), std::move(options));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Nothing of ours is left. What remains are destructors of libraries, for which libtorch's pages
  // in what it no longer had in memory: seconds on a busy machine, and after a stop that is
  // bounded.
  _exit(status);
#endif
  return status;
}

}  // namespace recsae
