#include "services/explainer/jobs/comparison.h"

#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/backend/capture_reader.h"
#include "services/explainer/evidence/compare.h"
#include "services/explainer/jobs/kind_of.h"

namespace recsae::explainer {
namespace {

const char* NameOf(Verdict::Measure measure) {
  switch (measure) {
    case Verdict::Measure::kShown:
      return "described_r2@3";
    case Verdict::Measure::kRandomItems:
      return "described_r2@3, random items";
    case Verdict::Measure::kBreadth:
      return "breadth";
  }
  return "";
}

void Write(const DescribedR2& r2, v1::DescribedR2* out) {
  out->set_at_1(r2[0]);
  out->set_at_3(r2[1]);
  out->set_at_5(r2[2]);
  out->set_all(r2[3]);
}

void Write(const LastRead& fit, v1::LastRead* out) {
  out->set_latent(fit.latent);
  out->set_correlation(fit.correlation);
  out->set_auc(fit.auc);
  out->set_precision(fit.precision);
  out->set_fired_share(fit.fired_share);
  out->set_prevalence(fit.prevalence);
}

void Write(const AttributeFit& score, const ItemSets& sets, v1::AttributeFit* out) {
  const auto& [value, key] = sets.at(score.set).terms.front();
  out->set_key(key);
  out->set_value(value);
  out->set_latent(score.latent);
  out->set_correlation(score.correlation);
  out->set_prevalence(score.prevalence);
  out->set_f1(score.f1);
  out->set_precision(score.precision);
  out->set_probe_r2_1(score.probe_r2[0]);
  out->set_probe_r2_2(score.probe_r2[1]);
  out->set_probe_r2_5(score.probe_r2[2]);
  out->set_read_latent(score.read_latent);
  out->set_read_correlation(score.read_correlation);
  if (score.last_read) Write(*score.last_read, out->mutable_last_read());
}

// By key, the mean correlation over its values.
void WriteLastReadMeans(const v1::DictionaryScore& score,
                        google::protobuf::Map<std::string, double>* out) {
  std::map<std::string, std::pair<double, int>> sums;
  for (const v1::AttributeFit& fit : score.attributes()) {
    if (!fit.has_last_read()) continue;
    auto& [sum, count] = sums[fit.key()];
    sum += fit.last_read().correlation();
    ++count;
  }
  for (const auto& [key, sum] : sums) (*out)[key] = sum.first / sum.second;
}

// `attributes`: whether each of them as well.
void Write(const Splitting& splitting, const ItemSets& sets, bool attributes, v1::Splitting* out) {
  out->set_attribute_count(static_cast<int32_t>(splitting.attributes.size()));
  out->set_latents_per_attribute(splitting.LatentsPerAttribute());
  out->set_missed_share(splitting.MissedShare());
  out->set_absorption_rate(splitting.AbsorptionRate());
  out->set_absorbed_share(splitting.AbsorbedShare());
  if (!attributes) return;
  for (const AttributeSplit& split : splitting.attributes) {
    v1::AttributeSplit* added = out->add_attributes();
    const auto& [value, key] = sets.at(split.set).terms.front();
    added->set_key(key);
    added->set_value(value);
    added->mutable_latents()->Add(split.latents.begin(), split.latents.end());
    added->set_f1(split.f1);
    added->set_told_row_count(split.told);
    added->set_missed_row_count(split.missed);
    added->set_absorbed_row_count(split.absorbed);
  }
}

void Write(const DictionaryScore& score, const ItemSets& sets, v1::DictionaryScore* out) {
  out->set_kind(KindOf(score.kind));
  out->set_latent_count(score.latents);
  out->set_k(score.k);
  out->set_fvu(score.fvu);
  out->set_active_count(score.active);
  if (score.described) {
    Write(score.described->shown, out->mutable_shown());
    Write(score.described->random, out->mutable_random_items());
    out->set_breadth(score.breadth);
    out->set_described_count(score.described_latents);
  }
  if (!score.splitting.attributes.empty()) {
    Write(score.splitting, sets, score.kind == DictionaryKind::kTrained, out->mutable_splitting());
  }
  const bool shown = score.kind == DictionaryKind::kTrained || score.kind == DictionaryKind::kRaw ||
                     !score.described;
  if (!shown) return;
  for (const AttributeFit& attribute : score.attributes) {
    Write(attribute, sets, out->add_attributes());
  }
  WriteLastReadMeans(*out, out->mutable_last_read_correlations());
}

void Write(const Verdict& verdict, v1::Verdict* out) {
  if (verdict.against_control) out->set_control(KindOf(verdict.control));
  out->set_measure(NameOf(verdict.measure));
  out->set_trained(verdict.trained);
  out->set_reference(verdict.reference);
  out->set_beaten(verdict.beaten);
  out->set_reason(verdict.reason);
}

void Write(const Comparison& comparison, const Sample& sample, const ItemSets& sets,
           v1::Evaluation& evaluation) {
  v1::Comparison* out = evaluation.mutable_comparison();
  out->set_describing_user_count(sample.Users(Role::kDescribe));
  out->set_threshold_user_count(sample.Users(Role::kThreshold));
  out->set_measured_user_count(sample.Users(Role::kMeasure));
  out->set_describing_row_count(sample.Of(Role::kDescribe).rows());
  out->set_measured_row_count(sample.Of(Role::kMeasure).rows());
  out->set_distinct_activation_count(sample.distinct());
  out->set_set_count(comparison.sets);
  out->set_attribute_count(comparison.attributes);
  out->set_missing(comparison.missing);
  for (const DictionaryScore& score : comparison.dictionaries) {
    Write(score, sets, evaluation.add_dictionaries());
  }
  for (const Verdict& verdict : comparison.verdicts) Write(verdict, evaluation.add_verdicts());
}

}  // namespace

ComparisonRows::ComparisonRows(const LoadedRecommender& recommender, const LoadedSae& sae,
                               uint64_t seed)
    : recommender_(recommender),
      sample_(sae.model.dim(), sae.probe_site.empty() ? kSampledRows : kLastReadRows, seed) {}

void ComparisonRows::Add(absl::Span<const float> x, const probe::v1::Case& captured) {
  sample_.Add({x.data(), x.size()}, MakeCase(recommender_, captured, users_));
}

absl::Status ComparisonRows::Read(Backend& backend, const Caller& caller, JobContext& job,
                                  const Source& source) {
  int64_t row = 0;
  const auto add =
      [&](const MatrixView& activations,
          const google::protobuf::RepeatedPtrField<probe::v1::Case>& cases) -> absl::Status {
    job.SetProgress(absl::StrCat("reading ", source.capture), row, source.rows, "rows");
    for (int i = 0; i < cases.size(); ++i, ++row) Add(activations.row(i), cases[i]);
    return job.Interrupted();
  };
  return ReadCapture(backend.peers, source.capture, source.rows, sample_.dim(), caller, add);
}

absl::Status WriteComparison(JobContext& job, uint64_t seed, const Sample& sample,
                             const LoadedSae& sae, const LoadedRecommender& recommender,
                             v1::Evaluation& evaluation) {
  const auto alive = [&job] {
    job.SetProgress("comparing with untrained dictionaries", 0, 0, "");
    return job.Interrupted();
  };
  const std::vector<double> popularity =
      PopularityOf(sample, static_cast<int>(recommender.texts.size()));
  RECSAE_ASSIGN_OR_RETURN(const ItemSets sets,
                          ItemSets::Create(recommender.texts, popularity, ItemSetOptions(), alive));
  CompareOptions options;
  options.seed = seed;
  RECSAE_ASSIGN_OR_RETURN(
      const Comparison comparison,
      sae.probe_site.empty()
          ? CompareDictionaries(sample, sets, *recommender.head, sae.model, options, alive)
          : CompareLastRead(sample, sets, sae.model, options, alive));
  Write(comparison, sample, sets, evaluation);
  return absl::OkStatus();
}

}  // namespace recsae::explainer
