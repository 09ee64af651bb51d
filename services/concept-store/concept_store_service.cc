#include "services/concept-store/concept_store_service.h"

#include <grpcpp/server_context.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/query_words.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/budget/memory_budget.h"
#include "common/rpc/guard.h"
#include "common/rpc/metrics.h"
#include "common/rpc/request_stream.h"
#include "common/rpc/watch_hub.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "services/concept-store/embedding/embedder.h"
#include "services/concept-store/feed/watch.h"
#include "services/concept-store/store/store.h"

namespace recsae::concept_store {
namespace {

using google::protobuf::Empty;
using grpc::ServerContext;

// The value of `result` into `response`, or its status.
template <typename Response>
absl::Status Answer(absl::StatusOr<Response> result, Response* response) {
  RECSAE_RETURN_IF_ERROR(result.status());
  *response = *std::move(result);
  return absl::OkStatus();
}

struct Gauges {
  explicit Gauges(MetricsRegistry& metrics)
      : saes(metrics.GetGauge("recsae_concept_store_saes", "SAEs published.")),
        concepts(metrics.GetGauge("recsae_concept_store_concepts", "Concepts of all SAEs.")),
        revision(metrics.GetGauge("recsae_concept_store_revision",
                                  "Store-wide number of the last change.")),
        kept_changes(metrics.GetGauge("recsae_concept_store_kept_changes",
                                      "Changes in the log that watches read.")),
        watchers(metrics.GetGauge("recsae_concept_store_watchers", "Open WatchConcepts calls.")) {}

  void Show(const Store& store) const {
    saes.Set(static_cast<double>(store.saes()));
    concepts.Set(static_cast<double>(store.concepts()));
    revision.Set(static_cast<double>(store.revision()));
    kept_changes.Set(static_cast<double>(store.revision() - store.floor()));
  }

