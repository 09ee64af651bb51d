// TorchScript modules as recommenders: trying, running, storing.
#include "services/probe/recommenders/torch/torchscript.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "services/probe/recommenders/model/batches.h"
#include "services/probe/recommenders/torch/torchscript_program.h"
#include "services/probe/recommenders/train/training.h"

namespace recsae::probe {
namespace {

constexpr size_t kBatch = 64;  // queries in one run
constexpr int64_t kMaxSiteDim = 65'536;
// Two runs over the same history may differ by rounding: this much of the largest value.
constexpr float kTolerance = 1e-3f;

constexpr char kModuleFile[] = "module";
constexpr char kSitesFile[] = "probe_sites";
constexpr char kItemsTensor[] = "items";

TorchscriptInputs MakeInputs(absl::Span<const Query> queries, int history) {
  const auto count = static_cast<int64_t>(queries.size());
  TorchscriptInputs inputs{torch::zeros({count, history}, torch::kInt64),
                           torch::empty({count}, torch::kInt64),
                           torch::empty({count}, torch::kInt64)};
  for (int64_t i = 0; i < count; ++i) {
    const Query& query = queries[i];
    const size_t length = RowsOf(query, history);
    auto* row = inputs.history.data_ptr<int64_t>() + i * history;
    for (const int32_t item : query.history.last(length)) *row++ = int64_t{item} + 1;
    inputs.lengths.data_ptr<int64_t>()[i] = static_cast<int64_t>(length);
    inputs.users.data_ptr<int64_t>()[i] = int64_t{query.user} + 1;
  }
  return inputs;
}

// The last `rows` rows of a query in a site's output [B, L, d], or its one row of [B, d].
float* LastRows(const torch::Tensor& output, const TorchscriptInputs& inputs, size_t query,
                size_t rows) {
  const int64_t width = output.size(-1);
  auto* row = output.data_ptr<float>() + static_cast<int64_t>(query) * output.stride(0);
  if (output.dim() == 2) return row;
  const int64_t length = inputs.lengths.data_ptr<int64_t>()[query];
  return row + (length - static_cast<int64_t>(rows)) * width;
}

std::string ShapeText(const torch::Tensor& tensor) {
  return absl::StrCat(c10::toString(tensor.scalar_type()), " [",
                      absl::StrJoin(tensor.sizes().vec(), ", "), "]");
}

absl::Status WrongOutput(absl::string_view what) {
  return Error(absl::StatusCode::kFailedPrecondition, "MODULE_OUTPUT", what);
}

bool IsFinite(const torch::Tensor& tensor) {
  const auto* values = tensor.data_ptr<float>();
  return std::all_of(values, values + tensor.numel(), [](float x) { return std::isfinite(x); });
}

// The module's output as contiguous floats of this shape; -1 stands for any size.
absl::StatusOr<torch::Tensor> CheckOutput(const torch::Tensor& output, absl::string_view name,
                                          const std::vector<int64_t>& shape) {
  bool fits =
      output.scalar_type() == torch::kFloat32 && output.dim() == static_cast<int64_t>(shape.size());
  for (size_t i = 0; fits && i < shape.size(); ++i) fits = output.size(i) == shape[i];
  if (!fits) {
    return WrongOutput(absl::StrCat(name, " returned ", ShapeText(output), "; wanted Float [",
                                    absl::StrJoin(shape, ", "), "]"));
  }
  const torch::Tensor values = output.contiguous();
  if (!IsFinite(values)) {
    return WrongOutput(absl::StrCat(name, " returned values that are not finite"));
  }
  return values;
}

float LargestDifference(const torch::Tensor& a, const torch::Tensor& b) {
  const auto *x = a.data_ptr<float>(), *y = b.data_ptr<float>();
  float largest = 0;
  for (int64_t i = 0; i < a.numel(); ++i) largest = std::max(largest, std::abs(x[i] - y[i]));
  return largest;
}

float Allowed(const torch::Tensor& tensor) {
  return kTolerance * (1 + LargestDifference(tensor, torch::zeros_like(tensor)));
}

// What is the module's fault at run time is the caller's at import.
absl::Status AsInvalid(const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return status;
  return Error(absl::StatusCode::kInvalidArgument, Reason(status), status.message(),
               Metadata(status));
}

absl::Status InvalidSite(const std::string& name, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_INVALID",
               absl::StrCat("submodule \"", name, "\" cannot be a probe site: ", why),
               {{"site", name}});
}

// Histories to try a module with: of 1 item, of as many as there may be, and between; of known and
// unknown users, the last item and user among them.
struct Sample {
  Sample(int64_t items, int64_t users, int history) {
    // Another number than that of the columns, so that swapped dimensions are seen.
    const int rows = history == 4 ? 5 : 4;
    for (int i = 0; i < rows; ++i) {
      const int length = std::max(1, history * i / (rows - 1));
      std::vector<int32_t>& one = histories.emplace_back();
      for (int j = 0; j < length; ++j) {
        one.push_back(static_cast<int32_t>(items - 1 - (int64_t{i} * 31 + int64_t{j} * 7) % items));
      }
    }
    for (int i = 0; i < rows; ++i) {
      const int64_t user = i % 2 == 0 ? users - 1 - i / 2 : -1;
      queries.push_back({static_cast<int32_t>(std::max<int64_t>(user, -1)), histories[i]});
    }
  }
  std::vector<std::vector<int32_t>> histories;
  std::vector<Query> queries;
};

std::string SitesText(const std::vector<ProbeSite>& sites) {
  nlohmann::json json = nlohmann::json::array();
  for (const ProbeSite& site : sites) {
    json.push_back({{"name", site.name}, {"dim", site.dim}, {"per_position", site.per_position}});
  }
  return json.dump();
}

std::vector<ProbeSite> ParseSites(const std::string& text) {
  std::vector<ProbeSite> sites;
  for (const auto& site : nlohmann::json::parse(text)) {
    sites.push_back({site.at("name").get<std::string>(), site.at("dim").get<int>(),
                     site.at("per_position").get<bool>()});
  }
  return sites;
}

absl::Status Corrupt(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
               absl::StrCat("stored recommender: ", what, "; import the recommender again"));
}

}  // namespace

