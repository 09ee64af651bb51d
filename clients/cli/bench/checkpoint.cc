#include "clients/cli/bench/checkpoint.h"

#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status.h"
#include "common/files/whole_file.h"

namespace recsae::cli::bench {

CheckpointKeeper::CheckpointKeeper(const std::string& folder, const std::string& name,
                                   const std::string& data)
    : path_(folder.empty() ? "" : absl::StrCat(folder, "/", name, ".state")),
      data_(absl::StrCat("recsae bench synthetic: ", data, "\n")) {}

absl::Status CheckpointKeeper::Keep(const sae::Trainer& trainer) const {
  if (path_.empty()) return absl::OkStatus();
  std::string bytes = data_;
  trainer.AppendState(&bytes);
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path_).parent_path(), error);
  const absl::Status written = WriteWholeFile(path_, bytes);
  if (written.ok()) return written;
  return Error(absl::StatusCode::kFailedPrecondition, "CHECKPOINT_UNWRITABLE",
               absl::StrCat(written.message(), "; choose another --checkpoints, or make room for ",
                            bytes.size(), " bytes"));
}

absl::StatusOr<std::unique_ptr<sae::Trainer>> CheckpointKeeper::Load(const sae::TrainConfig& config,
                                                                     int threads) const {
  std::unique_ptr<sae::Trainer> trainer;
  std::ifstream file(path_, std::ios::binary);
  if (path_.empty() || !file) return trainer;
  std::ostringstream read;
  read << file.rdbuf();
  const std::string bytes = std::move(read).str();
  absl::string_view state = bytes;
  if (absl::ConsumePrefix(&state, data_)) {
    RECSAE_ASSIGN_OR_RETURN(trainer, sae::Trainer::Restore(state, threads));
    sae::TrainConfig kept = trainer->config();
    // The trainer fills in what 0 stands for.
    if (config.aux_k == 0) kept.aux_k = 0;
    if (kept == config) return trainer;
  }
  return Error(absl::StatusCode::kInvalidArgument, "CHECKPOINT_MISMATCH",
               absl::StrCat(path_,
                            " is of a training with other settings; give those again, or "
                            "another --checkpoints"));
}

}  // namespace recsae::cli::bench
