#include "services/explainer/evidence/compare.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/base/random.h"
#include "common/base/status.h"

namespace recsae::explainer {
namespace {

constexpr double kBetter = 1.05;
// With fewer activations per latent, latents are what single users are.
constexpr int64_t kFewDistinctPerLatent = 16;
constexpr uint64_t kItemsStream = 31;
// Sizes of untrained dictionaries beside the SAE's own: few broad directions can tell more.
struct Size {
  int latents;
  int k;
};
constexpr std::array<Size, 3> kControlSizes = {{{32, 2}, {64, 4}, {256, 8}}};

bool IsSparse(DictionaryKind kind) {
  return kind != DictionaryKind::kRaw && kind != DictionaryKind::kComponents;
}

// To the attributes' fits.
absl::Status AddLastRead(const CodedSample& coded, const Dictionary& dictionary,
                         const ItemSets& sets, Alive alive, std::vector<AttributeFit>& fits) {
  std::vector<int32_t> attributes;
  attributes.reserve(fits.size());
  for (const AttributeFit& fit : fits) attributes.push_back(fit.set);
  RECSAE_ASSIGN_OR_RETURN(
      const std::vector<LastRead> read,
      FitLastRead(coded, dictionary.latents(), dictionary.is_signed(), sets, attributes, alive));
  for (size_t i = 0; i < read.size(); ++i) fits[i].last_read = read[i];
  return absl::OkStatus();
}

// What is asked of a dictionary whose latents no score is a sum over.
absl::StatusOr<DictionaryScore> ScoreLastRead(const Sample& sample, const ItemSets& sets,
                                              const Dictionary& dictionary,
                                              std::span<const int32_t> attributes, Alive alive) {
  RECSAE_ASSIGN_OR_RETURN(const CodedSample coded, CodeSample(sample, dictionary, alive));
  DictionaryScore score;
  score.kind = dictionary.kind();
  score.latents = dictionary.latents();
  score.k = dictionary.k();
  score.fvu = Fvu(coded, dictionary);
  score.active = ActiveLatents(coded, dictionary.latents());
  for (const int32_t attribute : attributes) score.attributes.push_back({.set = attribute});
  RECSAE_RETURN_IF_ERROR(AddLastRead(coded, dictionary, sets, alive, score.attributes));
  return score;
}

class Comparer {
 public:
  Comparer(const Sample& sample, const ItemSets& sets, const PredictionHead& head,
           const CompareOptions& options, Alive alive)
      : sample_(sample), sets_(sets), head_(head), options_(options), alive_(alive) {
    Random random(options.seed, kItemsStream);
    for (int i = 0; i < std::min(options.random_items, head.items()); ++i) {
      items_.push_back(static_cast<int32_t>(random.Below(static_cast<uint64_t>(head.items()))));
    }
    ChooseAttributes();
  }

  // Before the first Score.
  absl::Status FitProbes() {
    RECSAE_ASSIGN_OR_RETURN(probes_, FitAttributeProbes(sample_, sets_, attributes_, alive_));
    return absl::OkStatus();
  }

  const std::vector<int32_t>& attributes() const { return attributes_; }

