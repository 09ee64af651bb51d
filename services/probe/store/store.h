// The probe's database: its key spaces, replayable mutations, and large writes that appear as a
// whole or not at all.
//
// Every resource has a uid that is never used again; what belongs to it (items, vectors, rows) lies
// under keys that start with the uid, so that a resource deleted and made anew shares nothing.
#ifndef RECSAE_SERVICES_PROBE_STORE_STORE_H_
#define RECSAE_SERVICES_PROBE_STORE_STORE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/storage/database.h"
#include "common/storage/environment.h"
#include "common/storage/request_log.h"
#include "services/probe/store/change_log.h"

namespace google::protobuf {
class MessageLite;
}  // namespace google::protobuf

namespace recsae::probe {

// Records of resources, keyed by id ("id\0", captures "recommender\0capture\0").
inline constexpr char kCatalogFamily[] = "catalogs";
inline constexpr char kRecommenderFamily[] = "recommenders";
inline constexpr char kCaptureFamily[] = "captures";
// Contents, keyed by the owner's uid (8 bytes, big-endian) and then:
inline constexpr char kItemFamily[] = "items";              // position (4 bytes)
inline constexpr char kItemIdFamily[] = "item_ids";         // the item's id
inline constexpr char kHeadFamily[] = "heads";              // item position (4 bytes)
inline constexpr char kModelFamily[] = "models";            // part number (4 bytes)
inline constexpr char kActivationFamily[] = "activations";  // first row of a block (8 bytes)
inline constexpr char kCaseFamily[] = "cases";              // row (8 bytes)
inline constexpr char kUserFamily[] = "users";              // user id
inline constexpr char kProducerFamily[] = "producers";      // name of a producer
inline constexpr char kBatchFamily[] =
    "batches";  // length (4 bytes) and name of a producer, sequence (8)

// Thread-safe.
class Store {
 public:
  // Opens or makes the directory; errors as Database::Open. Removes what staged writes of an
  // earlier process left behind.
  static absl::StatusOr<std::unique_ptr<Store>> Open(const std::string& directory,
                                                     const Environment& environment = {});
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  Database& db() { return *db_; }
  const Database& db() const { return *db_; }

  // Held exclusively while resources are made, changed or deleted; shared by appends to existing
  // captures.
  absl::Mutex& mutex() ABSL_LOCK_RETURNED(mutex_) { return mutex_; }

  uint64_t NewUid() { return next_uid_++; }

  // Which catalogues and recommenders changed, as watches see it.
  ChangeLog& changes() { return changes_; }
  // Notes that the batch which is being filled changes a catalogue or recommender. Under the
  // exclusive lock.
  void Touch(const std::string& name) {
    mutex_.AssertHeld();
    touched_.push_back(name);
  }
  // Writes a batch, synced, and then logs what it touched. Under the exclusive lock.
  absl::Status Commit(WriteBatch batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Runs `change` under the exclusive lock and writes its batch, synced, together with `response`
  // for replays of `request_id`; on a replay only fills `response`. `method` is the RPC's name.
  absl::Status Mutate(absl::string_view method, const std::string& request_id,
                      const google::protobuf::MessageLite& request,
                      google::protobuf::MessageLite* response,
                      absl::FunctionRef<absl::Status(WriteBatch&)> change);

  // Deletes everything stored under `uid`.
  static void DeleteContents(uint64_t uid, WriteBatch& batch);

 private:
  explicit Store(std::unique_ptr<Database> db);
  absl::Status Prepare();

  std::unique_ptr<Database> db_;
  RequestLog requests_;
  absl::Mutex mutex_;
  ChangeLog changes_;
  std::vector<std::string> touched_ ABSL_GUARDED_BY(mutex_);  // by the batch that is being filled
  std::atomic<uint64_t> next_uid_ = 0;
};

// How many things a family with keys [uid, number from 0 (4 bytes)] holds of `uid`: its largest
// number + 1, 0 for none.
absl::StatusOr<int64_t> CountNumbered(const Database& db, absl::string_view family, uint64_t uid);

// Contents written bit by bit under a fresh uid before the resource that they belong to appears.
// Deleted again unless they were kept; by the next Store::Open if the process ends before.
//
//   RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Staging> staging, Staging::Begin(store));
//   ... write unsynced under staging->uid() ...
//   staging->Keep(batch);                 // the batch that makes the resource
//   RECSAE_RETURN_IF_ERROR(db.Write(std::move(batch)));
//   staging->Done();
class Staging {
 public:
  static absl::StatusOr<std::unique_ptr<Staging>> Begin(Store& store);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  uint64_t uid() const { return uid_; }
  void Keep(WriteBatch& batch) const;
  void Done() { done_ = true; }

 private:
  Staging(Store& store, uint64_t uid) : store_(store), uid_(uid) {}

  Store& store_;
  const uint64_t uid_;
  bool done_ = false;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_STORE_STORE_H_
