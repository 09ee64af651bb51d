// ProbeService: ImportRecommender.
#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
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
#include "services/probe/recommenders/torch/torch_kinds.h"
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
  return bad.ToStatus();
}

absl::Status WrongCount(int64_t given, int64_t items, const std::string& catalog) {
  return Error(absl::StatusCode::kInvalidArgument, "HEAD_INCOMPLETE",
               absl::StrCat("the stream gave ", given, given > items ? " or more" : "",
                            " item vectors, but ", catalog, " has ", items,
                            " items: give one for each, in catalogue order"),
               {{"catalog", catalog}});
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
  absl::Status AddVectors(const tensor::v1::Tensor& tensor);
  // Before so many more bytes are kept.
  absl::Status TakeMemory(size_t bytes);
  const Dataset* dataset() const { return loaded_ == nullptr ? nullptr : &loaded_->data; }

  ProbeService& service_;
  Context* const context_;
  Header header_;
  v1::Recommender recommender_;
  std::shared_ptr<const LoadedDataset> loaded_;  // null: for a catalogue
  int64_t items_ = 0;                            // of the catalogue
  TorchscriptParts parts_;
  int64_t bytes_ = 0;  // kept of what was sent
  Permit permit_;
};

absl::Status ProbeService::Import::Begin(const Header& header) {
  header_ = header;
  RECSAE_RETURN_IF_ERROR(CheckTrainable(RecommenderKind::kTorchscript));
  RECSAE_RETURN_IF_ERROR(CheckHeader(header_));
  recommender_.set_name(absl::StrCat("recommenders/", header_.recommender_id()));
  RECSAE_ASSIGN_OR_RETURN(permit_,
                          service_.memory_.Take(0, absl::StrCat("importing ", recommender_.name()),
                                                "the size of the module or the item vectors"));
  // With a request_id the content may be that of a repeat, which only the whole stream can tell.
  if (header_.request_id().empty()) {
    RECSAE_RETURN_IF_ERROR(service_.resources_.recommenders().CheckFree(recommender_.name()));
  }
  parts_.history = header_.history_length() == 0 ? kDefaultHistory : header_.history_length();
  parts_.probe_sites.assign(header_.probe_sites().begin(), header_.probe_sites().end());
  recommender_.mutable_hyper_parameters()->set_history_length(parts_.history);
  return FindItems();
}

absl::Status ProbeService::Import::FindItems() {
  Resources& resources = service_.resources_;
  if (header_.has_dataset()) {
    RECSAE_ASSIGN_OR_RETURN(
        loaded_, service_.datasets_.Load(header_.dataset(), [&] { return CheckAlive(context_); }));
    *recommender_.mutable_dataset() = header_.dataset();
    recommender_.set_data_fingerprint(loaded_->fingerprint);
    recommender_.set_catalog(absl::StrCat("catalogs/", header_.recommender_id()));
    items_ = static_cast<int64_t>(loaded_->data.items.size());
    parts_.users = static_cast<int64_t>(loaded_->data.users.size());
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
  return message.has_module() ? AddModule(message.module()) : AddVectors(message.item_vectors());
}

absl::Status ProbeService::Import::AddModule(const std::string& bytes) {
  if (parts_.module.size() + bytes.size() > kMaxModuleBytes) {
    return Error(absl::StatusCode::kResourceExhausted, "MODULE_TOO_LARGE",
                 absl::StrCat("the module has more than ", kMaxModuleBytes >> 20, " MiB"));
  }
  RECSAE_RETURN_IF_ERROR(TakeMemory(bytes.size()));
  parts_.module += bytes;
  return absl::OkStatus();
}

absl::Status ProbeService::Import::TakeMemory(size_t bytes) {
  bytes_ += static_cast<int64_t>(bytes);
  return permit_.Resize(SaturatingProduct(bytes_, kImportCopies));
}

absl::Status ProbeService::Import::AddVectors(const tensor::v1::Tensor& tensor) {
  RECSAE_ASSIGN_OR_RETURN(
      const MatrixView rows,
      ReadMatrix(tensor, "item_vectors", kAnySize, parts_.dim == 0 ? kAnySize : parts_.dim));
  parts_.dim = static_cast<int>(rows.cols);
  const absl::Span<const float> values = rows.flat();
  RECSAE_RETURN_IF_ERROR(TakeMemory(values.size() * sizeof(float)));
  parts_.item_vectors.insert(parts_.item_vectors.end(), values.begin(), values.end());
  const int64_t given = static_cast<int64_t>(parts_.item_vectors.size()) / std::max(parts_.dim, 1);
  return given <= items_ ? absl::OkStatus() : WrongCount(given, items_, recommender_.catalog());
}

absl::Status ProbeService::Import::Finish(v1::Recommender* response) {
  const int64_t given = static_cast<int64_t>(parts_.item_vectors.size()) / std::max(parts_.dim, 1);
  if (given != items_) return WrongCount(given, items_, recommender_.catalog());
  // What a repeat with the same request_id must agree in.
  v1::ImportRecommenderRequest content;
  *content.mutable_header() = header_;
  const std::string fingerprints = absl::StrCat(Fingerprint(parts_.module), "/",
                                                Fingerprint(FloatsAsBytes(parts_.item_vectors)));
  content.mutable_header()->set_request_id(fingerprints);

  const auto cancelled = [&] { return !CheckAlive(context_).ok(); };
  recommender_.mutable_hyper_parameters()->set_embedding_dim(parts_.dim);
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Recommender> model,
                          ImportTorchscript(std::move(parts_)));
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
  return Guard(context, [&]() -> absl::Status {
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
