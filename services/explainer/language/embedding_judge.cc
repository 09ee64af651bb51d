#include "services/explainer/language/embedding_judge.h"

#include <algorithm>
#include <cstddef>
#include <numeric>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/strings/str_cat.h"
#include "common/base/caller.h"
#include "common/base/query_words.h"
#include "common/base/status.h"
#include "services/explainer/language/case_text.h"
#include "services/explainer/language/same_words.h"

namespace recsae::explainer {
namespace {

// Texts whose embeddings are in memory at a time, besides those of one more latent.
constexpr size_t kTextsAtATime = 512;

// What examples a description has draws it away from what it says (docs/meaning-search.md).
std::string Said(const std::string& description) { return std::string(PartsOf(description).said); }

// Positions of a latent's cases in the CaseTable.
struct JudgedCases {
  int latent = 0;
  std::vector<int32_t> active;    // judged, as are
  std::vector<int32_t> inactive;  // and the threshold is of
  std::vector<int32_t> describing;
  std::vector<int32_t> background;
  std::string statistical;
  std::string by_model;
  std::string dealt;
};

// Different texts and their places.
class TextSet {
 public:
  void Add(const std::string& text) {
    if (text.empty()) return;
    if (places_.emplace(text, texts_.size()).second) texts_.push_back(text);
  }
  size_t size() const { return texts_.size(); }
  const std::vector<std::string>& texts() const { return texts_; }
  // Null where it has none, or there is no such text.
  const UnitVector* Find(const std::string& text, std::span<const UnitVector> vectors) const {
    const auto place = places_.find(text);
    if (place == places_.end() || vectors[place->second].empty()) return nullptr;
    return &vectors[place->second];
  }

