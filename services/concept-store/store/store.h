// The dictionary: published SAEs and the concepts of their latents, with history, search and change
// log. All of the concept-store but the RPC.
#ifndef RECSAE_SERVICES_CONCEPT_STORE_STORE_STORE_H_
#define RECSAE_SERVICES_CONCEPT_STORE_STORE_STORE_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/storage/database.h"
#include "common/storage/environment.h"
#include "common/storage/epochs.h"
#include "common/storage/request_log.h"
#include "services/concept-store/search/concept_index.h"
#include "services/concept-store/store/publish.h"
#include "services/concept-store/store/weight_reader.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace recsae::concept_store::v1 {
class Baseline;
class BatchUpsertConceptsRequest;
class BatchUpsertConceptsResponse;
class Concept;
class ConceptChange;
class Control;
class CreateConceptRequest;
class CreateControlRequest;
class CreateControlResponse;
class DeleteConceptRequest;
class DeleteControlRequest;
class DeleteSaeRequest;
class GetBaselineRequest;
class ListConceptRevisionsRequest;
class ListConceptRevisionsResponse;
class ListConceptsRequest;
class ListConceptsResponse;
class ListControlsRequest;
class ListControlsResponse;
class ListSaesRequest;
class ListSaesResponse;
class PublishSaeRequest_Header;
class Sae;
class SearchConceptsRequest;
class SearchConceptsResponse;
class SetBaselineRequest;
class UndeleteControlRequest;
class UpdateConceptRequest;
class WatchConceptsRequest;
}  // namespace recsae::concept_store::v1

namespace recsae::concept_store {

struct ControlId;

class Mutation;

struct StoreOptions {
  // Where the files are, and whether writes are synced. For tests.
  Environment environment = {};
  // Changes that the log keeps at least for those who come back.
  int64_t kept_changes = 10'000;
  // By which writes are dated and controls expire.
  std::function<absl::Time()> now = [] { return absl::Now(); };
  // Is told what the concepts say, so that searches can compare meanings; outlives the store. Null:
  // they go by words alone.
  MeaningTexts* texts = nullptr;
};

// What a query means, or why that is not known.
struct QueryMeaning {
  std::shared_ptr<const Embedding> embedding = nullptr;  // of length 1; null: not known, because
  std::string reason = {};                               // of this,
  std::string message = {};                              // for people
  // Why concepts may not be embedded yet, if not only because they are new.
  std::string pending_reason = {};
  std::string pending_message = {};
  std::string model = {};
};

// A message's bytes, the same for the same content (maps in order).
std::string DeterministicBytes(const google::protobuf::MessageLite& message);

// Where a watch begins.
struct WatchStart {
  std::string sae_id;  // empty = all SAEs
  // The snapshot comes first; then and with it all changes after `revision`.
  bool snapshot = false;
  int64_t revision = 0;
};

// How far a snapshot was read.
struct SnapshotCursor {
  int part = 0;  // SAEs, baselines, concepts
  bool done = false;
  std::string last_key = {};  // of the part that is being read
};

// Thread-safe. The methods are the RPCs of recsae.concept_store.v1.ConceptStore and fail as
// documented there; beside that with the codes of Database. Writes are on disk when they return,
// and every read after that sees them.
class Store {
 public:
  // Opens or makes the directory, removes what broken publications left, reads the concepts into
  // the index. Errors as Database::Open.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& path,
                                                     const StoreOptions& options = {});
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  // Called after each write, from the thread that wrote. Set it before the first write.
  void SetWriteCallback(std::function<void()> callback) { on_write_ = std::move(callback); }

  absl::StatusOr<std::unique_ptr<SaeUpload>> BeginPublish(
      const v1::PublishSaeRequest_Header& header);
  absl::StatusOr<v1::Sae> GetSae(absl::string_view name) const;
  absl::StatusOr<v1::ListSaesResponse> ListSaes(const v1::ListSaesRequest& request) const;
  absl::Status DeleteSae(const v1::DeleteSaeRequest& request);
  absl::StatusOr<std::unique_ptr<WeightReader>> ReadWeights(absl::string_view name) const;

  absl::StatusOr<v1::Baseline> SetBaseline(const v1::SetBaselineRequest& request);
  absl::StatusOr<v1::Baseline> GetBaseline(const v1::GetBaselineRequest& request) const;

