// Catalogues on disk: items in the order of their first upload, found by position and by id.
#ifndef RECSAE_SERVICES_PROBE_RESOURCES_CATALOG_STORE_H_
#define RECSAE_SERVICES_PROBE_RESOURCES_CATALOG_STORE_H_

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/functional/function_ref.h"
#include "absl/hash/hash.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/budget/cache.h"
#include "common/budget/paging.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/store/resource_table.h"
#include "services/probe/store/store.h"

namespace recsae::probe {

using StoredCatalog = Stored<v1::Catalog>;
using Items = google::protobuf::RepeatedPtrField<v1::Item>;

// An item with its title and attributes, so that every list and stream of items gets on.
inline constexpr size_t kMaxItemBytes = size_t{64} << 10;

// INVALID_ARGUMENT (ITEM_ID_INVALID, ITEM_TOO_LARGE) naming `field` and the place in it.
absl::Status CheckItems(const Items& items, absl::string_view field);

// Ids of a catalogue's items and their positions. Immutable.
class ItemIndex {
 public:
  explicit ItemIndex(std::vector<std::string> ids);
  ItemIndex(const ItemIndex&) = delete;
  ItemIndex& operator=(const ItemIndex&) = delete;

  const std::vector<std::string>& ids() const { return ids_; }
  int64_t size() const { return static_cast<int64_t>(ids_.size()); }
  // -1 if there is none.
  int32_t Find(absl::string_view id) const;
  // About so many that it holds.
  int64_t bytes() const;

 private:
  const std::vector<std::string> ids_;
  // Not absl's table, which is not whole any more once an allocation has failed.
  std::unordered_map<absl::string_view, int32_t, absl::Hash<absl::string_view>> positions_;
};

// Thread-safe. Names are "catalogs/{catalog}"; every call that takes one returns INVALID_ARGUMENT
// (RESOURCE_NAME_INVALID) or NOT_FOUND (CATALOG_NOT_FOUND) for a bad one.
class CatalogStore {
 public:
  // Item indexes are kept within `memory`.
  CatalogStore(Store& store, MemoryBudget& memory);

  absl::StatusOr<StoredCatalog> Get(absl::string_view name) const;
  absl::Status NotFound(absl::string_view name) const { return table_.NotFound(name); }
  absl::StatusOr<std::vector<StoredCatalog>> List(const Page& page, std::string* next) const;

  // The three below add to a batch of a caller that holds Store::mutex().
  // ALREADY_EXISTS (CATALOG_EXISTS). Gives the catalogue a uid unless it has one.
  absl::Status Create(StoredCatalog catalog, WriteBatch& batch);
  void Delete(const StoredCatalog& catalog, WriteBatch& batch);
  // Items of a catalogue that is being made, at positions first, first + 1, ...; ids are unique.
  static void PutItems(uint64_t uid, int64_t first, const Items& items, WriteBatch& batch);

  struct Uploaded {
    int64_t added = 0;
    int64_t replaced = 0;
  };
  // Adds or replaces items and raises the catalogue's revision, durable on return; watches hear of
  // it when the caller says so (ChangeLog::Add), once for many uploads. INVALID_ARGUMENT
  // (ITEM_ID_INVALID) for an id that is empty or longer than 256 bytes, (ITEM_TOO_LARGE) for an
  // item beyond kMaxItemBytes: then nothing is stored.
  absl::StatusOr<Uploaded> Upload(absl::string_view name, const Items& items);

  // Adds uids to the catalogues of versions that had none.
  absl::Status AssignUids(WriteBatch& batch) const;

  // Hands the items from position `from` on, in catalogue order, to `visit` until it returns false.
  absl::Status ReadItems(const StoredCatalog& catalog, int64_t from,
                         absl::FunctionRef<bool(int64_t position, v1::Item& item)> visit) const;

  // Of the items that the record counts. Waits for another caller who reads it, as long as `alive`.
  // RESOURCE_EXHAUSTED (MEMORY_BUDGET).
  absl::StatusOr<std::shared_ptr<const ItemIndex>> Index(
      const StoredCatalog& catalog, absl::FunctionRef<absl::Status()> alive = NeverGone) const;

 private:
  using Indexes = WeighedCache<std::pair<uint64_t, int64_t>, ItemIndex>;  // by uid and items

  absl::StatusOr<Indexes::Loaded> ReadIndex(const StoredCatalog& catalog) const;

  Store& store_;
  MemoryBudget& memory_;
  ResourceTable<v1::Catalog> table_;
  mutable Indexes indexes_;
};

// Whether the words of the item's title and attributes include every word of `query`, case (of
// ASCII letters) ignored. Words are separated by anything but letters, digits and non-ASCII bytes.
class ItemQuery {
 public:
  explicit ItemQuery(absl::string_view query);
  bool Matches(const v1::Item& item) const;

 private:
  // Of the query, and with apostrophes parting them: an item with all of either matches.
  std::vector<std::string> words_;
  std::vector<std::string> parts_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RESOURCES_CATALOG_STORE_H_
