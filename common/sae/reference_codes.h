// How each architecture makes codes of pre-activations, written out plainly (see reference.h).
#ifndef RECSAE_COMMON_SAE_REFERENCE_CODES_H_
#define RECSAE_COMMON_SAE_REFERENCE_CODES_H_

#include <algorithm>
#include <cstddef>
#include <limits>
#include <tuple>
#include <vector>

#include "common/sae/model.h"

namespace recsae::sae::reference {

// A sparse code: latents and their values, by falling value, equal values by rising latent.
template <typename T>
struct Code {
  std::vector<int> latents;
  std::vector<T> values;
};

// The code that has the given latents active.
template <typename T>
Code<T> CodeOf(const std::vector<T>& pre, std::vector<int> latents) {
  std::sort(latents.begin(), latents.end(),
            [&pre](int a, int b) { return pre[a] > pre[b] || (pre[a] == pre[b] && a < b); });
  Code<T> code;
  code.latents = latents;
  for (int j : latents) code.values.push_back(pre[j]);
  return code;
}

// The k largest of pre [F] among the allowed latents (null: all), with relu only those above 0;
// ties go to the lower latent. NaN and −infinity are never selected.
template <typename T>
Code<T> TopK(const std::vector<T>& pre, int k, bool relu, const std::vector<char>* allowed) {
  const T floor = relu ? T(0) : -std::numeric_limits<T>::infinity();
  std::vector<int> candidates;
  for (int j = 0; j < static_cast<int>(pre.size()); ++j) {
    if ((allowed == nullptr || (*allowed)[j]) && pre[j] > floor) candidates.push_back(j);
  }
  Code<T> code = CodeOf(pre, candidates);
  if (static_cast<int>(code.latents.size()) > k) {
    code.latents.resize(k);
    code.values.resize(k);
  }
  return code;
}

// Every latent with pre_j > threshold_j.
template <typename T>
Code<T> Above(const std::vector<T>& pre, const std::vector<T>& threshold) {
  std::vector<int> latents;
  for (int j = 0; j < static_cast<int>(pre.size()); ++j) {
    if (pre[j] > threshold[j]) latents.push_back(j);
  }
  return CodeOf(pre, latents);
}

// The n · k largest above 0 of all rows [n][F] together; ties go to the lower row, in it to the
// lower latent.
template <typename T>
std::vector<Code<T>> BatchTopK(const std::vector<std::vector<T>>& pre, int k) {
  std::vector<std::tuple<T, size_t, int>> candidates;  // −value, row, latent
  for (size_t r = 0; r < pre.size(); ++r) {
    for (int j = 0; j < static_cast<int>(pre[r].size()); ++j) {
      if (pre[r][j] > T(0)) candidates.emplace_back(-pre[r][j], r, j);
    }
  }
  std::sort(candidates.begin(), candidates.end());
  candidates.resize(std::min(candidates.size(), pre.size() * static_cast<size_t>(k)));
  std::vector<std::vector<int>> latents(pre.size());
  for (const auto& [value, row, latent] : candidates) latents[row].push_back(latent);
  std::vector<Code<T>> codes;
  for (size_t r = 0; r < pre.size(); ++r) codes.push_back(CodeOf(pre[r], latents[r]));
  return codes;
}

// The code of a row pre [F] by itself, as an SAE in use makes it. threshold [F] is for those that
// have one (HasThreshold).
template <typename T>
Code<T> Encode(Architecture architecture, int k, const std::vector<T>& threshold,
               const std::vector<T>& pre) {
  if (SelectsTopK(architecture)) return TopK(pre, k, IsPositive(architecture), nullptr);
  return Above(pre, HasThreshold(architecture) ? threshold : std::vector<T>(pre.size(), T(0)));
}

// The codes that training makes of the rows of a batch, pre [n][F].
template <typename T>
std::vector<Code<T>> EncodeBatch(Architecture architecture, int k, const std::vector<T>& threshold,
                                 const std::vector<std::vector<T>>& pre) {
  if (architecture == Architecture::kBatchTopK) return BatchTopK(pre, k);
  std::vector<Code<T>> codes;
  for (const std::vector<T>& row : pre) codes.push_back(Encode(architecture, k, threshold, row));
  return codes;
}

}  // namespace recsae::sae::reference

#endif  // RECSAE_COMMON_SAE_REFERENCE_CODES_H_
