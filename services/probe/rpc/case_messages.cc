#include "services/probe/rpc/case_messages.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/status.h"
#include "services/probe/resources/ranked_items.h"

namespace recsae::probe {
namespace {

constexpr size_t kMaxUserIdBytes = 256;
// Unknown items that a response names.
constexpr size_t kMaxUnknownItems = 100;

// Converts one case; the first problem ends it.
class CaseParser {
 public:
  CaseParser(const ItemIndex& index, int number, SkippedItems& skipped)
      : index_(index), number_(number), skipped_(skipped) {}

  absl::StatusOr<StoredCase> Parse(const v1::Case& message) {
    StoredCase stored;
    stored.user_id = message.user_id();
    if (stored.user_id.size() > kMaxUserIdBytes) {
      Invalid("user_id", absl::StrCat("has ", stored.user_id.size(), " bytes; ", kMaxUserIdBytes,
                                      " are allowed"));
    }
    stored.history = KnownItems(message.history_item_ids());
    stored.excluded = KnownItems(message.excluded_item_ids());
    std::sort(stored.excluded.begin(), stored.excluded.end());
    stored.excluded.erase(std::unique(stored.excluded.begin(), stored.excluded.end()),
                          stored.excluded.end());
    for (int i = 0; i < message.ranked_items_size(); ++i) {
      const v1::RankedItem& ranked = message.ranked_items(i);
      const std::string field = absl::StrCat("ranked_items[", i, "].");
      stored.ranked.push_back({Item(ranked.item_id(), field + "item_id"), ranked.score()});
      if (!std::isfinite(ranked.score())) Invalid(field + "score", "is not finite");
    }
    if (!message.target_item_id().empty()) {
      stored.target = Item(message.target_item_id(), "target_item_id");
    }
    if (!status_.ok()) return status_;
    return stored;
  }

 private:
  std::string Field(absl::string_view field) const {
    return absl::StrCat("batch.cases[", number_, "].", field);
  }

  void Invalid(absl::string_view field, absl::string_view problem) {
    if (!status_.ok()) return;
    status_ = Error(absl::StatusCode::kInvalidArgument, "CASE_INVALID",
                    absl::StrCat(Field(field), " ", problem), {{"field", Field(field)}});
  }

  int32_t Item(const std::string& id, absl::string_view field) {
    const int32_t item = index_.Find(id);
    if (item < 0 && status_.ok()) {
      status_ = Error(absl::StatusCode::kNotFound, "ITEM_NOT_FOUND",
                      absl::StrCat(Field(field), ": there is no item \"", id,
                                   "\" in the recommender's catalogue: upload it first"),
                      {{"field", Field(field)}, {"item", id}});
    }
    return item;
  }

  std::vector<int32_t> KnownItems(const google::protobuf::RepeatedPtrField<std::string>& ids) {
    std::vector<int32_t> items;
    items.reserve(ids.size());
    for (const std::string& id : ids) {
      const int32_t item = index_.Find(id);
      if (item >= 0) {
        items.push_back(item);
        continue;
      }
      ++skipped_.count;
      if (skipped_.ids.size() < kMaxUnknownItems) skipped_.ids.insert(id);
    }
    return items;
  }

  const ItemIndex& index_;
  const int number_;
  SkippedItems& skipped_;
  absl::Status status_;
};

v1::Case ToMessage(const StoredCase& stored, const std::vector<std::string>& ids, int64_t row) {
  v1::Case message;
  message.set_row(row);
  message.set_user_id(stored.user_id);
  for (const int32_t item : stored.history) message.add_history_item_ids(ids[item]);
  for (const ScoredItem& ranked : stored.ranked) {
    v1::RankedItem* added = message.add_ranked_items();
    added->set_item_id(ids[ranked.item]);
    added->set_score(ranked.score);
  }
  if (stored.target >= 0) message.set_target_item_id(ids[stored.target]);
  for (const int32_t item : stored.excluded) message.add_excluded_item_ids(ids[item]);
  return message;
}

}  // namespace

absl::StatusOr<std::vector<StoredCase>> ToStoredCases(
    const google::protobuf::RepeatedPtrField<v1::Case>& cases, const ItemIndex& index,
    SkippedItems& skipped) {
  std::vector<StoredCase> stored;
  stored.reserve(cases.size());
  for (int i = 0; i < cases.size(); ++i) {
    RECSAE_ASSIGN_OR_RETURN(StoredCase one, CaseParser(index, i, skipped).Parse(cases[i]));
    stored.push_back(std::move(one));
  }
  return stored;
}

absl::StatusOr<CaseReader> CaseReader::Open(Resources& resources, const StoredCapture& capture,
                                            Alive alive) {
  CaseReader reader(resources, capture);
  if (!capture.message.has_cases()) return reader;
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender recommender,
                          resources.recommenders().Get(RecommenderOf(capture.message.name())));
  RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                          resources.catalogs().Get(recommender.message.catalog()));
  RECSAE_ASSIGN_OR_RETURN(reader.index_, resources.catalogs().Index(catalog, alive));
  if (recommender.head_uid != 0) {
    RECSAE_ASSIGN_OR_RETURN(reader.head_, resources.recommenders().Head(recommender, alive));
  }
  return reader;
}

absl::Status CaseReader::Rank(absl::Span<const int64_t> rows, const float* activations, Alive alive,
                              std::vector<StoredCase>& cases) const {
  const auto unranked = [](const StoredCase& stored) { return stored.ranked.empty(); };
  // Items cannot be scored with the activations of an inner probe site; their rows come ranked.
  if (head_ == nullptr || !capture_.message.site().empty() ||
      std::none_of(cases.begin(), cases.end(), unranked)) {
    return absl::OkStatus();
  }
  std::vector<float> read;
  if (activations == nullptr) {
    RECSAE_ASSIGN_OR_RETURN(read, resources_->captures().ReadRows(capture_, rows));
    activations = read.data();
  }
  const MatrixView matrix{activations, static_cast<int64_t>(rows.size()), head_->dim};
  return FillRankedItems(*head_, matrix, kDefaultRankedItems, alive, absl::MakeSpan(cases));
}

absl::StatusOr<std::vector<v1::Case>> CaseReader::Read(absl::Span<const int64_t> rows,
                                                       const float* activations,
                                                       Alive alive) const {
  std::vector<v1::Case> messages;
  messages.reserve(rows.size());
  if (!capture_.message.has_cases()) {
    for (const int64_t row : rows) messages.emplace_back().set_row(row);
    return messages;
  }
  RECSAE_ASSIGN_OR_RETURN(std::vector<StoredCase> cases,
                          resources_->captures().ReadCases(capture_, rows));
  RECSAE_RETURN_IF_ERROR(Rank(rows, activations, alive, cases));
  for (size_t i = 0; i < cases.size(); ++i) {
    messages.push_back(ToMessage(cases[i], index_->ids(), rows[i]));
  }
  return messages;
}

}  // namespace recsae::probe
