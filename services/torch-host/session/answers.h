// Calls of a probe, answered with a recommender.
#ifndef RECSAE_SERVICES_TORCH_HOST_SESSION_ANSWERS_H_
#define RECSAE_SERVICES_TORCH_HOST_SESSION_ANSWERS_H_

#include "recsae/hosts/v1/hosts.pb.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// Never throws: what the recommender fails with is in the answer. Thread-safe.
hosts::v1::Answer AnswerCall(const Recommender& recommender, const hosts::v1::Call& call);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_SESSION_ANSWERS_H_
