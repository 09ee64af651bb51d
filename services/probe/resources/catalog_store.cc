#include "services/probe/resources/catalog_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/id.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/base/words.h"
#include "common/budget/bytes.h"
#include "common/storage/keys.h"

namespace recsae::probe {
namespace {

constexpr size_t kMaxItemIdBytes = 256;
// Of the memory budget, for item indexes that nobody uses at the moment.
constexpr int64_t kIndexShare = 8;
// An id in the vector and in the hash table, in the worst case of its growth.
constexpr int64_t kIndexedItemBytes = 128;

std::string ItemKey(uint64_t uid, int64_t position) {
  return BigEndian64(uid) + BigEndian32(static_cast<uint32_t>(position));
}

std::string ItemIdKey(uint64_t uid, absl::string_view id) {
  return absl::StrCat(BigEndian64(uid), id);
}

absl::StatusOr<std::string> KeyOf(absl::string_view name) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          ParseName(name, "catalogs/{catalog}"));
  return KeyPrefix({ids[0]});
}

// Words, and where an apostrophe stands within one also the parts of it.
void AddWords(absl::string_view text, std::vector<std::string>* words) {
  for (std::string& word : SearchWords(text)) words->push_back(std::move(word));
  if (!absl::StrContains(text, '\'') && !absl::StrContains(text, "\xE2\x80\x99")) return;
  for (std::string& part : SearchWordParts(text)) words->push_back(std::move(part));
}

bool HasAll(const std::vector<std::string>& words, const std::vector<std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const std::string& word) {
    return std::find(words.begin(), words.end(), word) != words.end();
  });
}

}  // namespace

absl::Status CheckItems(const Items& items, absl::string_view field) {
  for (int i = 0; i < items.size(); ++i) {
    const std::string item = absl::StrCat(field, "[", i, "]");
    const size_t size = items[i].id().size();
    if (size < 1 || size > kMaxItemIdBytes) {
      return Error(absl::StatusCode::kInvalidArgument, "ITEM_ID_INVALID",
                   absl::StrCat(item, ".id must have 1 to ", kMaxItemIdBytes, " bytes, has ", size),
                   {{"field", absl::StrCat(item, ".id")}});
    }
    const size_t whole = items[i].ByteSizeLong();
    if (whole <= kMaxItemBytes) continue;
    return Error(
        absl::StatusCode::kInvalidArgument, "ITEM_TOO_LARGE",
        absl::StrCat(item, " (\"", items[i].id(), "\") has ", whole,
                     " bytes with its title and attributes; at most ", kMaxItemBytes, " are taken"),
        {{"field", item}});
  }
  return absl::OkStatus();
}

ItemIndex::ItemIndex(std::vector<std::string> ids) : ids_(std::move(ids)) {
  positions_.reserve(ids_.size());
  for (size_t i = 0; i < ids_.size(); ++i) positions_.emplace(ids_[i], static_cast<int32_t>(i));
}

int32_t ItemIndex::Find(absl::string_view id) const {
  const auto found = positions_.find(id);
  return found == positions_.end() ? -1 : found->second;
}

int64_t ItemIndex::bytes() const {
  int64_t bytes = SaturatingProduct(size(), kIndexedItemBytes);
  for (const std::string& id : ids_) bytes += static_cast<int64_t>(id.capacity());
  return bytes;
}

CatalogStore::CatalogStore(Store& store, MemoryBudget& memory)
    : store_(store),
      memory_(memory),
      table_(store.db(), kCatalogFamily, "catalog", "CATALOG_NOT_FOUND"),
      indexes_("item-indexes", memory, memory.limit() / kIndexShare) {}

absl::StatusOr<StoredCatalog> CatalogStore::Get(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  return table_.Get(key, name);
}

absl::StatusOr<std::vector<StoredCatalog>> CatalogStore::List(const Page& page,
                                                              std::string* next) const {
  return table_.List("", page, next);
}

absl::Status CatalogStore::Create(StoredCatalog catalog, WriteBatch& batch) {
  const std::string& name = catalog.message.name();
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  RECSAE_ASSIGN_OR_RETURN(const bool exists, table_.Has(key));
  if (exists) {
    return Error(absl::StatusCode::kAlreadyExists, "CATALOG_EXISTS",
                 absl::StrCat(name, " exists already: choose another id or delete it"),
                 {{"catalog", name}});
  }
  if (catalog.uid == 0) catalog.uid = store_.NewUid();
  table_.Put(key, catalog, batch);
  store_.Touch(name);
  return absl::OkStatus();
}

void CatalogStore::Delete(const StoredCatalog& catalog, WriteBatch& batch) {
  table_.Delete(*KeyOf(catalog.message.name()), batch);
  store_.Touch(catalog.message.name());
  Store::DeleteContents(catalog.uid, batch);
}

void CatalogStore::PutItems(uint64_t uid, int64_t first, const Items& items, WriteBatch& batch) {
  int64_t position = first;
  for (const v1::Item& item : items) {
    batch.Put(kItemFamily, ItemKey(uid, position), item.SerializeAsString());
    batch.Put(kItemIdFamily, ItemIdKey(uid, item.id()),
              BigEndian32(static_cast<uint32_t>(position)));
    ++position;
  }
}

