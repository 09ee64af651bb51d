// recsae-probe: recommenders, their activations and item vectors as a server of its own.
#include <memory>
#include <utility>

#include "common/process/server.h"
#include "services/probe/module.h"

int main(int argc, char** argv) {
  recsae::ServerSpec spec;
  spec.program = "recsae-probe";
  spec.description =
      "Keeps catalogues, recommenders with their prediction heads, and captures of their "
      "activations; trains and runs the recommenders that it hosts.";
  spec.examples =
      "recsae-probe --data-dir /var/lib/recsae --data /data/interactions --listen 0.0.0.0:7401\n"
      "    Serve to other machines and read data sets below /data/interactions.";
  spec.port = 7401;
  spec.metrics_port = 9401;
  spec.modules.push_back(std::make_unique<recsae::probe::ProbeModule>());
  return recsae::RunServer(argc, argv, std::move(spec));
}
