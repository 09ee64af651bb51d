#include "clients/cli/pipeline/pipeline_plan.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/names.h"
#include "common/base/status.h"

namespace recsae::cli {
namespace {

using trainer::v1::TrainingConfig;

constexpr uint64_t kUsualSeed = 1;
constexpr size_t kDatasetPartLength = 32;

// The same bytes for the same message in every process.
std::string Bytes(const google::protobuf::Message& message) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    message.SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::string ShortHash(absl::string_view bytes) {
  return absl::StrCat(absl::Hex(Fingerprint(bytes), absl::kZeroPad16)).substr(0, 6);
}

// A data set's name as part of an id. What ids cannot hold as it is is left to a fingerprint of the
// name, so that names in other scripts, long ones, and "My shop" and "my-shop" stay apart.
std::string IdPart(absl::string_view text) {
  std::string id;
  bool all = text.size() <= kDatasetPartLength;
  for (const char c : text.substr(0, kDatasetPartLength)) {
    const char lower = absl::ascii_tolower(c);
    const bool holds = absl::ascii_isalnum(lower) || lower == '.' || lower == '_' || lower == '-';
    all = all && holds && lower == c;
    if (static_cast<unsigned char>(c) < 0x80) id += holds ? lower : '-';
  }
  if (id.empty() || !absl::ascii_isalnum(id.front())) {
    id = "d" + id;
    all = false;
  }
  if (all) return id;
  const std::string hash = "-" + ShortHash(text);
  return id.substr(0, kDatasetPartLength - hash.size()) + hash;
}

// "ml-1m-sasrec", "-s2" for another seed, and a fingerprint of whatever else was asked for.
std::string RecommenderId(const PipelineFlags& flags,
                          const probe::v1::TrainRecommenderRequest& request) {
  std::string id = absl::StrCat(IdPart(request.dataset().name()), "-", flags.recommender);
  if (flags.seed != kUsualSeed) absl::StrAppend(&id, "-s", flags.seed);
  probe::v1::TrainRecommenderRequest usual;
  usual.set_kind(request.kind());
  *usual.mutable_dataset() = MakeDatasetRef(request.dataset().name(), DatasetFlags());
  *usual.mutable_hyper_parameters() = MakeHyperParameters(RecommenderFlags(), flags.seed);
  if (Bytes(usual) != Bytes(request)) absl::StrAppend(&id, "-", ShortHash(Bytes(request)));
  return id;
}

// The id says recipe and size; a fingerprint stands for whatever else was asked for.
absl::StatusOr<std::string> SaeId(const PipelineFlags& flags, const std::string& recommender_id,
                                  const std::string& capture) {
  SaeFlags rest = flags.sae_flags;
  std::string id = recommender_id;
  if (rest.preset != SaeFlags().preset) absl::StrAppend(&id, "-", rest.preset);
  if (!rest.architecture.empty()) absl::StrAppend(&id, "-", rest.architecture[0]);
  if (rest.expansion) absl::StrAppend(&id, "-x", *rest.expansion);
  if (!rest.latents.empty()) absl::StrAppend(&id, "-f", rest.latents[0]);
  if (!rest.k.empty()) absl::StrAppend(&id, "-k", rest.k[0]);
  rest.preset = SaeFlags().preset;
  rest.architecture.clear();
  rest.expansion.reset();
  rest.latents.clear();
  rest.k.clear();
  RECSAE_ASSIGN_OR_RETURN(const TrainingConfig other, MakeTrainingConfig(rest, 0, capture));
  RECSAE_ASSIGN_OR_RETURN(const TrainingConfig usual, MakeTrainingConfig(SaeFlags(), 0, capture));
  if (Bytes(other) != Bytes(usual)) absl::StrAppend(&id, "-", ShortHash(Bytes(other)));
  return id;
}

CaptureStep MakeCapture(const PipelinePlan& plan, const char* id, probe::v1::Split split,
                        bool cases, const char* title) {
  CaptureStep step;
  step.title = title;
  step.request.set_parent(plan.recommender());
  step.request.set_capture_id(id);
  step.request.set_split(split);
  step.request.set_with_cases(cases);
  return step;
}

}  // namespace

std::string PipelinePlan::recommender() const {
  return absl::StrCat("recommenders/", train_recommender.recommender_id());
}

std::string PipelinePlan::capture(absl::string_view id) const {
  return absl::StrCat(recommender(), "/captures/", id);
}

std::string PipelinePlan::sae() const { return absl::StrCat("saes/", train_sae.sae_id()); }

absl::StatusOr<PipelinePlan> MakePlan(const PipelineFlags& flags, const std::string& dataset) {
  PipelinePlan plan;
  probe::v1::TrainRecommenderRequest& train = plan.train_recommender;
  train.set_kind(ParseKind(flags.recommender));
  *train.mutable_dataset() = MakeDatasetRef(dataset, flags.dataset_flags);
  *train.mutable_hyper_parameters() = MakeHyperParameters(flags.recommender_flags, flags.seed);
  const std::string id = flags.name.empty() ? RecommenderId(flags, train) : flags.name;
  if (absl::Status valid = ValidateId(id, "--name"); !valid.ok()) {
    return UsageError(valid.message());
  }
  train.set_recommender_id(id);

  plan.captures = {
      MakeCapture(plan, kTrainCapture, probe::v1::SPLIT_TRAIN, false, "capturing training rows"),
      MakeCapture(plan, kTestCapture, probe::v1::SPLIT_TEST, true, "capturing test cases"),
      MakeCapture(plan, kDevCapture, probe::v1::SPLIT_DEV, true, "capturing dev cases"),
      MakeCapture(plan, kContextCapture, probe::v1::SPLIT_TRAIN, true, "capturing context")};
  plan.captures.back().request.set_max_rows(flags.context_rows);
  plan.captures.back().request.set_seed(flags.seed);

  const std::string trained_on = plan.capture(kTrainCapture);
  RECSAE_ASSIGN_OR_RETURN(const std::string sae_id, SaeId(flags, id, trained_on));
  plan.train_sae.set_sae_id(flags.name.empty() ? sae_id : id);
  plan.train_sae.set_capture(trained_on);
  RECSAE_ASSIGN_OR_RETURN(*plan.train_sae.mutable_config(),
                          MakeTrainingConfig(flags.sae_flags, flags.seed, trained_on));

  plan.build_concepts.set_sae(plan.sae());
  plan.build_concepts.set_capture(plan.capture(kTestCapture));
  plan.build_concepts.add_evidence_captures(plan.capture(kDevCapture));
  plan.build_concepts.add_evidence_captures(plan.capture(kContextCapture));
  plan.build_concepts.set_seed(flags.seed);

  plan.evaluate.set_sae(plan.sae());
  plan.evaluate.set_capture(plan.capture(kTestCapture));
  *plan.evaluate.mutable_evidence_captures() = plan.build_concepts.evidence_captures();
  plan.evaluate.set_seed(plan.build_concepts.seed());
  return plan;
}

std::string StageRequestId(absl::string_view stage, const google::protobuf::Message& request,
                           absl::string_view inputs, int attempt) {
  Fingerprinter all;
  all.AddText(Bytes(request));
  all.AddText(inputs);
  return absl::StrCat("pipeline-", stage, "-", absl::Hex(all.value(), absl::kZeroPad16), "-",
                      attempt);
}

}  // namespace recsae::cli
