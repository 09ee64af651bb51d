// Trains one recommender in process and prints a line of JSON: what a search over hyper-parameters
// runs. It chooses by the dev figures; the test figures are printed with --test alone.
//
//   train_recommender --kind sasrec --dataset /path/to/ml-1m-recsae --seed 1 [hyper-parameters]
#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "common/base/status.h"
#include "google/protobuf/util/json_util.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/models/hyper_parameters.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/probe/recommenders/model/recommender.h"
#include "services/torch-host/kinds/in_process.h"

namespace recsae::probe {
namespace {

struct Flags {
  std::string kind = "sasrec";
  std::string dataset;
  uint64_t seed = 1;
  bool test = false;
  bool quiet = false;
  cli::RecommenderFlags training;
};

double SecondsSince(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

absl::Status AddMetrics(const Recommender& model, const Dataset& dataset,
                        absl::Span<const Case> cases, const char* split, nlohmann::json& line) {
  RECSAE_ASSIGN_OR_RETURN(const RankingMetrics metrics, EvaluateRecommender(model, dataset, cases));
  for (const int k : RankingMetrics::kCutoffs) {
    line[absl::StrCat(split, "_hr@", k)] = metrics.hr(k);
    line[absl::StrCat(split, "_ndcg@", k)] = metrics.ndcg(k);
  }
  return absl::OkStatus();
}

absl::Status Run(const Flags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const Dataset dataset, ReadDataset(flags.dataset));
  RECSAE_ASSIGN_OR_RETURN(
      const RecommenderOptions options,
      ToOptions(cli::ParseKind(flags.kind), cli::MakeHyperParameters(flags.training, flags.seed)));
  RECSAE_ASSIGN_OR_RETURN(const std::unique_ptr<Recommender> model,
                          NewRecommender(options, InProcessTorch()));
  const auto start = std::chrono::steady_clock::now();
  RECSAE_ASSIGN_OR_RETURN(
      const TrainReport report, model->Train(dataset, [&](const TrainProgress& progress) {
        if (progress.epoch_done && !flags.quiet) {
          std::fprintf(stderr, "epoch %d: loss %.4f, dev NDCG@10 %.4f, %.0f s\n", progress.epoch,
                       progress.loss, progress.dev_ndcg, SecondsSince(start));
        }
        return true;
      }));
  nlohmann::json line = {{"kind", flags.kind},
                         {"seconds", SecondsSince(start)},
                         {"epochs", report.epochs},
                         {"best_epoch", report.best_epoch}};
  std::string parameters;
  (void)google::protobuf::util::MessageToJsonString(ToMessage(options), &parameters);
  line["hyper_parameters"] = nlohmann::json::parse(parameters);
  RECSAE_RETURN_IF_ERROR(AddMetrics(*model, dataset, dataset.dev, "dev", line));
  if (flags.test) {
    RECSAE_RETURN_IF_ERROR(AddMetrics(*model, dataset, dataset.test, "test", line));
  }
  std::cout << line.dump() << std::endl;
  return absl::OkStatus();
}

}  // namespace
}  // namespace recsae::probe

int main(int argc, char** argv) {
  recsae::probe::Flags flags;
  CLI::App app("Trains one recommender and prints its quality as a line of JSON");
  app.add_option("--kind", flags.kind, "Kind of recommender")->capture_default_str();
  app.add_option("--dataset", flags.dataset, "Folder of the data set")->required();
  app.add_option("--seed", flags.seed, "Seed")->capture_default_str();
  app.add_flag("--test", flags.test, "Evaluate on the test split as well");
  app.add_flag("--quiet", flags.quiet, "No line for each epoch");
  recsae::cli::Command command(app);
  recsae::cli::AddRecommenderFlags(command, "", flags.training);
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = recsae::probe::Run(flags);
  if (status.ok()) return 0;
  std::cerr << status << "\n";
  return 1;
}