  absl::StatusOr<DictionaryScore> Score(const Dictionary& dictionary) const {
    RECSAE_ASSIGN_OR_RETURN(const CodedSample coded, CodeSample(sample_, dictionary, alive_));
    RECSAE_ASSIGN_OR_RETURN(
        const Association association,
        Associate(coded.rows(Role::kDescribe), coded.of(Role::kDescribe), dictionary.latents(),
                  sets_, {Speaking::Items::kDescribing, sample_.seed()}, alive_));
    RECSAE_ASSIGN_OR_RETURN(
        const std::vector<SetDescription> descriptions,
        DescribeLatents(association, coded.rows(Role::kDescribe), coded.of(Role::kDescribe), sets_,
                        dictionary.is_signed(), alive_));

    DictionaryScore score;
    score.kind = dictionary.kind();
    score.latents = dictionary.latents();
    score.k = dictionary.k();
    RECSAE_ASSIGN_OR_RETURN(
        score.described, MeasureDescribed(coded.rows(Role::kMeasure), coded.of(Role::kMeasure),
                                          dictionary, descriptions, sets_, head_, items_, alive_));
    score.fvu = Fvu(coded, dictionary);
    score.active = ActiveLatents(coded, dictionary.latents());
    score.described_latents = static_cast<int>(
        std::count_if(descriptions.begin(), descriptions.end(),
                      [](const SetDescription& description) { return description.set >= 0; }));
    RECSAE_ASSIGN_OR_RETURN(
        score.attributes,
        FitAttributes(coded, association, dictionary.is_signed(), sets_, attributes_, alive_));
    if (dictionary.kind() == DictionaryKind::kTrained ||
        dictionary.kind() == DictionaryKind::kRaw) {  // whose attributes are shown
      RECSAE_RETURN_IF_ERROR(FitRead(coded, dictionary.latents(), dictionary.is_signed(), sets_,
                                     score.attributes, alive_));
      RECSAE_RETURN_IF_ERROR(AddLastRead(coded, dictionary, sets_, alive_, score.attributes));
    }
    for (const AttributeFit& attribute : score.attributes) {
      score.breadth += attribute.correlation / static_cast<double>(attributes_.size());
    }
    if (IsSparse(dictionary.kind())) {
      RECSAE_ASSIGN_OR_RETURN(score.splitting,
                              MeasureSplitting(coded, dictionary, association, probes_, alive_));
    }
    return score;
  }

 private:
  // Attributes that at least so many rows of those who are measured have, and some have not.
  void ChooseAttributes() {
    const SampledRows& rows = sample_.Of(Role::kMeasure);
    std::vector<int64_t> counts(static_cast<size_t>(sets_.size()));
    SetShares shares(sets_);
    for (const Case& from : rows.cases) {
      shares.Of(from);
      for (const int32_t set : shares.touched()) ++counts[static_cast<size_t>(set)];
    }
    for (const int32_t attribute : sets_.Attributes()) {
      if (counts[static_cast<size_t>(attribute)] >= options_.min_attribute_rows) {
        attributes_.push_back(attribute);
      }
    }
    if (attributes_.size() > kMostAttributes) {
      std::stable_sort(attributes_.begin(), attributes_.end(), [&](int32_t a, int32_t b) {
        return counts[static_cast<size_t>(a)] > counts[static_cast<size_t>(b)];
      });
      attributes_.resize(kMostAttributes);
      std::sort(attributes_.begin(), attributes_.end());
    }
  }

  const Sample& sample_;
  const ItemSets& sets_;
  const PredictionHead& head_;
  const CompareOptions& options_;
  Alive alive_;
  std::vector<int32_t> items_;
  std::vector<int32_t> attributes_;
  AttributeProbes probes_;
};

bool Better(const DictionaryScore& a, const DictionaryScore& b) { return a.Shown() > b.Shown(); }

// The best of some sizes: each control at its strongest.
template <typename Make>
absl::StatusOr<DictionaryScore> BestOf(const Comparer& comparer, const std::vector<Size>& sizes,
                                       Make make) {
  DictionaryScore best;
  double breadth = -1;
  bool first = true;
  for (const Size& size : sizes) {
    RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Dictionary> dictionary, make(size));
    RECSAE_ASSIGN_OR_RETURN(DictionaryScore score, comparer.Score(*dictionary));
    breadth = std::max(breadth, score.breadth);
    if (first || Better(score, best)) best = std::move(score);
    first = false;
  }
  // The breadth of whichever size has most of it: no control is weaker than it can be.
  best.breadth = breadth;
  return best;
}

std::string WhyMissing(const Sample& sample, const ItemSets& sets) {
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    if (sample.Of(role).rows() >= kFewestSampledRows) continue;
    return absl::StrFormat(
        "there are too few rows with ranked items to divide their users into those who describe, "
        "set "
        "thresholds and are measured (%d, %d and %d rows; each needs %d): give evidence captures "
        "with more users",
        sample.Of(Role::kDescribe).rows(), sample.Of(Role::kThreshold).rows(),
        sample.Of(Role::kMeasure).rows(), kFewestSampledRows);
  }
  if (sets.Attributes().empty()) {
    return "no attribute of the catalogue is shared by at least 5 items, so that nothing can be "
           "said "
           "of what an SAE tells: upload items with attributes";
  }
  return "";
}

