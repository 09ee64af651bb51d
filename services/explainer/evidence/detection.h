// "The first recommended item has it", told by a score: thresholds and how well they do.
#ifndef SERVICES_EXPLAINER_EVIDENCE_DETECTION_H_
#define SERVICES_EXPLAINER_EVIDENCE_DETECTION_H_

#include <cstdint>
#include <span>
#include <vector>

namespace recsae::explainer {

// What `score >= threshold` tells of some rows.
struct Detection {
  int64_t hits = 0;  // told, and have it
  int64_t told = 0;
  int64_t have = 0;

  // 0 where nothing is told.
  double Precision() const;
  double F1() const;
};

// The threshold of best F1, the highest of several. `has`: one for each score.
double BestThreshold(std::span<const double> scores, const std::vector<bool>& has);

// Area under the ROC curve: how often a row that has it scores higher than one that has not, ties
// half. .5 where all rows are alike.
double RocAuc(std::span<const double> scores, const std::vector<bool>& has);

Detection Detect(std::span<const double> scores, const std::vector<bool>& has, double threshold);

}  // namespace recsae::explainer

#endif  // SERVICES_EXPLAINER_EVIDENCE_DETECTION_H_
