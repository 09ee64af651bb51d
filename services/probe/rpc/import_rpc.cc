// ProbeService: ImportRecommender.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/bytes.h"
#include "common/budget/limits.h"
#include "common/budget/memory_budget.h"
#include "common/messages/tensor.h"
#include "common/rpc/guard.h"
#include "common/rpc/request_stream.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/models/staged_recommender.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/stored_module.h"
#include "services/probe/recommenders/model/torch_kinds.h"
#include "services/probe/rpc/probe_service.h"

namespace recsae::probe {
namespace {

using Header = v1::ImportRecommenderRequest::Header;

constexpr int kDefaultHistory = 50;
constexpr int kMaxProbeSites = 64;
constexpr size_t kMaxModuleBytes = size_t{1} << 30;
// A module or vector as it was sent, as it is taken apart, as it is used and as it is stored.
constexpr int64_t kImportCopies = 4;

void CheckSites(const Header& header, BadRequest& bad) {
  if (header.probe_sites_size() > kMaxProbeSites) {
    bad.Add("header.probe_sites",
            absl::StrCat("must be at most ", kMaxProbeSites, ", are ", header.probe_sites_size()));
  }
  std::set<std::string> seen = {kUserSite};
  for (const std::string& site : header.probe_sites()) {
    if (site.empty()) bad.Add("header.probe_sites", "must not be empty");
    bad.Add("header.probe_sites", CheckTextSize(site, kMaxDisplayNameBytes));
    if (!seen.insert(site).second) {
      bad.Add("header.probe_sites",
              site == kUserSite
                  ? absl::StrCat("\"", site, "\" always stands for the vector just before scoring")
                  : absl::StrCat("\"", site, "\" is named twice"));
    }
  }
}

absl::Status CheckHeader(const Header& header) {
  BadRequest bad;
  bad.Add("header.recommender_id", ValidateId(header.recommender_id(), "recommender_id"));
  if (header.catalog().empty() == !header.has_dataset()) {
    bad.Add("header.catalog", "give either a catalog or a dataset");
  } else if (header.has_dataset()) {
    CheckRef(header.dataset(), "header.dataset", bad);
  } else {
    bad.Add("header.catalog", ParseName(header.catalog(), "catalogs/{catalog}").status());
  }
  if (header.history_length() < 0 || header.history_length() > kMaxLength) {
    bad.Add("header.history_length",
            absl::StrCat("must be 0 to ", kMaxLength, ", is ", header.history_length()));
  }
  CheckSites(header, bad);
  if (!v1::ImportRecommenderRequest::Padding_IsValid(header.padding())) {
    bad.Add("header.padding", absl::StrCat(header.padding(), " is no padding"));
  }
  return bad.ToStatus();
}

absl::Status WrongCount(int64_t given, int64_t items, const std::string& catalog) {
  return Error(absl::StatusCode::kInvalidArgument, "HEAD_INCOMPLETE",
               absl::StrCat("the stream gave ", given, given > items ? " or more" : "",
                            " item vectors, but ", catalog, " has ", items,
                            " items: give one for each, in catalogue order"),
               {{"catalog", catalog}});
}

absl::Status UnknownItem(const std::string& id, const std::string& catalog) {
  return Error(absl::StatusCode::kNotFound, "ITEM_NOT_FOUND",
               absl::StrCat("item_ids: there is no item \"", id, "\" in ", catalog),
               {{"item", id}, {"catalog", catalog}});
}

absl::Status RepeatedItem(const std::string& id) {
  return Error(absl::StatusCode::kInvalidArgument, "HEAD_ITEM_REPEATED",
               absl::StrCat("item_ids: \"", id, "\" comes twice"), {{"item", id}});
}

absl::Status MissingItem(const std::string& id, int64_t given, int64_t items,
                         const std::string& catalog) {
  return Error(absl::StatusCode::kInvalidArgument, "HEAD_INCOMPLETE",
               absl::StrCat("item_ids: \"", id, "\" of ", catalog, " is missing; ", given, " of ",
                            items, " came"),
               {{"item", id}, {"catalog", catalog}});
}

Padding PaddingOf(const Header& header) {
  switch (header.padding()) {
    case v1::ImportRecommenderRequest::PADDING_RIGHT:
      return Padding::kRight;
    case v1::ImportRecommenderRequest::PADDING_LEFT:
      return Padding::kLeft;
    default:
      return Padding::kUnknown;
  }
}

}  // namespace

// One ImportRecommender stream.
class ProbeService::Import {
 public:
  Import(ProbeService& service, Context* context) : service_(service), context_(context) {}

