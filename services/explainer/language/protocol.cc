#include "services/explainer/language/protocol.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/caller.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/rpc/guard.h"
#include "services/explainer/language/case_text.h"
#include "services/explainer/language/readings.h"
#include "services/explainer/language/refusals.h"
#include "services/explainer/language/same_words.h"
#include "services/explainer/language/similar_cases.h"
#include "services/explainer/verification/firing.h"

namespace recsae::explainer {
namespace {

// Latents that are described before their descriptions are dealt to one another.
constexpr int kBlock = 32;
// Of the described latents every so many is judged twice.
constexpr int kRetestEvery = 8;
constexpr int kDescribeTokens = 48;
constexpr int kDetectTokens = 64;
constexpr int kLevelTokens = 8;
constexpr int kActivatedAbove = 5;  // of the paper's levels
constexpr uint64_t kOrderStream = 21;
constexpr uint64_t kRetestStream = 22;

// Verdicts by case: the activated ones first, then the others, as in CaseSelection.
struct Verdicts {
  std::vector<bool> activated;
  int64_t unix_seconds = 0;
};

class LanguageProtocol {
 public:
  LanguageProtocol(LanguageModel& model, LanguageBudget& budget, const CaseTable& cases,
                   const ItemFeatures& features, std::span<const ItemText> items,
                   std::span<const std::string> statistical, const LanguageProtocolOptions& options,
                   const LanguageCallbacks& callbacks)
      : model_(model),
        budget_(budget),
        cases_(cases),
        features_(features),
        items_(items),
        statistical_(statistical),
        options_(options),
        callbacks_(callbacks),
        selector_(cases, options.selection) {
    results_.latents.resize(statistical.size());
    selections_.resize(statistical.size());
    verdicts_.resize(statistical.size());
  }

  absl::StatusOr<LanguageResults> Run() {
    std::vector<int> latents;
    for (size_t i = 0; i < statistical_.size(); ++i) {
      selections_[i] = selector_.Select(static_cast<int>(i));
      if (!statistical_[i].empty() && !selections_[i].positives.empty()) {
        latents.push_back(static_cast<int>(i));
      }
    }
    const auto total = static_cast<int>(latents.size());
    for (int begin = 0; begin < total; begin += kBlock) {
      RECSAE_RETURN_IF_ERROR(callbacks_.progress(begin, total));
      const int count = std::min(kBlock, total - begin);
      const absl::Status status = RunBlock(
          std::span(latents).subspan(static_cast<size_t>(begin), static_cast<size_t>(count)));
      if (Reason(status) == "LANGUAGE_BUDGET_SPENT") {
        results_.stopped =
            absl::StrCat(status.message(), " after ", begin, " to ", begin + count, " of ", total,
                         " latents; build again, with a larger one, to go on from there");
        break;
      }
      RECSAE_RETURN_IF_ERROR(status);
    }
    RECSAE_RETURN_IF_ERROR(callbacks_.progress(total, total));
    results_.unreadable = unreadable_;
    return std::move(results_);
  }

 private:
  // Describes and judges; then, with all descriptions at hand, the controls.
  absl::Status RunBlock(std::span<const int> latents) {
    const auto each = [&](absl::FunctionRef<absl::Status(size_t)> work) {
      return InParallel(latents.size(), work);
    };
    RECSAE_RETURN_IF_ERROR(each([&](size_t i) { return DescribeAndJudge(latents[i]); }));
    RECSAE_RETURN_IF_ERROR(each([&](size_t i) { return Control(latents, i); }));
    return each([&](size_t i) {
      return i % kRetestEvery == 0 ? JudgeAgain(latents[i]) : absl::OkStatus();
    });
  }

  // Calls work(0) to work(n - 1) from as many threads as the model takes calls at a time; the first
  // error ends it. A refused question is no error, unless there are many in a row.
  absl::Status InParallel(size_t n, absl::FunctionRef<absl::Status(size_t)> work) {
    std::atomic<size_t> next = 0;
    std::atomic<bool> failed = false;
    absl::Mutex mutex;
    absl::Status first;
    const auto run = [&] {
      const CallerScope scope(callbacks_.alive);
      for (size_t i = next++; i < n && !failed; i = next++) {
        absl::Status status = Contain("asking the language model", [&] { return work(i); });
        if (IsRefusal(status)) {
          ++unreadable_;
          if (++refused_ < kMaxRefused) continue;
        } else if (status.ok()) {
          refused_ = 0;
          continue;
        }
        const absl::MutexLock lock(&mutex);
        if (!failed.exchange(true)) first = std::move(status);
      }
    };
    const auto threads = std::min(n, static_cast<size_t>(model_.concurrency()));
    std::vector<std::jthread> others;
    for (size_t t = 1; t < threads; ++t) others.emplace_back(run);
    run();
    others.clear();  // joins them
    return first;
  }

