#include "services/probe/models/staged_recommender.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/id.h"
#include "common/base/status.h"
#include "common/messages/time.h"
#include "services/probe/models/hyper_parameters.h"

namespace recsae::probe {
namespace {

constexpr int kItemsPerWrite = 10'000;

v1::Item ItemMessage(const Item& item) {
  v1::Item message;
  message.set_id(item.id);
  message.set_title(item.title);
  for (const Attribute& attribute : item.attributes) {
    v1::Attribute* fact = message.add_attributes();
    fact->set_key(attribute.key);
    fact->set_value(attribute.value);
  }
  return message;
}

// Where the last test item of each user stands in its sequence, -1 without one.
std::vector<int32_t> LastTestPositions(const Dataset& dataset) {
  std::vector<int32_t> positions(dataset.users.size(), -1);
  for (const Case& c : dataset.test) {
    int32_t& last = positions[static_cast<size_t>(c.user)];
    last = std::max(last, c.position);
  }
  return positions;
}

UserPast PastOf(const Dataset& dataset, size_t user, int32_t held_out) {
  UserPast past;
  // A host says who its users are, but not what they touched.
  if (user >= dataset.sequences.size() || user >= dataset.train_length.size()) return past;
  past.known = true;
  past.trained = dataset.train_length[user];
  past.items = dataset.sequences[user];
  if (held_out >= 0) past.items.erase(past.items.begin() + held_out);
  return past;
}

}  // namespace

absl::StatusOr<bool> HasCatalogOf(Resources& resources, const v1::Recommender& recommender,
                                  const Dataset& dataset) {
  absl::StatusOr<StoredCatalog> catalog = resources.catalogs().Get(recommender.catalog());
  if (absl::IsNotFound(catalog.status())) return false;
  RECSAE_RETURN_IF_ERROR(catalog.status());
  bool same = catalog->message.item_count() == static_cast<int64_t>(dataset.items.size());
  RECSAE_RETURN_IF_ERROR(
      resources.catalogs().ReadItems(*catalog, 0, [&](int64_t position, v1::Item& item) {
        same = same &&
               item.SerializeAsString() == ItemMessage(dataset.items[position]).SerializeAsString();
        return same;
      }));
  if (same) return true;
  return Error(
      absl::StatusCode::kAlreadyExists, "CATALOG_EXISTS",
      absl::StrCat(recommender.catalog(), " exists already and holds other items than \"",
                   dataset.name, "\": choose another recommender_id or delete the catalogue"),
      {{"catalog", recommender.catalog()}});
}

StagedRecommender::StagedRecommender(Resources& resources, const Dataset* dataset, About about)
    : resources_(resources), dataset_(dataset), about_(std::move(about)) {}

absl::StatusOr<std::unique_ptr<StagedRecommender>> StagedRecommender::Stage(
    Resources& resources, const Recommender& model, const Dataset* dataset, About about) {
  std::unique_ptr<StagedRecommender> staged(
      new StagedRecommender(resources, dataset, std::move(about)));
  RECSAE_RETURN_IF_ERROR(staged->StageContents(model));
  v1::Recommender& message = staged->about_.message;
  message.set_kind(ToMessage(model.kind()));
  message.set_activation_dim(model.dim());
  message.set_has_prediction_head(true);
  message.set_hosted(true);
  for (const ProbeSite& site : model.ProbeSites()) {
    v1::ProbeSite* described = message.add_probe_sites();
    described->set_name(site.name);
    described->set_dim(site.dim);
    described->set_per_position(site.per_position);
  }
  return staged;
}

absl::Status StagedRecommender::StageContents(const Recommender& model) {
  Store& store = resources_.store();
  std::vector<std::string> users, ids;
  if (dataset_ != nullptr) {
    RECSAE_RETURN_IF_ERROR(StageCatalog());
    users = dataset_->users;
    for (const Item& item : dataset_->items) ids.push_back(item.id);
  } else {
    RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                            resources_.catalogs().Get(about_.message.catalog()));
    RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const ItemIndex> index,
                            resources_.catalogs().Index(catalog));
    ids.assign(index->ids().begin(), index->ids().begin() + model.items());
  }
  RECSAE_ASSIGN_OR_RETURN(model_, Staging::Begin(store));
  const std::vector<int32_t> held_out =
      dataset_ == nullptr ? std::vector<int32_t>() : LastTestPositions(*dataset_);
  RECSAE_RETURN_IF_ERROR(RecommenderStore::PutModel(
      store.db(), model_->uid(), model.Save(), users,
      [&](size_t user) { return PastOf(*dataset_, user, held_out[user]); }));
  return StageHead(model, ids);
}

