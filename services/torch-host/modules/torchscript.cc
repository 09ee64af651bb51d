// TorchScript modules as recommenders: trying, running, storing.
#include "services/torch-host/modules/torchscript.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/recommenders/model/batches.h"
#include "services/probe/recommenders/train/training.h"
#include "services/torch-host/modules/module_io.h"
#include "services/torch-host/modules/site_trial.h"
#include "services/torch-host/modules/torchscript_program.h"

namespace recsae::probe {
namespace {

constexpr size_t kBatch = 64;  // queries in one run

// What is the module's fault at run time is the caller's at import.
absl::Status AsInvalid(const absl::Status& status) {
  if (!absl::IsFailedPrecondition(status)) return status;
  return Error(absl::StatusCode::kInvalidArgument, Reason(status), status.message(),
               Metadata(status));
}

absl::Status Corrupt(absl::string_view what) {
  return Error(absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
               absl::StrCat("stored recommender: ", what, "; import the recommender again"));
}

}  // namespace

Torchscript::Torchscript(StoredModule stored)
    : Recommender(stored.options), stored_(std::move(stored)) {}
Torchscript::~Torchscript() = default;

absl::StatusOr<std::unique_ptr<Torchscript>> Torchscript::Import(StoredModule module,
                                                                 int64_t users) {
  RECSAE_RETURN_IF_ERROR(CheckOptions(module.options));
  std::unique_ptr<Torchscript> model(new Torchscript(std::move(module)));
  RECSAE_RETURN_IF_ERROR(model->Prepare());
  RECSAE_RETURN_IF_ERROR(AsInvalid(model->Try(users)));
  return model;
}

absl::StatusOr<std::unique_ptr<Torchscript>> Torchscript::FromStored(absl::string_view bytes) {
  RECSAE_ASSIGN_OR_RETURN(StoredModule module, UnpackModule(bytes));
  std::unique_ptr<Torchscript> model(new Torchscript(std::move(module)));
  if (const absl::Status prepared = model->Prepare(); !prepared.ok()) {
    return Corrupt(std::string(prepared.message()));
  }
  return model;
}

absl::Status Torchscript::Prepare() {
  std::vector<std::string> names;
  for (const ModuleSite& site : stored_.sites) names.push_back(site.site.name);
  RECSAE_ASSIGN_OR_RETURN(program_, TorchscriptProgram::Load(stored_.module, names));
  return absl::OkStatus();
}

std::vector<ProbeSite> Torchscript::InnerSites() const {
  std::vector<ProbeSite> sites;
  for (const ModuleSite& site : stored_.sites) sites.push_back(site.site);
  return sites;
}

absl::Status Torchscript::Try(int64_t users) {
  const Sample sample(items(), users, options_.history);
  const absl::Span<const Query> queries = sample.queries;
  const auto count = static_cast<int64_t>(queries.size());
  RECSAE_ASSIGN_OR_RETURN(torch::Tensor output, program_->Forward(MakeInputs(
                                                    queries, options_.history, stored_.numbers)));
  RECSAE_ASSIGN_OR_RETURN(output, CheckOutput(output, "forward", {count, dim()}));
  for (int64_t i = 0; i < count; ++i) {
    const torch::Tensor beside = output.slice(0, i, i + 1);
    RECSAE_ASSIGN_OR_RETURN(
        torch::Tensor alone,
        program_->Forward(MakeInputs(queries.subspan(i, 1), options_.history, stored_.numbers)));
    RECSAE_ASSIGN_OR_RETURN(alone, CheckOutput(alone, "forward", {1, dim()}));
    if (LargestDifference(beside, alone) <= Allowed(alone)) continue;
    return WrongOutput(
        "forward returned another activation for the same history when it was run alone; a traced "
        "module must be put into eval() before it is traced, and rows must not depend on each "
        "other");
  }
  for (size_t site = 0; site < stored_.sites.size(); ++site) {
    RECSAE_RETURN_IF_ERROR(
        TrySite(*program_, site, sample, options_.history, output, &stored_.sites[site]));
  }
  return absl::OkStatus();
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
    const TorchscriptInputs inputs =
        MakeInputs(queries.subspan(first, count), options_.history, stored_.numbers);
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
  const ProbeSite& at = stored_.sites[site].site;
  RECSAE_ASSIGN_OR_RETURN(const torch::Tensor output, program_->UpTo(site, inputs));
  std::vector<int64_t> shape = {inputs.history.size(0)};
  if (at.per_position) shape.push_back(inputs.history.size(1));
  shape.push_back(at.dim);
  return CheckShape(output, absl::StrCat("submodule \"", at.name, "\""), shape);
}

absl::StatusOr<std::vector<float>> Torchscript::InnerActivations(
    size_t site, Positions positions, absl::Span<const Query> queries,
    const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  const auto& [at, padding] = stored_.sites[site];
  const std::vector<size_t> starts = RowStarts(queries, positions, options_.history);
  std::vector<float> activations(starts.back() * at.dim);
  const auto run = [&, &where = at, side = padding](size_t first, size_t count) -> absl::Status {
    const TorchscriptInputs inputs =
        MakeInputs(queries.subspan(first, count), options_.history, stored_.numbers);
    RECSAE_ASSIGN_OR_RETURN(const torch::Tensor output, SiteOutput(site, inputs));
    for (size_t i = 0; i < count; ++i) {
      const size_t rows = starts[first + i + 1] - starts[first + i];
      std::copy_n(LastRows(output, inputs, side, i, rows), rows * where.dim,
                  activations.data() + starts[first + i] * where.dim);
    }
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(
      InBatches(queries.size(), kBatch, ThreadCount(options_.threads), cancelled, run));
  // Of what is read alone: rows of the padding may be anything.
  RECSAE_RETURN_IF_ERROR(CheckFinite(activations, absl::StrCat("submodule \"", at.name, "\"")));
  return activations;
}

absl::StatusOr<std::vector<float>> Torchscript::ResumeInner(
    size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
    const std::function<bool()>& cancelled) const {
  RECSAE_RETURN_IF_ERROR(CheckHistories(queries, items()));
  const int64_t width = stored_.sites[site].site.dim;
  const Padding padding = stored_.sites[site].padding;
  std::vector<float> resumed(queries.size() * dim());
  const auto run = [&](size_t first, size_t count) -> absl::Status {
    const TorchscriptInputs inputs =
        MakeInputs(queries.subspan(first, count), options_.history, stored_.numbers);
    RECSAE_ASSIGN_OR_RETURN(const torch::Tensor own, SiteOutput(site, inputs));
    for (size_t i = 0; i < count; ++i) {
      std::copy_n(activations.data() + (first + i) * width, width,
                  LastRows(own, inputs, padding, i, 1));
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

std::string Torchscript::Save() const { return PackModule(stored_); }

absl::Status Torchscript::Load(const NamedTensors&) { return Corrupt("its module is missing"); }

}  // namespace recsae::probe
