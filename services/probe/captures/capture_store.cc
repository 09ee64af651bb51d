#include "services/probe/captures/capture_store.h"

#include <algorithm>
#include <cstring>
#include <functional>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/math/row_order.h"
#include "common/storage/keys.h"

namespace recsae::probe {
namespace {

constexpr char kPattern[] = "recommenders/{recommender}/captures/{capture}";

std::string RowKey(uint64_t uid, int64_t row) {
  return BigEndian64(uid) + BigEndian64(static_cast<uint64_t>(row));
}

absl::StatusOr<std::string> KeyOf(absl::string_view name) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids, ParseName(name, kPattern));
  return KeyPrefix({ids[0], ids[1]});
}

// Stores rows and cases from row `first` on. A chunk of rows never crosses the end of a block, so
// that a block's rows are exactly the chunks whose keys lie in it.
void PutRows(uint64_t uid, int64_t first, const MatrixView& rows,
             absl::Span<const StoredCase> cases, WriteBatch& batch) {
  const int64_t block_rows = BlockRows(static_cast<int>(rows.cols));
  for (int64_t done = 0; done < rows.rows;) {
    const int64_t row = first + done;
    const int64_t count = std::min(rows.rows - done, block_rows - row % block_rows);
    const MatrixView chunk{rows.data + done * rows.cols, count, rows.cols};
    batch.Put(kActivationFamily, RowKey(uid, row), FloatsAsBytes(chunk.flat()));
    done += count;
  }
  int64_t row = first;
  for (const StoredCase& stored : cases) {
    batch.Put(kCaseFamily, RowKey(uid, row), EncodeCase(stored));
    batch.Put(kUserFamily, BigEndian64(uid) + stored.user_id,
              BigEndian64(static_cast<uint64_t>(row)));
    ++row;
  }
}

std::string ProducerKey(uint64_t uid, absl::string_view producer) {
  return absl::StrCat(BigEndian64(uid), producer);
}

std::string BatchKey(uint64_t uid, absl::string_view producer, int64_t sequence) {
  return absl::StrCat(BigEndian64(uid), BigEndian32(static_cast<uint32_t>(producer.size())),
                      producer, BigEndian64(static_cast<uint64_t>(sequence)));
}

// last_sequence (8), rows (8).
std::string EncodeProducer(const v1::Producer& producer) {
  return absl::StrCat(BigEndian64(static_cast<uint64_t>(producer.last_sequence())),
                      BigEndian64(static_cast<uint64_t>(producer.row_count())));
}

absl::StatusOr<v1::Producer> DecodeProducer(absl::string_view name, absl::string_view bytes) {
  v1::Producer producer;
  producer.set_producer(std::string(name));
  if (bytes.size() != 16) {
    return Error(absl::StatusCode::kDataLoss, "RECORD_CORRUPT",
                 absl::StrCat("the stored state of producer \"", name, "\" cannot be read"));
  }
  producer.set_last_sequence(static_cast<int64_t>(ReadBigEndian64(bytes)));
  producer.set_row_count(static_cast<int64_t>(ReadBigEndian64(bytes.substr(8))));
  return producer;
}

absl::Status TooManyProducers(const v1::Capture& capture) {
  return Error(absl::StatusCode::kFailedPrecondition, "TOO_MANY_PRODUCERS",
               absl::StrCat(capture.name(), " has rows of ", capture.producer_count(),
                            " producers, the most there may be: go on under a name that has "
                            "recorded before, or record into another capture"),
               {{"capture", capture.name()}});
}

// A record of before producers had keys of their own lists them all and does not count them.
void CountProducers(v1::Capture& capture) {
  if (capture.producers_size() > 0) capture.set_producer_count(capture.producers_size());
}

absl::Status SequenceGap(const v1::Capture& capture, const v1::Producer& producer,
                         int64_t sequence) {
  return Error(
      absl::StatusCode::kFailedPrecondition, "SEQUENCE_GAP",
      absl::StrCat("producer \"", producer.producer(), "\" of ", capture.name(), " sent batch ",
                   sequence, ", but its last stored one is ", producer.last_sequence(),
                   ": go on with ", producer.last_sequence() + 1),
      {{"capture", capture.name()},
       {"producer", producer.producer()},
       {"last_sequence", absl::StrCat(producer.last_sequence())}});
}

}  // namespace

