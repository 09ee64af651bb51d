#include "services/trainer/run/train_request.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "services/trainer/run/dev_set.h"

namespace recsae::trainer {
namespace {

using v1::TrainingConfig;

template <typename T>
void CheckShared(const std::string& path, const char* field, T value, T first, BadRequest& bad) {
  if (value == first) return;
  bad.Add(absl::StrCat(path, "config.", field),
          absl::StrCat("is ", value, ", in the first variant ", first,
                       "; variants are trained on the same batches, so it must be the same"));
}

}  // namespace

TrainRequest::TrainRequest(const v1::TrainSaeRequest& request)
    : capture(request.capture()), variants({{request.sae_id(), request.config(), ""}}) {}

TrainRequest::TrainRequest(const v1::TrainSaesRequest& request) : capture(request.capture()) {
  for (const v1::SaeVariant& variant : request.variants()) {
    variants.push_back(
        {variant.sae_id(), variant.config(), absl::StrCat("variants[", variants.size(), "].")});
  }
}

v1::TrainSaeRequest WithConfigs(v1::TrainSaeRequest request,
                                const std::vector<TrainingConfig>& configs) {
  *request.mutable_config() = configs[0];
  return request;
}

v1::TrainSaesRequest WithConfigs(v1::TrainSaesRequest request,
                                 const std::vector<TrainingConfig>& configs) {
  for (int i = 0; i < request.variants_size(); ++i) {
    *request.mutable_variants(i)->mutable_config() = configs[static_cast<size_t>(i)];
  }
  return request;
}

void CheckNames(const TrainRequest& request, BadRequest& bad) {
  const size_t count = request.variants.size();
  if (count < 1 || count > kMaxVariants) {
    bad.Add("variants", absl::StrCat("must be 1 to ", kMaxVariants, ", are ", count));
  }
  bad.Add("capture",
          ParseName(request.capture, "recommenders/{recommender}/captures/{capture}").status());
  std::set<std::string> ids;
  for (const TrainRequest::Variant& variant : request.variants) {
    const std::string field = variant.path + "sae_id";
    bad.Add(field, ValidateId(variant.sae_id, "sae_id"));
    bad.Add(variant.path + "config.early_stop.capture",
            CheckSameRecommender(request.capture, variant.config.early_stop().capture()));
    if (!ids.insert(variant.sae_id).second) {
      bad.Add(field, absl::StrCat("is that of another variant, \"", variant.sae_id,
                                  "\"; give each a name of its own"));
    }
  }
}

std::vector<TrainingConfig> FillInAll(const TrainRequest& request, const DataShape& data,
                                      BadRequest& bad) {
  std::vector<TrainingConfig> configs;
  for (const TrainRequest::Variant& variant : request.variants) {
    const TrainingConfig& config =
        configs.emplace_back(FillIn(variant.config, data, variant.path + "config", bad));
    const TrainingConfig& first = configs.front();
    CheckShared(variant.path, "batch_rows", config.batch_rows(), first.batch_rows(), bad);
    CheckShared(variant.path, "epoch_count", config.epoch_count(), first.epoch_count(), bad);
    CheckShared(variant.path, "thread_count", config.thread_count(), first.thread_count(), bad);
    CheckShared(variant.path, "checkpoint_seconds", config.checkpoint_seconds(),
                first.checkpoint_seconds(), bad);
  }
  return configs;
}

}  // namespace recsae::trainer
