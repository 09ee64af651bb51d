#include "services/torch-host/modules/site_trial.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/torch-host/modules/module_io.h"

namespace recsae::probe {
namespace {

constexpr int64_t kMaxSiteDim = 65'536;
// A change that is more than rounding, of the largest value.
constexpr float kSeen = 1e-5f;

absl::Status InvalidSite(const std::string& name, absl::string_view why) {
  return Error(absl::StatusCode::kInvalidArgument, "PROBE_SITE_INVALID",
               absl::StrCat("submodule \"", name, "\" cannot be a probe site: ", why),
               {{"site", name}});
}

const char* NameOf(Padding padding) { return padding == Padding::kLeft ? "left" : "right"; }

// One site of one module, and what it returned for the sample.
class Trial {
 public:
  Trial(const TorchscriptProgram& program, size_t number, const Sample& sample, int history,
        const torch::Tensor& whole, ModuleSite* site)
      : program_(program),
        number_(number),
        inputs_(MakeInputs(sample.queries, history, {})),
        others_(MakeInputs(sample.other_last, history, {})),
        whole_(whole),
        site_(site) {}

  absl::Status Run();

 private:
  absl::Status Describe();
  absl::Status CheckResuming();
  absl::Status ChoosePadding();
  // Empty, or why the histories do not end at the rows that this padding says.
  absl::StatusOr<std::string> FaultOf(Padding padding) const;
  absl::StatusOr<bool> ReadsLastItem(Padding padding) const;
  absl::StatusOr<bool> ResumingChanges(Padding padding) const;
  float* Row(const torch::Tensor& output, Padding padding, int64_t query) const {
    return LastRows(output, inputs_, padding, query, 1);
  }
  bool IsShort(int64_t query) const {
    return inputs_.lengths.data_ptr<int64_t>()[query] < inputs_.history.size(1);
  }
  int64_t rows() const { return inputs_.history.size(0); }

