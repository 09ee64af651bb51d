#include "services/explainer/jobs/steering_leaks.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>

#include "common/base/status.h"
#include "services/explainer/evidence/described.h"
#include "services/explainer/steered/leak.h"
#include "services/explainer/steering/steering.h"

namespace recsae::explainer {
namespace {

using Leak = v1::SteeringLeak;

constexpr uint64_t kShuffleStream = 63;
// Of the describing users: enough for a probe of a few thousand values.
constexpr int64_t kTrainRows = 4000;

// How many of the last items of the history have the attribute.
int64_t ReadOf(const SteeredCase& row, const Attributes& attributes, int attribute) {
  const size_t count = std::min(row.history.size(), kReadItems);
  return std::count_if(row.history.end() - static_cast<std::ptrdiff_t>(count), row.history.end(),
                       [&](int32_t item) { return attributes.Has(item, attribute); });
}

std::vector<bool> LabelsOf(std::span<const SteeredCase> rows, Leak::Label label, int64_t median,
                           const Attributes& attributes, int attribute) {
  std::vector<bool> labels;
  labels.reserve(rows.size());
  for (const SteeredCase& row : rows) {
    labels.push_back(label == Leak::LABEL_RECOMMENDED
                         ? !row.ranked.empty() && attributes.Has(row.ranked[0], attribute)
                         : ReadOf(row, attributes, attribute) > median);
  }
  return labels;
}

int64_t MedianRead(std::span<const SteeredCase> rows, const Attributes& attributes, int attribute) {
  std::vector<int64_t> counts;
  counts.reserve(rows.size());
  for (const SteeredCase& row : rows) counts.push_back(ReadOf(row, attributes, attribute));
  const auto middle = counts.begin() + static_cast<std::ptrdiff_t>(counts.size() / 2);
  std::nth_element(counts.begin(), middle, counts.end());
  return *middle;
}

bool Enough(const std::vector<bool>& labels) {
  const auto have = std::count(labels.begin(), labels.end(), true);
  return std::min<int64_t>(have, static_cast<int64_t>(labels.size()) - have) >= kFewestLabelled;
}

void Shuffle(Random& random, std::vector<bool>& labels) {
  std::vector<int> shuffled(labels.begin(), labels.end());
  random.Shuffle(&shuffled);
  labels.assign(shuffled.begin(), shuffled.end());
}

// The edits and projections of one row.
struct Removal {
  std::vector<LatentEdit> edits;
  std::vector<int32_t> latents;

  void Add(int32_t latent) {
    if (std::find(latents.begin(), latents.end(), latent) != latents.end()) return;
    latents.push_back(latent);
    edits.push_back({latent, LatentEdit::Operation::kRemove, 0});
  }
};

// As Steer does with "remove" by words, in either mode.
absl::StatusOr<std::vector<float>> Remove(const sae::SaeModel& sae, std::span<const float> rows,
                                          const RemovedLatents& removed, bool project,
                                          const std::vector<float>& baseline, sae::Alive alive) {
  const auto dim = static_cast<size_t>(sae.dim());
  std::vector<float> left;
  left.reserve(rows.size());
  for (size_t begin = 0; begin < rows.size(); begin += dim) {
    if (begin / dim % 64 == 0) RECSAE_RETURN_IF_ERROR(alive());
    const absl::Span<const float> x(rows.data() + begin, dim);
    Removal removal;
    SteeringOptions options;
    options.baseline = baseline;
    if (project) {
      for (const int32_t latent : removed.group) removal.Add(latent);
      options.projected = removal.latents;
      if (!removed.eraser.empty()) options.eraser = &removed.eraser;
    } else {
      for (const sae::LatentActivation& active : sae.Encode(x.data())) {
        const auto& matching = removed.matching;
        if (std::binary_search(matching.begin(), matching.end(), active.latent)) {
          removal.Add(active.latent);
        }
      }
    }
    RECSAE_ASSIGN_OR_RETURN(const SteeredActivation steered,
                            SteerActivation(sae, x, removal.edits, options));
    left.insert(left.end(), steered.activation.begin(), steered.activation.end());
  }
  return left;
}

void Write(Leak::Label label, Leak::From from, const Estimate& auc, const LabelledRows& test,
           v1::AttributeSteering* out) {
  Leak* leak = out->add_leaks();
  leak->set_label(label);
  leak->set_from(from);
  leak->mutable_auc()->set_value(auc.value);
  leak->mutable_auc()->set_low(auc.low);
  leak->mutable_auc()->set_high(auc.high);
  leak->set_row_count(static_cast<int64_t>(test.labels.size()));
  leak->set_positive_count(test.Positives());
}

}  // namespace

absl::Status MeasureLeaks(const SteeringInputs& inputs, const DividedRows& rows,
                          const Attributes& attributes, int attribute,
                          const RemovedLatents& removed, const std::vector<float>& baseline,
                          uint64_t seed, sae::Alive alive, v1::AttributeSteering* out) {
  const sae::SaeModel& sae = inputs.sae->model;
  if (sae.dim() > kLargestLeakProbe) return absl::OkStatus();
  const auto train_rows = static_cast<size_t>(std::min(rows.describing.rows(), kTrainRows));
  const std::span<const SteeredCase> train_cases =
      std::span(rows.describing.cases).first(train_rows);
  const std::span<const float> train =
      std::span(rows.describing.activations).first(train_rows * static_cast<size_t>(sae.dim()));
  const std::span<const float> test = rows.measured.activations;
  const std::vector<int32_t> users = rows.measured.Users();
  std::vector<std::pair<Leak::From, std::pair<std::vector<float>, std::vector<float>>>> changed;
  for (const auto& [from, project] :
       {std::pair(Leak::FROM_DELTA, false), std::pair(Leak::FROM_PROJECTION, true)}) {
    RECSAE_ASSIGN_OR_RETURN(std::vector<float> of_train,
                            Remove(sae, train, removed, project, baseline, alive));
    RECSAE_ASSIGN_OR_RETURN(std::vector<float> of_test,
                            Remove(sae, test, removed, project, baseline, alive));
    changed.emplace_back(from, std::pair(std::move(of_train), std::move(of_test)));
  }
  const int64_t median = MedianRead(train_cases, attributes, attribute);
  for (const Leak::Label label : {Leak::LABEL_RECOMMENDED, Leak::LABEL_READ}) {
    LabelledRows to_fit = {train, LabelsOf(train_cases, label, median, attributes, attribute)};
    LabelledRows to_test = {test,
                            LabelsOf(rows.measured.cases, label, median, attributes, attribute)};
    if (!Enough(to_fit.labels) || !Enough(to_test.labels)) continue;
    Write(label, Leak::FROM_UNCHANGED, ProbeAuc(to_fit, to_test, users, sae.dim()), to_test, out);
    for (const auto& [from, activations] : changed) {
      RECSAE_RETURN_IF_ERROR(alive());
      const LabelledRows fit = {activations.first, to_fit.labels};
      const LabelledRows measure = {activations.second, to_test.labels};
      Write(label, from, ProbeAuc(fit, measure, users, sae.dim()), measure, out);
    }
    // Labels of other rows: what is left is what a probe finds in nothing.
    Random random(seed, kShuffleStream + static_cast<uint64_t>(attribute));
    Shuffle(random, to_fit.labels);
    Shuffle(random, to_test.labels);
    Write(label, Leak::FROM_SHUFFLED, ProbeAuc(to_fit, to_test, users, sae.dim()), to_test, out);
  }
  return absl::OkStatus();
}

}  // namespace recsae::explainer