 private:
  absl::flat_hash_map<std::string, size_t> places_;
  std::vector<std::string> texts_;
};

double Mean(std::span<const double> values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

class EmbeddingJudge {
 public:
  EmbeddingJudge(TextEmbedder& embedder, const CaseTable& cases, std::span<const ItemText> items,
                 std::span<const LatentTexts> texts, const EmbeddingJudgeOptions& options,
                 const EmbeddingCallbacks& callbacks)
      : embedder_(embedder),
        cases_(cases),
        items_(items),
        texts_(texts),
        options_(options),
        callbacks_(callbacks) {
    results_.latents.resize(texts.size());
  }

  absl::StatusOr<EmbeddingJudgeResults> Run() {
    const CallerScope scope(callbacks_.alive);
    const auto total = static_cast<int>(Choose());
    Deal();
    EmbeddingUse use;
    for (size_t begin = 0; begin < judged_.size();) {
      RECSAE_RETURN_IF_ERROR(callbacks_.progress(static_cast<int>(begin), total));
      RECSAE_ASSIGN_OR_RETURN(begin, JudgeSome(begin, use));
    }
    RECSAE_RETURN_IF_ERROR(callbacks_.progress(total, total));
    results_.paid = use.paid;
    return std::move(results_);
  }

 private:
  std::string TextOf(int32_t index) const { return CaseText(cases_.at(index), items_); }

  // Nothing where a latent has no description, or too few cases.
  std::optional<JudgedCases> CasesOf(const CaseSelector& selector, int latent) const {
    const LatentTexts& texts = texts_[static_cast<size_t>(latent)];
    JudgedCases judged;
    judged.latent = latent;
    judged.statistical = Said(texts.statistical);
    judged.by_model = Said(texts.by_model);
    CaseSelection selection = selector.Select(latent);
    const size_t n = selection.construction.size();
    judged.active = std::move(selection.positives);
    judged.inactive = std::move(selection.negatives);
    judged.describing = std::move(selection.construction);
    for (const int32_t index : selector.Background(latent, static_cast<int>(2 * n))) {
      const bool is_judged =
          std::find(judged.inactive.begin(), judged.inactive.end(), index) != judged.inactive.end();
      if (!is_judged && judged.background.size() < n) judged.background.push_back(index);
    }
    if (judged.statistical.empty() || judged.active.empty() || judged.inactive.empty() ||
        judged.background.empty()) {
      return std::nullopt;
    }
    return judged;
  }

  template <typename Use>
  void ForEachText(const JudgedCases& judged, const Use& use) const {
    use(judged.statistical);
    use(judged.by_model);
    for (const auto* indexes :
         {&judged.active, &judged.inactive, &judged.describing, &judged.background}) {
      for (const int32_t index : *indexes) use(TextOf(index));
    }
  }

  // The latents that are judged, as far as max_texts goes; how many there are.
  size_t Choose() {
    const CaseSelector selector(cases_, options_.selection);
    absl::flat_hash_set<std::string> known;
    size_t total = 0;
    for (size_t i = 0; i < texts_.size(); ++i) {
      std::optional<JudgedCases> judged = CasesOf(selector, static_cast<int>(i));
      if (!judged) continue;
      ++total;
      if (!results_.stopped.empty()) continue;
      absl::flat_hash_set<std::string> added;
      ForEachText(*judged, [&](const std::string& text) {
        if (!text.empty() && !known.contains(text)) added.insert(text);
      });
      if (static_cast<int64_t>(known.size() + added.size()) > options_.max_texts) {
        results_.stopped =
            absl::StrCat("its ", options_.max_texts, " texts were enough for ", judged_.size());
        continue;
      }
      known.merge(added);
      judged_.push_back(*std::move(judged));
    }
    if (!results_.stopped.empty()) {
      absl::StrAppend(&results_.stopped, " of ", total,
                      " latents; build again, with more, to judge all");
    }
    results_.texts = static_cast<int64_t>(known.size());
    return judged_.size();
  }

  // Gives each latent the description of the next that says something else, from a place on that
  // depends on the seed.
  void Deal() {
    const size_t shift = 1 + static_cast<size_t>(options_.selection.seed % 97);
    for (size_t i = 0; i < judged_.size(); ++i) {
      for (size_t step = 0; step < judged_.size(); ++step) {
        const std::string& dealt = judged_[(i + shift + step) % judged_.size()].statistical;
        if (SayTheSame(judged_[i].statistical, dealt)) continue;
        judged_[i].dealt = dealt;
        break;
      }
    }
  }

  // Judges latents from `begin` on; the first that is left.
  absl::StatusOr<size_t> JudgeSome(size_t begin, EmbeddingUse& use) {
    TextSet set;
    size_t end = begin;
    for (; end < judged_.size() && set.size() < kTextsAtATime; ++end) {
      ForEachText(judged_[end], [&](const std::string& text) { set.Add(text); });
      set.Add(judged_[end].dealt);
    }
    RECSAE_ASSIGN_OR_RETURN(const std::vector<UnitVector> vectors,
                            embedder_.Embed(set.texts(), callbacks_.paid, use));
    for (; begin < end; ++begin) {
      const JudgedCases& judged = judged_[begin];
      EmbeddingJudgement& result = results_.latents[static_cast<size_t>(judged.latent)];
      const auto judge = [&](const std::string& description) {
        return Judge(description, judged, set, vectors);
      };
      result.statistical = judge(judged.statistical);
      result.by_model = judge(judged.by_model);
      result.control = judge(judged.dealt);
      results_.left_out +=
          !result.statistical || (!judged.by_model.empty() && !result.by_model) ? 1 : 0;
    }
    return end;
  }

  // Nothing where an embedding is missing.
  std::optional<Nearness> Judge(const std::string& description, const JudgedCases& judged,
                                const TextSet& set, std::span<const UnitVector> vectors) const {
    const UnitVector* to = set.Find(description, vectors);
    if (to == nullptr) return std::nullopt;
    bool whole = true;
    const auto cosines = [&](const std::vector<int32_t>& indexes) {
      std::vector<double> values;
      for (const int32_t index : indexes) {
        const UnitVector* vector = set.Find(TextOf(index), vectors);
        whole = whole && vector != nullptr;
        if (vector == nullptr) continue;
        values.push_back(std::inner_product(to->begin(), to->end(), vector->begin(), 0.0));
      }
      return values;
    };
    const std::vector<double> active = cosines(judged.active);
    const std::vector<double> inactive = cosines(judged.inactive);
    const std::vector<double> describing = cosines(judged.describing);
    const std::vector<double> background = cosines(judged.background);
    if (!whole) return std::nullopt;
    const double threshold = (Mean(describing) + Mean(background)) / 2;
    Nearness nearness{ShareLarger(active, inactive), {}};
    for (const double cosine : active) {
      ++(cosine > threshold ? nearness.told.true_positives : nearness.told.false_negatives);
    }
    for (const double cosine : inactive) {
      ++(cosine > threshold ? nearness.told.false_positives : nearness.told.true_negatives);
    }
    return nearness;
  }

  TextEmbedder& embedder_;
  const CaseTable& cases_;
  const std::span<const ItemText> items_;
  const std::span<const LatentTexts> texts_;
  const EmbeddingJudgeOptions& options_;
  const EmbeddingCallbacks& callbacks_;
  std::vector<JudgedCases> judged_;
  EmbeddingJudgeResults results_;
};

}  // namespace

double ShareLarger(std::span<const double> of, std::span<const double> than) {
  double larger = 0;
  for (const double a : of) {
    for (const double b : than) larger += a > b ? 1 : (a == b ? 0.5 : 0);
  }
  return larger / static_cast<double>(of.size() * than.size());
}

absl::StatusOr<EmbeddingJudgeResults> RunEmbeddingJudge(TextEmbedder& embedder,
                                                        const CaseTable& cases,
                                                        std::span<const ItemText> items,
                                                        std::span<const LatentTexts> texts,
                                                        const EmbeddingJudgeOptions& options,
                                                        const EmbeddingCallbacks& callbacks) {
  return EmbeddingJudge(embedder, cases, items, texts, options, callbacks).Run();
}

}  // namespace recsae::explainer
