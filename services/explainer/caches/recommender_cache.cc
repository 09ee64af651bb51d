// Reads recommenders from the probe.
#include "services/explainer/caches/recommender_cache.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/ranking/popularity_direction.h"

namespace recsae::explainer {
namespace {

using probe::v1::Catalog;
using probe::v1::Item;
using probe::v1::Recommender;

// Of the memory budget, for recommenders that nobody uses at the moment.
constexpr int64_t kShare = 4;
// Items as they arrive and as they are kept, rows of a head likewise.
constexpr int64_t kCopies = 2;
// Of an item in the table of ids, beside its id.
constexpr int64_t kItemBytes = 96;

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

// Ends a stream that is not read to its end.
template <typename Reader>
absl::Status BreakOff(grpc::ClientContext& context, Reader& reader, absl::Status why) {
  context.TryCancel();
  reader.Finish();
  return why;
}

// Takes memory for the items as they arrive.
absl::Status ReadItems(Peers& peers, const std::string& catalog, const Caller& caller,
                       Permit& permit, std::vector<Item>& items) {
  return caller.Stream([&](grpc::ClientContext& context, Caller::Heard heard) {
    items.clear();
    int64_t bytes = 0;
    probe::v1::ReadItemsRequest request;
    request.set_catalog(catalog);
    const auto reader = peers.probe->ReadItems(&context, request);
    probe::v1::ReadItemsResponse batch;
    while (reader->Read(&batch)) {
      heard();
      bytes += static_cast<int64_t>(batch.SpaceUsedLong()) + batch.items_size() * kItemBytes;
      const absl::Status taken = permit.Resize(kCopies * bytes);
      if (!taken.ok()) return BreakOff(context, *reader, taken);
      std::move(batch.mutable_items()->begin(), batch.mutable_items()->end(),
                std::back_inserter(items));
    }
    return peers.probe.peer().FromGrpc(reader->Finish());
  });
}

// The head as it is sent: its own order of items.
absl::Status ReadHead(Peers& peers, const Recommender& recommender, const Caller& caller,
                      NumberedHead& rows) {
  return caller.Stream([&](grpc::ClientContext& context, Caller::Heard heard) {
    rows = NumberedHead();
    rows.head.dim = recommender.activation_dim();
    probe::v1::ReadPredictionHeadRequest request;
    request.set_recommender(recommender.name());
    const auto reader = peers.probe->ReadPredictionHead(&context, request);
    probe::v1::ReadPredictionHeadResponse batch;
    while (reader->Read(&batch)) {
      heard();
      const absl::Status added = AddRows(batch, rows);
      if (!added.ok()) return BreakOff(context, *reader, added);
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
    // Says nothing of the item, and would be the name of a concept.
    if (absl::StripAsciiWhitespace(attribute.value()).empty()) continue;
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
  const bool counted = rows.training_counts.size() == rows.items.size();
  for (Item& item : items) {
    const auto found = rows.items.find(item.id());
    if (found == rows.items.end()) continue;
    const absl::Span<const float> vector = rows.head.Vector(found->second);
    head.vectors.insert(head.vectors.end(), vector.begin(), vector.end());
    if (!rows.head.biases.empty()) head.biases.push_back(rows.head.Bias(found->second));
    if (std::binary_search(rows.head.withheld.begin(), rows.head.withheld.end(), found->second)) {
      head.withheld.push_back(static_cast<int32_t>(loaded.item_ids.size()));
    }
    if (counted) loaded.training_counts.push_back(rows.training_counts[found->second]);
    AddItem(item, loaded);
  }
  loaded.head = std::move(head);
}

}  // namespace

const KnownPopularity& LoadedRecommender::Popularity() const {
  absl::call_once(lazy_popularity_->once, [this] {
    lazy_popularity_->known.emplace(KnownPopularity{
        ItemPopularity(training_counts),
        head ? PopularityDirection(*head, training_counts) : std::vector<double>()});
  });
  return *lazy_popularity_->known;
}

RecommenderCache::RecommenderCache(Peers& peers, MetricsRegistry& metrics, MemoryBudget& memory)
    : peers_(peers),
      feed_(peers),
      memory_(memory),
      cache_("recommenders", memory, memory.limit() / kShare,
             [size = metrics.GetGauge("recsae_explainer_cached_recommenders",
                                      "Recommenders whose items are in memory.")](
                 size_t recommenders, int64_t) { size.Set(static_cast<double>(recommenders)); }) {}

absl::StatusOr<RecommenderCache::Cache::Loaded> RecommenderCache::Load(const std::string& name,
                                                                       const Caller& caller) {
  auto loaded = std::make_shared<LoadedRecommender>();
  RECSAE_RETURN_IF_ERROR(GetRecommender(peers_, name, caller, loaded->resource));
  RECSAE_ASSIGN_OR_RETURN(Permit permit, memory_.Take(0, absl::StrCat("the items of ", name),
                                                      "the items of its catalogue"));
  std::vector<Item> items;
  RECSAE_RETURN_IF_ERROR(ReadItems(peers_, loaded->resource.catalog(), caller, permit, items));
  const int64_t item_bytes = permit.bytes() / kCopies;
  const int64_t head_bytes =
      loaded->resource.has_prediction_head()
          ? Product({static_cast<int64_t>(items.size()),
                     loaded->resource.activation_dim() + kItemBytes, sizeof(float)})
          : 0;
  RECSAE_RETURN_IF_ERROR(
      permit.Resize(SaturatingProduct(SaturatingSum(item_bytes, head_bytes), kCopies)));
  if (loaded->resource.has_prediction_head()) {
    NumberedHead rows;
    RECSAE_RETURN_IF_ERROR(ReadHead(peers_, loaded->resource, caller, rows));
    AddItemsWithHead(items, rows, *loaded);
  } else {
    for (Item& item : items) AddItem(item, *loaded);
  }
  RECSAE_RETURN_IF_ERROR(permit.Resize(item_bytes + head_bytes));
  return Cache::Loaded{std::move(permit), std::move(loaded)};
}

absl::StatusOr<std::shared_ptr<const LoadedRecommender>> RecommenderCache::Get(
    const std::string& name, const Caller& caller) {
  std::optional<std::string> version = feed_.Version(name);
  if (!version.has_value()) {
    // Just made or without a head yet, or not there: the probe knows.
    Recommender recommender;
    RECSAE_RETURN_IF_ERROR(GetRecommender(peers_, name, caller, recommender));
    Catalog catalog;
    RECSAE_RETURN_IF_ERROR(GetCatalog(peers_, recommender.catalog(), caller, catalog));
    version = VersionOf(recommender, catalog);
  }
  return cache_.Get(
      {name, *version}, [&] { return caller.Alive(); }, [&] { return Load(name, caller); });
}

absl::StatusOr<std::shared_ptr<const LoadedRecommender>> RecommenderCache::GetWithHead(
    const std::string& name, const Caller& caller) {
  RECSAE_ASSIGN_OR_RETURN(std::shared_ptr<const LoadedRecommender> loaded, Get(name, caller));
  if (loaded->head.has_value()) return loaded;
  return NoPredictionHead(name);
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