CaptureStore::CaptureStore(Store& store)
    : store_(store), table_(store.db(), kCaptureFamily, "capture", "CAPTURE_NOT_FOUND") {}

absl::string_view RecommenderOf(absl::string_view capture) {
  return capture.substr(0, capture.find("/captures/"));
}

absl::StatusOr<StoredCapture> CaptureStore::Get(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  RECSAE_ASSIGN_OR_RETURN(StoredCapture capture, table_.Get(key, name));
  CountProducers(capture.message);
  return capture;
}

absl::StatusOr<std::vector<StoredCapture>> CaptureStore::List(absl::string_view recommender_id,
                                                              const Page& page,
                                                              std::string* next) const {
  RECSAE_ASSIGN_OR_RETURN(
      std::vector<StoredCapture> captures,
      table_.List(recommender_id.empty() ? "" : KeyPrefix({recommender_id}), page, next));
  for (StoredCapture& capture : captures) CountProducers(capture.message);
  return captures;
}

absl::StatusOr<std::vector<StoredCapture>> CaptureStore::AllOf(
    absl::string_view recommender_id) const {
  return table_.All(KeyPrefix({recommender_id}));
}

absl::Status CaptureStore::CheckFree(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  RECSAE_ASSIGN_OR_RETURN(const bool exists, table_.Has(key));
  if (!exists) return absl::OkStatus();
  return Error(absl::StatusCode::kAlreadyExists, "CAPTURE_EXISTS",
               absl::StrCat(name, " exists already: choose another capture_id or delete it"),
               {{"capture", std::string(name)}});
}

absl::Status CaptureStore::Create(StoredCapture capture, WriteBatch& batch) {
  RECSAE_RETURN_IF_ERROR(CheckFree(capture.message.name()));
  if (capture.uid == 0) capture.uid = store_.NewUid();
  table_.Put(*KeyOf(capture.message.name()), capture, batch);
  return absl::OkStatus();
}

void CaptureStore::Delete(const StoredCapture& capture, WriteBatch& batch) {
  table_.Delete(*KeyOf(capture.message.name()), batch);
  Store::DeleteContents(capture.uid, batch);
}

absl::StatusOr<v1::Producer> CaptureStore::GetProducer(const StoredCapture& capture,
                                                       const std::string& producer) const {
  // A record of before producers had keys of their own.
  for (const v1::Producer& known : capture.message.producers()) {
    if (known.producer() == producer) return known;
  }
  absl::StatusOr<std::string> bytes =
      store_.db().Get(kProducerFamily, ProducerKey(capture.uid, producer));
  if (bytes.ok()) return DecodeProducer(producer, *bytes);
  if (!absl::IsNotFound(bytes.status())) return bytes.status();
  v1::Producer fresh;
  fresh.set_producer(producer);
  return fresh;
}