  const TorchscriptProgram& program_;
  const size_t number_;
  const TorchscriptInputs inputs_, others_;
  const torch::Tensor& whole_;
  ModuleSite* const site_;
  torch::Tensor output_, other_output_;
};

absl::Status Trial::Run() {
  RECSAE_RETURN_IF_ERROR(Describe());
  RECSAE_RETURN_IF_ERROR(CheckResuming());
  if (site_->site.per_position) return ChoosePadding();
  RECSAE_ASSIGN_OR_RETURN(const bool changes, ResumingChanges(Padding::kRight));
  return changes
             ? absl::OkStatus()
             : InvalidSite(site_->site.name, "resuming from another output of it changes nothing");
}

absl::Status Trial::Describe() {
  const int64_t length = inputs_.history.size(1);
  RECSAE_ASSIGN_OR_RETURN(output_, program_.UpTo(number_, inputs_));
  RECSAE_ASSIGN_OR_RETURN(other_output_, program_.UpTo(number_, others_));
  const bool per_position = output_.dim() == 3;
  if (output_.scalar_type() != torch::kFloat32 || output_.dim() < 2 || output_.dim() > 3 ||
      output_.size(0) != rows() || (per_position && output_.size(1) != length) ||
      output_.size(-1) < 1 || output_.size(-1) > kMaxSiteDim ||
      !other_output_.is_same_size(output_)) {
    return InvalidSite(
        site_->site.name,
        absl::StrCat("for ", rows(), " histories it returned ", ShapeText(output_),
                     "; wanted Float [", rows(), ", ", length, ", d] or [", rows(), ", d]"));
  }
  output_ = output_.contiguous();
  other_output_ = other_output_.contiguous();
  site_->site.dim = static_cast<int>(output_.size(-1));
  site_->site.per_position = per_position;
  return absl::OkStatus();
}

absl::Status Trial::CheckResuming() {
  // A copy: what follows may work in place.
  RECSAE_ASSIGN_OR_RETURN(torch::Tensor resumed, program_.From(number_, inputs_, output_.clone()));
  RECSAE_ASSIGN_OR_RETURN(resumed,
                          CheckOutput(resumed, "forward", {whole_.size(0), whole_.size(1)}));
  if (LargestDifference(resumed, whole_) <= Allowed(whole_)) return absl::OkStatus();
  return InvalidSite(site_->site.name,
                     "run again from its own output, the module returns something else");
}

absl::Status Trial::ChoosePadding() {
  const std::string& name = site_->site.name;
  if (site_->padding != Padding::kUnknown) {
    RECSAE_ASSIGN_OR_RETURN(const std::string fault, FaultOf(site_->padding));
    if (fault.empty()) return absl::OkStatus();
    return InvalidSite(name, absl::StrCat("padded on the ", NameOf(site_->padding), ", ", fault));
  }
  if (inputs_.history.size(1) == 1) {  // The sides are one.
    site_->padding = Padding::kRight;
    RECSAE_ASSIGN_OR_RETURN(const std::string fault, FaultOf(site_->padding));
    return fault.empty() ? absl::OkStatus() : InvalidSite(name, fault);
  }
  RECSAE_ASSIGN_OR_RETURN(const std::string right, FaultOf(Padding::kRight));
  RECSAE_ASSIGN_OR_RETURN(const std::string left, FaultOf(Padding::kLeft));
  if (right.empty() && left.empty()) {
    return InvalidSite(
        name,
        "whether its histories are padded on the right or on the left cannot be told "
        "by trying, as every row depends on all items; say which in the header's padding");
  }
  if (!right.empty() && !left.empty()) {
    return InvalidSite(name, absl::StrCat("it has no row that stands for the last item: padded on "
                                          "the right, ",
                                          right, "; padded on the left, ", left));
  }
  site_->padding = right.empty() ? Padding::kRight : Padding::kLeft;
  return absl::OkStatus();
}

absl::StatusOr<std::string> Trial::FaultOf(Padding padding) const {
  for (int64_t query = 0; query < rows(); ++query) {
    const auto* row = Row(output_, padding, query);
    if (!std::all_of(row, row + output_.size(-1), [](float x) { return std::isfinite(x); })) {
      return std::string("the last item's row has values that are not finite");
    }
  }
  RECSAE_ASSIGN_OR_RETURN(const bool reads, ReadsLastItem(padding));
  if (!reads) return std::string("the last item's row does not depend on the last item");
  RECSAE_ASSIGN_OR_RETURN(const bool changes, ResumingChanges(padding));
  if (!changes) return std::string("resuming from another row changes nothing");
  return std::string();
}

absl::StatusOr<bool> Trial::ReadsLastItem(Padding padding) const {
  if (torch::equal(inputs_.history, others_.history)) return true;  // there is one item alone
  const int64_t width = output_.size(-1);
  for (int64_t query = 0; query < rows(); ++query) {
    const float *row = Row(output_, padding, query), *other = Row(other_output_, padding, query);
    float largest = 0, difference = 0;
    for (int64_t j = 0; j < width; ++j) {
      largest = std::max(largest, std::abs(row[j]));
      difference = std::max(difference, std::abs(row[j] - other[j]));
    }
    if (!(difference > kSeen * (largest + kSeen))) return false;
  }
  return true;
}

absl::StatusOr<bool> Trial::ResumingChanges(Padding padding) const {
  torch::Tensor changed = output_.clone();
  const int64_t width = output_.size(-1);
  for (int64_t query = 0; query < rows(); ++query) {
    auto* row = Row(changed, padding, query);
    float largest = 0;
    for (int64_t j = 0; j < width; ++j) largest = std::max(largest, std::abs(row[j]));
    // Of no direction that a normalisation would take out again.
    for (int64_t j = 0; j < width; ++j) {
      row[j] += (largest + 1) * std::sin(static_cast<float>(3 * j * j + j + 1));
    }
  }
  RECSAE_ASSIGN_OR_RETURN(torch::Tensor resumed, program_.From(number_, inputs_, changed));
  RECSAE_ASSIGN_OR_RETURN(resumed,
                          CheckShape(resumed, "forward", {whole_.size(0), whole_.size(1)}));
  for (int64_t query = 0; query < rows(); ++query) {
    const torch::Tensor before = whole_.slice(0, query, query + 1).contiguous();
    const torch::Tensor after = resumed.slice(0, query, query + 1).contiguous();
    // Where the sides differ, each history must show it.
    if (LargestDifference(before, after) <=
        kSeen * (1 + LargestDifference(before, torch::zeros_like(before)))) {
      return false;
    }
  }
  return true;
}

}  // namespace

Sample::Sample(int64_t items, int64_t users, int history) {
  // Another number than that of the columns, so that swapped dimensions are seen.
  const int rows = history == 4 ? 5 : 4;
  for (int i = 0; i < rows; ++i) {
    const int length = std::max(1, history * i / (rows - 1));
    std::vector<int32_t>& one = histories.emplace_back();
    for (int j = 0; j < length; ++j) {
      one.push_back(static_cast<int32_t>(items - 1 - (int64_t{i} * 31 + int64_t{j} * 7) % items));
    }
    other_histories.push_back(one);
    other_histories.back().back() = static_cast<int32_t>((one.back() + 1) % items);
  }
  for (int i = 0; i < rows; ++i) {
    const int64_t user = i % 2 == 0 ? users - 1 - i / 2 : -1;
    const auto number = static_cast<int32_t>(std::max<int64_t>(user, -1));
    queries.push_back({number, histories[i]});
    other_last.push_back({number, other_histories[i]});
  }
}

absl::Status TrySite(const TorchscriptProgram& program, size_t number, const Sample& sample,
                     int history, const torch::Tensor& whole, ModuleSite* site) {
  return Trial(program, number, sample, history, whole, site).Run();
}

}  // namespace recsae::probe