  absl::Status Begin(const Header& header);
  absl::Status Add(const v1::ImportRecommenderRequest& message);
  absl::Status Finish(v1::Recommender* response);

 private:
  absl::Status FindItems();
  absl::Status AddModule(const std::string& bytes);
  absl::Status AddIds(const v1::ImportRecommenderRequest& message);
  absl::Status AddVectors(const tensor::v1::Tensor& tensor);
  absl::StatusOr<std::shared_ptr<const ItemIndex>> Index();
  // Vectors and numbers as the catalogue has them, where they came with ids.
  absl::Status OrderItems();
  // Item vectors.
  int64_t given() const {
    return static_cast<int64_t>(module_.item_vectors.size()) / std::max(module_.options.dim, 1);
  }
  // Before so many more bytes are kept.
  absl::Status TakeMemory(size_t bytes);
  const Dataset* dataset() const { return loaded_ == nullptr ? nullptr : &loaded_->data; }

  ProbeService& service_;
  Context* const context_;
  Header header_;
  v1::Recommender recommender_;
  std::shared_ptr<const LoadedDataset> loaded_;  // null: for a catalogue
  int64_t items_ = 0;                            // of the catalogue
  StoredModule module_;
  int64_t users_ = 0;
  std::vector<std::string> item_ids_;  // of the vectors, in their order; empty: the catalogue's
  int64_t bytes_ = 0;                  // kept of what was sent
  Permit permit_;
};

absl::Status ProbeService::Import::Begin(const Header& header) {
  header_ = header;
  RECSAE_RETURN_IF_ERROR(service_.torch_.CheckAvailable(RecommenderKind::kTorchscript));
  RECSAE_RETURN_IF_ERROR(CheckHeader(header_));
  recommender_.set_name(absl::StrCat("recommenders/", header_.recommender_id()));
  RECSAE_ASSIGN_OR_RETURN(permit_,
                          service_.memory_.Take(0, absl::StrCat("importing ", recommender_.name()),
                                                "the size of the module or the item vectors"));
  // With a request_id the content may be that of a repeat, which only the whole stream can tell.
  if (header_.request_id().empty()) {
    RECSAE_RETURN_IF_ERROR(service_.resources_.recommenders().CheckFree(recommender_.name()));
  }
  module_.options = DefaultOptions(RecommenderKind::kTorchscript);
  module_.options.dim = 0;  // as the vectors say
  module_.options.history =
      header_.history_length() == 0 ? kDefaultHistory : header_.history_length();
  for (const std::string& site : header_.probe_sites()) {
    module_.sites.push_back({{site, 0, false}, PaddingOf(header_)});
  }
  recommender_.mutable_hyper_parameters()->set_history_length(module_.options.history);
  return FindItems();
}

absl::Status ProbeService::Import::FindItems() {
  Resources& resources = service_.resources_;
  if (header_.has_dataset()) {
    RECSAE_ASSIGN_OR_RETURN(
        loaded_, service_.datasets_.Load(header_.dataset(), [&] { return CheckAlive(context_); }));
    *recommender_.mutable_dataset() = header_.dataset();
    recommender_.mutable_dataset()->set_name(loaded_->data.name);
    recommender_.set_data_fingerprint(loaded_->fingerprint);
    AddRemarks(loaded_->data.remarks, *recommender_.mutable_dataset_remarks());
    recommender_.set_catalog(absl::StrCat("catalogs/", header_.recommender_id()));
    items_ = static_cast<int64_t>(loaded_->data.items.size());
    users_ = static_cast<int64_t>(loaded_->data.users.size());
    return HasCatalogOf(resources, recommender_, loaded_->data).status();
  }
  recommender_.set_catalog(header_.catalog());
  RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog, resources.catalogs().Get(header_.catalog()));
  items_ = catalog.message.item_count();
  if (items_ > 0) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "CATALOG_EMPTY",
               absl::StrCat(header_.catalog(), " has no items: upload them first"),
               {{"catalog", header_.catalog()}});
}

