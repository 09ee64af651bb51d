// From LatentResult to recsae.concept_store.v1.Concept.
#include "services/explainer/jobs/concept_writer.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/messages/tensor.h"

namespace recsae::explainer {
namespace {

using concept_store::v1::Concept;

constexpr size_t kMaxDescriptionBytes = 1000;
constexpr size_t kMaxTermBytes = 256;
constexpr int kEvidenceHistory = 10;
constexpr size_t kMaxConceptBytes = 60 << 10;  // the store takes 64 KiB with what it adds
constexpr int kMaxBatch = 500;
constexpr size_t kMaxBatchBytes = 3 << 20;
constexpr int kPageSize = 200;

void WritePaperScore(const PaperResult& result, concept_store::v1::PaperScore* out) {
  out->set_confidence(result.own.Confidence());
  out->set_precision(result.own.Precision());
  out->set_recall(result.own.Recall());
  out->set_positive_count(result.own.true_positives + result.own.false_negatives);
  out->set_negative_count(result.own.true_negatives + result.own.false_positives);
  out->set_description(ClippedUtf8(result.description.text, kMaxDescriptionBytes));
}

void WritePredictive(const ConceptContext& context, const PredictiveResult& test,
                     concept_store::v1::PredictiveTest* out) {
  out->set_correlation(test.correlation);
  out->set_correlation_low(test.low);
  out->set_correlation_high(test.high);
  out->set_average_precision(test.average_precision);
  out->set_prevalence(test.prevalence);
  out->set_null_correlation(test.null_correlation);
  out->set_p_value(test.p_value);
  out->set_q_value(test.q_value);
  out->set_user_count(context.measured_users);
  out->set_row_count(context.measured_rows);
  out->set_passed(test.passed);
}

void WriteSpecific(double correlation, const SpecificResult& test,
                   concept_store::v1::SpecificTest* out) {
  out->set_correlation(correlation);
  out->set_nearest_latent(test.nearest);
  out->set_nearest_correlation(test.nearest_correlation);
  out->set_difference_low(test.difference_low);
  out->set_neighbour_count(test.neighbours);
  out->set_passed(test.passed);
}

void WriteCausal(const CausalResult& test, concept_store::v1::CausalTest* out) {
  out->set_share(test.share);
  out->set_raised_share(test.raised_share);
  out->set_control_share(test.control_share);
  out->set_effect_low(test.effect_low);
  out->set_removed_share(test.removed_share);
  out->set_firing_share(test.firing_share);
  out->set_removed_control_share(test.removed_control_share);
  out->set_removal_low(test.removal_low);
  out->set_user_count(test.users);
  out->set_pair_count(test.pairs);
  out->set_pair_share(test.pair_share);
  out->set_passed(test.passed);
}

void WriteTests(const ConceptContext& context, const LatentResult& result,
                concept_store::v1::ConceptTests* out) {
  const LatentTests& tests = *result.tests;
  WritePredictive(context, tests.predictive, out->mutable_predictive());
  if (tests.specific) {
    WriteSpecific(tests.predictive.correlation, *tests.specific, out->mutable_specific());
  }
  if (tests.causal) WriteCausal(*tests.causal, out->mutable_causal());
  for (const StableMatch& match : result.matches) {
    concept_store::v1::StableTest::Match* written = out->mutable_stable()->add_matches();
    written->set_sae(match.sae);
    written->set_latent(match.latent);
    written->set_cosine(match.cosine);
  }
  if (out->has_stable()) out->mutable_stable()->set_passed(IsStable(result));
  out->set_verified(result.Verified());
}

void AddTerm(const std::string& text, const std::string& kind, double weight, Concept& to) {
  concept_store::v1::Term* out = to.add_terms();
  out->set_text(ClippedUtf8(text, kMaxTermBytes));
  out->set_kind(ClippedUtf8(kind, kMaxTermBytes));
  out->set_weight(weight);
}

// StatisticalDescription, and what it is made of.
void WriteDescription(const ConceptContext& context, const LatentResult& result, Concept& to) {
  to.set_description(StatisticalDescription(context.sets, result));
  const SetDescription& description = result.description;
  if (description.set >= 0) {
    const ItemSet& set = context.sets.at(description.set);
    for (const auto& [text, kind] : set.terms) AddTerm(text, kind, description.correlation, to);
    return;
  }
  for (const DescriptionTerm& term : result.paper.description.terms) {
    const Feature& feature = context.features.feature(term.feature);
    AddTerm(feature.text, feature.kind, term.z, to);
  }
}

// What a language model judged, the best first. Where its own is shown there are no tests: they are
// of what the statistical one says.
void WriteJudged(const ConceptContext& context, const LatentResult& result, Concept& to) {
  for (const JudgedText& judged : result.language.judged) {
    concept_store::v1::JudgedDescription* out = to.add_descriptions();
    out->set_text(ClippedUtf8(judged.text, kMaxDescriptionBytes));
    out->set_author(judged.by_model ? Concept::SOURCE_LANGUAGE_MODEL
                                    : Concept::SOURCE_STATISTICAL_LABELER);
    out->set_model(ClippedUtf8(context.model, kMaxTermBytes));
    out->set_prompt_hash(context.prompt_hash);
    out->set_seed(context.seed);
    out->set_score(judged.tally.Confidence());
    out->set_precision(judged.tally.Precision());
    out->set_recall(judged.tally.Recall());
    out->set_positive_count(judged.tally.true_positives + judged.tally.false_negatives);
    out->set_negative_count(judged.tally.true_negatives + judged.tally.false_positives);
    out->mutable_judge_time()->set_seconds(judged.unix_seconds);
  }
  if (!result.ShowsModels()) return;
  to.set_description(to.descriptions(0).text());
  to.set_source(Concept::SOURCE_LANGUAGE_MODEL);
  to.clear_tests();
}

void WriteStatistics(const FiringStatistics& statistics, concept_store::v1::LatentStatistics* out) {
  out->set_row_count(statistics.rows);
  out->set_active_row_count(statistics.active_rows);
  out->set_mean(statistics.mean);
  out->set_standard_deviation(statistics.standard_deviation);
  out->set_max(statistics.max);
  out->mutable_level_thresholds()->Assign(statistics.level_thresholds.begin(),
                                          statistics.level_thresholds.end());
}

void WriteEvidence(const ConceptContext& context, const ActiveCase& active,
                   const FiringStatistics& statistics, concept_store::v1::Evidence* out) {
  const Case& evidence = context.cases.at(active.index);
  out->set_capture(context.captures[evidence.capture]);
  out->set_row(evidence.row);
  out->set_activation(active.activation);
  out->set_level(IntensityLevel(active.activation, statistics));
  if (!evidence.ranked.empty()) {
    out->set_recommended_item_id(context.recommender.item_ids[evidence.ranked[0]]);
  }
  const size_t begin =
      evidence.history.size() - std::min<size_t>(evidence.history.size(), kEvidenceHistory);
  for (size_t i = begin; i < evidence.history.size(); ++i) {
    out->add_history_item_ids(context.recommender.item_ids[evidence.history[i]]);
  }
}

// Where ids are long (web addresses) the weakest evidence goes, and then the oldest of the history,
// until the store takes the concept.
void FitEvidence(Concept& to) {
  while (to.ByteSizeLong() > kMaxConceptBytes && to.evidence_size() > 0) {
    auto* history = to.mutable_evidence(0)->mutable_history_item_ids();
    if (to.evidence_size() > 1 || history->empty()) {
      to.mutable_evidence()->RemoveLast();
    } else {
      history->erase(history->begin());
    }
  }
}

// Sends one batch. Its request_id holds a fingerprint of the content, so that a job that is taken
// up again stores the same batch once, and a different one (on another kind of machine, rounding
// may differ) anew. Returns the highest revision.
absl::StatusOr<int64_t> Upsert(Peers& peers, const Caller& caller, const std::string& job,
                               int number, concept_store::v1::BatchUpsertConceptsRequest& request) {
  request.clear_request_id();
  const uint64_t content = Fingerprint(request.SerializeAsString());
  request.set_request_id(absl::StrCat(job, "/", number, "/", absl::Hex(content)));
  concept_store::v1::BatchUpsertConceptsResponse response;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    return peers.concept_store.peer().FromGrpc(
        peers.concept_store->BatchUpsertConcepts(&context, request, &response));
  }));
  int64_t revision = 0;
  for (const Concept& stored : response.concepts()) {
    revision = std::max(revision, stored.revision());
  }
  return revision;
}

