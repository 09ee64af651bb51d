#include "services/probe/resources/catalog_store.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/storage/keys.h"

namespace recsae::probe {
namespace {

constexpr size_t kMaxItemIdBytes = 256;
constexpr size_t kCachedIndexes = 4;

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

absl::Status CheckIds(const Items& items) {
  for (int i = 0; i < items.size(); ++i) {
    const size_t size = items[i].id().size();
    if (size >= 1 && size <= kMaxItemIdBytes) continue;
    return Error(absl::StatusCode::kInvalidArgument, "ITEM_ID_INVALID",
                 absl::StrCat("batch.items[", i, "].id must have 1 to ", kMaxItemIdBytes,
                              " bytes, has ", size),
                 {{"field", absl::StrCat("batch.items[", i, "].id")}});
  }
  return absl::OkStatus();
}

bool IsWordByte(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || byte >= 0x80;
}

void AddWords(absl::string_view text, std::vector<std::string>* words) {
  bool in_word = false;
  for (const char c : text) {
    if (!IsWordByte(c)) {
      in_word = false;
      continue;
    }
    if (!in_word) words->emplace_back();
    in_word = true;
    words->back().push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
  }
}

}  // namespace

ItemIndex::ItemIndex(std::vector<std::string> ids) : ids_(std::move(ids)) {
  positions_.reserve(ids_.size());
  for (size_t i = 0; i < ids_.size(); ++i) positions_.emplace(ids_[i], static_cast<int32_t>(i));
}

int32_t ItemIndex::Find(absl::string_view id) const {
  const auto found = positions_.find(id);
  return found == positions_.end() ? -1 : found->second;
}

CatalogStore::CatalogStore(Store& store)
    : store_(store),
      table_(store.db(), kCatalogFamily, "catalog", "CATALOG_NOT_FOUND"),
      indexes_(kCachedIndexes) {}

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
  return absl::OkStatus();
}

void CatalogStore::Delete(const StoredCatalog& catalog, WriteBatch& batch) {
  table_.Delete(*KeyOf(catalog.message.name()), batch);
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
  RECSAE_RETURN_IF_ERROR(CheckIds(items));
  absl::MutexLock lock(&store_.mutex());
  RECSAE_ASSIGN_OR_RETURN(StoredCatalog catalog, table_.Get(key, name));
  std::vector<std::string> keys;
  keys.reserve(items.size());
  for (const v1::Item& item : items) keys.push_back(ItemIdKey(catalog.uid, item.id()));
  RECSAE_ASSIGN_OR_RETURN(const auto stored, store_.db().MultiGet(kItemIdFamily, keys));

  WriteBatch batch = store_.db().NewBatch();
  absl::flat_hash_map<absl::string_view, int64_t> added;  // an id may repeat within the message
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
  table_.Put(key, catalog, batch);
  RECSAE_RETURN_IF_ERROR(store_.db().Write(std::move(batch)));
  return uploaded;
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
    const StoredCatalog& catalog) const {
  const int64_t items = catalog.message.item_count();
  std::shared_ptr<const ItemIndex> index = indexes_.Find(catalog.uid);
  if (index != nullptr && index->size() == items) return index;
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
  index = std::make_shared<const ItemIndex>(std::move(ids));
  indexes_.Put(catalog.uid, index);
  return index;
}

ItemQuery::ItemQuery(absl::string_view query) { AddWords(query, &words_); }

bool ItemQuery::Matches(const v1::Item& item) const {
  if (words_.empty()) return true;
  std::vector<std::string> words;
  AddWords(item.title(), &words);
  for (const v1::Attribute& attribute : item.attributes()) {
    AddWords(attribute.key(), &words);
    AddWords(attribute.value(), &words);
  }
  for (const std::string& wanted : words_) {
    if (std::find(words.begin(), words.end(), wanted) == words.end()) return false;
  }
  return true;
}

}  // namespace recsae::probe
