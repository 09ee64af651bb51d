// recsae recommenders import: hosts a PyTorch recommender that was saved as TorchScript.

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/dataset_flags.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/flags/recommender_subcommands.h"
#include "clients/cli/render/render.h"
#include "clients/cli/session/progress_line.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "common/files/npy.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using probe::v1::ImportRecommenderRequest;
using probe::v1::Recommender;

constexpr int64_t kPieceBytes = 1 << 20;
constexpr double kImportTimeout = 3600;

struct ImportFlags {
  std::string recommender;
  std::string module;
  std::string items;
  std::string item_ids;
  std::string padding = "detect";
  std::string catalog;
  std::string dataset;
  DatasetFlags dataset_flags;
  int history = 0;
  std::vector<std::string> probe_sites;
  std::string request_id;
};

absl::StatusOr<std::string> ReadModule(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  if (!file.bad() && !bytes.empty()) return bytes;
  return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
               absl::StrCat(path, ": ", bytes.empty() ? "is empty" : std::strerror(errno)),
               {{"file", path}});
}

// One id a line, as many as there are vectors; nothing where there is no such file.
absl::StatusOr<std::vector<std::string>> ReadIds(const std::string& path, int64_t vectors) {
  std::vector<std::string> ids;
  if (path.empty()) return ids;
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    ids.push_back(line);
  }
  if (static_cast<int64_t>(ids.size()) == vectors) return ids;
  return UsageError(absl::StrCat(path, ": has ", ids.size(), " lines for ", vectors,
                                 " item vectors: give the id of each, one a line"));
}

ImportRecommenderRequest::Padding PaddingOf(const std::string& name) {
  if (name == "left") return ImportRecommenderRequest::PADDING_LEFT;
  if (name == "right") return ImportRecommenderRequest::PADDING_RIGHT;
  return ImportRecommenderRequest::PADDING_UNSPECIFIED;
}

absl::StatusOr<ImportRecommenderRequest> Describe(const ImportFlags& flags) {
  ImportRecommenderRequest request;
  ImportRecommenderRequest::Header& header = *request.mutable_header();
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.recommender, kRecommenderPattern));
  header.set_recommender_id(LastId(name));
  if (flags.catalog.empty() == flags.dataset.empty()) {
    return UsageError("say what the module's items are: --dataset NAME or --catalog NAME");
  }
  if (!flags.catalog.empty()) {
    RECSAE_ASSIGN_OR_RETURN(*header.mutable_catalog(), FullName(flags.catalog, kCatalogPattern));
  } else {
    *header.mutable_dataset() = MakeDatasetRef(flags.dataset, flags.dataset_flags);
  }
  header.set_history_length(flags.history);
  header.set_padding(PaddingOf(flags.padding));
  header.mutable_probe_sites()->Add(flags.probe_sites.begin(), flags.probe_sites.end());
  header.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  return request;
}

// Sends everything; stops early when the stream breaks, whose status then says why.
void Send(const ImportRecommenderRequest& first, const std::string& module, const NpyArray& items,
          const std::vector<std::string>& ids, grpc::ClientWriter<ImportRecommenderRequest>& writer,
          ProgressLine& progress) {
  if (!writer.Write(first)) return;
  ImportRecommenderRequest message;
  for (size_t at = 0; at < module.size(); at += kPieceBytes) {
    message.set_module(module.substr(at, kPieceBytes));
    if (!writer.Write(message)) return;
    progress.Add(static_cast<int64_t>(message.module().size()));
  }
  const int64_t rows = items.shape[0], dim = items.shape[1];
  const int64_t piece = std::max<int64_t>(1, kPieceBytes / (4 * std::max<int64_t>(dim, 1)));
  for (int64_t at = 0; at < rows; at += piece) {
    const int64_t count = std::min(piece, rows - at);
    WriteMatrix({items.values.data() + at * dim, count, dim}, message.mutable_item_vectors());
    message.clear_item_ids();
    if (!ids.empty()) message.mutable_item_ids()->Add(ids.begin() + at, ids.begin() + at + count);
    if (!writer.Write(message)) return;
    progress.Add(count * dim * 4);
  }
  writer.WritesDone();
}

