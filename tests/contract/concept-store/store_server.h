// The concept-store served as in production, for the contract tests: in this process, or over
// loopback TCP on a database that is closed and opened again.
#ifndef RECSAE_TESTS_CONTRACT_CONCEPT_STORE_STORE_SERVER_H_
#define RECSAE_TESTS_CONTRACT_CONCEPT_STORE_STORE_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/grpc_status.h"
#include "common/rpc/metrics.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "services/concept-store/concept_store_service.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {

enum class Transport { kInProcess, kTcp };

class StoreServer {
 public:
  // `directory` may hold a store already.
  StoreServer(std::string directory, Transport transport);
  ~StoreServer();
  StoreServer(const StoreServer&) = delete;
  StoreServer& operator=(const StoreServer&) = delete;

  v1::ConceptStore::Stub& stub() { return *stub_; }
  Store& store() { return *store_; }
  ConceptStoreService& service() { return *service_; }
  grpc::Server& server() { return *server_; }
  const MetricsRegistry& metrics() const { return metrics_; }
  MemoryBudget& memory() { return memory_; }

  // Stops the server and opens everything anew from the directory.
  void Reopen();

 private:
  void Start();
  void Stop();

  const std::string directory_;
  const Transport transport_;
  MetricsRegistry metrics_;
  MemoryBudget memory_{int64_t{64} << 20};
  std::unique_ptr<Store> store_;
  std::unique_ptr<ConceptStoreService> service_;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<v1::ConceptStore::Stub> stub_;
};

// An empty directory of this test case; for several, each has a name.
std::string FreshDirectory(const std::string& name = "");

// One unary call: Call(server, &Stub::GetSae, request) gives the response or the error.
using Stub = v1::ConceptStore::Stub;
template <typename Request, typename Response>
absl::StatusOr<Response> Call(StoreServer& server,
                              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request) {
  grpc::ClientContext context;
  Response response;
  const grpc::Status status = (server.stub().*method)(&context, request, &response);
  if (!status.ok()) return FromGrpc(status);
  return response;
}

// Sends a whole publication.
absl::StatusOr<v1::Sae> Publish(StoreServer& server, const v1::PublishSaeRequest::Header& header,
                                const std::vector<v1::SaeWeights>& weights);

}  // namespace recsae::concept_store

#endif  // RECSAE_TESTS_CONTRACT_CONCEPT_STORE_STORE_SERVER_H_
