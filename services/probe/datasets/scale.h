// From which rating on an interaction counts as liked, where nobody says.
#ifndef RECSAE_SERVICES_PROBE_DATASETS_SCALE_H_
#define RECSAE_SERVICES_PROBE_DATASETS_SCALE_H_

#include <string>
#include <vector>

namespace recsae::probe {

struct Scale {
  double threshold = 0;  // ratings of so much and more are liked
  bool binary = false;   // of two ratings, such as 0 and 1, the higher one
  std::string
      derivation;  // "ratings go from 1 to 10: the upper fifth, 8 and more, counts as liked"
};

// The upper fifth of the scale (of five stars: 4 and more) that the ratings show; all of them where
// there is only one, or where they are counts rather than a scale.
Scale DeriveScale(const std::vector<float>& ratings);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_DATASETS_SCALE_H_
