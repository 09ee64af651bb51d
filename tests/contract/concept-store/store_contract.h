// What the contract tests share: each runs on a service in this process, and over TCP on a database
// that is closed and opened again before every single call.
#ifndef RECSAE_TESTS_CONTRACT_CONCEPT_STORE_STORE_CONTRACT_H_
#define RECSAE_TESTS_CONTRACT_CONCEPT_STORE_STORE_CONTRACT_H_

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "common/base/status.h"
#include "tests/contract/concept-store/store_server.h"
#include "tests/unit/concept-store/samples.h"

namespace recsae::concept_store {

struct Mode {
  const char* name;
  Transport transport;
  bool reopen;
};

class StoreContract : public testing::TestWithParam<Mode> {
 protected:
  StoreContract() : server_(FreshDirectory(), GetParam().transport) {}

  // The server for the next call.
  StoreServer& Next() {
    if (GetParam().reopen) server_.Reopen();
    return server_;
  }

  template <typename Request, typename Response>
  absl::StatusOr<Response> Do(grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                           Response*),
                              const Request& request) {
    return Call(Next(), method, request);
  }

  absl::StatusOr<v1::Sae> PublishSample(const std::string& sae_id) {
    return Publish(Next(), SampleHeader(sae_id), SampleWeights(SampleSae(), 5));
  }

  absl::Status DeleteSae(const std::string& name, const std::string& request_id = "") {
    v1::DeleteSaeRequest request;
    request.set_name(name);
    request.set_request_id(request_id);
    return Do(&Stub::DeleteSae, request).status();
  }

  // Everything up to and with CAUGHT_UP. Unset: with the snapshot.
  std::vector<v1::ConceptChange> WatchUntilCaughtUp(const std::string& parent,
                                                    std::optional<int64_t> since) {
    grpc::ClientContext context;
    v1::WatchConceptsRequest request;
    request.set_parent(parent);
    if (since.has_value()) request.set_since_revision(*since);
    const auto stream = Next().stub().WatchConcepts(&context, request);
    std::vector<v1::ConceptChange> changes;
    v1::ConceptChange change;
    while (stream->Read(&change)) {
      changes.push_back(change);
      if (change.type() == v1::ConceptChange::TYPE_CAUGHT_UP) break;
    }
    context.TryCancel();
    stream->Finish();
    return changes;
  }

  StoreServer server_;
};

// Instantiates a suite that derives from StoreContract.
#define RECSAE_STORE_CONTRACT(suite)                                   \
  INSTANTIATE_TEST_SUITE_P(                                            \
      Modes, suite,                                                    \
      testing::Values(Mode{"InProcess", Transport::kInProcess, false}, \
                      Mode{"ReopenedOverTcp", Transport::kTcp, true}), \
      [](const testing::TestParamInfo<Mode>& mode) { return mode.param.name; })

inline void ExpectError(const absl::Status& status, absl::StatusCode code,
                        const std::string& reason) {
  EXPECT_EQ(status.code(), code) << status;
  EXPECT_EQ(Reason(status), reason) << status;
}

}  // namespace recsae::concept_store

#endif  // RECSAE_TESTS_CONTRACT_CONCEPT_STORE_STORE_CONTRACT_H_