std::string KindName(DictionaryKind kind) {
  switch (kind) {
    case DictionaryKind::kTrained:
      return "the SAE";
    case DictionaryKind::kRaw:
      return "the raw dimensions";
    case DictionaryKind::kComponents:
      return "the principal components";
    case DictionaryKind::kRandom:
      return "random directions";
    case DictionaryKind::kExemplars:
      return "exemplars";
  }
  return "";
}

std::string ReasonAgainst(const DictionaryScore& trained, DictionaryKind control,
                          Verdict::Measure measure, int64_t distinct) {
  if (distinct < kFewDistinctPerLatent * trained.latents) {
    return absl::StrFormat(
        "there are only %d distinct activations for %d latents: train with fewer latents, or on "
        "more "
        "users",
        distinct, trained.latents);
  }
  if (measure == Verdict::Measure::kBreadth) {
    return absl::StrCat("single attributes are told as well by ", KindName(control),
                        ": the SAE's latents mix them; try fewer latents, or a smaller k");
  }
  if (control == DictionaryKind::kComponents) {
    return "few broad directions, such as popular and old, tell as much of the scores: Matryoshka "
           "prefixes from 8 up give the SAE latents as broad";
  }
  return absl::StrCat("a list's scores are spread over as many latents as those of ",
                      KindName(control), ": try Matryoshka prefixes, or a smaller k");
}

}  // namespace

std::vector<Verdict> Judge(const std::vector<DictionaryScore>& dictionaries, int64_t distinct) {
  std::vector<Verdict> verdicts;
  const DictionaryScore& trained = dictionaries.front();
  Verdict least;
  least.against_control = false;
  least.trained = trained.Shown();
  least.reference = kLeastDescribed;
  least.beaten = least.trained >= kLeastDescribed;
  if (!least.beaten) {
    least.reason =
        "hardly anything in these scores follows from what the catalogue says of items: an "
        "untrained "
        "recommender, interactions without a pattern, or attributes that have nothing to do with "
        "it";
  }
  verdicts.push_back(least);
  for (size_t i = 1; i < dictionaries.size(); ++i) {
    const DictionaryScore& control = dictionaries[i];
    const std::array<std::pair<double, double>, 3> values = {
        {{trained.Shown(), control.Shown()},
         {trained.RandomItems(), control.RandomItems()},
         {trained.breadth, control.breadth}}};
    for (size_t m = 0; m < values.size(); ++m) {
      const bool is_breadth = static_cast<Verdict::Measure>(m) == Verdict::Measure::kBreadth;
      if (is_breadth && trained.attributes.empty()) continue;  // no attribute to be broad in
      Verdict verdict;
      verdict.control = control.kind;
      verdict.measure = static_cast<Verdict::Measure>(m);
      std::tie(verdict.trained, verdict.reference) = values[m];
      verdict.beaten = verdict.trained > 0 && verdict.trained > kBetter * verdict.reference;
      if (!verdict.beaten) {
        verdict.reason = ReasonAgainst(trained, control.kind, verdict.measure, distinct);
      }
      verdicts.push_back(std::move(verdict));
    }
  }
  return verdicts;
}

