#include "services/probe/recommenders/model/stored_module.h"

#include <cstring>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/base/whole_number.h"
#include "services/probe/recommenders/model/weights.h"

namespace recsae::probe {
namespace {

constexpr char kModuleFile[] = "module";
constexpr char kSitesFile[] = "probe_sites";
constexpr char kNumbersFile[] = "item_numbers";
constexpr char kItemsTensor[] = "items";

absl::Status Corrupt(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
               absl::StrCat("stored recommender: ", what, "; import the recommender again"));
}

std::string SitesText(const std::vector<ModuleSite>& sites) {
  nlohmann::json json = nlohmann::json::array();
  for (const auto& [site, padding] : sites) {
    json.push_back({{"name", site.name},
                    {"dim", site.dim},
                    {"per_position", site.per_position},
                    {"padding", static_cast<int>(padding)}});
  }
  return json.dump();
}

// Modules that were stored before there was a choice are padded on the right.
std::vector<ModuleSite> ParseSites(const std::string& text) {
  std::vector<ModuleSite> sites;
  for (const auto& json : nlohmann::json::parse(text)) {
    const int padding = json.contains("padding") ? RequiredWholeNumber<int>(json["padding"])
                                                 : static_cast<int>(Padding::kRight);
    sites.push_back({{json.at("name").get<std::string>(), RequiredWholeNumber<int>(json.at("dim")),
                      json.at("per_position").get<bool>()},
                     static_cast<Padding>(padding)});
  }
  return sites;
}

// As they are in memory, little-endian.
std::string NumbersAsBytes(const std::vector<int32_t>& numbers) {
  return {reinterpret_cast<const char*>(numbers.data()), numbers.size() * sizeof(int32_t)};
}

// False unless each item has one number of its own.
bool ParseNumbers(const std::string& bytes, size_t items, std::vector<int32_t>* numbers) {
  numbers->resize(bytes.size() / sizeof(int32_t));
  std::memcpy(numbers->data(), bytes.data(), numbers->size() * sizeof(int32_t));
  if (bytes.empty()) return true;
  std::vector<bool> seen(items);
  for (const int32_t number : *numbers) {
    if (number < 0 || static_cast<size_t>(number) >= items || seen[number]) return false;
    seen[number] = true;
  }
  return bytes.size() == items * sizeof(int32_t);
}

}  // namespace

std::string PackModule(const StoredModule& module) {
  const int64_t dim = module.options.dim;
  const int64_t items = static_cast<int64_t>(module.item_vectors.size()) / dim;
  return PackWeights(module.options, {{kItemsTensor, {{items, dim}, module.item_vectors}}},
                     {{kModuleFile, module.module},
                      {kSitesFile, SitesText(module.sites)},
                      {kNumbersFile, NumbersAsBytes(module.numbers)}});
}

absl::StatusOr<StoredModule> UnpackModule(absl::string_view bytes) {
  StoredModule module;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(bytes, &module.options, &tensors, &files));
  StoredTensor& vectors = tensors[kItemsTensor];
  if (vectors.shape.size() != 2 || vectors.shape[1] != module.options.dim) {
    return Corrupt("its item vectors are missing");
  }
  module.item_vectors = std::move(vectors.values);
  module.module = std::move(files[kModuleFile]);
  try {
    module.sites = ParseSites(files[kSitesFile]);
  } catch (const nlohmann::json::exception& thrown) {
    return Corrupt(thrown.what());
  } catch (const std::out_of_range& thrown) {
    return Corrupt(thrown.what());
  }
  if (!ParseNumbers(files[kNumbersFile], vectors.shape[0], &module.numbers)) {
    return Corrupt("its item numbers are none");
  }
  return module;
}

}  // namespace recsae::probe
