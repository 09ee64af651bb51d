// The shape that every service offers to a process that hosts it, so that the four servers and
// recsae-standalone share all their code.
//
//   // services/probe/main.cc
//   int main(int argc, char** argv) {
//     recsae::ServerSpec spec;
//     spec.program = "recsae-probe";
//     spec.description = "Recommenders, their activations and item vectors.";
//     spec.port = 7401;
//     spec.metrics_port = 9401;
//     spec.modules.push_back(std::make_unique<recsae::probe::ProbeModule>());
//     return recsae::RunServer(argc, argv, std::move(spec));
//   }
#ifndef RECSAE_COMMON_PROCESS_MODULE_H_
#define RECSAE_COMMON_PROCESS_MODULE_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/budget/gate.h"
#include "common/budget/memory_budget.h"
#include "common/storage/environment.h"

namespace grpc {
class Service;
}  // namespace grpc

namespace recsae {

class FlagSet;          // common/process/flags.h
class JobRunner;        // common/jobs
class MetricsRegistry;  // common/rpc/metrics.h
class Peer;             // common/client/peer.h

// What a process gives to a module that it hosts. All pointers outlive the module.
struct ModuleContext {
  // The module's own folder, "<--data-dir>/<module name>". It exists when Open is called.
  std::string data_dir;
  // The one job runner of the process, not yet started: Open registers its kinds of job with it.
  // Null when no module of the process uses jobs.
  JobRunner* jobs = nullptr;
  // Where the module adds its recsae_* metrics.
  MetricsRegistry* metrics = nullptr;
  // What work and caches of all the process's modules may take together (--memory-limit).
  MemoryBudget* memory = &MemoryBudget::Unlimited();
  // For the gates of calls that compute: --max-concurrent-calls, --max-waiting-calls.
  Gate::Limits call_limits;
  // What its stores stand on: the process's disk floor, and the group that backups take.
  Environment environment;
  // The services named by ServiceModule::peers(), in that order. Their channels connect lazily and,
  // for a service in the same process, exist only once the server runs: keep the Peer (or a
  // PeerStub, common/client/peer.h) in Open, use it from Start on and in handlers and jobs.
  std::vector<std::shared_ptr<Peer>> peers;
};

// One service as a part of a process. Calls come from the main thread, in this order:
// AddFlags, Open, services, Start, Drain, Stop. After an Open that failed only the destructor runs;
// after one that did not, Drain and Stop always do, also where services and Start never did because
// something else failed or the process was told to stop meanwhile.
class ServiceModule {
 public:
  virtual ~ServiceModule() = default;

  // "probe", "trainer", "concept-store" or "explainer": name of its data folder, and of the flag
  // and environment variable that other services find it by.
  virtual absl::string_view name() const = 0;

  // Services that this one calls, by name, for example {"probe", "concept-store"}. The process adds
  // the flags --probe and --concept-store (environment RECSAE_PROBE, RECSAE_CONCEPT_STORE), or uses
  // an in-process channel where it hosts that service itself.
  virtual std::vector<std::string> peers() const { return {}; }

  // Whether the process needs a job runner and the recsae.jobs.v1.Jobs service for this module.
  // The process owns and serves both; the module only registers its kinds of job in Open.
  virtual bool uses_jobs() const { return false; }

  // Adds the module's own flags; the values are set when Open is called.
  virtual void AddFlags(FlagSet& /*flags*/) {}

  // Opens stores, loads models and registers kinds of job, before the port is opened. An error ends
  // the process with that message and exit status 1.
  virtual absl::Status Open(const ModuleContext& context) = 0;

  // The gRPC services, owned by the module and valid until its destruction.
  virtual std::vector<grpc::Service*> services() = 0;

  // The server runs and the peers can be called: starts background threads, if any. Calls may
  // already be coming in. Jobs start after every module has started.
  virtual absl::Status Start() { return absl::OkStatus(); }

  // Whether the module can do its work now, for /readyz: its caches are filled, what it cannot go
  // without is there. Called from any thread, after Start, often; returns at once. UNAVAILABLE and
  // the like say what is missing.
  virtual absl::Status Ready() const { return absl::OkStatus(); }

  // The process is about to stop: ends long-lived server streams (watches) soon, with UNAVAILABLE.
  // New calls still arrive and must be answered.
  virtual void Drain() {}

  // No call and no job of this module runs any more: ends what it does by itself, joins its threads
  // and closes its stores. An error if that is not done by `deadline`; the process then ends
  // without waiting for more.
  virtual absl::Status Stop(absl::Time /*deadline*/) { return absl::OkStatus(); }
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_MODULE_H_
