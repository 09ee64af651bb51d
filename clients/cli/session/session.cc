#include "clients/cli/session/session.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/json.h"
#include "common/base/status.h"
#include "common/client/retry.h"

namespace recsae::cli {
namespace {

std::vector<std::shared_ptr<Peer>> MakePeers(const GlobalOptions& options) {
  const auto peer = [&](const char* name, const std::string& address) {
    return std::make_shared<Peer>(name, address.empty() ? options.server : address,
                                  SecurityOf(options));
  };
  return {peer("probe", options.probe), peer("trainer", options.trainer),
          peer("concept-store", options.concept_store), peer("explainer", options.explainer)};
}

}  // namespace

ChannelSecurity SecurityOf(const GlobalOptions& options) {
  ChannelSecurity security;
  security.tls = !options.tls.authorities.empty() || !options.tls.certificate.empty();
  security.files = options.tls;
  security.token_file = options.token_file;
  return security;
}

Session::Session(const GlobalOptions& options)
    : options_(options),
      console_(options.quiet, options.no_color),
      peers_(MakePeers(options)),
      probe_(peers_[0]),
      trainer_(peers_[1]),
      concept_store_(peers_[2]),
      explainer_(peers_[3]),
      probe_jobs_(peers_[0]),
      trainer_jobs_(peers_[1]),
      explainer_jobs_(peers_[3]) {}

std::vector<PeerStub<jobs::v1::Jobs>*> Session::all_jobs() {
  std::vector<PeerStub<jobs::v1::Jobs>*> distinct;
  std::set<std::string> addresses;
  for (PeerStub<jobs::v1::Jobs>* jobs : {&probe_jobs_, &trainer_jobs_, &explainer_jobs_}) {
    if (addresses.insert(jobs->peer().address()).second) distinct.push_back(jobs);
  }
  return distinct;
}

absl::Status Session::PrintJson(const google::protobuf::Message& message) {
  RECSAE_ASSIGN_OR_RETURN(const nlohmann::ordered_json json, AsJson(message));
  console_.Print(json.dump(1) + "\n");
  return absl::OkStatus();
}

absl::Status Session::CallAgain(const Peer& peer, double timeout,
                                absl::FunctionRef<grpc::Status(grpc::ClientContext*)> call) {
  const absl::Status status = Retry(RetryOptions{}, [&] {
    grpc::ClientContext context;
    SetDeadline(context, absl::Seconds(timeout));
    return peer.FromGrpc(call(&context));
  });
  return status.ok() ? status : ExplainTimeout(status, timeout);
}

std::string NewRequestId() {
  std::random_device random;
  std::string id = "cli-";
  for (int i = 0; i < 4; ++i) absl::StrAppend(&id, absl::Hex(random(), absl::kZeroPad8));
  return id;
}

}  // namespace recsae::cli
