// A caller's TorchScript module as a Recommender.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_TORCHSCRIPT_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_TORCHSCRIPT_H_

#include <memory>
#include <string>
#include <vector>

#include "services/probe/recommenders/model/recommender.h"
#include "services/probe/recommenders/model/stored_module.h"

namespace at {
class Tensor;
}  // namespace at

namespace recsae::probe {

class TorchscriptProgram;
struct TorchscriptInputs;

// Computing costs the same for every history: the module is always given options.history columns,
// as one that was traced may be good for no other number.
class Torchscript : public Recommender {
 public:
  // Tries the module with a few histories before it accepts it. INVALID_ARGUMENT:
  //   MODULE_UNREADABLE, MODULE_SIGNATURE, PROBE_SITE_UNKNOWN, PROBE_SITE_INVALID: see
  //                      TorchscriptProgram::Load
  //   MODULE_FAILED      it throws
  //   MODULE_OUTPUT      it returns something else than finite floats [B, dim], or something else
  //                      for the same history beside other ones
  //   PROBE_SITE_INVALID a site's output is not float [B, L, d] or [B, d], does not lead to what
  //                      the whole module returns, or changing it changes nothing; or its padding
  //                      is not what was said, or cannot be told (see site_trial.h)
  //   HYPER_PARAMETER_OUT_OF_RANGE: CheckOptions
  // `users` that it knows.
  static absl::StatusOr<std::unique_ptr<Torchscript>> Import(StoredModule module, int64_t users);

  // What Save wrote. DATA_LOSS (RECOMMENDER_CORRUPT).
  static absl::StatusOr<std::unique_ptr<Torchscript>> FromStored(absl::string_view bytes);
  ~Torchscript() override;

  // FAILED_PRECONDITION (RECOMMENDER_KIND_INVALID): it comes trained.
  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  // Besides those of every Recommender: FAILED_PRECONDITION (MODULE_FAILED, MODULE_OUTPUT).
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  const std::vector<float>& item_vectors() const override { return stored_.item_vectors; }
  // As it is stored: with sizes and padding of its sites.
  const StoredModule& stored() const { return stored_; }
  std::string Save() const override;
  // DATA_LOSS: weights are not all it needs; see FromStored.
  absl::Status Load(const NamedTensors& tensors) override;

 protected:
  std::vector<ProbeSite> InnerSites() const override;
  absl::StatusOr<std::vector<float>> InnerActivations(
      size_t site, Positions positions, absl::Span<const Query> queries,
      const std::function<bool()>& cancelled) const override;
  absl::StatusOr<std::vector<float>> ResumeInner(
      size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
      const std::function<bool()>& cancelled) const override;

 private:
  explicit Torchscript(StoredModule stored);
  // Reads the module and finds its sites.
  absl::Status Prepare();
  absl::Status Try(int64_t users);
  // A site's output: float [B, L, dim] or [B, dim].
  absl::StatusOr<at::Tensor> SiteOutput(size_t site, const TorchscriptInputs& inputs) const;

  StoredModule stored_;
  std::unique_ptr<TorchscriptProgram> program_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_TORCHSCRIPT_H_