Torchscript::Torchscript(const RecommenderOptions& options) : Recommender(options) {}
Torchscript::~Torchscript() = default;

absl::StatusOr<std::unique_ptr<Torchscript>> Torchscript::Import(TorchscriptParts parts) {
  RecommenderOptions options = DefaultOptions(RecommenderKind::kTorchscript);
  options.dim = parts.dim;
  options.history = parts.history;
  RECSAE_RETURN_IF_ERROR(CheckOptions(options));
  std::unique_ptr<Torchscript> model(new Torchscript(options));
  RECSAE_ASSIGN_OR_RETURN(model->program_,
                          TorchscriptProgram::Load(parts.module, parts.probe_sites));
  model->module_ = std::move(parts.module);
  model->item_vectors_ = std::move(parts.item_vectors);
  for (const std::string& name : parts.probe_sites) model->sites_.push_back({name, 0, false});
  RECSAE_RETURN_IF_ERROR(AsInvalid(model->Try(parts.users)));
  return model;
}

absl::Status Torchscript::Try(int64_t users) {
  const Sample sample(items(), users, options_.history);
  const absl::Span<const Query> queries = sample.queries;
  const auto count = static_cast<int64_t>(queries.size());
  const TorchscriptInputs inputs = MakeInputs(queries, options_.history);
  RECSAE_ASSIGN_OR_RETURN(torch::Tensor output, program_->Forward(inputs));
  RECSAE_ASSIGN_OR_RETURN(output, CheckOutput(output, "forward", {count, dim()}));
  for (int64_t i = 0; i < count; ++i) {
    const torch::Tensor beside = output.slice(0, i, i + 1);
    RECSAE_ASSIGN_OR_RETURN(torch::Tensor alone,
                            program_->Forward(MakeInputs(queries.subspan(i, 1), options_.history)));
    RECSAE_ASSIGN_OR_RETURN(alone, CheckOutput(alone, "forward", {1, dim()}));
    if (LargestDifference(beside, alone) <= Allowed(alone)) continue;
    return WrongOutput(
        "forward returned another activation for the same history when it was run alone; a traced "
        "module must be put into eval() before it is traced, and rows must not depend on each "
        "other");
  }
  for (size_t site = 0; site < sites_.size(); ++site) {
    RECSAE_RETURN_IF_ERROR(TrySite(site, inputs, output));
  }
  return absl::OkStatus();
}

absl::Status Torchscript::TrySite(size_t site, const TorchscriptInputs& inputs,
                                  const torch::Tensor& whole) {
  const std::string& name = sites_[site].name;
  const int64_t rows = inputs.history.size(0), length = inputs.history.size(1);
  RECSAE_ASSIGN_OR_RETURN(const torch::Tensor output, program_->UpTo(site, inputs));
  const bool per_position = output.dim() == 3;
  if (output.scalar_type() != torch::kFloat32 || output.dim() < 2 || output.dim() > 3 ||
      output.size(0) != rows || (per_position && output.size(1) != length) || output.size(-1) < 1 ||
      output.size(-1) > kMaxSiteDim) {
    return InvalidSite(
        name, absl::StrCat("for ", rows, " histories it returned ", ShapeText(output),
                           "; wanted Float [", rows, ", ", length, ", d] or [", rows, ", d]"));
  }
  sites_[site].dim = static_cast<int>(output.size(-1));
  sites_[site].per_position = per_position;
  RECSAE_ASSIGN_OR_RETURN(torch::Tensor resumed, program_->From(site, inputs, output));
  RECSAE_ASSIGN_OR_RETURN(resumed, CheckOutput(resumed, "forward", {rows, dim()}));
  if (LargestDifference(resumed, whole) <= Allowed(whole)) return absl::OkStatus();
  return InvalidSite(name, "run again from its own output, the module returns something else");
}

