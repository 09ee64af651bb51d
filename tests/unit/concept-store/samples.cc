#include "tests/unit/concept-store/samples.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "common/messages/tensor.h"
#include "services/concept-store/store/weights.h"

namespace recsae::concept_store {
namespace {

float Value(WeightArray array, int64_t index, float seed) {
  return seed + static_cast<float>(array) * 1000 + static_cast<float>(index) / 8;
}

std::vector<float> Values(WeightArray array, const WeightShape& shape, int64_t first_row,
                          int64_t rows, float seed) {
  std::vector<float> values;
  for (int64_t i = first_row * shape.cols; i < (first_row + rows) * shape.cols; ++i) {
    values.push_back(Value(array, i, seed));
  }
  return values;
}

void AddTests(double correlation, v1::ConceptTests* tests) {
  v1::PredictiveTest* predictive = tests->mutable_predictive();
  predictive->set_correlation(correlation);
  predictive->set_correlation_low(-0.25);
  predictive->set_correlation_high(0.875);
  predictive->set_average_precision(0.5);
  predictive->set_prevalence(0.0625);
  predictive->set_null_correlation(0.125);
  predictive->set_p_value(0.001);
  predictive->set_q_value(0.01);
  predictive->set_user_count(300);
  predictive->set_row_count(4000);
  predictive->set_passed(true);
  v1::SpecificTest* specific = tests->mutable_specific();
  specific->set_correlation(0.75);
  specific->set_nearest_latent(2);
  specific->set_nearest_correlation(0.25);
  specific->set_difference_low(0.375);
  specific->set_neighbour_count(10);
  specific->set_passed(true);
  v1::CausalTest* causal = tests->mutable_causal();
  causal->set_share(0.25);
  causal->set_raised_share(0.75);
  causal->set_control_share(0.125);
  causal->set_effect_low(0.5);
  causal->set_removed_share(0.25);
  causal->set_firing_share(0.5);
  causal->set_removed_control_share(0.5);
  causal->set_removal_low(-0.125);
  causal->set_user_count(50);
  causal->set_pair_count(40);
  causal->set_pair_share(0.75);
  causal->set_passed(true);
  v1::StableTest::Match* match = tests->mutable_stable()->add_matches();
  match->set_sae("saes/other-seed");
  match->set_latent(5);
  match->set_cosine(0.5);
}

}  // namespace

v1::Sae SampleSae() {
  v1::Sae sae;
  sae.set_activation_dim(4);
  sae.set_latent_count(16);
  sae.set_k(2);
  sae.set_architecture(v1::Sae::ARCHITECTURE_TOPK);
  sae.set_scale(0.5F);
  sae.set_capture("recommenders/sasrec/captures/train");
  sae.mutable_report()->set_row_count(1000);
  sae.mutable_report()->set_fvu(0.06);
  (*sae.mutable_report()->mutable_hyper_parameters())["k"] = "2";
  (*sae.mutable_report()->mutable_hyper_parameters())["seed"] = "1";
  return sae;
}

v1::PublishSaeRequest::Header SampleHeader(absl::string_view sae_id) {
  v1::PublishSaeRequest::Header header;
  header.set_sae_id(std::string(sae_id));
  *header.mutable_sae() = SampleSae();
  return header;
}

std::vector<v1::SaeWeights> SampleWeights(const v1::Sae& sae, int64_t rows_each, float seed) {
  std::vector<v1::SaeWeights> chunks;
  for (const WeightArray array : WeightArraysOf(sae)) {
    const WeightShape shape = ShapeOf(array, sae);
    for (int64_t row = 0; row < shape.rows; row += rows_each) {
      const int64_t rows = std::min(rows_each, shape.rows - row);
      const std::vector<float> values = Values(array, shape, row, rows, seed);
      v1::SaeWeights& chunk = chunks.emplace_back();
      chunk.set_array(static_cast<v1::SaeWeights::Array>(array));
      chunk.set_start_row(row);
      if (shape.is_matrix) {
        WriteMatrix({values.data(), rows, shape.cols}, chunk.mutable_values());
      } else {
        WriteVector(values, chunk.mutable_values());
      }
    }
  }
  return chunks;
}

std::string HashedBytes(const v1::Sae& sae, float seed) {
  std::string bytes;
  for (const WeightArray array : WeightArraysOf(sae)) {
    const WeightShape shape = ShapeOf(array, sae);
    const std::vector<float> values = Values(array, shape, 0, shape.rows, seed);
    absl::StrAppend(&bytes, FloatsAsBytes(values));
  }
  return bytes;
}

v1::Concept SampleConcept(int32_t latent, absl::string_view description,
                          const std::vector<std::string>& terms, double confidence) {
  v1::Concept result;
  result.set_latent(latent);
  result.set_description(std::string(description));
  double weight = 20;
  for (const std::string& text : terms) {
    v1::Term* term = result.add_terms();
    term->set_text(text);
    term->set_kind("word");
    term->set_weight(weight--);
  }
  result.set_source(v1::Concept::SOURCE_STATISTICAL_LABELER);
  result.mutable_paper_score()->set_confidence(confidence);
  result.mutable_paper_score()->set_positive_count(5);
  result.mutable_paper_score()->set_negative_count(5);
  AddTests(confidence, result.mutable_tests());
  result.mutable_group()->set_lead_latent(latent);
  result.mutable_group()->set_size(1);
  result.mutable_statistics()->set_row_count(1000);
  result.mutable_statistics()->set_active_row_count(10 + latent);
  for (int i = 1; i <= 9; ++i) result.mutable_statistics()->add_level_thresholds(i);
  v1::Evidence* evidence = result.add_evidence();
  evidence->set_capture("recommenders/sasrec/captures/test");
  evidence->set_row(latent);
  evidence->set_activation(3.5);
  evidence->set_level(10);
  evidence->set_recommended_item_id("i1");
  evidence->add_history_item_ids("i2");
  return result;
}

}  // namespace recsae::concept_store