  const CaseSelection& Selected(int latent) const {
    return selections_[static_cast<size_t>(latent)];
  }

  absl::Status DescribeAndJudge(int latent) {
    LanguageResult& result = results_.latents[static_cast<size_t>(latent)];
    std::vector<std::pair<std::string, bool>> texts = {
        {statistical_[static_cast<size_t>(latent)], false}};
    if (!options_.judge_only) {
      RECSAE_ASSIGN_OR_RETURN(const std::optional<std::string> own, Describe(latent));
      if (own) texts.emplace_back(*own, true);
    }
    for (const auto& [text, by_model] : texts) {
      RECSAE_ASSIGN_OR_RETURN(const std::optional<Verdicts> verdicts,
                              Judge(text, latent, kOrderStream, 0));
      if (!verdicts) continue;
      result.judged.push_back({text, by_model, TallyOf(*verdicts, latent), verdicts->unix_seconds});
      // Of the model's own where it wrote one.
      verdicts_[static_cast<size_t>(latent)] = *verdicts;
    }
    std::stable_sort(result.judged.begin(), result.judged.end(),
                     [](const JudgedText& a, const JudgedText& b) {
                       return a.tally.Confidence() > b.tally.Confidence();
                     });
    return absl::OkStatus();
  }

  // What is dealt and judged again: the model's own, or where there is none the statistical one.
  std::string TextOf(int latent) const {
    const std::vector<JudgedText>& judged = results_.latents[static_cast<size_t>(latent)].judged;
    const auto own = std::find_if(judged.begin(), judged.end(),
                                  [](const JudgedText& text) { return text.by_model; });
    if (own != judged.end()) return own->text;
    return judged.empty() ? "" : judged[0].text;
  }

  absl::Status Control(std::span<const int> latents, size_t place) {
    const int latent = latents[place];
    const std::string own = TextOf(latent);
    if (own.empty()) return absl::OkStatus();
    const size_t shift = 1 + static_cast<size_t>(options_.selection.seed % 7);
    for (size_t step = 0; step < latents.size(); ++step) {
      const std::string dealt = TextOf(latents[(place + shift + step) % latents.size()]);
      if (dealt.empty() || SayTheSame(own, dealt)) continue;
      RECSAE_ASSIGN_OR_RETURN(const std::optional<Verdicts> verdicts,
                              Judge(dealt, latent, kOrderStream, 0));
      if (verdicts) {
        results_.latents[static_cast<size_t>(latent)].control = TallyOf(*verdicts, latent);
      }
      return absl::OkStatus();
    }
    return absl::OkStatus();
  }

  absl::Status JudgeAgain(int latent) {
    const std::string text = TextOf(latent);
    if (text.empty()) return absl::OkStatus();
    RECSAE_ASSIGN_OR_RETURN(const std::optional<Verdicts> again,
                            Judge(text, latent, kRetestStream, 1));
    if (!again) return absl::OkStatus();
    const std::vector<bool>& before = verdicts_[static_cast<size_t>(latent)].activated;
    const absl::MutexLock lock(&retest_mutex_);
    for (size_t i = 0; i < before.size(); ++i) {
      const bool now = again->activated[i];
      ++(before[i] ? (now ? results_.retest.both : results_.retest.first)
                   : (now ? results_.retest.second : results_.retest.neither));
    }
    return absl::OkStatus();
  }

  absl::StatusOr<StoredAnswer> Ask(std::vector<ChatMessage> messages, uint64_t seed, int tokens) {
    ChatRequest request;
    request.messages = std::move(messages);
    // What every endpoint takes for a number.
    request.seed = static_cast<int64_t>((options_.selection.seed + seed) & 0x7fffffff);
    request.max_tokens = tokens;
    return model_.Ask(request, budget_);
  }

  absl::StatusOr<std::optional<std::string>> Describe(int latent) {
    const FiringStatistics statistics = FiringOf(cases_, latent);
    std::string active;
    for (const int32_t index : Selected(latent).construction) {
      const int level = IntensityLevel(cases_.Activation(index, latent), statistics);
      absl::StrAppend(&active, active.empty() ? "" : "\n", "level ", level, ": ",
                      CaseText(cases_.at(index), items_));
    }
    std::string inactive;
    for (const int32_t index :
         SimilarInactive(cases_, features_, selector_, Selected(latent), latent)) {
      absl::StrAppend(&inactive, inactive.empty() ? "" : "\n", CaseText(cases_.at(index), items_));
    }
    RECSAE_ASSIGN_OR_RETURN(
        const StoredAnswer answer,
        Ask(model_.prompts().describe.Fill({{"active", active}, {"inactive", inactive}}), 0,
            kDescribeTokens));
    std::optional<std::string> text = ReadDescription(answer.text);
    if (!text) ++unreadable_;
    return text;
  }

