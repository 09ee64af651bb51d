// The change log: what watches send, and its compaction.
#include <google/protobuf/message_lite.h>

#include <algorithm>
#include <iterator>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/storage/keys.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"

namespace recsae::concept_store {
namespace {

// Log entries looked at in one ReadChanges, so that a caller can stop in between.
constexpr int kMaxEntriesRead = 4096;
// Log entries compacted in one write: more than most writes add, few enough not to be felt.
constexpr int64_t kMaxCompacted = 1000;

// The change behind "{sae} \0".
absl::string_view ChangeBytes(absl::string_view logged) {
  return logged.substr(logged.find('\0') + 1);
}

using google::protobuf::MessageLite;

// What a snapshot is made of, in this order: whoever reads of a baseline knows its SAE.
struct SnapshotPart {
  const char* family;
  bool of_latents;        // keys are "{sae} \0 latent", else "{sae}"
  size_t message_offset;  // in the value
  v1::ConceptChange::Type type;
  MessageLite* (*state)(v1::ConceptChange* change);
};

constexpr SnapshotPart kSnapshotParts[] = {
    {kSaeFamily, false, 8, v1::ConceptChange::TYPE_SAE_PUBLISHED,
     [](v1::ConceptChange* change) -> MessageLite* { return change->mutable_sae(); }},
    {kBaselineFamily, false, 0, v1::ConceptChange::TYPE_BASELINE_SET,
     [](v1::ConceptChange* change) -> MessageLite* { return change->mutable_baseline(); }},
    {kConceptFamily, true, 0, v1::ConceptChange::TYPE_UPSERTED,
     [](v1::ConceptChange* change) -> MessageLite* { return change->mutable_latent_concept(); }},
};

}  // namespace

absl::StatusOr<WatchStart> Store::BeginWatch(const v1::WatchConceptsRequest& request) const {
  WatchStart start;
  BadRequest bad;
  if (!request.parent().empty()) {
    const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
    bad.Add("parent", sae_id.status());
    if (sae_id.ok()) start.sae_id = *sae_id;
  }
  if (request.since_revision() < 0) {
    bad.Add("since_revision",
            absl::StrCat("must not be negative, is ", request.since_revision(),
                         "; leave it unset and set skip_snapshot to begin from now"));
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  const int64_t last = revision();
  if (request.has_since_revision()) {
    RECSAE_RETURN_IF_ERROR(epochs_.Check(request.epoch(), request.since_revision(), last));
    if (request.since_revision() < floor()) {
      return RevisionCompacted(request.since_revision(), floor());
    }
  }
  if (!start.sae_id.empty()) RECSAE_RETURN_IF_ERROR(FindSae(start.sae_id).status());
  start.snapshot = !request.has_since_revision() && !request.skip_snapshot();
  start.revision = request.has_since_revision() ? request.since_revision() : last;
  return start;
}

absl::Status Store::ReadSnapshot(const std::string& sae_id, size_t max_bytes,
                                 SnapshotCursor* cursor,
                                 std::vector<v1::ConceptChange>* changes) const {
  const SnapshotPart& part = kSnapshotParts[cursor->part];
  const std::string prefix = part.of_latents && !sae_id.empty() ? SaePrefix(sae_id) : sae_id;
  ScanOptions options;
  // The first key after the last one read.
  if (!cursor->last_key.empty()) options.from = cursor->last_key + '\0';
  size_t bytes = 0;
  auto scan = database_->Scan(part.family, prefix, options);
  for (; scan->Valid() && bytes < max_bytes; scan->Next()) {
    cursor->last_key = std::string(scan->key());
    // Else of an SAE whose name begins alike.
    if (part.of_latents || sae_id.empty() || cursor->last_key == sae_id) {
      v1::ConceptChange& change = changes->emplace_back();
      change.set_type(part.type);
      RECSAE_RETURN_IF_ERROR(ParseStored(scan->value().substr(part.message_offset),
                                         cursor->last_key, part.state(&change)));
    }
    bytes += scan->value().size();
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (scan->Valid()) return absl::OkStatus();
  ++cursor->part;
  cursor->done = cursor->part == static_cast<int>(std::size(kSnapshotParts));
  cursor->last_key.clear();
  return absl::OkStatus();
}

absl::StatusOr<int64_t> Store::ReadChanges(int64_t after, absl::string_view sae_id,
                                           size_t max_bytes,
                                           std::vector<v1::ConceptChange>* changes) const {
  const int64_t last = revision();
  const std::string prefix = sae_id.empty() ? "" : SaePrefix(sae_id);
  ScanOptions options;
  options.from = ChangeKey(after + 1);
  int64_t read = after;
  size_t bytes = 0;
  auto scan = database_->Scan(kChangeFamily, "", options);
  for (int entries = 0; scan->Valid() && read < last && entries < kMaxEntriesRead; ++entries) {
    if (bytes >= max_bytes) break;
    const auto revision = static_cast<int64_t>(ReadBigEndian64(scan->key()));
    // The log has no gaps.
    if (revision != read + 1) return RevisionCompacted(after, revision - 1);
    read = revision;
    const absl::string_view value = scan->value();
    if (absl::StartsWith(value, prefix)) {
      bytes += value.size();
      RECSAE_RETURN_IF_ERROR(ParseStored(ChangeBytes(value), absl::StrCat("revision ", read),
                                         &changes->emplace_back()));
    }
    scan->Next();
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return read;
}

absl::StatusOr<int64_t> Store::Compact(WriteBatch& batch) const {
  int64_t floor = this->floor();
  const int64_t end = std::min(revision() - kept_changes_, floor + kMaxCompacted);
  if (end <= floor) return floor;
  ScanOptions options;
  options.from = ChangeKey(floor + 1);
  auto scan = database_->Scan(kChangeFamily, "", options);
  for (; scan->Valid() && floor < end; scan->Next()) {
    floor = static_cast<int64_t>(ReadBigEndian64(scan->key()));
    const absl::string_view value = scan->value();
    v1::ConceptChange change;
    RECSAE_RETURN_IF_ERROR(
        ParseStored(ChangeBytes(value), absl::StrCat("revision ", floor), &change));
    batch.Delete(kChangeFamily, scan->key());
    if (!change.has_latent_concept()) continue;
    const std::string history = HistoryKey(std::string(value.substr(0, value.find('\0'))),
                                           change.latent_concept().latent(), floor);
    const absl::Status kept = database_->Get(kHistoryFamily, history).status();
    // Not there: its SAE was removed since.
    if (absl::IsNotFound(kept)) continue;
    RECSAE_RETURN_IF_ERROR(kept);
    batch.Put(kHistoryFamily, history, ChangeBytes(value));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  return floor;
}

}  // namespace recsae::concept_store