absl::Status Import(Session& session, const ImportFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const ImportRecommenderRequest first, Describe(flags));
  RECSAE_ASSIGN_OR_RETURN(const std::string module, ReadModule(flags.module));
  RECSAE_ASSIGN_OR_RETURN(const NpyArray items, ReadNpy(flags.items));
  if (items.shape.size() != 2) {
    return UsageError(absl::StrCat(flags.items, ": must have two dimensions [items, dim]"));
  }
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          ReadIds(flags.item_ids, items.shape[0]));
  grpc::ClientContext context;
  const double timeout = session.Timeout(kImportTimeout);
  SetDeadline(context, absl::Seconds(timeout));
  Recommender recommender;
  absl::Status status;
  {
    ProgressLine progress(session, "importing", "bytes",
                          static_cast<int64_t>(module.size() + 4 * items.values.size()));
    const auto writer = session.probe()->ImportRecommender(&context, &recommender);
    Send(first, module, items, ids, *writer, progress);
    status = session.probe().peer().FromGrpc(writer->Finish());
  }
  RECSAE_RETURN_IF_ERROR(ExplainTimeout(status, timeout));
  if (session.json()) return session.PrintJson(recommender);
  session.console().Print(RecommenderDetails(recommender));
  return absl::OkStatus();
}

constexpr char kExamples[] =
    "  recsae recommenders import mine --module model.pt --items items.npy --dataset ml-1m\n"
    "  recsae recommenders import mine --module model.pt --items items.npy --dataset ml-1m \\\n"
    "      --history 200 --probe-site blocks.0 --probe-site blocks.1\n\n"
    "In Python:\n"
    "  class Export(torch.nn.Module):           # adapts your model to what is called here\n"
    "      def __init__(self, model):\n"
    "          super().__init__(); self.model = model\n"
    "      def forward(self, history: torch.Tensor, lengths: torch.Tensor, user: torch.Tensor):\n"
    "          # int64 [B, L] items from 1, oldest first, 0 behind; [B]; [B] from 1, 0 = unknown\n"
    "          hidden = self.model(history)                                     # [B, L, d]\n"
    "          return hidden[torch.arange(history.size(0)), lengths - 1]        # [B, d]\n"
    "  torch.jit.script(Export(model).eval()).save(\"model.pt\")\n"
    "  numpy.save(\"items.npy\", model.item_embedding.weight[1:].detach().numpy())  # [items, "
    "d]\n\n"
    "Item 1 is the catalogue's first, or with --item-ids that of its first line; user 1 is the "
    "data\n"
    "set's first; L is always --history. The server must be started with --allow-modules. The "
    "module\n"
    "is tried with a few histories before it is accepted. Probe sites are submodules by their "
    "path\n"
    "(model.blocks.0).";

}  // namespace

void AddRecommenderImport(CommandLine& line, Command& group) {
  line.Add<ImportFlags>(
      group, "import", "Host a PyTorch recommender saved with torch.jit.save", kExamples,
      [](Command& command, ImportFlags& flags) {
        command.Add("RECOMMENDER", flags.recommender, "Name, for example mine or recommenders/mine")
            .Required();
        command.Add("--module", flags.module, "The saved module")
            .Required()
            .Must(Check::ExistingFile());
        command
            .Add("--items", flags.items,
                 ".npy file, float [items, dim]: score = activation x vector")
            .Required()
            .Must(Check::ExistingFile());
        command
            .Add("--item-ids", flags.item_ids,
                 "Text file, one id a line: of the module's items 1, 2, 3, ... and their vectors "
                 "[default: the catalogue's order]")
            .Must(Check::ExistingFile());
        command
            .Add("--padding", flags.padding,
                 "Where the module has rows without an item, at probe sites: before the items "
                 "(left), behind them (right), or to be found out (detect)")
            .Must(Check::OneOf({"detect", "left", "right"}));
        command.Add("--dataset", flags.dataset,
                    "Data set that it was trained on: gives the items and the histories");
        command.Add("--catalog", flags.catalog,
                    "Or only what it recommends: nothing can be captured then");
        command.Add("--history", flags.history, "Items of history it reads [default: 50]")
            .Type("N");
        command
            .Add("--probe-site", flags.probe_sites,
                 "Submodule whose output can be captured; may be repeated")
            .Type("PATH")
            .OneArgumentEach();
        AddRequestId(command, flags.request_id);
        AddDatasetFlags(command, flags.dataset_flags);
      },
      Import);
}

}  // namespace recsae::cli
