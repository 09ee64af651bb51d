// Cases as JSON and .npy files.
#include "benchmarks/sae/training_case.h"

#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status.h"
#include "common/files/npy.h"
#include "common/sae/statistics.h"
#include "common/sae/trainer.h"

namespace recsae::sae {

NLOHMANN_JSON_SERIALIZE_ENUM(Architecture, {{Architecture::kTopK, "top_k"},
                                            {Architecture::kTopKSigned, "top_k_signed"},
                                            {Architecture::kBatchTopK, "batch_top_k"},
                                            {Architecture::kJumpRelu, "jump_relu"},
                                            {Architecture::kRelu, "relu"}})
NLOHMANN_JSON_SERIALIZE_ENUM(Revival, {{Revival::kAuxLoss, "aux_loss"},
                                       {Revival::kResample, "resample"},
                                       {Revival::kNone, "none"}})
NLOHMANN_JSON_SERIALIZE_ENUM(InitialDecoder,
                             {{InitialDecoder::kRandom, "random"}, {InitialDecoder::kRows, "rows"}})
NLOHMANN_JSON_SERIALIZE_ENUM(DecayShape,
                             {{DecayShape::kLinear, "linear"}, {DecayShape::kCosine, "cosine"}})
NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT(
    TrainConfig, architecture, latents, k, k_anneal_from, k_anneal_fraction, matryoshka_prefixes,
    encoder_bias, normalise_inputs, initial_decoder, unit_norm_decoder, sparsity_weight, bandwidth,
    initial_threshold, dead_after_rows, revival, aux_weight, aux_k, resample_every_rows,
    learning_rate, decoder_rate, beta1, beta2, epsilon, warmup_fraction, decay_fraction,
    decay_shape, clip_norm, batch_rows, seed)

namespace {

absl::Status Unwritten(const std::string& path) {
  return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITTEN",
               absl::StrCat(path, ": could not be written; is there room, and leave to write?"),
               {{"file", path}});
}

absl::Status WriteNpy(const std::string& path, const std::vector<float>& values,
                      const std::vector<int64_t>& shape) {
  std::string header =
      absl::StrCat("{'descr': '<f4', 'fortran_order': False, 'shape': (",
                   absl::StrJoin(shape, ", "), shape.size() == 1 ? ",), }" : "), }");
  constexpr size_t kPreamble = 10;
  constexpr size_t kAlignment = 64;
  header.resize((kPreamble + header.size()) / kAlignment * kAlignment + kAlignment - kPreamble,
                ' ');
  header.back() = '\n';
  std::ofstream file(path, std::ios::binary);
  const char preamble[] = {'\x93',
                           'N',
                           'U',
                           'M',
                           'P',
                           'Y',
                           1,
                           0,
                           static_cast<char>(header.size() & 0xff),
                           static_cast<char>(header.size() >> 8)};
  file.write(preamble, kPreamble).write(header.data(), static_cast<std::streamsize>(header.size()));
  file.write(reinterpret_cast<const char*>(values.data()),
             static_cast<std::streamsize>(values.size() * sizeof(float)));
  file.close();
  return file ? absl::OkStatus() : Unwritten(path);
}

// The arrays of the weights with their file names and shapes.
template <typename Weights, typename Visit>
absl::Status ForEachArray(Weights& weights, bool encoder_bias, const Visit& visit) {
  const int64_t d = weights.dim;
  const int64_t latents = weights.latents;
  RECSAE_RETURN_IF_ERROR(visit("encoder", weights.encoder, {latents, d}));
  if (encoder_bias) {
    RECSAE_RETURN_IF_ERROR(visit("encoder_bias", weights.encoder_bias, {latents}));
  }
  RECSAE_RETURN_IF_ERROR(visit("decoder", weights.decoder, {latents, d}));
  return visit("pre_bias", weights.pre_bias, {d});
}

absl::Status ReadJson(const std::string& path, TrainingCase& training_case) {
  std::ifstream file(path);
  if (!file) {
    return Error(absl::StatusCode::kNotFound, "FILE_NOT_FOUND",
                 absl::StrCat(path, ": cannot be read; sae_step_benchmark make-case writes it"),
                 {{"file", path}});
  }
  try {
    const nlohmann::json json = nlohmann::json::parse(file);
    json.at("config").get_to(training_case.config);
    json.at("input_scale").get_to(training_case.initial.input_scale);
    json.at("variance").get_to(training_case.variance);
    json.at("total_rows").get_to(training_case.total_rows);
  } catch (const nlohmann::json::exception& error) {
    return Error(absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
                 absl::StrCat(path, ": ", error.what()), {{"file", path}});
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TrainingCase> MakeCase(const TrainConfig& config, int dim, int64_t total_rows,
                                      std::vector<float> rows) {
  const auto count = static_cast<int64_t>(rows.size()) / dim;
  if (count < config.batch_rows) {
    return Error(absl::StatusCode::kInvalidArgument, "TOO_FEW_ROWS",
                 absl::StrCat(count, " rows are fewer than a batch of ", config.batch_rows,
                              "; give more rows or a smaller batch"));
  }
  RECSAE_ASSIGN_OR_RETURN(
      const std::unique_ptr<Trainer> trainer,
      Trainer::Create(config, dim, total_rows, rows.data(), count, /*threads=*/1));
  TrainingCase made;
  made.config = trainer->config();
  made.initial = trainer->weights();
  const double scale = made.initial.input_scale;
  made.variance = ComputeStatistics(rows.data(), count, dim).variance * scale * scale;
  made.total_rows = total_rows;
  made.rows = std::move(rows);
  return made;
}

absl::Status WriteCase(const TrainingCase& training_case, const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const auto write = [&](const std::string& name, const std::vector<float>& values,
                         const std::vector<int64_t>& shape) {
    return WriteNpy(absl::StrCat(folder, "/", name, ".npy"), values, shape);
  };
  RECSAE_RETURN_IF_ERROR(
      ForEachArray(training_case.initial, training_case.config.encoder_bias, write));
  RECSAE_RETURN_IF_ERROR(write("rows", training_case.rows,
                               {training_case.row_count(), int64_t{training_case.initial.dim}}));
  const nlohmann::json json = {{"config", training_case.config},
                               {"input_scale", training_case.initial.input_scale},
                               {"variance", training_case.variance},
                               {"total_rows", training_case.total_rows}};
  const std::string path = absl::StrCat(folder, "/case.json");
  std::ofstream file(path);
  file << json.dump(2) << '\n';
  file.close();
  return file ? absl::OkStatus() : Unwritten(path);
}

absl::StatusOr<TrainingCase> ReadCase(const std::string& folder) {
  TrainingCase training_case;
  RECSAE_RETURN_IF_ERROR(ReadJson(absl::StrCat(folder, "/case.json"), training_case));
  const std::string rows_path = absl::StrCat(folder, "/rows.npy");
  RECSAE_ASSIGN_OR_RETURN(cli::NpyArray rows, cli::ReadNpy(rows_path));
  if (rows.shape.size() != 2 || rows.shape[0] < training_case.config.batch_rows) {
    return Error(absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
                 absl::StrCat(rows_path, ": must be [rows, dim], with at least one batch of ",
                              training_case.config.batch_rows, " rows"),
                 {{"file", rows_path}});
  }
  training_case.rows = std::move(rows.values);
  SaeWeights& weights = training_case.initial;
  weights.dim = static_cast<int>(rows.shape[1]);
  weights.latents = training_case.config.latents;
  weights.k = training_case.config.k;
  weights.architecture = training_case.config.architecture;
  if (HasThreshold(weights.architecture)) {
    // As Trainer::Create begins: BatchTopK learns its threshold from the first batch.
    const bool jump_relu = weights.architecture == Architecture::kJumpRelu;
    weights.threshold.assign(
        static_cast<size_t>(weights.latents),
        jump_relu ? static_cast<float>(training_case.config.initial_threshold) : 0.0f);
  }
  const auto read = [&](const std::string& name, std::vector<float>& values,
                        const std::vector<int64_t>& shape) -> absl::Status {
    const std::string path = absl::StrCat(folder, "/", name, ".npy");
    RECSAE_ASSIGN_OR_RETURN(cli::NpyArray array, cli::ReadNpy(path));
    if (array.shape != shape) {
      return Error(absl::StatusCode::kInvalidArgument, "FILE_MALFORMED",
                   absl::StrCat(path, ": its shape is (", absl::StrJoin(array.shape, ", "),
                                "), must be (", absl::StrJoin(shape, ", "), ")"),
                   {{"file", path}});
    }
    values = std::move(array.values);
    return absl::OkStatus();
  };
  RECSAE_RETURN_IF_ERROR(ForEachArray(weights, training_case.config.encoder_bias, read));
  return training_case;
}

}  // namespace recsae::sae