  absl::StatusOr<v1::Concept> CreateConcept(const v1::CreateConceptRequest& request);
  absl::StatusOr<v1::BatchUpsertConceptsResponse> BatchUpsertConcepts(
      const v1::BatchUpsertConceptsRequest& request);
  absl::StatusOr<v1::Concept> UpdateConcept(const v1::UpdateConceptRequest& request);
  absl::Status DeleteConcept(const v1::DeleteConceptRequest& request);

  absl::StatusOr<v1::Concept> GetConcept(absl::string_view name) const;
  absl::StatusOr<v1::ListConceptsResponse> ListConcepts(
      const v1::ListConceptsRequest& request) const;
  // `ask` is asked what the query means, once it is known to be a valid one.
  absl::StatusOr<v1::SearchConceptsResponse> SearchConcepts(
      const v1::SearchConceptsRequest& request,
      absl::FunctionRef<QueryMeaning()> ask = MeaningOff) const;
  static QueryMeaning MeaningOff();
  absl::StatusOr<v1::ListConceptRevisionsResponse> ListConceptRevisions(
      const v1::ListConceptRevisionsRequest& request) const;

  // Expired controls are hidden for good after a day, and taken out by later writes of controls.
  absl::StatusOr<v1::CreateControlResponse> CreateControl(const v1::CreateControlRequest& request);
  absl::StatusOr<v1::ListControlsResponse> ListControls(
      const v1::ListControlsRequest& request) const;
  // What was deleted is kept as what expired is, and can be had again.
  absl::Status DeleteControl(const v1::DeleteControlRequest& request);
  absl::StatusOr<v1::Control> UndeleteControl(const v1::UndeleteControlRequest& request);

  // The checks of WatchConcepts, and where it begins.
  absl::StatusOr<WatchStart> BeginWatch(const v1::WatchConceptsRequest& request) const;
  // Appends what there is, of one SAE (empty = of all), as changes of revision 0: SAEs,
  // baselines, concepts, about `max_bytes` of them from `cursor` on, which moves. Each piece is
  // read as it is then: together with the changes from the revision of the first piece on, it is
  // one state.
  absl::Status ReadSnapshot(const std::string& sae_id, size_t max_bytes, SnapshotCursor* cursor,
                            std::vector<v1::ConceptChange>* changes) const;
  // Appends changes after the revision `after`, oldest first, of one SAE (empty = of all), about
  // `max_bytes` of them. Returns the revision up to which the log was read: the next `after`. It
  // may grow with no change appended, and is revision() once all was read. OUT_OF_RANGE
  // (REVISION_COMPACTED).
  absl::StatusOr<int64_t> ReadChanges(int64_t after, absl::string_view sae_id, size_t max_bytes,
                                      std::vector<v1::ConceptChange>* changes) const;

  // Of the last acknowledged change; 0 in a new store.
  int64_t revision() const { return revision_.load(std::memory_order_acquire); }
  // Changes after it are in the log.
  int64_t floor() const { return floor_.load(std::memory_order_acquire); }
  // Of the changes that are sent from now on.
  const std::string& epoch() const { return epochs_.current(); }
  // Embeddings as they were kept under these keys; nothing for one that was not.
  absl::StatusOr<std::vector<std::optional<std::string>>> ReadEmbeddings(
      absl::Span<const std::string> keys) const;
  // Not synced: what a power cut takes can be had again. Nothing is kept beyond `max_bytes`.
  absl::Status KeepEmbeddings(absl::Span<const std::pair<std::string, std::string>> embeddings,
                              int64_t max_bytes);
  // Takes out those whose key is not among `keys` (sorted).
  absl::Status DropEmbeddingsBut(absl::Span<const std::string> keys);
  int64_t embedding_bytes() const { return embedding_bytes_.load(std::memory_order_relaxed); }

  int64_t saes() const { return index_.saes(); }
  int64_t concepts() const { return index_.concepts(); }

 private:
  friend class SaeUpload;
  friend class WeightReader;

  struct SaeRecord;
  using Body = absl::FunctionRef<absl::Status(Mutation&)>;

