#include "services/probe/admission/admission.h"

#include <algorithm>
#include <string_view>
#include <unordered_set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/budget/bytes.h"
#include "common/messages/tensor.h"
#include "services/probe/datasets/dataset_source.h"
#include "services/probe/datasets/findings.h"
#include "services/probe/hosts/door.h"
#include "services/probe/models/staged_recommender.h"
#include "services/probe/recommenders/model/evaluation.h"

namespace recsae::probe {
namespace {

using hosts::v1::HostRecommenderRequest;

// An item or user as it was sent, as it is kept and as it is stored.
constexpr int64_t kCopies = 4;
// Held-out rows that quality is measured on while the host waits.
constexpr int64_t kMaxMeasuredRows = 200'000;

absl::Status Incomplete(absl::string_view what, int64_t given, int64_t said) {
  return Error(absl::StatusCode::kInvalidArgument, "HOST_INCOMPLETE",
               absl::StrCat("the host sent ", given, " ", what, ", but described ", said));
}

absl::Status Repeated(absl::string_view what, const std::string& id) {
  return Error(absl::StatusCode::kInvalidArgument, "HOST_INCOMPLETE",
               absl::StrCat(what, " \"", ValidUtf8(id), "\" came twice: ids must be unique"),
               {{"id", id}});
}

template <typename T, typename IdOf>
absl::Status CheckUnique(absl::string_view what, const std::vector<T>& all, const IdOf& id_of) {
  std::unordered_set<std::string_view> seen;
  for (const T& one : all) {
    if (!seen.insert(id_of(one)).second) return Repeated(what, id_of(one));
  }
  return absl::OkStatus();
}

Item ToItem(const v1::Item& message) {
  Item item{message.id(), message.title(), {}};
  for (const v1::Attribute& attribute : message.attributes()) {
    item.attributes.push_back({attribute.key(), attribute.value()});
  }
  return item;
}

}  // namespace

Admission::Admission(Resources& resources, MemoryBudget& memory, hosts::v1::Description description,
                     std::shared_ptr<const HostSession> session, HostSession::Send send,
                     NextPart next)
    : resources_(resources),
      description_(std::move(description)),
      name_(absl::StrCat("recommenders/", description_.recommender_id())),
      session_(std::move(session)),
      send_(std::move(send)),
      next_(std::move(next)),
      model_(description_, session_),
      memory_(memory) {}

absl::StatusOr<v1::Recommender> Admission::Run() {
  RECSAE_ASSIGN_OR_RETURN(permit_, memory_.Take(0, absl::StrCat("hosting ", name_),
                                                "the items, users or activation_dim of the host"));
  const absl::StatusOr<StoredRecommender> stored = resources_.recommenders().Get(name_);
  if (stored.ok()) return AdmitKnown(*stored);
  if (!absl::IsNotFound(stored.status())) return stored.status();
  absl::StatusOr<v1::Recommender> made = AdmitNew();
  if (!absl::IsAlreadyExists(made.status())) return made;
  // Another host of the same model was quicker.
  RECSAE_ASSIGN_OR_RETURN(const StoredRecommender now, resources_.recommenders().Get(name_));
  RECSAE_RETURN_IF_ERROR(CheckSame(now));
  return now.message;
}

absl::Status Admission::CheckSame(const StoredRecommender& stored) {
  if (stored.message.kind() != v1::Recommender::KIND_HOSTED) {
    return Error(absl::StatusCode::kAlreadyExists, "RECOMMENDER_EXISTS",
                 absl::StrCat(name_,
                              " exists already and is no hosted one: choose another "
                              "recommender_id, or delete it"),
                 {{"recommender", name_}});
  }
  RECSAE_ASSIGN_OR_RETURN(const int64_t bytes, resources_.recommenders().ModelBytes(stored));
  RECSAE_ASSIGN_OR_RETURN(const std::string model, resources_.recommenders().Model(stored, bytes));
  RECSAE_ASSIGN_OR_RETURN(const hosts::v1::Description known, DescriptionOf(model));
  if (known.fingerprint() == description_.fingerprint()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "HOST_DIFFERS",
               absl::StrCat(name_, " was registered by a host of another model (fingerprint ",
                            known.fingerprint(), ", this one's is ", description_.fingerprint(),
                            "): its captures, SAEs and concepts would not fit. Choose another "
                            "recommender_id for the new model, or delete the old one"),
               {{"recommender", name_}, {"fingerprint", known.fingerprint()}});
}

void Admission::Welcome(bool send_items) {
  hosts::v1::HostRecommenderResponse message;
  message.mutable_welcome()->set_send_items(send_items);
  send_(std::move(message));
}

absl::StatusOr<v1::Recommender> Admission::AdmitKnown(const StoredRecommender& stored) {
  RECSAE_RETURN_IF_ERROR(CheckSame(stored));
  Welcome(/*send_items=*/false);
  RECSAE_RETURN_IF_ERROR(TryModel(model_, description_.user_count()));
  if (description_.scores()) {
    RECSAE_ASSIGN_OR_RETURN(const std::shared_ptr<const PredictionHead> head,
                            resources_.recommenders().Head(stored));
    model_.SetHead(head->vectors, head->biases);
    RECSAE_RETURN_IF_ERROR(TryHead(model_, description_.user_count()));
  }
  return stored.message;
}

absl::StatusOr<v1::Recommender> Admission::AdmitNew() {
  Welcome(/*send_items=*/true);
  RECSAE_RETURN_IF_ERROR(TakeItems());
  RECSAE_RETURN_IF_ERROR(TakeUsers());
  model_.SetHead(std::move(vectors_), std::move(biases_), std::move(withheld_));
  RECSAE_RETURN_IF_ERROR(TryModel(model_, description_.user_count()));
  if (description_.scores()) {
    RECSAE_RETURN_IF_ERROR(TryHead(model_, description_.user_count()));
  } else {
    remarks_.push_back(
        "the host gives no scores of its own: whether the item vectors are those that the model "
        "scores with could not be tried");
  }
  v1::Recommender message;
  message.set_name(name_);
  message.set_catalog(absl::StrCat("catalogs/", description_.recommender_id()));
  message.mutable_hyper_parameters()->set_embedding_dim(description_.activation_dim());
  if (description_.history_length() > 0) {
    message.mutable_hyper_parameters()->set_history_length(description_.history_length());
  }
  RECSAE_RETURN_IF_ERROR(Measure(message));
  return Register(std::move(message));
}

absl::Status Admission::TakeMemory(int64_t bytes) {
  bytes_ += bytes;
  return permit_.Resize(SaturatingProduct(bytes_, kCopies));
}

absl::Status Admission::AddItems(const hosts::v1::ItemRows& rows) {
  RECSAE_RETURN_IF_ERROR(TakeMemory(static_cast<int64_t>(rows.ByteSizeLong())));
  RECSAE_RETURN_IF_ERROR(CheckItems(rows.items(), "items.items"));
  RECSAE_ASSIGN_OR_RETURN(const MatrixView vectors,
                          ReadMatrix(rows.vectors(), "items.vectors", rows.items_size(),
                                     description_.activation_dim()));
  const absl::Span<const float> values = vectors.flat();
  vectors_.insert(vectors_.end(), values.begin(), values.end());
  if (rows.has_biases()) {
    RECSAE_ASSIGN_OR_RETURN(const absl::Span<const float> biases,
                            ReadVector(rows.biases(), "items.biases", rows.items_size()));
    biases_.resize(dataset_.items.size());  // 0 for those before
    biases_.insert(biases_.end(), biases.begin(), biases.end());
  }
  for (const int32_t place : rows.withheld()) {
    if (place < 0 || place >= rows.items_size()) {
      return Error(absl::StatusCode::kInvalidArgument, "WITHHELD_UNKNOWN",
                   absl::StrCat("items.withheld has ", place, "; the message has ",
                                rows.items_size(), " items"));
    }
    withheld_.push_back(static_cast<int32_t>(std::ssize(dataset_.items)) + place);
  }
  for (const v1::Item& item : rows.items()) dataset_.items.push_back(ToItem(item));
  return absl::OkStatus();
}

absl::Status Admission::TakeItems() {
  const int64_t said = description_.item_count();
  while (std::ssize(dataset_.items) < said) {
    RECSAE_ASSIGN_OR_RETURN(const HostRecommenderRequest part, next_());
    if (!part.has_items() || part.items().items().empty()) {
      return Incomplete("items", std::ssize(dataset_.items), said);
    }
    RECSAE_RETURN_IF_ERROR(AddItems(part.items()));
  }
  if (std::ssize(dataset_.items) > said) {
    return Incomplete("items", std::ssize(dataset_.items), said);
  }
  if (!biases_.empty()) biases_.resize(said);
  std::sort(withheld_.begin(), withheld_.end());
  return CheckUnique("item", dataset_.items,
                     [](const Item& item) -> const std::string& { return item.id; });
}

absl::Status Admission::TakeUsers() {
  const int64_t said = description_.user_count();
  while (std::ssize(dataset_.users) < said) {
    RECSAE_ASSIGN_OR_RETURN(const HostRecommenderRequest part, next_());
    if (!part.has_users() || part.users().user_ids().empty()) {
      return Incomplete("users", std::ssize(dataset_.users), said);
    }
    RECSAE_RETURN_IF_ERROR(TakeMemory(static_cast<int64_t>(part.users().ByteSizeLong())));
    for (const std::string& id : part.users().user_ids()) dataset_.users.push_back(id);
  }
  if (std::ssize(dataset_.users) > said) {
    return Incomplete("users", std::ssize(dataset_.users), said);
  }
  return CheckUnique("user", dataset_.users,
                     [](const std::string& id) -> const std::string& { return id; });
}

absl::Status Admission::Measure(v1::Recommender& message) {
  dataset_.name = description_.display_name();
  if (!description_.has_interactions()) {
    remarks_.push_back(
        "the host gives no interactions: activations of this recommender are recorded with "
        "RecordActivations, not captured");
    return absl::OkStatus();
  }
  InteractionLog log;
  log.dataset = std::move(dataset_);
  const absl::Status read =
      model_.ReadInteractions([this] { return session_->closed(); }, log.dataset);
  if (read.ok() && !log.dataset.test.empty()) NoteSplit(SplitBy::kHost, &log);
  // The users' pasts are stored with them.
  dataset_ = std::move(log.dataset);
  RECSAE_RETURN_IF_ERROR(read);
  AddRemarks(log.remarks, *message.mutable_dataset_remarks());
  message.set_data_fingerprint(FingerprintOf(dataset_));
  const int64_t rows = std::ssize(dataset_.dev) + std::ssize(dataset_.test);
  if (rows > kMaxMeasuredRows) {
    remarks_.push_back(absl::StrCat("quality was not measured: there are ", rows,
                                    " held-out rows, more than ", kMaxMeasuredRows));
    return absl::OkStatus();
  }
  RECSAE_ASSIGN_OR_RETURN(const auto quality,
                          MeasureQuality(model_, dataset_, [this] { return session_->closed(); }));
  message.mutable_metrics()->insert(quality.begin(), quality.end());
  return absl::OkStatus();
}

absl::StatusOr<v1::Recommender> Admission::Register(v1::Recommender message) {
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<StagedRecommender> staged,
      StagedRecommender::Stage(resources_, model_, &dataset_, {std::move(message), ""}));
  Store& store = resources_.store();
  const absl::MutexLock lock(&store.mutex());
  WriteBatch batch = store.db().NewBatch();
  RECSAE_ASSIGN_OR_RETURN(v1::Recommender registered, staged->Add(batch));
  RECSAE_RETURN_IF_ERROR(store.Commit(std::move(batch)));
  staged->Done();
  return registered;
}

}  // namespace recsae::probe
