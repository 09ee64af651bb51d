#include "clients/cli/flags/sweep.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/errors.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Sae;
using trainer::v1::TrainingConfig;
using trainer::v1::TrainSaesRequest;

constexpr size_t kMostVariants = 64;

// One combination so far.
struct Point {
  std::string id;
  SaeFlags flags;
  uint64_t seed = 0;
};

// Every point with every value; `set` gives a point its value.
template <typename T, typename Set>
std::vector<Point> Times(const std::vector<Point>& points, const std::vector<T>& values,
                         const char* label, Set set) {
  if (values.empty()) return points;
  std::vector<Point> product;
  for (const Point& point : points) {
    for (const T& value : values) {
      Point& next = product.emplace_back(point);
      if (values.size() > 1) absl::StrAppend(&next.id, "-", label, value);
      set(next, value);
    }
  }
  return product;
}

template <typename T>
absl::Status CheckDistinct(const char* flag, const std::vector<T>& values) {
  std::set<T> seen;
  for (const T& value : values) {
    if (!seen.insert(value).second) {
      return UsageError(absl::StrCat("--", flag, " names ", value, " twice"));
    }
  }
  return absl::OkStatus();
}

// Before anything is made of it.
absl::Status CheckLists(const SaeFlags& flags, const std::vector<uint64_t>& seeds) {
  RECSAE_RETURN_IF_ERROR(CheckDistinct("architecture", flags.architecture));
  RECSAE_RETURN_IF_ERROR(CheckDistinct("latents", flags.latents));
  RECSAE_RETURN_IF_ERROR(CheckDistinct("k", flags.k));
  RECSAE_RETURN_IF_ERROR(CheckDistinct("learning-rate", flags.learning_rate));
  RECSAE_RETURN_IF_ERROR(CheckDistinct("seed", seeds));
  size_t count = 1;
  for (const size_t values : {flags.architecture.size(), flags.latents.size(), flags.k.size(),
                              flags.learning_rate.size(), seeds.size()}) {
    count *= std::max<size_t>(values, 1);
    if (count > kMostVariants) {
      return UsageError(absl::StrCat("these lists make more than ", kMostVariants,
                                     " SAEs; train fewer at a time"));
    }
  }
  return absl::OkStatus();
}

bool TakesSparsityWeight(const TrainingConfig& config) {
  return config.architecture() == Sae::ARCHITECTURE_JUMP_RELU ||
         config.architecture() == Sae::ARCHITECTURE_RELU;
}

// Takes away what only other architectures of the sweep have. What none of them has stays, for the
// trainer to refuse.
void DropWhatOthersHave(TrainSaesRequest& sweep) {
  const auto drop = [&](auto takes, auto clear) {
    auto& variants = *sweep.mutable_variants();
    const auto fits = [&](const auto& variant) { return takes(variant.config()); };
    if (std::none_of(variants.begin(), variants.end(), fits)) return;
    for (auto& variant : variants) {
      if (!fits(variant)) clear(*variant.mutable_config());
    }
  };
  drop(TakesSparsityWeight, [](TrainingConfig& config) { config.clear_sparsity_weight(); });
  drop([](const TrainingConfig& config) { return !TakesSparsityWeight(config); },
       [](TrainingConfig& config) {
         config.clear_matryoshka_prefixes();
         config.clear_without_prefixes();
       });
  drop(
      [](const TrainingConfig& config) {
        return config.architecture() == Sae::ARCHITECTURE_JUMP_RELU;
      },
      [](TrainingConfig& config) { config.clear_bandwidth(); });
}

}  // namespace

absl::StatusOr<TrainSaesRequest> MakeSweep(const std::string& sae_id, const std::string& capture,
                                           const SaeFlags& flags,
                                           const std::vector<uint64_t>& seeds) {
  RECSAE_RETURN_IF_ERROR(CheckLists(flags, seeds));
  std::vector<Point> points = {{sae_id, flags, 0}};
  points = Times(points, flags.architecture, "", [](Point& point, const std::string& value) {
    point.flags.architecture = {value};
  });
  points = Times(points, flags.latents, "f",
                 [](Point& point, int value) { point.flags.latents = {value}; });
  points = Times(points, flags.k, "k", [](Point& point, int value) { point.flags.k = {value}; });
  points = Times(points, flags.learning_rate, "lr",
                 [](Point& point, double value) { point.flags.learning_rate = {value}; });
  points = Times(points, seeds, "seed", [](Point& point, uint64_t value) { point.seed = value; });

  TrainSaesRequest sweep;
  sweep.set_capture(capture);
  for (const Point& point : points) {
    if (const absl::Status valid = ValidateId(point.id, "the name of a variant"); !valid.ok()) {
      return UsageError(valid.message());
    }
    trainer::v1::SaeVariant& variant = *sweep.add_variants();
    variant.set_sae_id(point.id);
    RECSAE_ASSIGN_OR_RETURN(*variant.mutable_config(),
                            MakeTrainingConfig(point.flags, point.seed, capture));
  }
  if (flags.architecture.size() > 1) DropWhatOthersHave(sweep);
  return sweep;
}

}  // namespace recsae::cli