// Concepts that an earlier build wrote for latents that are not in `described`.
absl::StatusOr<std::vector<Concept>> ListOutdated(Peers& peers, const Caller& caller,
                                                  const std::string& sae,
                                                  const std::set<int32_t>& described) {
  std::vector<Concept> outdated;
  concept_store::v1::ListConceptsRequest request;
  request.set_parent(sae);
  request.set_page_size(kPageSize);
  do {
    concept_store::v1::ListConceptsResponse response;
    RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
      return peers.concept_store.peer().FromGrpc(
          peers.concept_store->ListConcepts(&context, request, &response));
    }));
    for (const Concept& listed : response.concepts()) {
      if ((listed.source() == Concept::SOURCE_STATISTICAL_LABELER ||
           listed.source() == Concept::SOURCE_LANGUAGE_MODEL) &&
          !described.contains(listed.latent())) {
        outdated.push_back(listed);
      }
    }
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return outdated;
}

absl::Status Delete(Peers& peers, const Caller& caller, const Concept& outdated) {
  const absl::Status status = caller.Call([&](grpc::ClientContext& context) {
    concept_store::v1::DeleteConceptRequest request;
    request.set_name(outdated.name());
    request.set_etag(outdated.etag());
    google::protobuf::Empty response;
    return peers.concept_store.peer().FromGrpc(
        peers.concept_store->DeleteConcept(&context, request, &response));
  });
  // Edited or removed by someone else meanwhile: theirs to decide.
  if (absl::IsAborted(status) || absl::IsNotFound(status)) return caller.Alive();
  return status;
}

}  // namespace

