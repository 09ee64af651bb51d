#include "services/probe/torch/start_child.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"
#include "common/messages/status.h"
#include "common/messages/tensor.h"
#include "services/probe/torch/protocol/training_messages.h"
#include "services/probe/torch/protocol/version.h"

namespace recsae::probe {
namespace {

using torch_host::v1::FromHost;
using torch_host::v1::ToHost;

// One start, up to `ready`.
class Starting {
 public:
  Starting(const ChildTask& task, const std::function<bool()>& cancelled)
      : task_(task), cancelled_(cancelled), deadline_(absl::Now() + task.limit) {}

  absl::StatusOr<ReadyChild> Run(Launcher& launcher);

 private:
  absl::Status BringUp();
  absl::Status CheckVersion();
  absl::Status SendTask();
  // Takes what comes until it is ready.
  absl::Status Follow();
  absl::Status Take(FromHost& message, bool* ready);
  absl::Status Receive(FromHost* message) {
    return child_.process->Receive(message, deadline_, cancelled_);
  }

  const ChildTask& task_;
  const std::function<bool()>& cancelled_;
  const absl::Time deadline_;
  ReadyChild child_;
  std::string item_vectors_;
};

absl::StatusOr<ReadyChild> Starting::Run(Launcher& launcher) {
  const int model = task_.model == nullptr ? -1 : task_.model->file();
  RECSAE_ASSIGN_OR_RETURN(child_.process, launcher.Start(model));
  const absl::Status status = BringUp();
  const std::string reason = Reason(status);
  if (reason == "HOST_AWAY") return ChildEnded(task_.foreign, child_.process->Ending());
  if (reason == "HOST_SLOW") return ChildSlow(task_.limit);
  RECSAE_RETURN_IF_ERROR(status);
  return std::move(child_);
}

absl::Status Starting::BringUp() {
  RECSAE_RETURN_IF_ERROR(CheckVersion());
  // Where sending fails, what it had said before tells why.
  const absl::Status sent = SendTask();
  const absl::Status followed = Follow();
  return followed.ok() ? sent : followed;
}

absl::Status Starting::CheckVersion() {
  FromHost message;
  RECSAE_RETURN_IF_ERROR(Receive(&message));
  if (message.hello().version() == ProtocolVersion()) return absl::OkStatus();
  return Error(absl::StatusCode::kFailedPrecondition, "TORCH_HOST_VERSION",
               absl::StrCat("recsae-torch-host is of version ", message.hello().version(),
                            ", this program of ", ProtocolVersion(),
                            ": install both from one release, or say with --torch-host which one"));
}

absl::Status Starting::SendTask() {
  ToHost message;
  if (task_.dataset != nullptr) {
    RECSAE_RETURN_IF_ERROR(
        SendDataset(*task_.dataset, [&](const torch_host::v1::DatasetPart& part) {
          *message.mutable_dataset() = part;
          return child_.process->Send(message);
        }));
  }
  *message.mutable_start() = task_.start;
  return child_.process->Send(message);
}

absl::Status Starting::Follow() {
  for (bool ready = false; !ready;) {
    FromHost message;
    RECSAE_RETURN_IF_ERROR(Receive(&message));
    RECSAE_RETURN_IF_ERROR(Take(message, &ready));
  }
  RECSAE_ASSIGN_OR_RETURN(child_.item_vectors, FloatsFromBytes(item_vectors_));
  return absl::OkStatus();
}

absl::Status Starting::Take(FromHost& message, bool* ready) {
  switch (message.part_case()) {
    case FromHost::kProgress:
      if (!task_.on_progress || task_.on_progress(FromMessage(message.progress()))) break;
      return Error(absl::StatusCode::kCancelled, "CANCELLED", "training was cancelled");
    case FromHost::kModelPart:
      child_.model += message.model_part();
      break;
    case FromHost::kItemVectorsPart:
      item_vectors_ += message.item_vectors_part();
      break;
    case FromHost::kFailed:
      return FromRpcStatus(message.failed());
    case FromHost::kReady:
      child_.ready = std::move(*message.mutable_ready());
      *ready = true;
      break;
    default:
      return Error(absl::StatusCode::kDataLoss, "FRAME_INVALID",
                   "recsae-torch-host says what nobody asked it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<ReadyChild> StartChild(Launcher& launcher, const ChildTask& task,
                                      const std::function<bool()>& cancelled) {
  return Starting(task, cancelled).Run(launcher);
}

absl::Status ChildEnded(bool foreign, const std::string& ending) {
  if (foreign) {
    return Error(absl::StatusCode::kFailedPrecondition, "MODULE_FAILED",
                 absl::StrCat("the TorchScript module ended its process, which ", ending));
  }
  return Error(absl::StatusCode::kUnavailable, "HOST_AWAY",
               absl::StrCat("recsae-torch-host, which computes for this recommender, ", ending,
                            "; another one is started for the next call"));
}

absl::Status ChildSlow(absl::Duration limit) {
  return Error(absl::StatusCode::kDeadlineExceeded, "MODULE_DEADLINE",
               absl::StrCat("the TorchScript module took longer than ", absl::FormatDuration(limit),
                            " and was ended; --module-deadline of the server sets the limit"));
}

}  // namespace recsae::probe