  Store(std::unique_ptr<Database> database, const StoreOptions& options);
  absl::Status LoadSaes();
  absl::Status LoadConcepts();
  absl::Status LoadLog();
  absl::Status RemoveLeftovers(const std::vector<uint64_t>& uploads);

  // Runs `body`, which fills the batch and `response`, and writes both with the record of the
  // request; or fills `response` with the first answer of this request. One at a time.
  absl::Status Mutate(absl::string_view method, const std::string& request_id,
                      const std::string& content, google::protobuf::MessageLite* response,
                      Body body);
  // Moves the oldest changes out of the log where it is too long, some at a time: what a concept
  // that is still there was goes to its history. Returns the floor as of the batch.
  absl::StatusOr<int64_t> Compact(WriteBatch& batch) const;

  // NOT_FOUND (SAE_NOT_FOUND).
  absl::StatusOr<SaeRecord> ReadSae(const std::string& sae_id) const;
  // F of the SAE, or NOT_FOUND (SAE_NOT_FOUND).
  absl::StatusOr<int32_t> FindSae(const std::string& sae_id) const;
  // NOT_FOUND (SAE_NOT_FOUND or CONCEPT_NOT_FOUND).
  absl::StatusOr<v1::Concept> ReadConcept(const std::string& sae_id, int32_t latent) const;
  // The concepts of these latents; in place of one that is gone, one without a name.
  absl::StatusOr<std::vector<v1::Concept>> ReadConcepts(const std::string& sae_id,
                                                        const std::vector<int32_t>& latents) const;
  // The change that an entry of the history stands for, as bytes.
  absl::StatusOr<std::string> ReadHistory(absl::string_view key, absl::string_view value) const;
  absl::Status UpsertOne(const std::string& sae_id, int32_t latents, bool keep_edited,
                         v1::Concept* latent_concept, Mutation& mutation) const;

  // All that are stored of a user, expired ones too, in the order in which they were made.
  absl::StatusOr<std::vector<v1::Control>> ReadControls(const std::string& sae_id,
                                                        const std::string& user_id) const;
  // The concept's description if the latent leads its group or has no concept. INVALID_ARGUMENT
  // (LATENT_OUT_OF_RANGE, LATENT_NOT_LEAD), NOT_FOUND (SAE_NOT_FOUND).
  absl::Status CheckLead(const std::string& sae_id, int32_t latent, std::string* description) const;
  // Takes out what `control` replaces, and expired ones where the user has too many.
  // RESOURCE_EXHAUSTED (CONTROLS_EXHAUSTED).
  absl::Status MakeRoomForControl(const std::string& sae_id, const v1::Control& control,
                                  Mutation& mutation, v1::Control* replaced) const;
  // One that is there, expired or deleted less than a day ago or not. NOT_FOUND (SAE_NOT_FOUND,
  // CONTROL_NOT_FOUND).
  absl::StatusOr<v1::Control> FindControl(const ControlId& id, const std::string& name,
                                          absl::Time now) const;
  // Takes out some of those that expired a day ago.
  absl::Status SweepControls(Mutation& mutation) const;

  // For SaeUpload and WeightReader.
  absl::Status StageWeights(const std::string& key, absl::string_view values);
  absl::Status DropUpload(uint64_t upload);
  absl::Status AddSae(const std::string& sae_id, uint64_t upload, const v1::Sae& sae,
                      Mutation& mutation) const;
  std::unique_ptr<Scanner> ScanWeights(const std::string& prefix,
                                       const std::string& from = "") const;

  const std::unique_ptr<Database> database_;
  const int64_t kept_changes_;
  const std::function<absl::Time()> now_;
  RequestLog requests_;
  ConceptIndex index_;
  std::function<void()> on_write_ = [] {};
  std::mutex write_mutex_;  // held from reading what a write depends on until it is in the index
  std::atomic<int64_t> revision_ = 0;
  std::atomic<int64_t> floor_ = 0;
  Epochs epochs_;
  std::atomic<uint64_t> next_upload_ = 1;
  std::atomic<int64_t> embedding_bytes_ = 0;  // set by DropEmbeddingsBut, which comes first
};

}  // namespace recsae::concept_store

#endif  // RECSAE_SERVICES_CONCEPT_STORE_STORE_STORE_H_
