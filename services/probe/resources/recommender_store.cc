#include "services/probe/resources/recommender_store.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/id.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/storage/keys.h"

namespace recsae::probe {
namespace {

// Of the memory budget, for prediction heads that nobody uses at the moment.
constexpr int64_t kHeadShare = 8;
constexpr size_t kModelPartBytes = size_t{4} << 20;
constexpr size_t kUsersPerWrite = 10'000;

absl::StatusOr<std::string> KeyOf(absl::string_view name) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          ParseName(name, "recommenders/{recommender}"));
  return KeyPrefix({ids[0]});
}

// [u32 index], and behind it, where the past is known, [u32 trained, u32 items …].
std::string EncodePast(const UserPast& past, size_t index) {
  std::string bytes = BigEndian32(static_cast<uint32_t>(index));
  if (!past.known) return bytes;
  bytes += BigEndian32(static_cast<uint32_t>(past.trained));
  for (const int32_t item : past.items) bytes += BigEndian32(static_cast<uint32_t>(item));
  return bytes;
}

UserPast DecodePast(absl::string_view bytes) {
  constexpr size_t kWidth = sizeof(uint32_t);
  UserPast past;
  past.index = static_cast<int32_t>(ReadBigEndian32(bytes));
  if (bytes.size() < 2 * kWidth) return past;
  past.known = true;
  past.trained = static_cast<int32_t>(ReadBigEndian32(bytes.substr(kWidth)));
  for (size_t at = 2 * kWidth; at + kWidth <= bytes.size(); at += kWidth) {
    past.items.push_back(static_cast<int32_t>(ReadBigEndian32(bytes.substr(at))));
  }
  return past;
}

}  // namespace

RecommenderStore::RecommenderStore(Store& store, MemoryBudget& memory)
    : store_(store),
      memory_(memory),
      table_(store.db(), kRecommenderFamily, "recommender", "RECOMMENDER_NOT_FOUND"),
      heads_("heads", memory, memory.limit() / kHeadShare) {}

absl::StatusOr<StoredRecommender> RecommenderStore::Get(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  return table_.Get(key, name);
}

absl::StatusOr<std::vector<StoredRecommender>> RecommenderStore::List(const Page& page,
                                                                      std::string* next) const {
  return table_.List("", page, next);
}

absl::StatusOr<std::string> RecommenderStore::FirstUsing(absl::string_view catalog) const {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<StoredRecommender> all, table_.All(""));
  for (const StoredRecommender& recommender : all) {
    if (recommender.message.catalog() == catalog) return recommender.message.name();
  }
  return std::string();
}

absl::Status RecommenderStore::CheckFree(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  RECSAE_ASSIGN_OR_RETURN(const bool exists, table_.Has(key));
  if (!exists) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, "RECOMMENDER_EXISTS",
               absl::StrCat(name, " exists already: choose another recommender_id or delete it"),
               {{"recommender", std::string(name)}});
}

absl::Status RecommenderStore::Create(StoredRecommender recommender, WriteBatch& batch) {
  RECSAE_RETURN_IF_ERROR(CheckFree(recommender.message.name()));
  if (recommender.uid == 0) recommender.uid = store_.NewUid();
  Put(recommender, batch);
  return absl::OkStatus();
}

void RecommenderStore::Put(const StoredRecommender& recommender, WriteBatch& batch) const {
  table_.Put(*KeyOf(recommender.message.name()), recommender, batch);
  store_.Touch(recommender.message.name());
}

void RecommenderStore::Delete(const StoredRecommender& recommender, WriteBatch& batch) {
  table_.Delete(*KeyOf(recommender.message.name()), batch);
  store_.Touch(recommender.message.name());
  Store::DeleteContents(recommender.uid, batch);
  if (recommender.head_uid != 0) Store::DeleteContents(recommender.head_uid, batch);
}

absl::StatusOr<std::map<std::string, std::string>> RecommenderStore::AssignUids(
    WriteBatch& batch) const {
  RECSAE_ASSIGN_OR_RETURN(std::vector<StoredRecommender> recommenders, table_.All(""));
  std::map<std::string, std::string> uids;
  for (StoredRecommender& recommender : recommenders) {
    v1::Recommender& message = recommender.message;
    if (message.uid().empty()) {
      message.set_uid(NewId());
      table_.Put(*KeyOf(message.name()), recommender, batch);
    }
    uids[message.name()] = message.uid();
  }
  return uids;
}

absl::StatusOr<std::shared_ptr<const PredictionHead>> RecommenderStore::Head(
    const StoredRecommender& recommender, absl::FunctionRef<absl::Status()> alive) const {
  if (recommender.head_uid == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "NO_PREDICTION_HEAD",
                 absl::StrCat(recommender.message.name(),
                              " has no prediction head: call UploadPredictionHead first"),
                 {{"recommender", recommender.message.name()}});
  }
  return heads_.Get(recommender.head_uid, alive, [&]() -> absl::StatusOr<Heads::Loaded> {
    const int dim = recommender.message.activation_dim();
    RECSAE_ASSIGN_OR_RETURN(const int64_t items,
                            CountNumbered(store_.db(), kHeadFamily, recommender.head_uid));
    RECSAE_ASSIGN_OR_RETURN(
        Permit permit,
        memory_.Take(Product({items, int64_t{dim} + 1, sizeof(float)}),
                     absl::StrCat("the prediction head of ", recommender.message.name()),
                     "its items or its activation_dim"));
    RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const PredictionHead> head,
                            LoadHead(store_.db(), recommender.head_uid, dim, items));
    return Heads::Loaded{std::move(permit), std::move(head)};
  });
}