absl::StatusOr<std::vector<v1::Producer>> CaptureStore::Producers(const StoredCapture& capture,
                                                                  int limit) const {
  std::vector<v1::Producer> producers(capture.message.producers().begin(),
                                      capture.message.producers().end());
  const std::string prefix = BigEndian64(capture.uid);
  auto scan = store_.db().Scan(kProducerFamily, prefix);
  for (; scan->Valid() && static_cast<int>(producers.size()) < limit; scan->Next()) {
    RECSAE_ASSIGN_OR_RETURN(producers.emplace_back(),
                            DecodeProducer(scan->key().substr(prefix.size()), scan->value()));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (static_cast<int>(producers.size()) > limit) producers.resize(limit);
  return producers;
}

void CaptureStore::MoveProducers(StoredCapture& capture, WriteBatch& batch) {
  v1::Capture& message = capture.message;
  if (message.producers().empty()) return;
  for (const v1::Producer& producer : message.producers()) {
    batch.Put(kProducerFamily, ProducerKey(capture.uid, producer.producer()),
              EncodeProducer(producer));
  }
  CountProducers(message);
  message.clear_producers();
}

absl::Status CaptureStore::CheckRepeat(const StoredCapture& capture, const Batch& batch,
                                       const v1::Producer& producer) const {
  absl::StatusOr<std::string> known =
      store_.db().Get(kBatchFamily, BatchKey(capture.uid, batch.producer, batch.sequence));
  // One that was stored before batches had fingerprints is taken at its word.
  if (absl::IsNotFound(known.status())) return absl::OkStatus();
  RECSAE_RETURN_IF_ERROR(known.status());
  if (*known == BigEndian64(batch.fingerprint)) return absl::OkStatus();
  const std::string& name = capture.message.name();
  return Error(
      absl::StatusCode::kAlreadyExists, "SEQUENCE_REUSED",
      absl::StrCat("producer \"", batch.producer, "\" of ", name, " sent batch ", batch.sequence,
                   " before, with other content: go on with ", producer.last_sequence() + 1,
                   ", or record what is new under another producer's name"),
      {{"capture", name},
       {"producer", batch.producer},
       {"sequence", absl::StrCat(batch.sequence)},
       {"last_sequence", absl::StrCat(producer.last_sequence())}});
}

absl::Status CaptureStore::AssignRecommenderUids(const std::map<std::string, std::string>& uids,
                                                 WriteBatch& batch) const {
  RECSAE_ASSIGN_OR_RETURN(std::vector<StoredCapture> captures, table_.All(""));
  for (StoredCapture& capture : captures) {
    const std::string& name = capture.message.name();
    const auto uid = uids.find(std::string(RecommenderOf(name)));
    if (!capture.message.recommender_uid().empty() || uid == uids.end()) continue;
    capture.message.set_recommender_uid(uid->second);
    table_.Put(*KeyOf(name), capture, batch);
  }
  return absl::OkStatus();
}

absl::StatusOr<CaptureStore::Appended> CaptureStore::Append(absl::string_view name,
                                                            const Batch& sent) {
  RECSAE_ASSIGN_OR_RETURN(const std::string key, KeyOf(name));
  absl::ReaderMutexLock no_deletion(&store_.mutex());
  std::lock_guard turn(append_mutexes_[Fingerprint(key) % append_mutexes_.size()]);
  RECSAE_ASSIGN_OR_RETURN(StoredCapture capture, table_.Get(key, name));
  v1::Capture& message = capture.message;
  if (!capture.origin.empty()) {
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_NOT_RECORDED",
                 absl::StrCat(message.name(), " was made by ", capture.origin,
                              " and is complete: create a capture to record into"),
                 {{"capture", message.name()}, {"job", capture.origin}});
  }
  RECSAE_ASSIGN_OR_RETURN(v1::Producer state, GetProducer(capture, sent.producer));
  if (sent.sequence <= state.last_sequence()) {
    RECSAE_RETURN_IF_ERROR(CheckRepeat(capture, sent, state));
    return Appended::kDuplicate;
  }
  if (sent.sequence > state.last_sequence() + 1) return SequenceGap(message, state, sent.sequence);

  WriteBatch batch = store_.db().NewBatch();
  MoveProducers(capture, batch);
  if (state.last_sequence() == 0) {
    if (message.producer_count() >= kMaxProducers) return TooManyProducers(message);
    message.set_producer_count(message.producer_count() + 1);
  }
  PutRows(capture.uid, message.row_count(), sent.rows, sent.cases, batch);
  state.set_last_sequence(sent.sequence);
  state.set_row_count(state.row_count() + sent.rows.rows);
  batch.Put(kProducerFamily, ProducerKey(capture.uid, sent.producer), EncodeProducer(state));
  batch.Put(kBatchFamily, BatchKey(capture.uid, sent.producer, sent.sequence),
            BigEndian64(sent.fingerprint));
  message.set_row_count(message.row_count() + sent.rows.rows);
  table_.Put(key, capture, batch);
  RECSAE_RETURN_IF_ERROR(store_.db().Write(std::move(batch)));
  return Appended::kStored;
}

absl::Status CaptureStore::Missing(const StoredCapture& capture, int64_t row) const {
  absl::StatusOr<StoredCapture> now = Get(capture.message.name());
  if (!now.ok()) return now.status();
  if (now->uid != capture.uid) {
    return Annotate(table_.NotFound(capture.message.name()), "deleted while it was read");
  }
  return Error(absl::StatusCode::kDataLoss, "CAPTURE_CORRUPT",
               absl::StrCat("row ", row, " of ", capture.message.name(), " is missing on disk"),
               {{"capture", capture.message.name()}, {"row", absl::StrCat(row)}});
}

