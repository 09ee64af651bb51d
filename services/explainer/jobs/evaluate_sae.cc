// The job "evaluate-sae".
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/backend/hosted_runs.h"
#include "services/explainer/backend/request_checks.h"
#include "services/explainer/backend/subject.h"
#include "services/explainer/evaluation/attribute_scores.h"
#include "services/explainer/evaluation/evaluation_warnings.h"
#include "services/explainer/evaluation/latent_use.h"
#include "services/explainer/evaluation/reconstruction.h"
#include "services/explainer/evaluation/similarity.h"
#include "services/explainer/jobs/case_reader.h"
#include "services/explainer/jobs/comparison.h"
#include "services/explainer/jobs/concept_jobs.h"
#include "services/explainer/jobs/estimate.h"
#include "services/explainer/jobs/popularity_result.h"
#include "services/explainer/jobs/stability.h"

namespace recsae::explainer {
namespace {

constexpr double kSimilarityConfidence = 0.8;
constexpr int64_t kMinPositives = 20;
constexpr int kPageSize = 200;

absl::Status CheckRequest(const v1::EvaluateSaeRequest& request) {
  BadRequest bad;
  CheckName("sae", request.sae(), "saes/{sae}", bad);
  CheckName("capture", request.capture(), kCapturePattern, bad);
  CheckEvidenceCaptures(request.evidence_captures(), bad);
  CheckReferenceSaes(request.reference_saes(), request.sae(), bad);
  return bad.ToStatus();
}

// What an evaluation works on.
struct Inputs {
  std::shared_ptr<const LoadedSae> sae;
  std::shared_ptr<const LoadedRecommender> recommender;
  int64_t rows = 0;
  // What the dictionaries are compared on; the capture first.
  std::vector<Source> sources;
  // Of other seeds.
  std::vector<std::shared_ptr<const LoadedSae>> references;
};

absl::StatusOr<Inputs> FindInputs(Backend& backend, const Caller& caller,
                                  const v1::EvaluateSaeRequest& request) {
  Inputs inputs;
  RECSAE_ASSIGN_OR_RETURN(inputs.sae, backend.saes.Get(request.sae(), caller));
  RECSAE_RETURN_IF_ERROR(CheckSameRecommender(*inputs.sae, request.capture()));
  RECSAE_ASSIGN_OR_RETURN(
      const probe::v1::Capture capture,
      GetCaptureWithCases(backend.peers, request.capture(), *inputs.sae, caller));
  if (capture.positions() == probe::v1::POSITIONS_ALL) {
    // Within a longer history a position need not have the activation that it has as the last one.
    return Error(
        absl::StatusCode::kInvalidArgument, "POSITIONS_UNSUPPORTED",
        absl::StrCat(capture.name(),
                     " holds all positions of its histories, and the "
                     "recommender goes on from the last alone; take a capture of the last"),
        {{"capture", capture.name()}});
  }
  inputs.rows = capture.row_count();
  RECSAE_ASSIGN_OR_RETURN(inputs.references,
                          FindReferences(backend, caller, request.reference_saes(), *inputs.sae));
  RECSAE_ASSIGN_OR_RETURN(inputs.sources, FindSources(backend, caller, request.capture(),
                                                      request.evidence_captures(), *inputs.sae));
  RECSAE_ASSIGN_OR_RETURN(const std::string recommender, RecommenderOfCapture(request.capture()));
  RECSAE_ASSIGN_OR_RETURN(inputs.recommender,
                          backend.recommenders.GetWithHead(recommender, caller));
  return inputs;
}

// The attributes of all items, numbered in the order of key and value.
class AttributeNumbers {
 public:
  explicit AttributeNumbers(const LoadedRecommender& recommender) {
    std::map<std::pair<std::string, std::string>, int32_t> numbers;
    for (const ItemText& text : recommender.texts) {
      for (const auto& attribute : text.attributes) numbers.emplace(attribute, 0);
    }
    for (auto& [attribute, number] : numbers) {
      number = static_cast<int32_t>(attributes_.size());
      attributes_.push_back(attribute);
    }
    for (const ItemText& text : recommender.texts) {
      std::vector<int32_t>& of_item = by_item_.emplace_back();
      for (const auto& attribute : text.attributes) of_item.push_back(numbers.at(attribute));
      std::sort(of_item.begin(), of_item.end());
      of_item.erase(std::unique(of_item.begin(), of_item.end()), of_item.end());
    }
  }

