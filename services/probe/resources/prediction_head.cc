#include "services/probe/resources/prediction_head.h"

#include <climits>
#include <cstring>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"
#include "services/probe/resources/catalog_store.h"

namespace recsae::probe {

// Stored: for each item its vector, its bias behind it unless that is 0, and behind that a byte if
// it is withheld.
namespace {

constexpr char kWithheld = 1;

absl::Status CheckWithheld(absl::Span<const std::string> item_ids,
                           const std::set<std::string, std::less<>>& withheld) {
  std::set<std::string, std::less<>> unknown = withheld;
  for (const std::string& id : item_ids) unknown.erase(id);
  if (unknown.empty()) return absl::OkStatus();
  return Error(absl::StatusCode::kInvalidArgument, "WITHHELD_UNKNOWN",
               absl::StrCat("item \"", *unknown.begin(),
                            "\" is withheld, but is none of the item_ids of the same message"),
               {{"item", *unknown.begin()}});
}

}  // namespace

HeadWriter::HeadWriter(Store& store, std::shared_ptr<const ItemIndex> index)
    : store_(store), index_(std::move(index)), seen_(index_->size()) {}

absl::StatusOr<std::unique_ptr<HeadWriter>> HeadWriter::Begin(
    Store& store, std::shared_ptr<const ItemIndex> index) {
  std::unique_ptr<HeadWriter> writer(new HeadWriter(store, std::move(index)));
  RECSAE_ASSIGN_OR_RETURN(writer->staging_, Staging::Begin(store));
  return writer;
}

int64_t HeadWriter::Bytes(const ItemIndex& index) {
  return static_cast<int64_t>(index.size()) / CHAR_BIT + 1;
}

absl::Status HeadWriter::Add(absl::Span<const std::string> item_ids, const MatrixView& vectors,
                             absl::Span<const float> biases,
                             const std::set<std::string, std::less<>>& withheld) {
  RECSAE_RETURN_IF_ERROR(CheckWithheld(item_ids, withheld));
  WriteBatch batch = store_.db().NewBatch();
  for (size_t i = 0; i < item_ids.size(); ++i) {
    const int32_t item = index_->Find(item_ids[i]);
    if (item < 0) {
      return Error(absl::StatusCode::kNotFound, "ITEM_NOT_FOUND",
                   absl::StrCat("item_ids[", i, "]: there is no item \"", item_ids[i],
                                "\" in the recommender's catalogue"),
                   {{"item", item_ids[i]}});
    }
    if (seen_[item]) {
      return Error(
          absl::StatusCode::kInvalidArgument, "HEAD_ITEM_REPEATED",
          absl::StrCat("item_ids[", i, "]: item \"", item_ids[i], "\" was given a vector before"),
          {{"item", item_ids[i]}});
    }
    seen_[item] = true;
    ++added_;
    std::string value(FloatsAsBytes(vectors.row(static_cast<int64_t>(i))));
    const bool is_withheld = withheld.contains(item_ids[i]);
    const float bias = biases.empty() ? 0 : biases[i];
    if (bias != 0 || is_withheld) absl::StrAppend(&value, FloatsAsBytes({&bias, 1}));
    if (is_withheld) value.push_back(kWithheld);
    batch.Put(kHeadFamily, BigEndian64(staging_->uid()) + BigEndian32(static_cast<uint32_t>(item)),
              value);
  }
  return store_.db().Write(std::move(batch), Durability::kUnsynced);
}

absl::Status HeadWriter::CheckComplete() const {
  if (added_ == index_->size()) return absl::OkStatus();
  size_t missing = 0;
  while (seen_[missing]) ++missing;
  return Error(absl::StatusCode::kInvalidArgument, "HEAD_INCOMPLETE",
               absl::StrCat("the stream gave vectors for ", added_, " of the catalogue's ",
                            index_->size(), " items; the first without one is \"",
                            index_->ids()[missing], "\": send all items in one stream"),
               {{"item", index_->ids()[missing]}});
}

absl::StatusOr<std::shared_ptr<const PredictionHead>> LoadHead(const Database& db, uint64_t uid,
                                                               int dim, int64_t items) {
  const std::string prefix = BigEndian64(uid);
  const size_t vector_bytes = sizeof(float) * dim;
  auto head = std::make_shared<PredictionHead>();
  head->dim = dim;
  head->vectors.reserve(static_cast<size_t>(items * dim));
  ScanOptions options;
  options.bulk = true;
  auto scan = db.Scan(kHeadFamily, prefix, options);
  for (uint32_t item = 0; scan->Valid(); scan->Next(), ++item) {
    const absl::string_view value = scan->value();
    const bool is_withheld = value.size() == vector_bytes + sizeof(float) + 1;
    const bool has_bias = is_withheld || value.size() == vector_bytes + sizeof(float);
    if (is_withheld) head->withheld.push_back(static_cast<int32_t>(item));
    if (ReadBigEndian32(scan->key().substr(prefix.size())) != item ||
        (!has_bias && value.size() != vector_bytes)) {
      return Error(absl::StatusCode::kDataLoss, "HEAD_CORRUPT",
                   absl::StrCat("the stored prediction head is damaged at item ", item));
    }
    head->vectors.resize(head->vectors.size() + dim);
    std::memcpy(head->vectors.data() + head->vectors.size() - dim, value.data(), vector_bytes);
    float bias = 0;
    if (has_bias) std::memcpy(&bias, value.data() + vector_bytes, sizeof(float));
    if (bias != 0) {
      head->biases.resize(item + 1);  // the items before without one: 0
      head->biases[item] = bias;
    }
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (head->vectors.empty()) {
    return Error(absl::StatusCode::kNotFound, "RECOMMENDER_NOT_FOUND",
                 "the recommender was deleted meanwhile");
  }
  if (!head->biases.empty()) head->biases.resize(head->items());
  return head;
}

absl::StatusOr<bool> SameHead(const Database& db, uint64_t uid, uint64_t other) {
  const std::string prefix = BigEndian64(uid);
  auto a = db.Scan(kHeadFamily, prefix);
  auto b = db.Scan(kHeadFamily, BigEndian64(other));
  bool same = true;
  for (; same && a->Valid() && b->Valid(); a->Next(), b->Next()) {
    same = a->key().substr(prefix.size()) == b->key().substr(prefix.size()) &&
           a->value() == b->value();
  }
  RECSAE_RETURN_IF_ERROR(a->status());
  RECSAE_RETURN_IF_ERROR(b->status());
  return same && !a->Valid() && !b->Valid();
}

}  // namespace recsae::probe
