// recsae datasets: interaction logs that the server can read.

#include <string>

#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/dataset_flags.h"
#include "clients/cli/render/render.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using probe::v1::Probe;

struct GetFlags {
  std::string name;
  DatasetFlags dataset;
};

absl::Status Get(Session& session, const GetFlags& flags) {
  probe::v1::GetDatasetRequest request;
  *request.mutable_dataset() = MakeDatasetRef(flags.name, flags.dataset);
  const auto dataset =
      session.Call(session.probe(), &Probe::Stub::GetDataset, request, kDatasetTimeout);
  if (!dataset.ok()) return dataset.status();
  if (session.json()) return session.PrintJson(*dataset);
  session.console().Print(DatasetDetails(*dataset));
  return absl::OkStatus();
}

}  // namespace

void AddDatasetCommands(CommandLine& line) {
  Command group = line.AddGroup("datasets", "Interaction logs that the server can read",
                                "  recsae datasets get ml-1m");
  line.Add<GetFlags>(
      group, "get", "Look a data set up, read it (or download it first) and say what is in it",
      "  recsae datasets get ml-1m\n"
      "  recsae datasets get hetrec2011-lastfm-2k --core 10 --split-seed 3\n"
      "  recsae datasets get planted --planted-users 500",
      [](Command& command, GetFlags& flags) {
        command
            .Add("NAME", flags.name, "Folder under one of the server's data folders, or 'planted'")
            .Required()
            .Must(Check::Dataset());
        AddDatasetFlags(command, flags.dataset);
      },
      Get);
}

}  // namespace recsae::cli