absl::StatusOr<TrainReport> Torchscript::Train(const Dataset&, const TrainCallback&) {
  return Error(absl::StatusCode::kFailedPrecondition, "RECOMMENDER_KIND_INVALID",
               "a TorchScript module comes trained: import it");
}

absl::StatusOr<std::vector<float>> Torchscript::Activations(
    absl::Span<const Query> queries, const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  std::vector<float> activations(queries.size() * dim());
  const auto run = [&](size_t first, size_t count) -> absl::Status {
    const TorchscriptInputs inputs = MakeInputs(queries.subspan(first, count), options_.history);
    RECSAE_ASSIGN_OR_RETURN(torch::Tensor output, program_->Forward(inputs));
    RECSAE_ASSIGN_OR_RETURN(output,
                            CheckOutput(output, "forward", {static_cast<int64_t>(count), dim()}));
    std::copy_n(output.data_ptr<float>(), count * dim(), activations.data() + first * dim());
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(
      InBatches(queries.size(), kBatch, ThreadCount(options_.threads), cancelled, run));
  return activations;
}

absl::StatusOr<torch::Tensor> Torchscript::SiteOutput(size_t site,
                                                      const TorchscriptInputs& inputs) const {
  const ProbeSite& at = sites_[site];
  RECSAE_ASSIGN_OR_RETURN(const torch::Tensor output, program_->UpTo(site, inputs));
  std::vector<int64_t> shape = {inputs.history.size(0)};
  if (at.per_position) shape.push_back(inputs.history.size(1));
  shape.push_back(at.dim);
  return CheckOutput(output, absl::StrCat("submodule \"", at.name, "\""), shape);
}

absl::StatusOr<std::vector<float>> Torchscript::InnerActivations(
    size_t site, Positions positions, absl::Span<const Query> queries,
    const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  const ProbeSite& at = sites_[site];
  const std::vector<size_t> starts = RowStarts(queries, positions, options_.history);
  std::vector<float> activations(starts.back() * at.dim);
  const auto run = [&](size_t first, size_t count) -> absl::Status {
    const TorchscriptInputs inputs = MakeInputs(queries.subspan(first, count), options_.history);
    RECSAE_ASSIGN_OR_RETURN(const torch::Tensor output, SiteOutput(site, inputs));
    for (size_t i = 0; i < count; ++i) {
      const size_t rows = starts[first + i + 1] - starts[first + i];
      std::copy_n(LastRows(output, inputs, i, rows), rows * at.dim,
                  activations.data() + starts[first + i] * at.dim);
    }
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(
      InBatches(queries.size(), kBatch, ThreadCount(options_.threads), cancelled, run));
  return activations;
}

absl::StatusOr<std::vector<float>> Torchscript::ResumeInner(
    size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
    const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  const int64_t width = sites_[site].dim;
  std::vector<float> resumed(queries.size() * dim());
  const auto run = [&](size_t first, size_t count) -> absl::Status {
    const TorchscriptInputs inputs = MakeInputs(queries.subspan(first, count), options_.history);
    RECSAE_ASSIGN_OR_RETURN(const torch::Tensor own, SiteOutput(site, inputs));
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(activations.data() + (first + i) * width, width, LastRows(own, inputs, i, 1));
    }
    RECSAE_ASSIGN_OR_RETURN(torch::Tensor output, program_->From(site, inputs, own));
    RECSAE_ASSIGN_OR_RETURN(output,
                            CheckOutput(output, "forward", {static_cast<int64_t>(count), dim()}));
    std::copy_n(output.data_ptr<float>(), count * dim(), resumed.data() + first * dim());
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(
      InBatches(queries.size(), kBatch, ThreadCount(options_.threads), cancelled, run));
  return resumed;
}

std::string Torchscript::Save() const {
  return PackWeights(options_, {{kItemsTensor, {{items(), dim()}, item_vectors_}}},
                     {{kModuleFile, module_}, {kSitesFile, SitesText(sites_)}});
}

absl::StatusOr<std::unique_ptr<Torchscript>> Torchscript::FromStored(
    const RecommenderOptions& options, NamedTensors tensors, NamedFiles files) {
  std::unique_ptr<Torchscript> model(new Torchscript(options));
  StoredTensor& vectors = tensors[kItemsTensor];
  if (vectors.shape.size() != 2 || vectors.shape[1] != options.dim) {
    return Corrupt("its item vectors are missing");
  }
  model->item_vectors_ = std::move(vectors.values);
  model->module_ = std::move(files[kModuleFile]);
  try {
    model->sites_ = ParseSites(files[kSitesFile]);
  } catch (const nlohmann::json::exception& thrown) {
    return Corrupt(thrown.what());
  }
  std::vector<std::string> names;
  for (const ProbeSite& site : model->sites_) names.push_back(site.name);
  auto program = TorchscriptProgram::Load(model->module_, names);
  if (!program.ok()) return Corrupt(std::string(program.status().message()));
  model->program_ = *std::move(program);
  return model;
}

absl::Status Torchscript::Load(const NamedTensors&) { return Corrupt("its module is missing"); }

}  // namespace recsae::probe
