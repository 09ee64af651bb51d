// The stored form of a recommender.
#include "services/probe/recommenders/model/weights.h"

#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "common/base/status.h"
#include "common/base/whole_number.h"

namespace recsae::probe {
namespace {

static_assert(std::endian::native == std::endian::little,
              "floats are stored as they are in memory");

constexpr absl::string_view kMagic = "RECSAEW1";

nlohmann::json OptionsToJson(const RecommenderOptions& o) {
  return {{"kind", static_cast<int>(o.kind)},
          {"dim", o.dim},
          {"learning_rate", o.learning_rate},
          {"l2", o.l2},
          {"history", o.history},
          {"layers", o.layers},
          {"heads", o.heads},
          {"dropout", o.dropout},
          {"loss", static_cast<int>(o.loss)},
          {"max_epochs", o.max_epochs},
          {"patience", o.patience},
          {"batch_size", o.batch_size},
          {"interests", o.interests},
          {"attention_dim", o.attention_dim},
          {"temperature", o.temperature},
          {"pretrain_epochs", o.pretrain_epochs},
          {"clusters", o.clusters},
          {"members", o.members},
          {"seed", o.seed},
          {"threads", o.threads}};
}

// What recommenders stored before there was such an option have.
int IntOr(const nlohmann::json& json, const char* name, int absent) {
  const auto found = json.find(name);
  return found == json.end() ? absent : RequiredWholeNumber<int>(*found);
}

RecommenderOptions OptionsFromJson(const nlohmann::json& json) {
  RecommenderOptions o;
  o.kind = static_cast<RecommenderKind>(RequiredWholeNumber<int>(json.at("kind")));
  o.dim = RequiredWholeNumber<int>(json.at("dim"));
  o.learning_rate = json.at("learning_rate").get<double>();
  o.l2 = json.at("l2").get<double>();
  o.history = RequiredWholeNumber<int>(json.at("history"));
  o.layers = RequiredWholeNumber<int>(json.at("layers"));
  o.heads = RequiredWholeNumber<int>(json.at("heads"));
  o.dropout = json.at("dropout").get<double>();
  o.loss = static_cast<Loss>(RequiredWholeNumber<int>(json.at("loss")));
  o.max_epochs = RequiredWholeNumber<int>(json.at("max_epochs"));
  o.patience = RequiredWholeNumber<int>(json.at("patience"));
  o.batch_size = RequiredWholeNumber<int>(json.at("batch_size"));
  o.interests = IntOr(json, "interests", o.interests);
  o.attention_dim = IntOr(json, "attention_dim", o.attention_dim);
  o.temperature = json.value("temperature", o.temperature);
  o.pretrain_epochs = IntOr(json, "pretrain_epochs", o.pretrain_epochs);
  o.clusters = IntOr(json, "clusters", o.clusters);
  o.members = IntOr(json, "members", o.members);
  o.seed = RequiredWholeNumber<uint64_t>(json.at("seed"));
  o.threads = RequiredWholeNumber<int>(json.at("threads"));
  return o;
}

absl::Status Corrupt(absl::string_view what) {
  return Error(
      absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
      std::string("stored recommender: ") + std::string(what) + "; train the recommender again");
}

// The number of values of a shape, or -1 if it is not one or larger than `limit`.
int64_t CountOf(const std::vector<int64_t>& shape, int64_t limit) {
  int64_t count = 1;
  for (const int64_t size : shape) {
    if (size < 0 || (size > 0 && count > limit / size)) return -1;
    count *= size;
  }
  return shape.empty() ? -1 : count;
}

std::vector<int64_t> ShapeOf(const nlohmann::json& sizes) {
  std::vector<int64_t> shape;
  shape.reserve(sizes.size());
  for (const auto& size : sizes) shape.push_back(RequiredWholeNumber<int64_t>(size));
  return shape;
}

// Each takes its bytes off the front of `rest`.
absl::Status ReadTensors(const nlohmann::json& header, absl::string_view* rest,
                         NamedTensors* tensors) {
  for (const auto& entry : header.at("tensors")) {
    StoredTensor tensor;
    tensor.shape = ShapeOf(entry.at("shape"));
    const auto limit = static_cast<int64_t>(rest->size() / sizeof(float));
    const int64_t count = CountOf(tensor.shape, limit);
    if (count < 0) return Corrupt("the weights are cut off");
    tensor.values.resize(count);
    std::memcpy(tensor.values.data(), rest->data(), count * sizeof(float));
    rest->remove_prefix(count * sizeof(float));
    tensors->emplace(entry.at("name").get<std::string>(), std::move(tensor));
  }
  return absl::OkStatus();
}

absl::Status ReadFiles(const nlohmann::json& header, absl::string_view* rest, NamedFiles* files) {
  for (const auto& entry : header.value("files", nlohmann::json::array())) {
    const auto size = RequiredWholeNumber<size_t>(entry.at("bytes"));
    if (size > rest->size()) return Corrupt("a file is cut off");
    files->emplace(entry.at("name").get<std::string>(), rest->substr(0, size));
    rest->remove_prefix(size);
  }
  return absl::OkStatus();
}

// The header's text; `bytes` are those behind it then.
absl::StatusOr<absl::string_view> TakeHeader(absl::string_view* bytes) {
  uint32_t length = 0;
  const size_t fixed = kMagic.size() + sizeof(length);
  if (bytes->size() < fixed || bytes->substr(0, kMagic.size()) != kMagic) {
    return Corrupt("not a recommender");
  }
  std::memcpy(&length, bytes->data() + kMagic.size(), sizeof(length));
  if (bytes->size() - fixed < length) return Corrupt("the header is cut off");
  const absl::string_view text = bytes->substr(fixed, length);
  bytes->remove_prefix(fixed + length);
  return text;
}

}  // namespace

std::string PackWeights(const RecommenderOptions& options, const NamedTensors& tensors,
                        const NamedFiles& files) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& [name, tensor] : tensors)
    list.push_back({{"name", name}, {"shape", tensor.shape}});
  nlohmann::json header_json = {{"options", OptionsToJson(options)}, {"tensors", list}};
  for (const auto& [name, content] : files) {
    header_json["files"].push_back({{"name", name}, {"bytes", content.size()}});
  }
  const std::string header = header_json.dump();
  const auto length = static_cast<uint32_t>(header.size());
  std::string bytes(kMagic);
  bytes.append(reinterpret_cast<const char*>(&length), sizeof(length));
  bytes += header;
  for (const auto& [name, tensor] : tensors) {
    bytes.append(reinterpret_cast<const char*>(tensor.values.data()),
                 tensor.values.size() * sizeof(float));
  }
  for (const auto& [name, content] : files) bytes += content;
  return bytes;
}

absl::Status UnpackWeights(absl::string_view bytes, RecommenderOptions* options,
                           NamedTensors* tensors, NamedFiles* files) {
  RECSAE_ASSIGN_OR_RETURN(const absl::string_view text, TakeHeader(&bytes));
  try {
    const auto header = nlohmann::json::parse(text);
    *options = OptionsFromJson(header.at("options"));
    RECSAE_RETURN_IF_ERROR(ReadTensors(header, &bytes, tensors));
    RECSAE_RETURN_IF_ERROR(ReadFiles(header, &bytes, files));
    return bytes.empty() ? absl::OkStatus() : Corrupt("there are bytes after the weights");
  } catch (const nlohmann::json::exception& e) {
    return Corrupt(e.what());
  } catch (const std::out_of_range& e) {
    return Corrupt(e.what());
  }
}

absl::StatusOr<RecommenderOptions> UnpackOptions(absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(const absl::string_view text, TakeHeader(&bytes));
  try {
    return OptionsFromJson(nlohmann::json::parse(text).at("options"));
  } catch (const nlohmann::json::exception& e) {
    return Corrupt(e.what());
  } catch (const std::out_of_range& e) {
    return Corrupt(e.what());
  }
}

}  // namespace recsae::probe
