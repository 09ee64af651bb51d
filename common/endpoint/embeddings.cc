#include "common/endpoint/embeddings.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/utf8.h"
#include "common/base/whole_number.h"

namespace recsae {
namespace {

using Json = nlohmann::json;

constexpr char kPath[] = "/embeddings";

// Which text of the batch an element of "data" is of: "index", or its place.
size_t PlaceOf(const Json& element, size_t place) {
  const auto index = element.find("index");
  if (index == element.end()) return place;
  return WholeNumber<size_t>(*index).value_or(place);
}

// What the batch cost; 0 where the answer does not say, or says what cannot be.
int64_t TokensOf(const Json& answer) {
  constexpr int64_t kMost = int64_t{1} << 40;
  const auto usage = answer.find("usage");
  if (usage == answer.end() || !usage->is_object() || !usage->contains("total_tokens")) return 0;
  const int64_t tokens = WholeNumber<int64_t>((*usage)["total_tokens"]).value_or(0);
  return tokens < 0 || tokens > kMost ? 0 : tokens;
}

// Writes one embedding to `row`; what is wrong with it, or "".
std::string Read(const Json& numbers, std::span<float> row) {
  for (size_t i = 0; i < row.size(); ++i) {
    if (!numbers[i].is_number()) return absl::StrCat("number ", i, " of an embedding is none");
    row[i] = static_cast<float>(numbers[i].get<double>());
    if (!std::isfinite(row[i])) return absl::StrCat("number ", i, " of an embedding is not finite");
  }
  return "";
}

// Appends the embeddings of `count` texts in `answer`; what is wrong with it, or "".
std::string Append(const Json& answer, size_t count, Embeddings& embeddings) {
  const auto data = answer.find("data");
  if (data == answer.end() || !data->is_array()) return "the answer has no array 'data'";
  if (data->size() != count) {
    return absl::StrCat("the answer has ", data->size(), " embeddings for ", count, " texts");
  }
  const size_t first = embeddings.values.size();
  std::vector<bool> seen(count, false);
  for (size_t i = 0; i < count; ++i) {
    const Json& element = (*data)[i];
    if (!element.is_object() || !element.contains("embedding") ||
        !element["embedding"].is_array()) {
      return absl::StrCat("data[", i, "] of the answer has no array 'embedding'");
    }
    const Json& numbers = element["embedding"];
    if (embeddings.dim == 0) {
      if (numbers.empty() || numbers.size() > kMaxEmbeddingDim) {
        return absl::StrCat("an embedding has ", numbers.size(), " numbers, not 1 to ",
                            kMaxEmbeddingDim);
      }
      embeddings.dim = static_cast<int>(numbers.size());
    }
    const auto dim = static_cast<size_t>(embeddings.dim);
    if (numbers.size() != dim) {
      return absl::StrCat("an embedding has ", numbers.size(), " numbers, others have ", dim);
    }
    embeddings.values.resize(first + count * dim);
    const size_t place = PlaceOf(element, i);
    if (place >= count || seen[place]) {
      return absl::StrCat("data[", i, "].index is ", place, ": out of range or twice");
    }
    seen[place] = true;
    if (std::string problem =
            Read(numbers, std::span(embeddings.values).subspan(first + place * dim, dim));
        !problem.empty()) {
      return problem;
    }
  }
  return "";
}

}  // namespace

absl::StatusOr<Embeddings> Embed(const Endpoint& endpoint, std::span<const std::string> texts) {
  Embeddings embeddings;
  for (size_t begin = 0; begin < texts.size(); begin += kEmbeddingBatch) {
    const size_t count = std::min(kEmbeddingBatch, texts.size() - begin);
    Json input = Json::array();
    for (const std::string& text : texts.subspan(begin, count)) input.push_back(ValidUtf8(text));
    RECSAE_ASSIGN_OR_RETURN(const Json answer, endpoint.Post(kPath, {{"model", endpoint.model()},
                                                                     {"input", std::move(input)}}));
    if (const std::string problem = Append(answer, count, embeddings); !problem.empty()) {
      return endpoint.Unusable(kPath, problem);
    }
    embeddings.tokens += TokensOf(answer);
  }
  return embeddings;
}

}  // namespace recsae
