#include "services/probe/hosts/door.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "common/base/status.h"
#include "common/ranking/ranking.h"
#include "services/probe/recommenders/model/batches.h"

namespace recsae::probe {
namespace {

// Two runs over the same history may differ by rounding: this much of the largest value.
constexpr float kTolerance = 1e-3f;
// Less than this much of the largest value is no difference at all.
constexpr float kNoDifference = 1e-6f;
// Histories of one length, which differ in their last items alone.
constexpr int kVariants = 4;
constexpr int kScoredItems = 64;

using Values = std::vector<float>;

float Largest(absl::Span<const float> values) {
  float largest = 0;
  for (const float value : values) largest = std::max(largest, std::abs(value));
  return largest;
}

float LargestDifference(absl::Span<const float> a, absl::Span<const float> b) {
  float largest = 0;
  for (size_t i = 0; i < a.size(); ++i) largest = std::max(largest, std::abs(a[i] - b[i]));
  return largest;
}

bool Agree(absl::Span<const float> a, absl::Span<const float> b) {
  return LargestDifference(a, b) <= kTolerance * (1 + Largest(a));
}

bool Differ(absl::Span<const float> a, absl::Span<const float> b) {
  return LargestDifference(a, b) > kNoDifference * Largest(a);
}

absl::Status WrongOutput(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "HOST_OUTPUT", what);
}

absl::Status InvalidSite(const ProbeSite& site, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_INVALID",
               absl::StrCat("probe site \"", site.name, "\": ", why), {{"site", site.name}});
}

// What is a host's fault at run time is its caller's at the door.
absl::Status AsInvalid(const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status) || Reason(status) != "HOST_OUTPUT") return status;
  return WrongOutput(status.message());
}

absl::StatusOr<Values> Checked(absl::StatusOr<Values> values) {
  if (!values.ok()) return AsInvalid(values.status());
  return values;
}

// What a model is tried with.
struct Sample {
  Sample(const Recommender& model, int64_t users) : history(model.options().history) {
    if (!model.reads_history()) {
      for (int64_t i = 0; i < std::min<int64_t>(users, kVariants); ++i) {
        queries.push_back({static_cast<int32_t>(users - 1 - i), {}});
      }
      return;
    }
    const int64_t items = model.items();
    const int64_t step = std::max<int64_t>(1, items / kVariants);
    const auto item = [&](int64_t number) { return static_cast<int32_t>(number % items); };
    for (const int length : std::set<int>{1, std::min(2, history), history}) {
      lengths.push_back(length);
      for (int variant = 0; variant < kVariants; ++variant) {
        std::vector<int32_t>& one = histories.emplace_back();
        for (int j = 0; j + 1 < length; ++j) one.push_back(item(1 + int64_t{j} * 7));
        one.push_back(item(kVariants * items - 1 - variant * step));
      }
    }
    for (size_t i = 0; i < histories.size(); ++i) {
      // Of a known user and of an unknown one.
      const auto user = static_cast<int32_t>(i % 2 == 0 && users > 0 ? i % users : -1);
      queries.push_back({user, histories[i]});
    }
    // The same user within a group, whose rows are to differ by their last items.
    for (size_t i = 0; i < queries.size(); ++i) {
      queries[i].user = queries[i - i % kVariants].user;
    }
  }
  const int history;
  std::vector<int> lengths;  // of each group of kVariants histories
  std::vector<std::vector<int32_t>> histories;
  std::vector<Query> queries;
};

absl::Span<const float> Row(const Values& values, size_t row, int dim) {
  return absl::MakeConstSpan(values).subspan(row * dim, dim);
}

// The length of a group of histories whose rows are all alike, or 0.
int LengthWithoutDifference(const Sample& sample, const Values& rows, int dim) {
  for (size_t group = 0; group < sample.lengths.size(); ++group) {
    bool differ = false;
    for (int variant = 1; variant < kVariants; ++variant) {
      differ = differ || Differ(Row(rows, group * kVariants, dim),
                                Row(rows, group * kVariants + variant, dim));
    }
    if (!differ) return sample.lengths[group];
  }
  return 0;
}

class Trial {
 public:
  Trial(const Recommender& model, int64_t users) : model_(model), sample_(model, users) {}

  absl::Status Run() {
    RECSAE_ASSIGN_OR_RETURN(whole_, Checked(model_.Activations(sample_.queries)));
    RECSAE_RETURN_IF_ERROR(TryAlone());
    // One item cannot be another one.
    if (const int length =
            model_.items() < 2 ? 0 : LengthWithoutDifference(sample_, whole_, model_.dim())) {
      return WrongOutput(
          absl::StrCat("the activation just before scoring is the same for histories of ", length,
                       " items whose last items differ: is the padding on the other side, or the "
                       "newest item first?"));
    }
    const std::vector<ProbeSite> sites = model_.ProbeSites();
    for (size_t i = 0; i + 1 < sites.size(); ++i) RECSAE_RETURN_IF_ERROR(TrySite(sites[i]));
    return absl::OkStatus();
  }

