// recsae: the command-line client.

#include "clients/cli/command_line.h"
#include "clients/cli/interrupt.h"

int main(int argc, char** argv) {
  recsae::cli::ListenForInterrupts();
  recsae::cli::CommandLine line;
  AddPipelineCommand(line);
  AddExplainCommands(line);
  AddStatusCommand(line);
  AddDatasetCommands(line);
  AddCatalogCommands(line);
  AddRecommenderCommands(line);
  AddCaptureCommands(line);
  AddSaeCommands(line);
  AddConceptCommands(line);
  AddJobCommands(line);
  return line.Run(argc, argv);
}