absl::Status CaptureStore::ReadBlock(const StoredCapture& capture, int64_t first_row, int32_t rows,
                                     float* out) const {
  const size_t row_bytes = sizeof(float) * capture.message.dim();
  size_t missing = rows * row_bytes;
  char* to = reinterpret_cast<char*>(out);
  const auto take = [&](absl::string_view chunk) {
    const size_t bytes = std::min(chunk.size(), missing);
    std::memcpy(to, chunk.data(), bytes);
    to += bytes;
    missing -= bytes;
    return bytes > 0;
  };
  const auto next_row = [&] {
    return first_row + rows - static_cast<int64_t>(missing / row_bytes);
  };

  const std::string first_key = RowKey(capture.uid, first_row);
  absl::StatusOr<std::string> first = store_.db().Get(kActivationFamily, first_key);
  if (absl::IsNotFound(first.status())) return Missing(capture, first_row);
  if (!first.ok()) return first.status();
  if (!take(*first)) return Missing(capture, first_row);
  if (missing == 0) return absl::OkStatus();
  // Recorded in smaller batches: the rest of the block's chunks follow.
  ScanOptions options;
  options.from = RowKey(capture.uid, next_row());
  auto scan = store_.db().Scan(kActivationFamily, BigEndian64(capture.uid), options);
  for (; missing > 0 && scan->Valid(); scan->Next()) {
    if (scan->key() != RowKey(capture.uid, next_row()) || !take(scan->value())) break;
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return missing == 0 ? absl::OkStatus() : Missing(capture, next_row());
}

absl::StatusOr<std::vector<float>> CaptureStore::ReadRows(const StoredCapture& capture,
                                                          absl::Span<const int64_t> rows) const {
  const int64_t dim = capture.message.dim();
  const int64_t block_rows = BlockRows(static_cast<int>(dim));
  std::vector<float> block(block_rows * dim);
  std::vector<float> values(rows.size() * dim);
  int64_t first = -1;  // the block's first row
  int64_t held = 0;    // its rows in `block`
  for (size_t i = 0; i < rows.size(); ++i) {
    const int64_t wanted = rows[i] % block_rows;
    if (rows[i] - wanted != first || wanted >= held) {
      first = rows[i] - wanted;
      held = std::min(block_rows, capture.message.row_count() - first);
      RECSAE_RETURN_IF_ERROR(ReadBlock(capture, first, static_cast<int32_t>(held), block.data()));
    }
    std::copy_n(block.data() + wanted * dim, dim, values.data() + i * dim);
  }
  return values;
}

absl::StatusOr<std::vector<StoredCase>> CaptureStore::ReadCases(
    const StoredCapture& capture, absl::Span<const int64_t> rows) const {
  std::vector<std::string> keys;
  keys.reserve(rows.size());
  for (const int64_t row : rows) keys.push_back(RowKey(capture.uid, row));
  RECSAE_ASSIGN_OR_RETURN(const auto values, store_.db().MultiGet(kCaseFamily, keys));
  std::vector<StoredCase> cases;
  cases.reserve(rows.size());
  for (size_t i = 0; i < rows.size(); ++i) {
    if (!values[i]) return Missing(capture, rows[i]);
    RECSAE_ASSIGN_OR_RETURN(StoredCase stored, DecodeCase(*values[i]));
    cases.push_back(std::move(stored));
  }
  return cases;
}

absl::StatusOr<std::vector<int64_t>> CaptureStore::LastRows(
    const StoredCapture& capture, absl::Span<const std::string> user_ids) const {
  std::vector<std::string> keys;
  keys.reserve(user_ids.size());
  for (const std::string& user : user_ids) keys.push_back(BigEndian64(capture.uid) + user);
  RECSAE_ASSIGN_OR_RETURN(const auto values, store_.db().MultiGet(kUserFamily, keys));
  std::vector<int64_t> rows;
  rows.reserve(values.size());
  for (const std::optional<std::string>& value : values) {
    rows.push_back(value ? static_cast<int64_t>(ReadBigEndian64(*value)) : -1);
  }
  return rows;
}

absl::StatusOr<std::unique_ptr<CaptureWriter>> CaptureWriter::Begin(Store& store) {
  std::unique_ptr<CaptureWriter> writer(new CaptureWriter(store));
  RECSAE_ASSIGN_OR_RETURN(writer->staging_, Staging::Begin(store));
  return writer;
}

absl::Status CaptureWriter::Add(const MatrixView& rows, absl::Span<const StoredCase> cases) {
  WriteBatch batch = store_.db().NewBatch();
  PutRows(staging_->uid(), rows_, rows, cases, batch);
  rows_ += rows.rows;
  return store_.db().Write(std::move(batch), Durability::kUnsynced);
}

}  // namespace recsae::probe
