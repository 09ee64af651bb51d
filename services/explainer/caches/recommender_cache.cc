// Reads recommenders from the probe.
#include "services/explainer/caches/recommender_cache.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

using probe::v1::Catalog;
using probe::v1::Item;
using probe::v1::Recommender;

constexpr size_t kCapacity = 16;

absl::Status GetRecommender(Peers& peers, const std::string& name, const Caller& caller,
                            Recommender& recommender) {
  return caller.Call([&](grpc::ClientContext& context) {
    probe::v1::GetRecommenderRequest request;
    request.set_name(name);
    return peers.probe.peer().FromGrpc(
        peers.probe->GetRecommender(&context, request, &recommender));
  });
}

absl::Status GetCatalog(Peers& peers, const std::string& name, const Caller& caller,
                        Catalog& catalog) {
  return caller.Call([&](grpc::ClientContext& context) {
    probe::v1::GetCatalogRequest request;
    request.set_name(name);
    return peers.probe.peer().FromGrpc(peers.probe->GetCatalog(&context, request, &catalog));
  });
}

absl::Status ReadItems(Peers& peers, const std::string& catalog, const Caller& caller,
                       std::vector<Item>& items) {
  return caller.Call([&](grpc::ClientContext& context) {
    items.clear();
    probe::v1::ReadItemsRequest request;
    request.set_catalog(catalog);
    const auto reader = peers.probe->ReadItems(&context, request);
    probe::v1::ReadItemsResponse batch;
    while (reader->Read(&batch)) {
      std::move(batch.mutable_items()->begin(), batch.mutable_items()->end(),
                std::back_inserter(items));
    }
    return peers.probe.peer().FromGrpc(reader->Finish());
  });
}

// The head as it is sent: its own order of items.
absl::Status ReadHead(Peers& peers, const Recommender& recommender, const Caller& caller,
                      NumberedHead& rows) {
  return caller.Call([&](grpc::ClientContext& context) {
    rows = NumberedHead();
    rows.head.dim = recommender.activation_dim();
    probe::v1::ReadPredictionHeadRequest request;
    request.set_recommender(recommender.name());
    const auto reader = peers.probe->ReadPredictionHead(&context, request);
    probe::v1::ReadPredictionHeadResponse batch;
    while (reader->Read(&batch)) {
      const absl::Status added = AddRows(batch, rows);
      if (!added.ok()) {
        context.TryCancel();
        reader->Finish();
        return added;
      }
    }
    return peers.probe.peer().FromGrpc(reader->Finish());
  });
}

void AddItem(Item& item, LoadedRecommender& loaded) {
  loaded.item_of_id.emplace(item.id(), static_cast<int32_t>(loaded.item_ids.size()));
  loaded.item_ids.push_back(std::move(*item.mutable_id()));
  ItemText text;
  text.title = std::move(*item.mutable_title());
  for (probe::v1::Attribute& attribute : *item.mutable_attributes()) {
    text.attributes.emplace_back(std::move(*attribute.mutable_key()),
                                 std::move(*attribute.mutable_value()));
  }
  loaded.texts.push_back(std::move(text));
}

// Keeps the items that the head scores, and its rows in their order.
void AddItemsWithHead(std::vector<Item>& items, const NumberedHead& rows,
                      LoadedRecommender& loaded) {
  PredictionHead head;
  head.dim = rows.head.dim;
  for (Item& item : items) {
    const auto found = rows.items.find(item.id());
    if (found == rows.items.end()) continue;
    const absl::Span<const float> vector = rows.head.Vector(found->second);
    head.vectors.insert(head.vectors.end(), vector.begin(), vector.end());
    if (!rows.head.biases.empty()) head.biases.push_back(rows.head.Bias(found->second));
    AddItem(item, loaded);
  }
  loaded.head = std::move(head);
}

absl::StatusOr<std::shared_ptr<const LoadedRecommender>> Load(Peers& peers, const std::string& name,
                                                              const Caller& caller) {
  auto loaded = std::make_shared<LoadedRecommender>();
  RECSAE_RETURN_IF_ERROR(GetRecommender(peers, name, caller, loaded->resource));
  std::vector<Item> items;
  RECSAE_RETURN_IF_ERROR(ReadItems(peers, loaded->resource.catalog(), caller, items));
  loaded->catalog_items = static_cast<int64_t>(items.size());
  if (loaded->resource.has_prediction_head()) {
    NumberedHead rows;
    RECSAE_RETURN_IF_ERROR(ReadHead(peers, loaded->resource, caller, rows));
    AddItemsWithHead(items, rows, *loaded);
  } else {
    for (Item& item : items) AddItem(item, *loaded);
  }
  return loaded;
}

}  // namespace

RecommenderCache::RecommenderCache(Peers& peers, MetricsRegistry& metrics)
    : peers_(peers),
      cache_(kCapacity, metrics.GetGauge("recsae_explainer_cached_recommenders",
                                         "Recommenders whose items are in memory.")) {}

absl::StatusOr<std::shared_ptr<const LoadedRecommender>> RecommenderCache::Get(
    const std::string& name, const Caller& caller) {
  const auto load = [&] { return Load(peers_, name, caller); };
  RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedRecommender> loaded,
                          cache_.Get(name, caller, load));
  if (loaded->head.has_value()) return loaded;
  Recheck(loaded, caller);
  return cache_.Get(name, caller, load);
}

absl::StatusOr<std::shared_ptr<const LoadedRecommender>> RecommenderCache::GetWithHead(
    const std::string& name, const Caller& caller) {
  RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedRecommender> loaded, Get(name, caller));
  if (loaded->head.has_value()) return loaded;
  return NoPredictionHead(name);
}

void RecommenderCache::Recheck(const std::shared_ptr<const LoadedRecommender>& loaded,
                               const Caller& caller) {
  const Recommender& known = loaded->resource;
  Recommender now;
  absl::Status status = GetRecommender(peers_, known.name(), caller, now);
  bool changed = false;
  if (status.ok()) {
    Catalog catalog;
    status = GetCatalog(peers_, known.catalog(), caller, catalog);
    changed = now.has_prediction_head() != known.has_prediction_head() ||
              now.create_time().seconds() != known.create_time().seconds() ||
              now.create_time().nanos() != known.create_time().nanos() ||
              (status.ok() && catalog.item_count() != loaded->catalog_items);
  }
  if (changed || absl::IsNotFound(status)) cache_.Drop(known.name(), loaded);
}

void RecommenderCache::Refresh(const Caller& caller) {
  for (const auto& [name, loaded] : cache_.Entries()) Recheck(loaded, caller);
}

absl::Status NoPredictionHead(const std::string& recommender) {
  if (recommender.empty()) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "NO_PREDICTION_HEAD",
        "no items can be scored: the SAE does not say which recommender it was trained on");
  }
  return Error(absl::StatusCode::kFailedPrecondition, "NO_PREDICTION_HEAD",
               absl::StrCat(recommender,
                            " has no prediction head, so its items cannot be scored; upload its "
                            "item vectors with UploadPredictionHead"),
               {{"recommender", recommender}});
}

}  // namespace recsae::explainer
