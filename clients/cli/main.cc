// recsae: the command-line client.

#include <cstdlib>

#include "clients/cli/flags/command_line.h"
#include "clients/cli/session/interrupt.h"

int main(int argc, char** argv) {
  // While no call is under way, gRPC looks for news of broken connections only every five seconds.
  setenv("GRPC_CLIENT_CHANNEL_BACKUP_POLL_INTERVAL_MS", "200", /*overwrite=*/0);
  recsae::cli::ListenForInterrupts();
  recsae::cli::CommandLine line;
  AddPipelineCommand(line);
  AddReproduceCommands(line);
  AddExplainCommands(line);
  AddSteerCommand(line);
  AddSteeringEvaluationCommand(line);
  AddStatusCommand(line);
  AddDatasetCommands(line);
  AddCatalogCommands(line);
  AddRecommenderCommands(line);
  AddCaptureCommands(line);
  AddSaeCommands(line);
  AddConceptCommands(line);
  AddControlCommands(line);
  AddJobCommands(line);
  AddReportCommands(line);
  AddBackupCommands(line);
  AddBenchCommands(line);
  return line.Run(argc, argv);
}
