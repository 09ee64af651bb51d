// What every command works with: the four services, the console and the global options.
#ifndef RECSAE_CLIENTS_CLI_SESSION_SESSION_H_
#define RECSAE_CLIENTS_CLI_SESSION_SESSION_H_

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "clients/cli/session/console.h"
#include "common/client/peer.h"

namespace google::protobuf {
class Message;
}  // namespace google::protobuf
namespace grpc {
class ClientContext;
class Status;
}  // namespace grpc
namespace recsae::concept_store::v1 {
class ConceptStore;
}  // namespace recsae::concept_store::v1
namespace recsae::explainer::v1 {
class Explainer;
}  // namespace recsae::explainer::v1
namespace recsae::jobs::v1 {
class Jobs;
}  // namespace recsae::jobs::v1
namespace recsae::probe::v1 {
class Probe;
}  // namespace recsae::probe::v1
namespace recsae::trainer::v1 {
class Trainer;
}  // namespace recsae::trainer::v1

namespace recsae::cli {

struct GlobalOptions {
  // Where recsae-standalone is, and every service that has no address of its own.
  std::string server = "127.0.0.1:7400";
  std::string probe;
  std::string trainer;
  std::string concept_store;
  std::string explainer;
  // How servers are judged and what they are shown; TLS where there is an authority or a
  // certificate.
  TlsFiles tls;
  std::string token_file;
  bool json = false;
  bool quiet = false;
  bool no_color = false;
  // For a single call; 0 = what suits the call.
  double timeout_seconds = 0;
};

ChannelSecurity SecurityOf(const GlobalOptions& options);

// Not thread-safe, but for the console. A command that calls a service includes its .grpc.pb.h.
class Session {
 public:
  explicit Session(const GlobalOptions& options);

  PeerStub<probe::v1::Probe>& probe() { return probe_; }
  PeerStub<trainer::v1::Trainer>& trainer() { return trainer_; }
  PeerStub<concept_store::v1::ConceptStore>& concept_store() { return concept_store_; }
  PeerStub<explainer::v1::Explainer>& explainer() { return explainer_; }
  // The jobs of the process that hosts the service.
  PeerStub<jobs::v1::Jobs>& probe_jobs() { return probe_jobs_; }
  PeerStub<jobs::v1::Jobs>& trainer_jobs() { return trainer_jobs_; }
  PeerStub<jobs::v1::Jobs>& explainer_jobs() { return explainer_jobs_; }
  // One for each process that runs jobs.
  std::vector<PeerStub<jobs::v1::Jobs>*> all_jobs();
  // All four, also where several share a process.
  const std::vector<std::shared_ptr<Peer>>& peers() const { return peers_; }

  Console& console() { return console_; }
  bool json() const { return options_.json; }

  // One document on standard output.
  absl::Status PrintJson(const google::protobuf::Message& message);

  // --timeout, or `usual` where it was not given.
  double Timeout(double usual) const {
    return options_.timeout_seconds > 0 ? options_.timeout_seconds : usual;
  }

  // One unary call, repeated while the server is not reachable; safe because every call of the
  // suite is idempotent or carries a request_id.
  //   session.Call(session.probe(), &Probe::Stub::GetCatalog, request)
  template <typename Service, typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> Call(PeerStub<Service>& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                const Request& request, double usual_timeout = kUsualTimeout) {
    Response response;
    const absl::Status status =
        CallAgain(stub.peer(), Timeout(usual_timeout), [&](grpc::ClientContext* context) {
          response.Clear();
          return ((*stub.operator->()).*method)(context, request, &response);
        });
    if (!status.ok()) return status;
    return response;
  }

  // All pages of a List call as one response, at most `limit` entries (0 = all). `size` counts the
  // entries of a response, for example &ListSaesResponse::saes_size.
  template <typename Service, typename Stub, typename Request, typename Response>
  absl::StatusOr<Response> List(PeerStub<Service>& stub,
                                grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                             Response*),
                                Request request, int (Response::*size)() const, int limit) {
    Response all;
    do {
      const int left = limit > 0 ? limit - (all.*size)() : kLargestPage;
      request.set_page_size(std::min(left, kLargestPage));
      request.set_page_token(all.next_page_token());
      absl::StatusOr<Response> page = Call(stub, method, request);
      if (!page.ok()) return page.status();
      all.clear_next_page_token();
      all.MergeFrom(*page);
    } while (!all.next_page_token().empty() && (limit == 0 || (all.*size)() < limit));
    return all;
  }

  static constexpr double kUsualTimeout = 60;

 private:
  static constexpr int kLargestPage = 200;

  // Calls `peer` with `timeout` seconds for each attempt; the last one's status, explained.
  static absl::Status CallAgain(const Peer& peer, double timeout,
                                absl::FunctionRef<grpc::Status(grpc::ClientContext*)> call);

  const GlobalOptions options_;
  Console console_;
  std::vector<std::shared_ptr<Peer>> peers_;
  PeerStub<probe::v1::Probe> probe_;
  PeerStub<trainer::v1::Trainer> trainer_;
  PeerStub<concept_store::v1::ConceptStore> concept_store_;
  PeerStub<explainer::v1::Explainer> explainer_;
  PeerStub<jobs::v1::Jobs> probe_jobs_;
  PeerStub<jobs::v1::Jobs> trainer_jobs_;
  PeerStub<jobs::v1::Jobs> explainer_jobs_;
};

// A random id for a mutation that may be repeated.
std::string NewRequestId();

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_SESSION_SESSION_H_
