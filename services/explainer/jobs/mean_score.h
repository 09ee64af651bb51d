// The mean over latents of a judge's score.
#ifndef RECSAE_SERVICES_EXPLAINER_JOBS_MEAN_SCORE_H_
#define RECSAE_SERVICES_EXPLAINER_JOBS_MEAN_SCORE_H_

#include <algorithm>
#include <cmath>

#include "recsae/explainer/v1/explainer.pb.h"

namespace recsae::explainer {

class MeanScore {
 public:
  // 0 to 1.
  void Add(double score) {
    ++n_;
    sum_ += score;
    squares_ += score * score;
  }

  // With its 95 % interval; nothing but the count where that is 0.
  void Write(v1::LanguageModelReport::Score* out) const {
    out->set_latent_count(n_);
    if (n_ == 0) return;
    const double mean = sum_ / n_;
    const double variance = n_ > 1 ? std::max(0.0, (squares_ - sum_ * mean) / (n_ - 1)) : 0.25;
    const double half = kNormal95 * std::sqrt(variance / n_);
    out->set_mean(mean);
    out->set_low(std::max(0.0, mean - half));
    out->set_high(std::min(1.0, mean + half));
  }

 private:
  static constexpr double kNormal95 = 1.96;
  int n_ = 0;
  double sum_ = 0;
  double squares_ = 0;
};

}  // namespace recsae::explainer

#endif  // RECSAE_SERVICES_EXPLAINER_JOBS_MEAN_SCORE_H_