  absl::StatusOr<std::optional<Verdicts>> Judge(const std::string& description, int latent,
                                                uint64_t stream, uint64_t seed) {
    std::vector<int32_t> indexes = Selected(latent).positives;
    indexes.insert(indexes.end(), Selected(latent).negatives.begin(),
                   Selected(latent).negatives.end());
    if (options_.judge == LanguageJudge::kLevels) return JudgeEach(description, indexes, seed);
    // In an order that says nothing; order[i] is shown as number i + 1.
    std::vector<size_t> order(indexes.size());
    for (size_t i = 0; i < order.size(); ++i) order[i] = i;
    Random random(Random::Mix(options_.selection.seed, stream, static_cast<uint64_t>(latent)));
    random.Shuffle(&order);
    std::string listed;
    for (size_t i = 0; i < order.size(); ++i) {
      absl::StrAppend(&listed, i == 0 ? "" : "\n", i + 1, ". ",
                      CaseText(cases_.at(indexes[order[i]]), items_));
    }
    RECSAE_ASSIGN_OR_RETURN(
        const StoredAnswer answer,
        Ask(model_.prompts().detect.Fill({{"description", description}, {"cases", listed}}), seed,
            kDetectTokens));
    const auto named = ReadNumbers(answer.text, static_cast<int>(order.size()));
    if (!named) {
      ++unreadable_;
      return std::nullopt;
    }
    Verdicts verdicts{std::vector<bool>(order.size()), answer.unix_seconds};
    for (size_t i = 0; i < order.size(); ++i) verdicts.activated[order[i]] = (*named)[i];
    return verdicts;
  }

  absl::StatusOr<std::optional<Verdicts>> JudgeEach(const std::string& description,
                                                    const std::vector<int32_t>& indexes,
                                                    uint64_t seed) {
    Verdicts verdicts;
    for (const int32_t index : indexes) {
      RECSAE_ASSIGN_OR_RETURN(
          const StoredAnswer answer,
          Ask(model_.prompts().level.Fill(
                  {{"description", description}, {"case", CaseText(cases_.at(index), items_)}}),
              seed, kLevelTokens));
      const std::optional<int> level = ReadLevel(answer.text);
      if (!level) {
        ++unreadable_;
        return std::nullopt;
      }
      verdicts.activated.push_back(*level > kActivatedAbove);
      verdicts.unix_seconds = std::max(verdicts.unix_seconds, answer.unix_seconds);
    }
    return verdicts;
  }

  Tally TallyOf(const Verdicts& verdicts, int latent) const {
    const size_t positives = Selected(latent).positives.size();
    Tally tally;
    for (size_t i = 0; i < verdicts.activated.size(); ++i) {
      const bool said = verdicts.activated[i];
      ++(i < positives ? (said ? tally.true_positives : tally.false_negatives)
                       : (said ? tally.false_positives : tally.true_negatives));
    }
    return tally;
  }

  LanguageModel& model_;
  LanguageBudget& budget_;
  const CaseTable& cases_;
  const ItemFeatures& features_;
  const std::span<const ItemText> items_;
  const std::span<const std::string> statistical_;
  const LanguageProtocolOptions& options_;
  const LanguageCallbacks& callbacks_;
  const CaseSelector selector_;
  LanguageResults results_;
  std::vector<CaseSelection> selections_;  // by latent, as are
  std::vector<Verdicts> verdicts_;         // of TextOf
  absl::Mutex retest_mutex_;               // of results_.retest
  std::atomic<int> unreadable_ = 0;
  std::atomic<int> refused_ = 0;  // in a row
};

}  // namespace

double Retest::Agreement() const {
  return cases() == 0 ? 0 : static_cast<double>(both + neither) / cases();
}

double Retest::Kappa() const {
  if (cases() == 0) return 0;
  const double n = cases();
  const double chance = ((both + first) / n) * ((both + second) / n) +
                        ((neither + second) / n) * ((neither + first) / n);
  return chance >= 1 ? 0 : (Agreement() - chance) / (1 - chance);
}

absl::StatusOr<LanguageResults> RunLanguageProtocol(LanguageModel& model, LanguageBudget& budget,
                                                    const CaseTable& cases,
                                                    const ItemFeatures& features,
                                                    std::span<const ItemText> items,
                                                    std::span<const std::string> statistical,
                                                    const LanguageProtocolOptions& options,
                                                    const LanguageCallbacks& callbacks) {
  return LanguageProtocol(model, budget, cases, features, items, statistical, options, callbacks)
      .Run();
}

}  // namespace recsae::explainer
