// Embeddings for tests: a direction of each word, by its hash, and their sum.
#ifndef RECSAE_TESTS_UNIT_EXPLAINER_LANGUAGE_BAG_OF_WORDS_H_
#define RECSAE_TESTS_UNIT_EXPLAINER_LANGUAGE_BAG_OF_WORDS_H_

#include <httplib.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>
#include <random>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace recsae::explainer {

inline constexpr int kBagDim = 256;

inline std::vector<float> BagOfWords(const std::string& text) {
  std::vector<float> sum(kBagDim, 0);
  for (const absl::string_view word :
       absl::StrSplit(text, absl::ByAnyChar(" ,;()"), absl::SkipEmpty())) {
    uint32_t hash = 2166136261;
    for (const char c : word) hash = (hash ^ static_cast<uint8_t>(c)) * 16777619;
    std::mt19937 random(hash);
    for (float& value : sum) value += random() % 2 == 0 ? 1.0F : -1.0F;
  }
  return sum;
}

// Answers /embeddings and counts how often it was asked for each text.
class BagOfWordsEndpoint {
 public:
  void operator()(int, const httplib::Request& in, httplib::Response& out) {
    nlohmann::json data = nlohmann::json::array();
    const nlohmann::json asked_for = nlohmann::json::parse(in.body);
    for (const auto& text : asked_for["input"]) {
      data.push_back({{"embedding", BagOfWords(text.get<std::string>())}});
      const std::lock_guard<std::mutex> lock(mutex);
      ++asked[text.get<std::string>()];
    }
    out.set_content(nlohmann::json({{"data", data}}).dump(), "application/json");
  }

  std::mutex mutex;
  std::map<std::string, int> asked;
};

}  // namespace recsae::explainer

#endif  // RECSAE_TESTS_UNIT_EXPLAINER_LANGUAGE_BAG_OF_WORDS_H_