 private:
  absl::Status TryAlone() const {
    for (size_t i = 0; i < sample_.queries.size(); ++i) {
      RECSAE_ASSIGN_OR_RETURN(
          const Values alone,
          Checked(model_.Activations(absl::MakeConstSpan(sample_.queries).subspan(i, 1))));
      if (Agree(alone, Row(whole_, i, model_.dim()))) continue;
      return WrongOutput(
          "the activation of the same history is another one when it is computed alone: is the "
          "model "
          "in eval() mode? Rows must not depend on each other");
    }
    return absl::OkStatus();
  }

  absl::Status TrySite(const ProbeSite& site) const {
    RECSAE_ASSIGN_OR_RETURN(const Values own, Checked(model_.ActivationsAt(
                                                  site.name, Positions::kLast, sample_.queries)));
    if (site.per_position) RECSAE_RETURN_IF_ERROR(TryPositions(site, own));
    return TryResume(site, own);
  }

  absl::Status TryPositions(const ProbeSite& site, const Values& own) const {
    if (const int length =
            model_.items() < 2 ? 0 : LengthWithoutDifference(sample_, own, site.dim)) {
      return InvalidSite(site, absl::StrCat("its activation is the same for histories of ", length,
                                            " items whose last items differ: is the padding on the "
                                            "other side?"));
    }
    RECSAE_ASSIGN_OR_RETURN(const Values all, Checked(model_.ActivationsAt(
                                                  site.name, Positions::kAll, sample_.queries)));
    const std::vector<size_t> starts = RowStarts(sample_.queries, Positions::kAll, sample_.history);
    for (size_t i = 0; i < sample_.queries.size(); ++i) {
      if (Agree(Row(all, starts[i + 1] - 1, site.dim), Row(own, i, site.dim))) continue;
      return InvalidSite(site,
                         "of all positions the last row is not the activation of the last "
                         "position: rows must be oldest first");
    }
    return absl::OkStatus();
  }

  absl::Status TryResume(const ProbeSite& site, const Values& own) const {
    RECSAE_ASSIGN_OR_RETURN(const Values same,
                            Checked(model_.Resume(site.name, sample_.queries, own)));
    if (!Agree(same, whole_)) {
      return InvalidSite(
          site, absl::StrCat("resumed from its own activations, the model returns something "
                             "else than it does by itself; they differ by up to ",
                             LargestDifference(same, whole_)));
    }
    // No multiple of the activation and nothing constant, which a normalisation would take away.
    Values other = own;
    const float scale = 1 + Largest(own);
    for (size_t i = 0; i < other.size(); ++i) {
      other[i] += scale * std::sin(1.7f * static_cast<float>(i % site.dim) + 1);
    }
    RECSAE_ASSIGN_OR_RETURN(const Values moved,
                            Checked(model_.Resume(site.name, sample_.queries, other)));
    for (size_t i = 0; i < sample_.queries.size(); ++i) {
      if (Differ(Row(whole_, i, model_.dim()), Row(moved, i, model_.dim()))) continue;
      return InvalidSite(
          site,
          "resumed from other activations, the model returns the same: nothing at this "
          "site could be steered (is the padding on the other side?)");
    }
    return absl::OkStatus();
  }

  const Recommender& model_;
  const Sample sample_;
  Values whole_;
};

}  // namespace

absl::Status TryModel(const Recommender& model, int64_t users) { return Trial(model, users).Run(); }

absl::Status TryHead(const RemoteModel& model, int64_t users) {
  const Sample sample(model, users);
  std::vector<int32_t> items;
  const int64_t step = std::max<int64_t>(1, model.items() / kScoredItems);
  for (int64_t item = 0; item < model.items() && std::ssize(items) < kScoredItems; item += step) {
    items.push_back(static_cast<int32_t>(item));
  }
  RECSAE_ASSIGN_OR_RETURN(const Values own, Checked(model.Score(sample.queries, items)));
  RECSAE_ASSIGN_OR_RETURN(const Values activations, Checked(model.Activations(sample.queries, {})));
  Values scores(model.items());
  for (size_t query = 0; query < sample.queries.size(); ++query) {
    ScoreItems(Row(activations, query, model.dim()), model.item_vectors(), model.item_biases(),
               absl::MakeSpan(scores));
    const auto theirs = Row(own, query, static_cast<int>(items.size()));
    Values ours;
    for (const int32_t item : items) ours.push_back(scores[item]);
    if (Agree(theirs, ours)) continue;
    size_t at = 0;
    while (std::abs(theirs[at] - ours[at]) <= kTolerance * (1 + Largest(theirs))) ++at;
    return Error(
        absl::StatusCode::kInvalidArgument, "HOST_HEAD",
        absl::StrCat("the model scores item ", items[at], " ", theirs[at],
                     ", but its activation times the item's vector, plus bias, is ", ours[at],
                     ": the vectors are not those that it scores with, or in another order"),
        {{"item", absl::StrCat(items[at])}});
  }
  return absl::OkStatus();
}

}  // namespace recsae::probe