absl::StatusOr<Comparison> CompareDictionaries(const Sample& sample, const ItemSets& sets,
                                               const PredictionHead& head,
                                               const sae::SaeModel& model,
                                               const CompareOptions& options, Alive alive) {
  Comparison comparison;
  comparison.sets = sets.size();
  comparison.missing = WhyMissing(sample, sets);
  if (!comparison.missing.empty()) return comparison;
  Comparer comparer(sample, sets, head, options, alive);
  RECSAE_RETURN_IF_ERROR(comparer.FitProbes());
  comparison.attributes = static_cast<int>(comparer.attributes().size());
  const auto add = [&](absl::StatusOr<DictionaryScore> score) -> absl::Status {
    RECSAE_RETURN_IF_ERROR(score.status());
    comparison.dictionaries.push_back(*std::move(score));
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(add(comparer.Score(*TrainedDictionary(model))));

  const std::span<const float> rows = sample.Of(Role::kDescribe).activations;
  const int dim = sample.dim();
  RECSAE_RETURN_IF_ERROR(add(comparer.Score(*RawDictionary(rows, dim))));
  if (dim <= kLargestComponents) {
    RECSAE_RETURN_IF_ERROR(add(comparer.Score(*ComponentsDictionary(rows, dim))));
  }
  std::vector<Size> sizes(kControlSizes.begin(), kControlSizes.end());
  const int latents = std::min(model.latents(), kLargestControl);
  const int k = std::min(model.k(), latents);
  if (std::none_of(sizes.begin(), sizes.end(),
                   [&](const Size& size) { return size.latents == latents && size.k == k; })) {
    sizes.push_back({latents, k});
  }
  RECSAE_RETURN_IF_ERROR(add(BestOf(comparer, sizes, [&](const Size& size) {
    return RandomDictionary(rows, dim, size.latents, size.k, options.seed, alive);
  })));
  RECSAE_RETURN_IF_ERROR(add(BestOf(comparer, sizes, [&](const Size& size) {
    return ExemplarDictionary(rows, dim, size.latents, size.k, options.seed, alive);
  })));
  comparison.verdicts = Judge(comparison.dictionaries, sample.distinct());
  return comparison;
}

absl::StatusOr<Comparison> CompareLastRead(const Sample& sample, const ItemSets& sets,
                                           const sae::SaeModel& model,
                                           const CompareOptions& options, Alive alive) {
  Comparison comparison;
  comparison.sets = sets.size();
  comparison.missing = WhyMissing(sample, sets);
  if (!comparison.missing.empty()) return comparison;
  std::vector<int32_t> attributes = AttributesReadLast(sample, sets, options.min_attribute_rows);
  if (attributes.size() > kMostAttributes) attributes.resize(kMostAttributes);
  comparison.attributes = static_cast<int>(attributes.size());
  const std::span<const float> rows = sample.Of(Role::kDescribe).activations;
  const int latents = std::min(model.latents(), kLargestControl);
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Dictionary> random,
                          RandomDictionary(rows, sample.dim(), latents,
                                           std::min(model.k(), latents), options.seed, alive));
  const std::unique_ptr<Dictionary> trained = TrainedDictionary(model);
  const std::unique_ptr<Dictionary> raw = RawDictionary(rows, sample.dim());
  for (const Dictionary* dictionary : {trained.get(), raw.get(), random.get()}) {
    RECSAE_ASSIGN_OR_RETURN(DictionaryScore score,
                            ScoreLastRead(sample, sets, *dictionary, attributes, alive));
    comparison.dictionaries.push_back(std::move(score));
  }
  return comparison;
}

std::vector<double> PopularityOf(const Sample& sample, int items) {
  std::vector<double> popularity(static_cast<size_t>(items));
  bool known = false;
  for (const Role role : {Role::kDescribe, Role::kThreshold, Role::kMeasure}) {
    for (const Case& from : sample.Of(role).cases) {
      for (const int32_t item : from.history) ++popularity[static_cast<size_t>(item)];
      known = known || !from.history.empty();
    }
  }
  return known ? popularity : std::vector<double>();
}

}  // namespace recsae::explainer