absl::Status ProbeService::Import::Add(const v1::ImportRecommenderRequest& message) {
  if (message.has_module()) return AddModule(message.module());
  RECSAE_RETURN_IF_ERROR(AddIds(message));
  return AddVectors(message.item_vectors());
}

absl::Status ProbeService::Import::AddModule(const std::string& bytes) {
  if (module_.module.size() + bytes.size() > kMaxModuleBytes) {
    return Error(absl::StatusCode::kResourceExhausted, "MODULE_TOO_LARGE",
                 absl::StrCat("the module has more than ", kMaxModuleBytes >> 20, " MiB"));
  }
  RECSAE_RETURN_IF_ERROR(TakeMemory(bytes.size()));
  module_.module += bytes;
  return absl::OkStatus();
}

absl::Status ProbeService::Import::TakeMemory(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes);
  return permit_.Resize(SaturatingProduct(bytes_, kImportCopies));
}

absl::Status ProbeService::Import::AddIds(const v1::ImportRecommenderRequest& message) {
  const bool first = module_.item_vectors.empty();
  if (message.item_ids().empty() && item_ids_.empty()) return absl::OkStatus();
  const int64_t rows =
      message.item_vectors().shape_size() > 0 ? message.item_vectors().shape(0) : 0;
  if (message.item_ids_size() != rows || (item_ids_.empty() && !first)) {
    return Error(absl::StatusCode::kInvalidArgument, "HEAD_INCOMPLETE",
                 absl::StrCat("item_ids has ", message.item_ids_size(), " ids for ", rows,
                              " item vectors: give one for each vector, or none at all"),
                 {{"field", "item_ids"}});
  }
  size_t bytes = 0;
  for (const std::string& id : message.item_ids()) bytes += id.size() + sizeof(std::string);
  RECSAE_RETURN_IF_ERROR(TakeMemory(bytes));
  item_ids_.insert(item_ids_.end(), message.item_ids().begin(), message.item_ids().end());
  return absl::OkStatus();
}

absl::Status ProbeService::Import::AddVectors(const tensor::v1::Tensor& tensor) {
  int& dim = module_.options.dim;
  RECSAE_ASSIGN_OR_RETURN(const MatrixView rows,
                          ReadMatrix(tensor, "item_vectors", kAnySize, dim == 0 ? kAnySize : dim));
  dim = static_cast<int>(rows.cols);
  const absl::Span<const float> values = rows.flat();
  RECSAE_RETURN_IF_ERROR(TakeMemory(values.size() * sizeof(float)));
  module_.item_vectors.insert(module_.item_vectors.end(), values.begin(), values.end());
  return given() <= items_ ? absl::OkStatus() : WrongCount(given(), items_, recommender_.catalog());
}

absl::StatusOr<std::shared_ptr<const ItemIndex>> ProbeService::Import::Index() {
  if (loaded_ == nullptr) {
    RECSAE_ASSIGN_OR_RETURN(const StoredCatalog catalog,
                            service_.resources_.catalogs().Get(header_.catalog()));
    return service_.resources_.catalogs().Index(catalog, [&] { return CheckAlive(context_); });
  }
  std::vector<std::string> ids;
  size_t bytes = 0;
  for (const Item& item : loaded_->data.items) {
    ids.push_back(item.id);
    bytes += item.id.size() + 2 * sizeof(std::string);
  }
  RECSAE_RETURN_IF_ERROR(TakeMemory(bytes));
  return std::make_shared<const ItemIndex>(std::move(ids));
}

