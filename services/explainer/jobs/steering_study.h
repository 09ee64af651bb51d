// What is measured of each attribute in an evaluation of steering.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_STUDY_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_STUDY_H_

#include <cstddef>
#include <memory>

#include "absl/status/status.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "services/explainer/jobs/steering_methods.h"
#include "services/explainer/jobs/steering_rows.h"
#include "services/explainer/steered/attributes.h"

namespace recsae::explainer {

// All of it outlives the study.
struct StudySubject {
  Backend& backend;
  const Caller& caller;
  JobContext& job;
  // With its defaults filled in.
  const v1::EvaluateSteeringRequest& request;
  const SteeringInputs& inputs;
  const Attributes& attributes;
  const DividedRows& rows;
  const LatentKnowledge& knowledge;
};

// Not thread-safe.
class SteeringStudy {
 public:
  explicit SteeringStudy(const StudySubject& subject);
  ~SteeringStudy();

  // Before all others: what is recommended without steering.
  absl::Status MeasureUnsteered(v1::SteeringFigures* out);
  // Of the attribute knowledge.chosen()[place]: curves, methods at matched effect, leaks.
  absl::Status Measure(size_t place, v1::AttributeSteering* out);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_STEERING_STUDY_H_
