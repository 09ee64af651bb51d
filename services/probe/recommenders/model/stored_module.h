// A caller's TorchScript module as it is stored, with what is known of it.
#ifndef RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_STORED_MODULE_H_
#define RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_STORED_MODULE_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/probe/recommenders/model/probe_site.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// On which side of a history the rows without an item are, at a site with a row for each position.
enum class Padding {
  kUnknown,  // to be found out
  kRight,    // the first item's row is the first
  kLeft,     // the last item's row is the last
};

struct ModuleSite {
  ProbeSite site;  // a submodule by its path; its size is 0 until the module was tried
  Padding padding = Padding::kUnknown;
};

struct StoredModule {
  RecommenderOptions options;       // kind kTorchscript; of these, dim and history count
  std::vector<float> item_vectors;  // [items, options.dim]
  std::string module;               // what torch.jit.save wrote
  std::vector<ModuleSite> sites;
  // [items]: the module's number, from 0, of each item of the catalogue; empty: it is the same.
  std::vector<int32_t> numbers;
};

// The bytes that Recommender::Save returns for it.
std::string PackModule(const StoredModule& module);

// DATA_LOSS (RECOMMENDER_CORRUPT) unless PackModule wrote them.
absl::StatusOr<StoredModule> UnpackModule(absl::string_view bytes);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_RECOMMENDERS_MODEL_STORED_MODULE_H_
