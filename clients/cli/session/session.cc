#include "clients/cli/session/session.h"

#include <google/protobuf/util/json_util.h>
#include <grpcpp/client_context.h>

#include <random>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/text/errors.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "recsae/trainer/v1/trainer.grpc.pb.h"

namespace recsae::cli {
namespace {

std::vector<std::shared_ptr<Peer>> MakePeers(const GlobalOptions& options) {
  const auto peer = [&](const char* name, const std::string& address) {
    return std::make_shared<Peer>(name, address.empty() ? options.server : address);
  };
  return {peer("probe", options.probe), peer("trainer", options.trainer),
          peer("concept-store", options.concept_store), peer("explainer", options.explainer)};
}

}  // namespace

struct Session::Stubs {
  // `peers` in the order of MakePeers.
  explicit Stubs(const std::vector<std::shared_ptr<Peer>>& peers)
      : probe(peers[0]),
        trainer(peers[1]),
        concept_store(peers[2]),
        explainer(peers[3]),
        probe_jobs(peers[0]),
        trainer_jobs(peers[1]),
        explainer_jobs(peers[3]) {}

  PeerStub<probe::v1::Probe> probe;
  PeerStub<trainer::v1::Trainer> trainer;
  PeerStub<concept_store::v1::ConceptStore> concept_store;
  PeerStub<explainer::v1::Explainer> explainer;
  PeerStub<jobs::v1::Jobs> probe_jobs;
  PeerStub<jobs::v1::Jobs> trainer_jobs;
  PeerStub<jobs::v1::Jobs> explainer_jobs;
};

Session::Session(const GlobalOptions& options)
    : options_(options),
      console_(options.quiet, options.no_color),
      peers_(MakePeers(options)),
      stubs_(std::make_unique<Stubs>(peers_)) {}

Session::~Session() = default;

PeerStub<probe::v1::Probe>& Session::probe() { return stubs_->probe; }
PeerStub<trainer::v1::Trainer>& Session::trainer() { return stubs_->trainer; }
PeerStub<concept_store::v1::ConceptStore>& Session::concept_store() {
  return stubs_->concept_store;
}
PeerStub<explainer::v1::Explainer>& Session::explainer() { return stubs_->explainer; }
PeerStub<jobs::v1::Jobs>& Session::probe_jobs() { return stubs_->probe_jobs; }
PeerStub<jobs::v1::Jobs>& Session::trainer_jobs() { return stubs_->trainer_jobs; }
PeerStub<jobs::v1::Jobs>& Session::explainer_jobs() { return stubs_->explainer_jobs; }

std::vector<PeerStub<jobs::v1::Jobs>*> Session::all_jobs() {
  std::vector<PeerStub<jobs::v1::Jobs>*> distinct;
  std::set<std::string> addresses;
  for (PeerStub<jobs::v1::Jobs>* jobs :
       {&stubs_->probe_jobs, &stubs_->trainer_jobs, &stubs_->explainer_jobs}) {
    if (addresses.insert(jobs->peer().address()).second) distinct.push_back(jobs);
  }
  return distinct;
}

absl::Status Session::PrintJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions format;
  format.add_whitespace = true;
  format.always_print_primitive_fields = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, format);
  if (!status.ok()) {
    return Error(absl::StatusCode::kInternal, "NOT_PRINTABLE",
                 absl::StrCat("the answer cannot be written as JSON: ",
                              absl::string_view(status.message().data(), status.message().size()),
                              "; is the server newer than this client?"));
  }
  console_.Print(json);
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