  int size() const { return static_cast<int>(attributes_.size()); }
  const std::pair<std::string, std::string>& attribute(int32_t number) const {
    return attributes_[number];
  }
  const std::vector<int32_t>& OfItem(int32_t item) const { return by_item_[item]; }
  absl::Span<const std::vector<int32_t>> by_item() const { return by_item_; }

 private:
  std::vector<std::pair<std::string, std::string>> attributes_;
  std::vector<std::vector<int32_t>> by_item_;
};

// What an activation of an inner probe site and its reconstruction lead to just before scoring.
struct InnerRow {
  absl::Span<const float> user;
  absl::Span<const float> reconstructed_user;
};

// The same for some rows: float [rows, head.dim], or nothing where the SAE reads that vector
// itself.
struct InnerRows {
  int dim = 0;
  std::vector<float> users;
  std::vector<float> reconstructed_users;

  std::optional<InnerRow> Row(size_t row) const {
    if (users.empty()) return std::nullopt;
    const auto part = [&](const std::vector<float>& all) {
      return absl::MakeConstSpan(all).subspan(row * dim, dim);
    };
    return InnerRow{part(users), part(reconstructed_users)};
  }
};

// Runs the recommender on from the rows' reconstructions.
absl::StatusOr<InnerRows> RunInner(
    Backend& backend, const Caller& caller, const Inputs& inputs, const sae::SparseCodes& codes,
    const google::protobuf::RepeatedPtrField<probe::v1::Case>& cases) {
  InnerRows rows;
  if (inputs.sae->probe_site.empty()) return rows;
  const std::string& recommender = inputs.recommender->resource.name();
  const int64_t width = inputs.sae->model.dim();
  std::vector<HostedQuery> queries;
  std::vector<float> reconstructions(cases.size() * width);
  for (int i = 0; i < cases.size(); ++i) {
    queries.push_back(QueryOf(cases[i]));
    inputs.sae->model.Decode(codes.Row(i), reconstructions.data() + i * width);
  }
  rows.dim = inputs.recommender->head->dim;
  RECSAE_ASSIGN_OR_RETURN(rows.users,
                          ComputeAtSite(backend, caller, recommender, "", queries, rows.dim));
  RECSAE_ASSIGN_OR_RETURN(
      rows.reconstructed_users,
      ResumeFromSite(backend, caller, recommender, inputs.sae->probe_site, queries,
                     {reconstructions.data(), cases.size(), width}, rows.dim));
  return rows;
}

// Everything that is gathered while the capture is read, row by row.
class RowSums {
 public:
  explicit RowSums(const Inputs& inputs)
      : inputs_(inputs),
        attributes_(*inputs.recommender),
        popularity_(CountsOrZeros(*inputs.recommender)),
        reconstruction_(inputs.sae->model, *inputs.recommender->head, popularity_,
                        attributes_.by_item()),
        most_activated_(inputs.sae->model.latents()),
        latent_use_(inputs.sae->model.latents()) {
    table_.dim = inputs.sae->model.dim();
    table_.latents = inputs.sae->model.latents();
    table_.attributes = attributes_.size();
  }

  // `inner`: null, or what x leads to from an inner probe site.
  void Add(absl::Span<const float> x, std::span<const sae::LatentActivation> row_code,
           const probe::v1::Case& captured, const InnerRow* inner) {
    const absl::Span<const sae::LatentActivation> code(row_code.data(), row_code.size());
    const LoadedRecommender& recommender = *inputs_.recommender;
    latent_use_.Add(code);
    const HeldOut held_out = HeldOutOf(captured, recommender.item_of_id);
    const auto& history = captured.history_item_ids();
    seen_ += held_out.target >= 0 && std::find(history.begin(), history.end(),
                                               captured.target_item_id()) != history.end()
                 ? 1
                 : 0;
    if (inner == nullptr) {
      reconstruction_.Add(x, code, held_out.target, held_out.excluded);
    } else {
      reconstruction_.AddInner(x, code, inner->user, inner->reconstructed_user, held_out.target,
                               held_out.excluded);
    }
    const std::vector<int32_t> ranked = KnownRankedItems(recommender, captured);
    if (ranked.empty()) return;
    most_activated_.Add(code, ranked[0]);
    table_.activations.insert(table_.activations.end(), x.begin(), x.end());
    table_.codes.emplace_back(code.begin(), code.end());
    ranked_.push_back(ranked);
    std::vector<int32_t> read = KnownItems(recommender.item_of_id, history);
    read.erase(read.begin(), read.end() - std::min<int64_t>(kReadItems, read.size()));
    read_.push_back(std::move(read));
    table_.row_attributes.push_back(attributes_.OfItem(ranked[0]));
  }

