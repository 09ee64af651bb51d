// recsae status: whether the servers are ready.

#include <grpc/health/v1/health.grpc.pb.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/flags/command_line.h"
#include "common/base/status.h"
#include "common/client/retry.h"

namespace recsae::cli {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckResponse;

struct StatusFlags {
  double wait_seconds = 0;
};

struct ServiceState {
  std::string service;
  std::string address;
  std::string state;
  bool ready = false;
};

constexpr double kCheckTimeout = 5;
constexpr absl::Duration kCheckEvery = absl::Milliseconds(200);

// Names of the services in the health protocol, in the order of Session::peers().
constexpr const char* kServices[] = {"recsae.probe.v1.Probe", "recsae.trainer.v1.Trainer",
                                     "recsae.concept_store.v1.ConceptStore",
                                     "recsae.explainer.v1.Explainer"};

ServiceState Check(Session& session, const Peer& peer, const char* service) {
  const auto stub = Health::NewStub(peer.channel());
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(session.Timeout(kCheckTimeout)));
  grpc::health::v1::HealthCheckRequest request;
  request.set_service(service);
  HealthCheckResponse response;
  const grpc::Status status = stub->Check(&context, request, &response);
  ServiceState state{peer.name(), peer.address(), "not reachable", false};
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
    state.state = "not hosted here";
  } else if (status.ok()) {
    state.ready = response.status() == HealthCheckResponse::SERVING;
    state.state = state.ready ? "ready" : "not ready";
  }
  return state;
}

std::vector<ServiceState> CheckAll(Session& session, bool& all_ready) {
  std::vector<ServiceState> states;
  all_ready = true;
  for (size_t i = 0; i < session.peers().size(); ++i) {
    states.push_back(Check(session, *session.peers()[i], kServices[i]));
    all_ready = all_ready && states.back().ready;
  }
  return states;
}

void Print(Session& session, const std::vector<ServiceState>& states) {
  if (session.json()) {
    nlohmann::ordered_json json;
    for (const ServiceState& state : states) {
      json["services"].push_back({{"service", state.service},
                                  {"address", state.address},
                                  {"state", state.state},
                                  {"ready", state.ready}});
    }
    return session.console().Print(json.dump(2) + "\n");
  }
  Table table({{"SERVICE"}, {"ADDRESS"}, {"STATE"}});
  for (const ServiceState& state : states) {
    table.Add(
        {state.service, state.address, {state.state, state.ready ? Color::kGreen : Color::kRed}});
  }
  session.console().Print(table);
}

absl::Status Status(Session& session, const StatusFlags& flags) {
  const absl::Time give_up = absl::Now() + absl::Seconds(flags.wait_seconds);
  bool all_ready = false;
  std::vector<ServiceState> states = CheckAll(session, all_ready);
  while (!all_ready && absl::Now() < give_up) {
    absl::SleepFor(kCheckEvery);
    states = CheckAll(session, all_ready);
  }
  Print(session, states);
  if (all_ready) return absl::OkStatus();
  return Error(absl::StatusCode::kUnavailable, "PEER_UNAVAILABLE", "not every service is ready");
}

}  // namespace

void AddStatusCommand(CommandLine& line) {
  line.Add<StatusFlags>(
      line.root(), "status", "Say whether the servers are ready",
      "  recsae status\n"
      "  recsae status --wait 30 --quiet   # in a script, after starting them",
      [](Command& command, StatusFlags& flags) {
        command
            .Add("--wait", flags.wait_seconds, "Wait so long for them to become ready [default: 0]")
            .Type("SECONDS")
            .Must(Check::NonNegative());
      },
      Status);
}

}  // namespace recsae::cli
