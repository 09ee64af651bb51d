#include "clients/cli/reproduce/first_block.h"

#include <algorithm>
#include <iterator>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "clients/cli/render/dictionary_names.h"
#include "clients/cli/reproduce/cell.h"

namespace recsae::cli {
namespace {

using explainer::v1::DictionaryScore;
using explainer::v1::Evaluation;
using nlohmann::ordered_json;
using trainer::v1::TrainingConfig;

constexpr char kSite[] = "layers.0";
constexpr char kSuffix[] = "-block0";
constexpr char kGenreKey[] = "genre";

// As the published figures are of. A row takes a pass over its whole history.
constexpr int64_t kTrainRows = 200'000;

constexpr int kLatents = 512;
constexpr int kBatchRows = 256;
constexpr int64_t kSteps = 10'000;
constexpr double kWarmUp = 0.1;
// Of the L1 norm beside FVU (TrainingConfig.sparsity_weight). The published .1 is in other units;
// this is what explains as much.
constexpr double kL1Weight = 0.006;

std::string Moved(const std::string& name) { return absl::StrCat(name, kSuffix); }

ordered_json ReadJson(const explainer::v1::LastRead& read) {
  return {{"latent", read.latent()},
          {"correlation", read.correlation()},
          {"auc", read.auc()},
          {"precision", read.precision()},
          {"fired", read.fired_share()}};
}

// "genre" where there is one; else the key of the most values that could be measured.
std::string KeyOf(const Evaluation& evaluation) {
  std::map<std::string, int> values;
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    for (const auto& fit : score.attributes()) values[fit.key()] += fit.has_last_read() ? 1 : 0;
  }
  if (values.count(kGenreKey) > 0) return kGenreKey;
  const auto most =
      std::max_element(values.begin(), values.end(),
                       [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == values.end() ? kGenreKey : most->first;
}

ordered_json RankingJson(const explainer::v1::RankingMetrics& metrics) {
  ordered_json json = ordered_json::object();
  if (metrics.has_hr_at_10()) json["hr@10"] = metrics.hr_at_10();
  if (metrics.has_ndcg_at_10()) json["ndcg@10"] = metrics.ndcg_at_10();
  return json;
}

}  // namespace

std::string TrainedName(const std::string& recommender) {
  return std::string(absl::StripSuffix(recommender, kUntrainedSuffix));
}

bool IsFirstBlock(const std::string& recommender) {
  const std::string name = TrainedName(recommender);
  return std::any_of(std::begin(kFirstBlockRecommenders), std::end(kFirstBlockRecommenders),
                     [&](const char* known) { return name == known; });
}

PipelinePlan AtFirstBlock(PipelinePlan plan) {
  for (CaptureStep& step : plan.captures) {
    step.request.set_capture_id(Moved(step.request.capture_id()));
    step.request.set_site(kSite);
    if (step.request.split() == probe::v1::SPLIT_TRAIN && !step.request.with_cases()) {
      step.request.set_max_rows(kTrainRows);
      step.request.set_seed(plan.train_recommender.hyper_parameters().seed());
    }
  }
  plan.train_sae.set_sae_id(Moved(plan.train_sae.sae_id()));
  plan.train_sae.set_capture(Moved(plan.train_sae.capture()));
  plan.evaluate.set_sae(plan.sae());
  plan.evaluate.set_capture(Moved(plan.evaluate.capture()));
  for (std::string& capture : *plan.evaluate.mutable_evidence_captures()) {
    capture = Moved(capture);
  }
  return plan;
}

TrainingConfig PublishedConfig(uint64_t seed, int64_t rows) {
  TrainingConfig config;
  config.set_architecture(concept_store::v1::Sae::ARCHITECTURE_RELU);
  config.set_latent_count(kLatents);
  config.set_learning_rate(1e-3);
  config.set_warmup_fraction(kWarmUp);
  config.set_decay_fraction(0);
  config.set_batch_rows(kBatchRows);
  const int64_t read = kSteps * kBatchRows;
  config.set_epoch_count(
      static_cast<int>(std::max<int64_t>(1, (read + rows / 2) / std::max<int64_t>(1, rows))));
  config.set_gradient_clip(0);
  config.set_revival(TrainingConfig::REVIVAL_NONE);
  config.set_sparsity_weight(kL1Weight);
  config.set_seed(seed);
  return config;
}

ordered_json FirstBlockJson(const concept_store::v1::Sae& sae, const Evaluation& evaluation) {
  ordered_json json = {{"explained_test", 1 - evaluation.fvu()},
                       {"l0", evaluation.l0()},
                       {"sae",
                        {{"d", sae.activation_dim()},
                         {"latents", sae.latent_count()},
                         {"k", sae.k()},
                         {"train_fvu", sae.report().fvu()},
                         {"train_seconds", sae.report().seconds()}}},
                       {"original", RankingJson(evaluation.recommender())},
                       {"reconstructed", RankingJson(evaluation.reconstructed())}};
  const std::string key = KeyOf(evaluation);
  json["key"] = key;
  std::map<std::string, ordered_json> genres;
  for (const DictionaryScore& score : evaluation.dictionaries()) {
    const std::string kind = DictionaryKey(score.kind(), "");
    if (score.kind() == DictionaryScore::KIND_TRAINED) {
      json["explained"] = 1 - score.fvu();
      json["active"] = score.active_count();
    }
    const auto mean = score.last_read_correlations().find(key);
    if (mean != score.last_read_correlations().end()) json["correlation"][kind] = mean->second;
    for (const auto& fit : score.attributes()) {
      if (fit.key() != key || !fit.has_last_read()) continue;
      ordered_json& genre = genres[fit.value()];
      genre["value"] = fit.value();
      genre["prevalence"] = fit.last_read().prevalence();
      genre[kind] = ReadJson(fit.last_read());
    }
  }
  json["genres"] = ordered_json::array();
  for (auto& [value, genre] : genres) json["genres"].push_back(std::move(genre));
  return json;
}

}  // namespace recsae::cli