  const AttributeNumbers& attributes() const { return attributes_; }
  const ReconstructionEvaluation& reconstruction() const { return reconstruction_; }
  const MostActivatedItems& most_activated() const { return most_activated_; }
  LatentUse latent_use() const { return latent_use_.Result(); }
  // Rows whose held-out item is in their history.
  int64_t seen() const { return seen_; }
  const ItemPopularity& popularity() const { return popularity_; }
  // Rows with a recommended item.
  const AttributeTable& table() const { return table_; }
  PopularityRows popularity_rows() const { return {table_.codes, ranked_, read_}; }

 private:
  const Inputs& inputs_;
  AttributeNumbers attributes_;
  ItemPopularity popularity_;
  ReconstructionEvaluation reconstruction_;
  MostActivatedItems most_activated_;
  LatentUseCounts latent_use_;
  int64_t seen_ = 0;
  AttributeTable table_;
  std::vector<std::vector<int32_t>> ranked_;
  std::vector<std::vector<int32_t>> read_;
};

// `compared` gets the rows as well.
absl::Status ReadRows(Backend& backend, const Caller& caller, JobContext& job,
                      const std::string& capture, const Inputs& inputs, RowSums& sums,
                      ComparisonRows& compared) {
  int64_t done = 0;
  const auto add =
      [&](const MatrixView& activations,
          const google::protobuf::RepeatedPtrField<probe::v1::Case>& cases) -> absl::Status {
    RECSAE_ASSIGN_OR_RETURN(const sae::SparseCodes codes,
                            inputs.sae->model.EncodeBatch(activations.data, activations.rows,
                                                          [&job] { return job.Interrupted(); }));
    RECSAE_ASSIGN_OR_RETURN(const InnerRows inner, RunInner(backend, caller, inputs, codes, cases));
    for (int i = 0; i < cases.size(); ++i) {
      if (done % 64 == 0) {
        job.SetProgress("ranking with activations and reconstructions", done, inputs.rows, "rows");
      }
      RECSAE_RETURN_IF_ERROR(job.Interrupted());  // one row of a million items takes a while
      const std::optional<InnerRow> led_to = inner.Row(i);
      sums.Add(activations.row(i), codes.Row(i), cases[i], led_to ? &*led_to : nullptr);
      compared.Add(activations.row(i), cases[i]);
      ++done;
    }
    return absl::OkStatus();
  };
  return ReadCapture(backend.peers, capture, inputs.rows, inputs.sae->model.dim(), caller, add);
}

// The rows that dictionaries are compared on, and the memory for the comparison.
struct Compared {
  Permit permit;
  ComparisonRows rows;
};

absl::StatusOr<std::unique_ptr<Compared>> MakeCompared(Backend& backend,
                                                       const v1::EvaluateSaeRequest& request,
                                                       const Inputs& inputs) {
  const sae::SaeModel& model = inputs.sae->model;
  RECSAE_ASSIGN_OR_RETURN(
      Permit permit,
      backend.memory.Take(
          ComparisonBytes(model, static_cast<int64_t>(inputs.recommender->texts.size())),
          absl::StrCat("comparing the dictionary of ", request.sae()),
          "the SAE's latents or the catalogue"));
  return std::make_unique<Compared>(Compared{
      std::move(permit), ComparisonRows(*inputs.recommender, *inputs.sae, request.seed())});
}

// The latents whose concepts have the confidence that the paper measures similarity at.
absl::StatusOr<std::vector<int32_t>> ConfidentLatents(Backend& backend, const Caller& caller,
                                                      const std::string& sae) {
  std::vector<int32_t> latents;
  concept_store::v1::ListConceptsRequest request;
  request.set_parent(sae);
  request.set_page_size(kPageSize);
  request.set_min_paper_confidence(kSimilarityConfidence);
  do {
    concept_store::v1::ListConceptsResponse response;
    RECSAE_RETURN_IF_ERROR(caller.Call([&](grpc::ClientContext& context) {
      return backend.peers.concept_store.peer().FromGrpc(
          backend.peers.concept_store->ListConcepts(&context, request, &response));
    }));
    for (const auto& listed : response.concepts()) latents.push_back(listed.latent());
    request.set_page_token(response.next_page_token());
  } while (!request.page_token().empty());
  return latents;
}

// Those that tell something.
void WriteMetrics(const RankingMetrics& metrics, const CandidateCounts& candidates,
                  v1::RankingMetrics* out) {
  if (candidates.Measures(5)) {
    out->set_hr_at_5(metrics.hr(5));
    out->set_ndcg_at_5(metrics.ndcg(5));
  }
  if (candidates.Measures(10)) {
    out->set_hr_at_10(metrics.hr(10));
    out->set_ndcg_at_10(metrics.ndcg(10));
  }
  if (candidates.Measures(20)) {
    out->set_hr_at_20(metrics.hr(20));
    out->set_ndcg_at_20(metrics.ndcg(20));
  }
  if (candidates.Measures(50)) {
    out->set_hr_at_50(metrics.hr(50));
    out->set_ndcg_at_50(metrics.ndcg(50));
  }
}

void WriteLatentUse(const LatentUse& use, v1::LatentUse* out) {
  out->set_row_count(use.rows);
  out->set_latent_count(use.latents);
  out->set_dead_count(use.dead);
  out->set_dense_count(use.dense);
  out->set_over_half_count(use.over_half);
}

void WriteAttribute(const AttributeNumbers& attributes, const AttributeAuc& score,
                    v1::AttributeScore* out) {
  const auto& [key, value] = attributes.attribute(score.attribute);
  out->set_key(key);
  out->set_value(value);
  out->set_positive_count(score.positives);
  out->set_latent(score.latent);
  out->set_latent_auc(score.latent_auc);
  out->set_dimension(score.dimension);
  out->set_dimension_auc(score.dimension_auc);
}

// What was gathered from the rows, but for the attributes.
void WriteRowSums(const RowSums& sums, v1::Evaluation& evaluation) {
  const ReconstructionEvaluation& reconstruction = sums.reconstruction();
  evaluation.set_row_count(reconstruction.recommender().cases());
  const CandidateCounts& candidates = reconstruction.candidates();
  WriteMetrics(reconstruction.recommender(), candidates, evaluation.mutable_recommender());
  WriteMetrics(reconstruction.reconstructed(), candidates, evaluation.mutable_reconstructed());
  WriteLists(reconstruction.recommender_lists(), evaluation.mutable_recommender()->mutable_lists());
  WriteLists(reconstruction.reconstructed_lists(),
             evaluation.mutable_reconstructed()->mutable_lists());
  evaluation.set_seen_row_count(sums.seen());
  evaluation.set_rbo(reconstruction.rbo());
  const sae::ReconstructionMetrics metrics = reconstruction.metrics();
  evaluation.set_fvu(metrics.fvu);
  evaluation.set_l0(metrics.l0);
  const LatentUse use = sums.latent_use();
  WriteLatentUse(use, evaluation.mutable_latent_use());
  for (const auto& warnings : {RankingWarnings(candidates, sums.seen()),
                               ReconstructionWarnings(metrics.fvu, use.latents, use.dead)}) {
    for (const std::string& warning : warnings) evaluation.add_warnings(warning);
  }
}

absl::Status WriteAttributes(JobContext& job, const Inputs& inputs, const RowSums& sums,
                             v1::Evaluation& evaluation) {
  job.SetProgress("scoring attributes", inputs.rows, inputs.rows, "rows");
  RECSAE_ASSIGN_OR_RETURN(
      const std::vector<AttributeAuc> scores,
      ScoreAttributes(sums.table(), kMinPositives, [&job] { return job.Interrupted(); }));
  for (const AttributeAuc& score : scores) {
    WriteAttribute(sums.attributes(), score, evaluation.add_attributes());
  }
  return absl::OkStatus();
}

absl::Status WriteSimilarity(Backend& backend, const Caller& caller, const Inputs& inputs,
                             const RowSums& sums, v1::Evaluation& evaluation) {
  RECSAE_ASSIGN_OR_RETURN(const std::vector<int32_t> latents,
                          ConfidentLatents(backend, caller, evaluation.sae()));
  const ConceptSimilarity similarity =
      MeasureSimilarity(sums.most_activated(), *inputs.recommender->head, latents);
  evaluation.mutable_similarity()->set_intra(similarity.intra);
  evaluation.mutable_similarity()->set_inter(similarity.inter);
  evaluation.mutable_similarity()->set_concept_count(similarity.concepts);
  return absl::OkStatus();
}

// `compared` has the rows of the evaluated capture.
absl::Status ReadAndCompare(Backend& backend, const Caller& caller, JobContext& job, uint64_t seed,
                            const Inputs& inputs, Compared& compared, v1::Evaluation& evaluation) {
  for (size_t i = 1; i < inputs.sources.size(); ++i) {
    RECSAE_RETURN_IF_ERROR(compared.rows.Read(backend, caller, job, inputs.sources[i]));
  }
  return WriteComparison(job, seed, compared.rows.sample(), *inputs.sae, *inputs.recommender,
                         evaluation);
}

}  // namespace

absl::Status CheckEvaluateSae(Backend& backend, const Caller& caller,
                              const v1::EvaluateSaeRequest& request) {
  RECSAE_RETURN_IF_ERROR(CheckRequest(request));
  return FindInputs(backend, caller, request).status();
}

absl::StatusOr<google::protobuf::Any> RunEvaluateSae(Backend& backend, JobContext& job) {
  const Caller caller(job);
  v1::EvaluateSaeRequest request;
  if (!job.spec().UnpackTo(&request)) return SpecUnknown(job, "EvaluateSae");
  RECSAE_ASSIGN_OR_RETURN(const Inputs inputs, FindInputs(backend, caller, request));
  v1::Evaluation evaluation;
  evaluation.set_sae(request.sae());
  evaluation.set_capture(request.capture());
  // First, as it needs none of what the rest holds.
  RECSAE_RETURN_IF_ERROR(WriteStability(backend, job, *inputs.sae, inputs.references, evaluation));
  const auto items = static_cast<int64_t>(inputs.recommender->texts.size());
  RECSAE_ASSIGN_OR_RETURN(
      const Permit permit,
      backend.memory.Take(EvaluationBytes(inputs.sae->model, inputs.rows, items),
                          absl::StrCat("evaluating ", request.sae()), "the rows of capture"));
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Compared> compared,
                          MakeCompared(backend, request, inputs));
  RowSums sums(inputs);
  RECSAE_RETURN_IF_ERROR(
      ReadRows(backend, caller, job, request.capture(), inputs, sums, compared->rows));
  WriteRowSums(sums, evaluation);
  RECSAE_RETURN_IF_ERROR(WriteAttributes(job, inputs, sums, evaluation));
  RECSAE_RETURN_IF_ERROR(WriteSimilarity(backend, caller, inputs, sums, evaluation));
  RECSAE_RETURN_IF_ERROR(WritePopularity(backend, caller, job, request.seed(), request.sae(),
                                         *inputs.sae, *inputs.recommender, sums.popularity(),
                                         sums.popularity_rows(), evaluation.mutable_popularity()));
  RECSAE_RETURN_IF_ERROR(
      ReadAndCompare(backend, caller, job, request.seed(), inputs, *compared, evaluation));
  if (evaluation.dictionaries_size() > 0 && evaluation.dictionaries(0).has_shown()) {
    job.SetMetric("described_r2@3", evaluation.dictionaries(0).shown().at_3());
  }
  job.SetMetric("fvu", evaluation.fvu());
  job.SetMetric("l0", evaluation.l0());
  google::protobuf::Any result;
  result.PackFrom(evaluation);
  return result;
}

}  // namespace recsae::explainer