  Gauge saes;
  Gauge concepts;
  Gauge revision;
  Gauge kept_changes;
  Gauge watchers;
};

}  // namespace

// Watches are served by callbacks, so that they take no thread each; the rest by blocking handlers.
class ConceptStoreService::Rpc final
    : public v1::ConceptStore::WithCallbackMethod_WatchConcepts<v1::ConceptStore::Service> {
 public:
  Rpc(Store& store, MetricsRegistry& metrics, MemoryBudget& memory, Embedder* embedder)
      : store_(store),
        memory_(memory),
        embedder_(embedder),
        gauges_(metrics),
        watches_(
            [this](int64_t watchers) { gauges_.watchers.Set(static_cast<double>(watchers)); }) {
    gauges_.Show(store_);
    gauges_.watchers.Set(0);
    store_.SetWriteCallback([this] {
      gauges_.Show(store_);
      if (embedder_ != nullptr) embedder_->ShowMetrics();
      watches_.Notify();
    });
  }
  ~Rpc() override {
    store_.SetWriteCallback([] {});
  }

  void Drain() { watches_.Drain(); }

  grpc::Status PublishSae(ServerContext* context, grpc::ServerReader<v1::PublishSaeRequest>* reader,
                          v1::Sae* response) override {
    return GuardStream(context, [&]() -> absl::Status {
      v1::PublishSaeRequest message;
      RECSAE_RETURN_IF_ERROR(ReadHeader(*reader, &message));
      RECSAE_ASSIGN_OR_RETURN(const auto upload, store_.BeginPublish(message.header()));
      RECSAE_ASSIGN_OR_RETURN(
          Permit permit,
          memory_.Take(0, absl::StrCat("publishing saes/", message.header().sae_id()),
                       "the rows of one message, send each array from its first row to its last"));
      const auto stage = [&]() -> absl::Status {
        RECSAE_RETURN_IF_ERROR(
            permit.Resize(SaturatingSum(upload->bytes(), BytesToStore(message))));
        return upload->Add(message.weights());
      };
      RECSAE_RETURN_IF_ERROR(ReadParts(context, *reader, &message, stage));
      return Answer(upload->Finish(), response);
    });
  }

  grpc::Status GetSae(ServerContext* context, const v1::GetSaeRequest* request,
                      v1::Sae* response) override {
    return Guard(context, [&] { return Answer(store_.GetSae(request->name()), response); });
  }

  grpc::Status ListSaes(ServerContext* context, const v1::ListSaesRequest* request,
                        v1::ListSaesResponse* response) override {
    return Guard(context, [&] { return Answer(store_.ListSaes(*request), response); });
  }

  grpc::Status DeleteSae(ServerContext* context, const v1::DeleteSaeRequest* request,
                         Empty* /*response*/) override {
    return Guard(context, [&]() -> absl::Status {
      RECSAE_RETURN_IF_ERROR(store_.DeleteSae(*request));
      watches_.Flush();  // nobody shall explain with it any more
      return absl::OkStatus();
    });
  }

  grpc::Status ReadSaeWeights(ServerContext* context, const v1::ReadSaeWeightsRequest* request,
                              grpc::ServerWriter<v1::SaeWeights>* writer) override {
    return GuardStream(context, [&]() -> absl::Status {
      RECSAE_ASSIGN_OR_RETURN(const auto weights, store_.ReadWeights(request->name()));
      v1::SaeWeights piece;
      while (true) {
        RECSAE_ASSIGN_OR_RETURN(const bool more, weights->Next(&piece));
        if (!more) return absl::OkStatus();
        if (!writer->Write(piece)) {
          return Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the caller has gone");
        }
      }
    });
  }

  grpc::Status SetBaseline(ServerContext* context, const v1::SetBaselineRequest* request,
                           v1::Baseline* response) override {
    return Guard(context, [&] { return Answer(store_.SetBaseline(*request), response); });
  }

  grpc::Status GetBaseline(ServerContext* context, const v1::GetBaselineRequest* request,
                           v1::Baseline* response) override {
    return Guard(context, [&] { return Answer(store_.GetBaseline(*request), response); });
  }

  grpc::Status CreateControl(ServerContext* context, const v1::CreateControlRequest* request,
                             v1::CreateControlResponse* response) override {
    return Guard(context, [&] { return Answer(store_.CreateControl(*request), response); });
  }

  grpc::Status ListControls(ServerContext* context, const v1::ListControlsRequest* request,
                            v1::ListControlsResponse* response) override {
    return Guard(context, [&] { return Answer(store_.ListControls(*request), response); });
  }

  grpc::Status DeleteControl(ServerContext* context, const v1::DeleteControlRequest* request,
                             Empty* /*response*/) override {
    return Guard(context, [&] { return store_.DeleteControl(*request); });
  }

  grpc::Status UndeleteControl(ServerContext* context, const v1::UndeleteControlRequest* request,
                               v1::Control* response) override {
    return Guard(context, [&] { return Answer(store_.UndeleteControl(*request), response); });
  }

  grpc::Status CreateConcept(ServerContext* context, const v1::CreateConceptRequest* request,
                             v1::Concept* response) override {
    return Guard(context, [&] { return Answer(store_.CreateConcept(*request), response); });
  }

  grpc::Status BatchUpsertConcepts(ServerContext* context,
                                   const v1::BatchUpsertConceptsRequest* request,
                                   v1::BatchUpsertConceptsResponse* response) override {
    return Guard(context, [&] { return Answer(store_.BatchUpsertConcepts(*request), response); });
  }

  grpc::Status GetConcept(ServerContext* context, const v1::GetConceptRequest* request,
                          v1::Concept* response) override {
    return Guard(context, [&] { return Answer(store_.GetConcept(request->name()), response); });
  }

  grpc::Status ListConcepts(ServerContext* context, const v1::ListConceptsRequest* request,
                            v1::ListConceptsResponse* response) override {
    return Guard(context, [&] { return Answer(store_.ListConcepts(*request), response); });
  }

  grpc::Status UpdateConcept(ServerContext* context, const v1::UpdateConceptRequest* request,
                             v1::Concept* response) override {
    return Guard(context, [&] { return Answer(store_.UpdateConcept(*request), response); });
  }

  grpc::Status DeleteConcept(ServerContext* context, const v1::DeleteConceptRequest* request,
                             Empty* /*response*/) override {
    return Guard(context, [&] { return store_.DeleteConcept(*request); });
  }

  grpc::Status SearchConcepts(ServerContext* context, const v1::SearchConceptsRequest* request,
                              v1::SearchConceptsResponse* response) override {
    return Guard(context, [&]() -> absl::Status {
      RECSAE_RETURN_IF_ERROR(CheckNotNegated(request->query()));
      const auto ask = [&] {
        return embedder_ == nullptr ? Store::MeaningOff() : embedder_->Ask(request->query());
      };
      return Answer(store_.SearchConcepts(*request, ask), response);
    });
  }

  grpc::Status ListConceptRevisions(ServerContext* context,
                                    const v1::ListConceptRevisionsRequest* request,
                                    v1::ListConceptRevisionsResponse* response) override {
    return Guard(context, [&] { return Answer(store_.ListConceptRevisions(*request), response); });
  }

  grpc::ServerWriteReactor<v1::ConceptChange>* WatchConcepts(
      grpc::CallbackServerContext* context, const v1::WatchConceptsRequest* request) override {
    return watches_.Watch(context, ConceptWatch::Begin(store_, *request));
  }

 private:
  Store& store_;
  MemoryBudget& memory_;
  Embedder* const embedder_;
  const Gauges gauges_;
  WatchHub<v1::ConceptChange> watches_;
};

ConceptStoreService::ConceptStoreService(Store& store, MetricsRegistry& metrics,
                                         MemoryBudget& memory, Embedder* embedder)
    : rpc_(std::make_unique<Rpc>(store, metrics, memory, embedder)) {}

ConceptStoreService::~ConceptStoreService() = default;

grpc::Service* ConceptStoreService::grpc_service() { return rpc_.get(); }

void ConceptStoreService::Drain() { rpc_->Drain(); }

}  // namespace recsae::concept_store