absl::StatusOr<CatalogStore::Uploaded> CatalogStore::Upload(absl::string_view name,
                                                            const Items& items) {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  RECSAE_RETURN_IF_ERROR(CheckItems(items, "batch.items"));
  absl::MutexLock lock(&store_.mutex());
  RECSAE_ASSIGN_OR_RETURN(StoredCatalog catalog, table_.Get(key, name));
  std::vector<std::string> keys;
  keys.reserve(items.size());
  for (const v1::Item& item : items) keys.push_back(ItemIdKey(catalog.uid, item.id()));
  RECSAE_ASSIGN_OR_RETURN(const auto stored, store_.db().MultiGet(kItemIdFamily, keys));

  WriteBatch batch = store_.db().NewBatch();
  // An id may repeat within the message.
  std::unordered_map<absl::string_view, int64_t, absl::Hash<absl::string_view>> added;
  const int64_t before = catalog.message.item_count();
  for (int i = 0; i < items.size(); ++i) {
    int64_t position = 0;
    if (stored[i]) {
      position = ReadBigEndian32(*stored[i]);
    } else {
      position = added.emplace(items[i].id(), before + added.size()).first->second;
      batch.Put(kItemIdFamily, keys[i], BigEndian32(static_cast<uint32_t>(position)));
    }
    batch.Put(kItemFamily, ItemKey(catalog.uid, position), items[i].SerializeAsString());
  }
  Uploaded uploaded;
  uploaded.added = static_cast<int64_t>(added.size());
  uploaded.replaced = items.size() - uploaded.added;
  catalog.message.set_item_count(before + uploaded.added);
  catalog.message.set_revision(catalog.message.revision() + 1);
  table_.Put(key, catalog, batch);
  RECSAE_RETURN_IF_ERROR(store_.db().Write(std::move(batch)));
  return uploaded;
}

absl::Status CatalogStore::AssignUids(WriteBatch& batch) const {
  RECSAE_ASSIGN_OR_RETURN(std::vector<StoredCatalog> catalogs, table_.All(""));
  for (StoredCatalog& catalog : catalogs) {
    if (!catalog.message.uid().empty()) continue;
    catalog.message.set_uid(NewId());
    table_.Put(*KeyOf(catalog.message.name()), catalog, batch);
  }
  return absl::OkStatus();
}

absl::Status CatalogStore::ReadItems(
    const StoredCatalog& catalog, int64_t from,
    absl::FunctionRef<bool(int64_t position, v1::Item& item)> visit) const {
  const std::string prefix = BigEndian64(catalog.uid);
  ScanOptions options;
  options.from = ItemKey(catalog.uid, from);
  auto scan = store_.db().Scan(kItemFamily, prefix, options);
  for (; scan->Valid(); scan->Next()) {
    const int64_t position = ReadBigEndian32(scan->key().substr(prefix.size()));
    if (position >= catalog.message.item_count()) break;  // added since the record was read
    v1::Item item;
    const absl::string_view bytes = scan->value();
    if (!item.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
      return Error(
          absl::StatusCode::kDataLoss, "RECORD_CORRUPT",
          absl::StrCat("item ", position, " of ", catalog.message.name(), " cannot be read"));
    }
    if (!visit(position, item)) return absl::OkStatus();
  }
  return scan->status();
}

absl::StatusOr<std::shared_ptr<const ItemIndex>> CatalogStore::Index(
    const StoredCatalog& catalog, absl::FunctionRef<absl::Status()> alive) const {
  return indexes_.Get({catalog.uid, catalog.message.item_count()}, alive,
                      [&] { return ReadIndex(catalog); });
}

absl::StatusOr<CatalogStore::Indexes::Loaded> CatalogStore::ReadIndex(
    const StoredCatalog& catalog) const {
  const int64_t items = catalog.message.item_count();
  RECSAE_ASSIGN_OR_RETURN(
      Permit permit,
      memory_.Take(SaturatingProduct(items, kIndexedItemBytes + kMaxItemIdBytes / 8),
                   absl::StrCat("the item ids of ", catalog.message.name()), "its items"));
  const std::string prefix = BigEndian64(catalog.uid);
  std::vector<std::string> ids(items);
  int64_t found = 0;
  auto scan = store_.db().Scan(kItemIdFamily, prefix);
  for (; scan->Valid(); scan->Next()) {
    const int64_t position = ReadBigEndian32(scan->value());
    if (position >= items) continue;
    ids[position] = std::string(scan->key().substr(prefix.size()));
    ++found;
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (found != items) return table_.NotFound(catalog.message.name());  // deleted meanwhile
  auto index = std::make_shared<const ItemIndex>(std::move(ids));
  RECSAE_RETURN_IF_ERROR(permit.Resize(index->bytes()));
  return Indexes::Loaded{std::move(permit), std::move(index)};
}

ItemQuery::ItemQuery(absl::string_view query)
    : words_(SearchWords(query)), parts_(SearchWordParts(query)) {}

bool ItemQuery::Matches(const v1::Item& item) const {
  if (words_.empty()) return true;
  std::vector<std::string> words;
  AddWords(item.title(), &words);
  for (const v1::Attribute& attribute : item.attributes()) {
    AddWords(attribute.key(), &words);
    AddWords(attribute.value(), &words);
  }
  return HasAll(words, words_) || HasAll(words, parts_);
}

}  // namespace recsae::probe