absl::Status StagedRecommender::StageCatalog() {
  Store& store = resources_.store();
  RECSAE_ASSIGN_OR_RETURN(catalog_, Staging::Begin(store));
  const std::vector<Item>& all = dataset_->items;
  for (size_t at = 0; at < all.size(); at += kItemsPerWrite) {
    Items part;
    for (size_t i = at; i < std::min(at + kItemsPerWrite, all.size()); ++i) {
      *part.Add() = ItemMessage(all[i]);
    }
    WriteBatch batch = store.db().NewBatch();
    CatalogStore::PutItems(catalog_->uid(), static_cast<int64_t>(at), part, batch);
    RECSAE_RETURN_IF_ERROR(store.db().Write(std::move(batch), Durability::kUnsynced));
  }
  return absl::OkStatus();
}

absl::Status StagedRecommender::StageHead(const Recommender& model,
                                          const std::vector<std::string>& ids) {
  RECSAE_ASSIGN_OR_RETURN(
      head_, HeadWriter::Begin(resources_.store(), std::make_shared<const ItemIndex>(ids)));
  const auto all = absl::MakeConstSpan(ids);
  for (size_t at = 0; at < all.size(); at += kItemsPerWrite) {
    const absl::Span<const std::string> part = all.subspan(at, kItemsPerWrite);
    const MatrixView vectors{model.item_vectors().data() + at * model.dim(),
                             static_cast<int64_t>(part.size()), model.dim()};
    absl::Span<const float> biases = model.item_biases();
    if (!biases.empty()) biases = biases.subspan(at, part.size());
    std::set<std::string, std::less<>> withheld;
    for (const int32_t item : model.withheld()) {
      if (item >= static_cast<int64_t>(at) && item < static_cast<int64_t>(at + part.size())) {
        withheld.insert(ids[item]);
      }
    }
    RECSAE_RETURN_IF_ERROR(head_->Add(part, vectors, biases, withheld));
  }
  return head_->CheckComplete();
}

absl::Status StagedRecommender::AddCatalog(WriteBatch& batch) {
  const v1::Recommender& message = about_.message;
  if (dataset_ == nullptr) return resources_.catalogs().Get(message.catalog()).status();
  RECSAE_ASSIGN_OR_RETURN(const bool there, HasCatalogOf(resources_, message, *dataset_));
  if (there) {
    catalog_ = nullptr;
    return absl::OkStatus();
  }
  StoredCatalog catalog;
  catalog.uid = catalog_->uid();
  catalog.origin = about_.origin;
  catalog.message.set_name(message.catalog());
  catalog.message.set_display_name(dataset_->name);
  catalog.message.set_item_count(static_cast<int64_t>(dataset_->items.size()));
  *catalog.message.mutable_create_time() = message.create_time();
  catalog.message.set_uid(NewId());
  catalog_->Keep(batch);
  return resources_.catalogs().Create(catalog, batch);
}

absl::StatusOr<v1::Recommender> StagedRecommender::Add(WriteBatch& batch) {
  *about_.message.mutable_create_time() = TimestampNow();
  about_.message.set_uid(NewId());
  RECSAE_RETURN_IF_ERROR(AddCatalog(batch));
  StoredRecommender stored;
  stored.uid = model_->uid();
  stored.head_uid = head_->staging().uid();
  stored.origin = about_.origin;
  stored.message = about_.message;
  RECSAE_RETURN_IF_ERROR(resources_.recommenders().Create(stored, batch));
  model_->Keep(batch);
  head_->staging().Keep(batch);
  return stored.message;
}

void StagedRecommender::Done() {
  if (catalog_ != nullptr) catalog_->Done();
  model_->Done();
  head_->Done();
}

}  // namespace recsae::probe