absl::Status RecommenderStore::PutModel(Database& db, uint64_t uid, absl::string_view model,
                                        absl::Span<const std::string> user_ids,
                                        absl::FunctionRef<UserPast(size_t user)> past_of) {
  uint32_t part = 0;
  for (size_t at = 0; at < model.size(); at += kModelPartBytes) {
    RECSAE_RETURN_IF_ERROR(db.Put(kModelFamily, BigEndian64(uid) + BigEndian32(part++),
                                  model.substr(at, kModelPartBytes), Durability::kUnsynced));
  }
  for (size_t at = 0; at < user_ids.size(); at += kUsersPerWrite) {
    WriteBatch batch = db.NewBatch();
    size_t index = at;
    for (const std::string& user : user_ids.subspan(at, kUsersPerWrite)) {
      batch.Put(kUserFamily, BigEndian64(uid) + user, EncodePast(past_of(index), index));
      ++index;
    }
    RECSAE_RETURN_IF_ERROR(db.Write(std::move(batch), Durability::kUnsynced));
  }
  return absl::OkStatus();
}

absl::StatusOr<int64_t> RecommenderStore::ModelBytes(const StoredRecommender& recommender) const {
  RECSAE_ASSIGN_OR_RETURN(const int64_t parts,
                          CountNumbered(store_.db(), kModelFamily, recommender.uid));
  if (parts == 0) return table_.NotFound(recommender.message.name());  // deleted meanwhile
  return SaturatingProduct(parts, kModelPartBytes);
}

absl::StatusOr<std::string> RecommenderStore::Model(const StoredRecommender& recommender,
                                                    int64_t most) const {
  std::string model;
  model.reserve(static_cast<size_t>(most));
  auto scan = store_.db().Scan(kModelFamily, BigEndian64(recommender.uid));
  for (; scan->Valid(); scan->Next()) absl::StrAppend(&model, scan->value());
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (model.empty()) return table_.NotFound(recommender.message.name());  // deleted meanwhile
  return model;
}

absl::StatusOr<std::vector<std::string>> RecommenderStore::UserIds(
    const StoredRecommender& recommender) const {
  const std::string prefix = BigEndian64(recommender.uid);
  std::vector<std::string> ids;
  auto scan = store_.db().Scan(kUserFamily, prefix);
  for (; scan->Valid(); scan->Next()) {
    const size_t index = ReadBigEndian32(scan->value());
    if (index >= ids.size()) ids.resize(index + 1);
    ids[index] = std::string(scan->key().substr(prefix.size()));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return ids;
}

absl::StatusOr<std::vector<UserPast>> RecommenderStore::UserPasts(
    const StoredRecommender& recommender, absl::Span<const std::string> user_ids) const {
  std::vector<std::string> keys;
  keys.reserve(user_ids.size());
  for (const std::string& user : user_ids) keys.push_back(BigEndian64(recommender.uid) + user);
  RECSAE_ASSIGN_OR_RETURN(const auto values, store_.db().MultiGet(kUserFamily, keys));
  std::vector<UserPast> pasts;
  pasts.reserve(values.size());
  for (const std::optional<std::string>& value : values) {
    pasts.push_back(value ? DecodePast(*value) : UserPast());
  }
  return pasts;
}

absl::StatusOr<std::vector<int64_t>> RecommenderStore::TrainingCounts(
    const StoredRecommender& recommender, int64_t items,
    absl::FunctionRef<absl::Status()> alive) const {
  constexpr int kBetweenChecks = 1024;
  std::vector<int64_t> counts(static_cast<size_t>(items));
  int users = 0;
  auto scan = store_.db().Scan(kUserFamily, BigEndian64(recommender.uid), {.bulk = true});
  for (; scan->Valid(); scan->Next()) {
    if (++users % kBetweenChecks == 0) RECSAE_RETURN_IF_ERROR(alive());
    const UserPast past = DecodePast(scan->value());
    if (!past.known) return std::vector<int64_t>();
    const auto trained = std::min(past.items.size(), static_cast<size_t>(past.trained));
    for (size_t i = 0; i < trained; ++i) {
      if (past.items[i] < items) ++counts[static_cast<size_t>(past.items[i])];
    }
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (users == 0) counts.clear();
  return counts;
}

absl::StatusOr<std::vector<int32_t>> RecommenderStore::UserIndices(
    const StoredRecommender& recommender, absl::Span<const std::string> user_ids) const {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<UserPast> pasts, UserPasts(recommender, user_ids));
  std::vector<int32_t> indices;
  indices.reserve(pasts.size());
  for (const UserPast& past : pasts) indices.push_back(past.index);
  return indices;
}

}  // namespace recsae::probe
