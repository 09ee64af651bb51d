// A TorchScript module as programs: whole, up to the output of a submodule, and on from there.
// For .cc files only: includes libtorch.
#ifndef RECSAE_SERVICES_TORCH_HOST_MODULES_TORCHSCRIPT_PROGRAM_H_
#define RECSAE_SERVICES_TORCH_HOST_MODULES_TORCHSCRIPT_PROGRAM_H_

#include <torch/script.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace recsae::probe {

// What forward takes: see recsae.probe.v1.Probe.ImportRecommender.
struct TorchscriptInputs {
  torch::Tensor history;  // int64 [B, L], items from 1, oldest first, then 0s
  torch::Tensor lengths;  // int64 [B]
  torch::Tensor users;    // int64 [B], from 1, 0 unknown
};

// Runs are thread-safe, on the calling thread, in evaluation and inference mode. Whatever the
// module throws is FAILED_PRECONDITION (MODULE_FAILED) with its message; what it returns is not
// checked here.
class TorchscriptProgram {
 public:
  // Reads what torch.jit.save wrote and prepares the sites, submodules by path ("blocks.0"): their
  // calls are found in copies of forward's graph, so submodules may share a type.
  //   INVALID_ARGUMENT  MODULE_UNREADABLE    not such a file
  //                     MODULE_SIGNATURE     forward takes or returns something else
  //                     PROBE_SITE_UNKNOWN   there is no such submodule
  //                     PROBE_SITE_INVALID   forward does not call it exactly once, whatever the
  //                                          inputs, or it does not return one tensor
  static absl::StatusOr<std::unique_ptr<TorchscriptProgram>> Load(
      const std::string& bytes, absl::Span<const std::string> sites);

  absl::StatusOr<torch::Tensor> Forward(const TorchscriptInputs& inputs) const;
  // The output of a site's submodule.
  absl::StatusOr<torch::Tensor> UpTo(size_t site, const TorchscriptInputs& inputs) const;
  // What forward returns with `output` in place of the submodule's own.
  absl::StatusOr<torch::Tensor> From(size_t site, const TorchscriptInputs& inputs,
                                     const torch::Tensor& output) const;

 private:
  struct Site {
    torch::jit::Code up_to;
    torch::jit::Code from;
  };

  TorchscriptProgram() = default;
  absl::Status AddSite(const std::string& path);
  absl::StatusOr<torch::Tensor> Run(const torch::jit::Code& code, const TorchscriptInputs& inputs,
                                    const torch::Tensor* output) const;

  torch::jit::Module module_;
  std::vector<c10::IValue> defaults_;  // of forward's arguments after the third
  torch::jit::Code forward_;
  std::vector<Site> sites_;
  bool changes_itself_ = false;    // forward sets attributes: its runs must take turns
  mutable std::mutex turn_mutex_;  // only if so
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_TORCH_HOST_MODULES_TORCHSCRIPT_PROGRAM_H_
