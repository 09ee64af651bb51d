// Sends recorded activations from files to a capture.
#ifndef RECSAE_CLIENTS_CLI_COMMANDS_RECORD_H_
#define RECSAE_CLIENTS_CLI_COMMANDS_RECORD_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "clients/cli/session/session.h"
#include "common/files/npy.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

struct RecordSource {
  // "recommenders/{recommender}/captures/{capture}".
  std::string capture;
  // Known by it, so that a repeat of the same files is stored once; empty = ProducerOf what is
  // sent.
  std::string producer;
  // .npy, float [rows, dim].
  std::string activations;
  // One recsae.probe.v1.Case as JSON a line, as many as there are rows; empty = none.
  std::string cases;
  // Rows a batch; 0 = as many as fit into half a megabyte.
  int batch_rows = 0;
};

// The producer's name for rows (float [rows, dim]) and cases from a file: the file's name and a
// fingerprint of what is sent, so that another file is never taken for a repeat of this one.
std::string ProducerOf(const std::string& path, const NpyArray& activations,
                       const std::vector<probe::v1::Case>& cases);

// Batches get the sequence numbers 1, 2, ... in the order of the file.
absl::StatusOr<probe::v1::RecordActivationsResponse> Record(Session& session,
                                                            const RecordSource& source);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_COMMANDS_RECORD_H_