absl::Status ProbeService::Import::OrderItems() {
  if (item_ids_.empty()) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const ItemIndex> index, Index());
  module_.numbers.assign(items_, -1);
  std::vector<float> ordered(module_.item_vectors.size());
  const int64_t dim = module_.options.dim;
  for (int64_t row = 0; row < given(); ++row) {
    const int64_t item = index->Find(item_ids_[row]);
    if (item < 0 || item >= items_) return UnknownItem(item_ids_[row], recommender_.catalog());
    if (module_.numbers[item] >= 0) return RepeatedItem(item_ids_[row]);
    module_.numbers[item] = static_cast<int32_t>(row);
    std::copy_n(module_.item_vectors.data() + row * dim, dim, ordered.data() + item * dim);
  }
  for (int64_t item = 0; item < items_; ++item) {
    if (module_.numbers[item] < 0) {
      return MissingItem(index->ids()[item], given(), items_, recommender_.catalog());
    }
  }
  module_.item_vectors = std::move(ordered);
  return absl::OkStatus();
}

absl::Status ProbeService::Import::Finish(v1::Recommender* response) {
  RECSAE_RETURN_IF_ERROR(OrderItems());
  if (given() != items_) return WrongCount(given(), items_, recommender_.catalog());
  // What a repeat with the same request_id must agree in.
  v1::ImportRecommenderRequest content;
  *content.mutable_header() = header_;
  const std::string fingerprints = absl::StrCat(
      Fingerprint(module_.module), "/", Fingerprint(FloatsAsBytes(module_.item_vectors)),
      item_ids_.empty() ? "" : absl::StrCat("/", Fingerprint(absl::StrJoin(item_ids_, "\n"))));
  content.mutable_header()->set_request_id(fingerprints);

  const auto cancelled = [&] { return !CheckAlive(context_).ok(); };
  recommender_.mutable_hyper_parameters()->set_embedding_dim(module_.options.dim);
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Recommender> model,
                          service_.torch_.Import(std::move(module_), users_, cancelled));
  if (loaded_ != nullptr) {
    RECSAE_ASSIGN_OR_RETURN(const auto quality, MeasureQuality(*model, loaded_->data, cancelled));
    recommender_.mutable_metrics()->insert(quality.begin(), quality.end());
  }
  Resources& resources = service_.resources_;
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<StagedRecommender> staged,
      StagedRecommender::Stage(resources, *model, dataset(), {recommender_, ""}));
  RECSAE_RETURN_IF_ERROR(CheckAlive(context_));
  bool added = false;
  RECSAE_RETURN_IF_ERROR(
      resources.store().Mutate("ImportRecommender", header_.request_id(), content, response,
                               [&](WriteBatch& batch) -> absl::Status {
                                 RECSAE_ASSIGN_OR_RETURN(*response, staged->Add(batch));
                                 added = true;
                                 return absl::OkStatus();
                               }));
  if (added) staged->Done();
  return absl::OkStatus();
}

grpc::Status ProbeService::ImportRecommender(
    Context* context, grpc::ServerReader<v1::ImportRecommenderRequest>* reader,
    v1::Recommender* response) {
  return GuardStream(context, [&]() -> absl::Status {
    v1::ImportRecommenderRequest message;
    RECSAE_RETURN_IF_ERROR(ReadHeader(*reader, &message));
    Import import(*this, context);
    RECSAE_RETURN_IF_ERROR(import.Begin(message.header()));
    RECSAE_RETURN_IF_ERROR(
        ReadParts(context, *reader, &message, [&] { return import.Add(message); }));
    return import.Finish(response);
  });
}

}  // namespace recsae::probe