std::string StatisticalDescription(const ItemSets& sets, const LatentResult& result) {
  const SetDescription& description = result.description;
  if (description.set < 0) {
    return ClippedUtf8(result.paper.description.text, kMaxDescriptionBytes);
  }
  const char* against = description.correlation < 0 ? "anything but " : "";
  return ClippedUtf8(absl::StrCat(against, sets.at(description.set).name), kMaxDescriptionBytes);
}

Concept MakeConcept(const ConceptContext& context, int32_t latent, const LatentResult& result) {
  Concept made;
  made.set_name(absl::StrCat(context.sae, "/concepts/", latent));
  made.set_latent(latent);
  WriteDescription(context, result, made);
  made.set_source(Concept::SOURCE_STATISTICAL_LABELER);
  if (result.paper.own.cases() > 0) WritePaperScore(result.paper, made.mutable_paper_score());
  if (result.tests) WriteTests(context, result, made.mutable_tests());
  WriteJudged(context, result, made);
  made.mutable_group()->set_lead_latent(result.group);
  made.mutable_group()->set_size(result.group_size);
  WriteStatistics(result.statistics, made.mutable_statistics());
  for (const ActiveCase& active : result.evidence) {
    WriteEvidence(context, active, result.statistics, made.add_evidence());
  }
  FitEvidence(made);
  return made;
}

absl::StatusOr<int64_t> WriteConcepts(Peers& peers, const Caller& caller, const std::string& job,
                                      const ConceptContext& context,
                                      const std::vector<LatentResult>& results) {
  concept_store::v1::BatchUpsertConceptsRequest batch;
  batch.set_parent(context.sae);
  batch.set_keep_edited_descriptions(true);
  size_t bytes = 0;
  int number = 0;
  int64_t revision = 0;
  const auto send = [&]() -> absl::Status {
    if (batch.concepts().empty()) return absl::OkStatus();
    RECSAE_RETURN_IF_ERROR(caller.Alive());
    RECSAE_ASSIGN_OR_RETURN(const int64_t written, Upsert(peers, caller, job, number++, batch));
    revision = std::max(revision, written);
    batch.clear_concepts();
    bytes = 0;
    return absl::OkStatus();
  };

  std::set<int32_t> described;
  for (size_t i = 0; i < results.size(); ++i) {
    if (results[i].outcome != LatentResult::Outcome::kDescribed) continue;
    const auto latent = static_cast<int32_t>(i);
    described.insert(latent);
    Concept made = MakeConcept(context, latent, results[i]);
    const size_t size = made.ByteSizeLong() + 8;
    if (batch.concepts_size() == kMaxBatch || bytes + size > kMaxBatchBytes) {
      RECSAE_RETURN_IF_ERROR(send());
    }
    bytes += size;
    *batch.add_concepts() = std::move(made);
  }
  RECSAE_RETURN_IF_ERROR(send());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<Concept> outdated,
                          ListOutdated(peers, caller, context.sae, described));
  for (const Concept& old : outdated) RECSAE_RETURN_IF_ERROR(Delete(peers, caller, old));
  return revision;
}

absl::StatusOr<int64_t> WriteBaseline(Peers& peers, const Caller& caller, const std::string& job,
                                      const std::string& sae, const BaselineMeans& means,
                                      const NamedErasures& erasures, int64_t rows) {
  concept_store::v1::SetBaselineRequest request;
  concept_store::v1::Baseline& baseline = *request.mutable_baseline();
  baseline.set_sae(sae);
  baseline.set_row_count(rows);
  WriteVector(means.activation, baseline.mutable_activation());
  WriteVector(means.reconstruction, baseline.mutable_reconstruction());
  const auto dim = static_cast<int64_t>(means.activation.size());
  for (const NamedErasures::Of& of : erasures.all) {
    const auto labels = static_cast<int64_t>(of.erasure.readers.size()) / dim;
    concept_store::v1::Erasure* written = baseline.add_erasures();
    if (of.attribute.empty()) {
      written->set_latent(of.lead);
    } else {
      written->mutable_attribute()->set_key(of.key);
      written->mutable_attribute()->set_value(of.attribute);
    }
    WriteMatrix({of.erasure.covariances.data(), labels, dim}, written->mutable_covariances());
    WriteMatrix({of.erasure.readers.data(), labels, dim}, written->mutable_readers());
  }
  const uint64_t content = Fingerprint(request.SerializeAsString());
  request.set_request_id(absl::StrCat(job, "/baseline/", absl::Hex(content)));
  concept_store::v1::Baseline stored;
  RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
    return peers.concept_store.peer().FromGrpc(
        peers.concept_store->SetBaseline(&context, request, &stored));
  }));
  return stored.revision();
}

}  // namespace recsae::explainer
