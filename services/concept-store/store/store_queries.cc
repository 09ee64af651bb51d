// The reads of concepts: single ones, lists, search and history.
#include <algorithm>
#include <cmath>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/words.h"
#include "common/budget/limits.h"
#include "common/budget/paging.h"
#include "common/storage/keys.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "services/concept-store/store/layout.h"
#include "services/concept-store/store/store.h"
#include "services/concept-store/store/stored.h"
#include "services/concept-store/store/validation.h"

namespace recsae::concept_store {
namespace {

constexpr PageLimits kSearchLimits = {.default_size = 10, .max_size = 100};

void CheckShare(absl::string_view field, double value, BadRequest* bad) {
  if (!(value >= 0 && value <= 1)) {
    bad->Add(field, absl::StrCat("must be 0 to 1, is ", value));
  }
}

void WriteMeaning(const QueryMeaning& meaning, const Found& found,
                  v1::SearchConceptsResponse::Meaning* out) {
  out->set_model(meaning.model);
  out->set_compared_count(found.compared);
  out->set_not_compared_count(found.concepts - found.compared);
  if (found.typical_similarity.has_value()) {
    out->set_typical_similarity(*found.typical_similarity);
  }
  if (meaning.embedding == nullptr) {
    out->set_reason(meaning.reason);
    out->set_message(meaning.message);
  } else if (found.pending > 0 && !meaning.pending_reason.empty()) {
    out->set_reason(meaning.pending_reason);
    out->set_message(meaning.pending_message);
  } else if (found.pending > 0) {
    out->set_reason("EMBEDDINGS_PENDING");
    out->set_message("they are being embedded; ask again in a moment");
  } else if (found.full > 0) {
    out->set_reason("EMBEDDINGS_FULL");
    out->set_message("there is no room for more embeddings (docs/limits.md)");
  } else if (out->not_compared_count() > 0) {
    out->set_reason("NOTHING_SAID");
    out->set_message("they have neither a description nor terms");
  }
}

}  // namespace

absl::StatusOr<v1::Concept> Store::ReadConcept(const std::string& sae_id, int32_t latent) const {
  const auto value = database_->Get(kConceptFamily, ConceptKey(sae_id, latent));
  if (absl::IsNotFound(value.status())) {
    RECSAE_RETURN_IF_ERROR(FindSae(sae_id).status());
    return ConceptNotFound(sae_id, latent);
  }
  RECSAE_RETURN_IF_ERROR(value.status());
  v1::Concept latent_concept;
  RECSAE_RETURN_IF_ERROR(ParseStored(*value, ConceptName(sae_id, latent), &latent_concept));
  return latent_concept;
}

absl::StatusOr<v1::Concept> Store::GetConcept(absl::string_view name) const {
  RECSAE_ASSIGN_OR_RETURN(const ConceptId id, ParseConceptName(name));
  return ReadConcept(id.sae_id, id.latent);
}

absl::StatusOr<std::vector<v1::Concept>> Store::ReadConcepts(
    const std::string& sae_id, const std::vector<int32_t>& latents) const {
  std::vector<std::string> keys;
  keys.reserve(latents.size());
  for (const int32_t latent : latents) keys.push_back(ConceptKey(sae_id, latent));
  RECSAE_ASSIGN_OR_RETURN(const auto values, database_->MultiGet(kConceptFamily, keys));
  std::vector<v1::Concept> concepts(latents.size());
  for (size_t i = 0; i < latents.size(); ++i) {
    // One that is not there was deleted after it was found in the index.
    if (!values[i].has_value()) continue;
    RECSAE_RETURN_IF_ERROR(ParseStored(*values[i], ConceptName(sae_id, latents[i]), &concepts[i]));
  }
  return concepts;
}

absl::StatusOr<v1::ListConceptsResponse> Store::ListConcepts(
    const v1::ListConceptsRequest& request) const {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
  bad.Add("parent", sae_id.status());
  CheckShare("min_correlation", request.min_correlation(), &bad);
  CheckShare("min_paper_confidence", request.min_paper_confidence(), &bad);
  if (!v1::ListConceptsRequest::Order_IsValid(request.order())) {
    bad.Add("order", absl::StrCat("is no known order: ", static_cast<int>(request.order())));
  }
  v1::ListConceptsRequest filter = request;
  filter.clear_page_size();
  filter.clear_page_token();
  const std::string filter_bytes = DeterministicBytes(filter);
  const absl::StatusOr<Page> page =
      ReadPage(request.page_size(), request.page_token(), filter_bytes);
  bad.Add(request.page_size() < 0 ? "page_size" : "page_token", page.status());
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_RETURN_IF_ERROR(FindSae(*sae_id).status());

  DirectoryQuery query;
  query.order = static_cast<ConceptOrder>(request.order());
  query.min_correlation = request.min_correlation();
  query.min_paper_confidence = request.min_paper_confidence();
  query.verified_only = request.verified_only();
  query.groups_only = request.groups_only();
  query.position = page->position;
  query.size = static_cast<size_t>(page->size);
  RECSAE_ASSIGN_OR_RETURN(const DirectoryPage found, index_.List(*sae_id, query));
  RECSAE_ASSIGN_OR_RETURN(std::vector<v1::Concept> concepts, ReadConcepts(*sae_id, found.latents));

  v1::ListConceptsResponse response;
  response.set_total_size(found.total);
  PageBytes room(page->size);
  size_t taken = 0;
  for (; taken < concepts.size(); ++taken) {
    if (!room.Takes(concepts[taken].ByteSizeLong())) break;
    if (!concepts[taken].name().empty()) *response.add_concepts() = std::move(concepts[taken]);
  }
  if (taken > 0 && (found.more || taken < concepts.size())) {
    response.set_next_page_token(MakePageToken(found.positions[taken - 1], filter_bytes));
  }
  return response;
}

QueryMeaning Store::MeaningOff() {
  return {.reason = "EMBEDDINGS_OFF",
          .message =
              "the concept-store compares words alone; start it with --embeddings-url to "
              "compare meanings"};
}

absl::StatusOr<v1::SearchConceptsResponse> Store::SearchConcepts(
    const v1::SearchConceptsRequest& request, absl::FunctionRef<QueryMeaning()> ask) const {
  BadRequest bad;
  const absl::StatusOr<std::string> sae_id = ParseSaeName(request.parent());
  bad.Add("parent", sae_id.status());
  const std::vector<std::string> words = SearchWords(request.query());
  if (request.query().size() > kMaxQueryBytes) {
    bad.Add("query", absl::StrCat("must be at most ", kMaxQueryBytes, " bytes, is ",
                                  request.query().size()));
  } else if (words.empty()) {
    bad.Add("query", "must hold at least one word");
  }
  if (request.max_results() < 0) {
    bad.Add("max_results", absl::StrCat("must not be negative, is ", request.max_results()));
  }
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_RETURN_IF_ERROR(FindSae(*sae_id).status());

  const int32_t wanted =
      request.max_results() == 0 ? kSearchLimits.default_size : request.max_results();
  const QueryMeaning meaning =
      request.words_only()
          ? QueryMeaning{.reason = "WORDS_ONLY", .message = "words alone were asked for"}
          : ask();
  const Found found =
      index_.Search(*sae_id, words, static_cast<size_t>(std::min(wanted, kSearchLimits.max_size)),
                    meaning.embedding.get());
  const std::vector<Found::Hit>& hits = found.hits;
  std::vector<int32_t> latents;
  latents.reserve(hits.size());
  for (const Found::Hit& hit : hits) latents.push_back(hit.latent);
  RECSAE_ASSIGN_OR_RETURN(std::vector<v1::Concept> concepts, ReadConcepts(*sae_id, latents));

  v1::SearchConceptsResponse response;
  // There is no second page of a search: it may fill its message.
  int64_t bytes = 0;
  for (size_t i = 0; i < hits.size(); ++i) {
    bytes += static_cast<int64_t>(concepts[i].ByteSizeLong());
    if (bytes > kMaxContentBytes - static_cast<int64_t>(kMaxRecordBytes)) break;
    if (concepts[i].name().empty()) continue;
    v1::SearchConceptsResponse::Match* match = response.add_matches();
    *match->mutable_latent_concept() = std::move(concepts[i]);
    match->set_score(hits[i].score);
    match->set_by_meaning(hits[i].by_meaning);
    if (hits[i].similarity.has_value()) match->set_similarity(*hits[i].similarity);
  }
  WriteMeaning(meaning, found, response.mutable_meaning());
  return response;
}

absl::StatusOr<std::string> Store::ReadHistory(absl::string_view key,
                                               absl::string_view value) const {
  if (!value.empty()) return std::string(value);
  // The history's key ends with the change log's.
  const absl::StatusOr<std::string> logged =
      database_->Get(kChangeFamily, key.substr(key.size() - 8));
  if (logged.ok()) return logged->substr(logged->find('\0') + 1);
  if (!absl::IsNotFound(logged.status())) return logged.status();
  return database_->Get(kHistoryFamily, key);  // moved here since `value` was read
}

absl::StatusOr<v1::ListConceptRevisionsResponse> Store::ListConceptRevisions(
    const v1::ListConceptRevisionsRequest& request) const {
  BadRequest bad;
  const absl::StatusOr<ConceptId> id = ParseConceptName(request.name());
  bad.Add("name", id.status());
  const absl::StatusOr<Page> page =
      ReadPage(request.page_size(), request.page_token(), request.name());
  bad.Add(request.page_size() < 0 ? "page_size" : "page_token", page.status());
  RECSAE_RETURN_IF_ERROR(bad.ToStatus());
  RECSAE_RETURN_IF_ERROR(FindSae(id->sae_id).status());

  ScanOptions options;
  options.reverse = true;
  int64_t before = 0;
  if (absl::SimpleAtoi(page->position, &before)) {
    options.from = HistoryKey(id->sae_id, id->latent, before);
  }
  v1::ListConceptRevisionsResponse response;
  int64_t bytes = 0;
  auto scan = database_->Scan(kHistoryFamily, ConceptKey(id->sae_id, id->latent), options);
  for (; scan->Valid(); scan->Next()) {
    if (response.changes_size() == page->size || bytes > kPageBytes) {
      response.set_next_page_token(
          MakePageToken(absl::StrCat(response.changes().rbegin()->revision()), request.name()));
      break;
    }
    RECSAE_ASSIGN_OR_RETURN(const std::string change, ReadHistory(scan->key(), scan->value()));
    bytes += static_cast<int64_t>(change.size());
    RECSAE_RETURN_IF_ERROR(ParseStored(change, request.name(), response.add_changes()));
  }
  RECSAE_RETURN_IF_ERROR(scan->status());
  if (response.changes().empty() && page->position.empty()) {
    return ConceptNotFound(id->sae_id, id->latent);
  }
  return response;
}

}  // namespace recsae::concept_store
