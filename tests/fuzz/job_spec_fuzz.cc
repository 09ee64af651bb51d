// Bytes as the Any of a stored job, unpacked and checked as the trainer and the probe do: refused
// with a reason, or settings with every default filled in.
#include <google/protobuf/any.pb.h>

#include <cstddef>
#include <cstdint>

#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"
#include "services/probe/models/hyper_parameters.h"
#include "services/trainer/run/training_config.h"
#include "tests/fuzz/fuzzing.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  google::protobuf::Any spec;
  if (!spec.ParseFromArray(data, static_cast<int>(size))) return 0;
  recsae::trainer::v1::TrainSaeRequest sae;
  if (spec.UnpackTo(&sae)) {
    recsae::BadRequest bad;
    const auto filled =
        recsae::trainer::FillIn(sae.config(), {64, recsae::trainer::kAnyRows}, "config", bad);
    recsae::fuzz::RequireGoodError(bad.ToStatus());
    if (bad.ok()) recsae::trainer::ToEngine(filled);
  }
  recsae::probe::v1::TrainRecommenderRequest recommender;
  if (spec.UnpackTo(&recommender)) {
    recsae::fuzz::RequireGoodError(
        recsae::probe::ToOptions(recommender.kind(), recommender.hyper_parameters()).status());
  }
  return 0;
}
