#include "services/torch-host/session/session.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/messages/status.h"
#include "common/messages/tensor.h"
#include "recsae/torch_host/v1/torch_host.pb.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/model/weights.h"
#include "services/probe/torch/protocol/frames.h"
#include "services/probe/torch/protocol/training_messages.h"
#include "services/probe/torch/protocol/version.h"
#include "services/torch-host/kinds/in_process.h"
#include "services/torch-host/modules/torchscript.h"
#include "services/torch-host/modules/warm_up.h"
#include "services/torch-host/sandbox/sandbox.h"
#include "services/torch-host/session/answers.h"

namespace recsae::probe {
namespace {

using torch_host::v1::FromHost;
using torch_host::v1::Ready;
using torch_host::v1::Start;
using torch_host::v1::ToHost;

// The bytes of a file, as long as it lives.
class MappedFile {
 public:
  explicit MappedFile(int file) {
    struct stat about = {};
    if (file < 0 || fstat(file, &about) != 0 || about.st_size == 0) return;
    size_ = static_cast<size_t>(about.st_size);
    data_ = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
    if (data_ == MAP_FAILED) data_ = nullptr;
  }
  ~MappedFile() {
    if (data_ != nullptr) munmap(data_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  absl::string_view bytes() const {
    return data_ == nullptr ? absl::string_view()
                            : absl::string_view(static_cast<const char*>(data_), size_);
  }

 private:
  void* data_ = nullptr;
  size_t size_ = 0;
};

class Session {
 public:
  Session(int socket, int model) : socket_(socket), model_(model), reader_(socket) {}

  int Run();

 private:
  absl::Status Begin(const Start& start);
  absl::Status Train(const Start::Train& train);
  absl::Status Import(const Start::Import& import, absl::string_view stored);
  absl::Status SendModel();
  absl::Status SendParts(absl::string_view bytes,
                         const std::function<void(FromHost*, absl::string_view part)>& set);
  absl::Status SendReady();
  // Answers calls one after another; several threads take turns in reading.
  void Serve();
  absl::Status Send(const FromHost& message) {
    const std::lock_guard lock(write_mutex_);
    return WriteFrame(socket_, message);
  }

  const int socket_;
  const int model_;
  const InProcessTorch torch_;
  Dataset dataset_;
  Ready ready_;
  std::unique_ptr<Recommender> recommender_;
  std::mutex read_mutex_, write_mutex_;
  FrameReader reader_;
};

int Session::Run() {
  FromHost hello;
  hello.mutable_hello()->set_version(ProtocolVersion());
  if (!Send(hello).ok()) return 1;
  ToHost message;
  while (true) {
    const absl::StatusOr<bool> got = reader_.Read(&message);
    if (!got.ok() || !*got) return got.ok() ? 0 : 1;
    absl::Status status;
    try {
      if (message.has_dataset()) {
        status = AddPart(message.dataset(), &dataset_);
      } else if (message.has_start()) {
        status = Begin(message.start());
      }
    } catch (const std::exception& thrown) {
      status = Error(absl::StatusCode::kInternal, "MODEL_FAILED",
                     absl::StrCat("recsae-torch-host: ", thrown.what()));
    }
    if (!status.ok()) {
      FromHost failed;
      *failed.mutable_failed() = ToRpcStatus(status);
      return Send(failed).ok() ? 0 : 1;
    }
    if (message.has_start()) break;
  }
  std::vector<std::thread> threads;
  for (int i = 1; i < message.start().parallel_calls(); ++i) threads.emplace_back([&] { Serve(); });
  Serve();
  return 0;
}

absl::Status Session::Begin(const Start& start) {
  const MappedFile file(model_);
  if (start.memory_limit() > 0) {
    WarmUp();
    // Taking the model apart is not the module's doing.
    const int64_t copies = 4 * static_cast<int64_t>(file.bytes().size());
    RECSAE_RETURN_IF_ERROR(EnterSandbox(start.memory_limit() + copies));
  }
  if (start.has_train()) {
    RECSAE_RETURN_IF_ERROR(Train(start.train()));
  } else if (start.has_import()) {
    RECSAE_RETURN_IF_ERROR(Import(start.import(), file.bytes()));
  } else {
    RECSAE_ASSIGN_OR_RETURN(recommender_, LoadRecommender(file.bytes(), torch_));
  }
  return SendReady();
}

absl::Status Session::Train(const Start::Train& train) {
  RECSAE_RETURN_IF_ERROR(CheckComplete(dataset_));
  RECSAE_ASSIGN_OR_RETURN(const RecommenderOptions options, UnpackOptions(train.options()));
  RECSAE_ASSIGN_OR_RETURN(recommender_, NewRecommender(options, torch_));
  const auto tell = [&](const TrainProgress& progress) {
    FromHost message;
    *message.mutable_progress() = ToMessage(progress);
    return Send(message).ok();
  };
  RECSAE_ASSIGN_OR_RETURN(const TrainReport report, recommender_->Train(dataset_, tell));
  ready_.set_epochs(report.epochs);
  ready_.set_best_epoch(report.best_epoch);
  ready_.set_best_dev_ndcg(report.best_dev_ndcg);
  dataset_ = {};
  return SendModel();
}

absl::Status Session::SendModel() {
  RECSAE_RETURN_IF_ERROR(
      SendParts(recommender_->Save(), [](FromHost* message, absl::string_view part) {
        message->set_model_part(part.data(), part.size());
      }));
  return SendParts(FloatsAsBytes(recommender_->item_vectors()),
                   [](FromHost* message, absl::string_view part) {
                     message->set_item_vectors_part(part.data(), part.size());
                   });
}

absl::Status Session::SendParts(absl::string_view bytes,
                                const std::function<void(FromHost*, absl::string_view part)>& set) {
  for (size_t at = 0; at < bytes.size(); at += kPartBytes) {
    FromHost message;
    set(&message, bytes.substr(at, kPartBytes));
    RECSAE_RETURN_IF_ERROR(Send(message));
  }
  return absl::OkStatus();
}

absl::Status Session::Import(const Start::Import& import, absl::string_view stored) {
  RECSAE_ASSIGN_OR_RETURN(StoredModule module, UnpackModule(stored));
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Torchscript> model,
                          Torchscript::Import(std::move(module), import.user_count()));
  for (const ModuleSite& site : model->stored().sites) {
    ready_.add_sites()->set_left_padded(site.padding == Padding::kLeft);
  }
  recommender_ = std::move(model);
  return absl::OkStatus();
}

absl::Status Session::SendReady() {
  const std::vector<ProbeSite> sites = recommender_->ProbeSites();
  for (size_t i = 0; i + 1 < sites.size(); ++i) {  // the last is no inner one
    Ready::Site* site = static_cast<int>(i) < ready_.sites_size()
                            ? ready_.mutable_sites(static_cast<int>(i))
                            : ready_.add_sites();
    site->set_name(sites[i].name);
    site->set_dim(sites[i].dim);
    site->set_per_position(sites[i].per_position);
  }
  ready_.set_item_count(recommender_->items());
  FromHost message;
  *message.mutable_ready() = ready_;
  return Send(message);
}

void Session::Serve() {
  while (true) {
    ToHost message;
    {
      const std::lock_guard lock(read_mutex_);
      const absl::StatusOr<bool> got = reader_.Read(&message);
      // The probe is gone: at once, whatever the other threads compute.
      if (!got.ok() || !*got) _exit(got.ok() ? 0 : 1);
    }
    FromHost answer;
    *answer.mutable_answer() = AnswerCall(*recommender_, message.call());
    if (!Send(answer).ok()) _exit(1);
  }
}

}  // namespace

int RunSession(int socket, int model) { return Session(socket, model).Run(); }

}  // namespace recsae::probe
