// The cells of a reproduction: single measurements, each kept in a file of its own as soon as it is
// done, so that no run repeats another's.
#ifndef RECSAE_CLIENTS_CLI_REPRODUCE_CELL_H_
#define RECSAE_CLIENTS_CLI_REPRODUCE_CELL_H_

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace recsae::cli {

// What is measured of a trained recommender. Points of a sweep are called by their size: "s4-k8".
inline constexpr char kRecommenderMethod[] = "recommender";  // itself
inline constexpr char kRawMethod[] = "raw";                  // its dimensions as they are
inline constexpr char kRandomMethod[] = "random";            // the SAE before training
inline constexpr char kTrainedMethod[] = "sae";              // the SAE
inline constexpr char kSteerMethod[] = "steer";              // one of its latents scaled
// Of its first block (first_block.h): the published SAE, and this suite's default.
inline constexpr char kPublishedMethod[] = "block0-relu";
inline constexpr char kBlockMethod[] = "block0-sae";

struct CellId {
  std::string dataset;
  // As --recommender has it, "ecf-3" for three members, "gpt-untrained" as it is before training.
  std::string recommender;
  std::string method;
  uint64_t seed = 1;

  // What the cells of one trained recommender share.
  auto Group() const { return std::tie(dataset, recommender, seed); }
  friend bool operator==(const CellId& a, const CellId& b) {
    return a.Group() == b.Group() && a.method == b.method;
  }
};

// The size of a sweep's point: "s4-k8" is {4, 8}. Nothing for other methods.
struct SweepPoint {
  int expansion;
  int k;
};
std::string SweepMethod(const SweepPoint& point);
std::optional<SweepPoint> ParseSweep(const std::string& method);

// "ml-1m-recsae.bprmf.sae.seed1": the name of its file, without ".json".
std::string CellKey(const CellId& cell);

// "ml-1m-recsae, bprmf, seed 1: sae".
std::string DescribeCell(const CellId& cell);

// The folder OUT/cells. A cell is {"dataset", "recommender", "method", "seed", "settings",
// "seconds", "version"} and what was measured; one with "refused" (why the server would not) does
// not count as finished. Not thread-safe.
class CellStore {
 public:
  // Makes the folder where it is missing and reads the cells there. `settings`: the flags that
  // decide what is measured. INVALID_ARGUMENT (CELL_MALFORMED) names a file that is no cell;
  // FAILED_PRECONDITION (SETTINGS_DIFFER) when a cell was measured with other settings.
  static absl::StatusOr<CellStore> Open(const std::string& out, const std::string& settings);

  // Null where there is none.
  const nlohmann::ordered_json* Find(const CellId& cell) const;
  bool Finished(const CellId& cell) const;

  // `measured`: an object. The cell appears as a whole or not at all. INTERNAL (FILE_NOT_WRITABLE).
  absl::Status Write(const CellId& cell, double seconds, const nlohmann::ordered_json& measured);

  // By key.
  const std::vector<nlohmann::ordered_json>& cells() const { return cells_; }
  const std::string& settings() const { return settings_; }

 private:
  CellStore(std::string folder, std::string settings)
      : folder_(std::move(folder)), settings_(std::move(settings)) {}

  std::string folder_;
  std::string settings_;
  std::vector<nlohmann::ordered_json> cells_;
};

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_REPRODUCE_CELL_H_
