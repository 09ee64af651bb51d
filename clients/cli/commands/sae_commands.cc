// recsae saes: train and look at sparse autoencoders.

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/flags/sae_subcommands.h"
#include "clients/cli/flags/sweep.h"
#include "clients/cli/render/render.h"
#include "clients/cli/render/result_text.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/trainer/v1/trainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using concept_store::v1::Sae;

struct NameFlags {
  std::string sae;
  std::string request_id;
};

struct TrainFlags {
  std::string sae;
  std::string capture;
  std::vector<uint64_t> seeds;
  SaeFlags training;
  JobFlags job;
  std::string request_id;
};

void AddName(Command& command, std::string& name) {
  command.Add("SAE", name, "Name, for example ml-1m or saes/ml-1m").Required();
}

absl::Status Show(Session& session, const Sae& sae) {
  if (session.json()) return session.PrintJson(sae);
  session.console().Print(SaeDetails(sae));
  return absl::OkStatus();
}

absl::Status List(Session& session, const NameFlags&) {
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(session.concept_store(), &ConceptStore::Stub::ListSaes,
                                       concept_store::v1::ListSaesRequest(),
                                       &concept_store::v1::ListSaesResponse::saes_size, 0));
  if (session.json()) return session.PrintJson(all);
  Table table({{"SAE"},
               {"LATENTS", true},
               {"DIM", true},
               {"K", true},
               {"FVU", true},
               {"DEAD", true},
               {"ROWS", true},
               {"CREATED"},
               {"CAPTURE", false, true}});
  for (const Sae& sae : all.saes()) {
    table.Add({ShortName(sae.name()), FormatCount(sae.latent_count()),
               absl::StrCat(sae.activation_dim()), absl::StrCat(sae.k()),
               FormatFixed(sae.report().fvu(), 4), FormatPercent(sae.report().dead_fraction()),
               FormatCount(sae.report().row_count()), FormatTime(sae.create_time()),
               ShortName(sae.capture())});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

absl::Status Get(Session& session, const NameFlags& flags) {
  concept_store::v1::GetSaeRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(flags.sae, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(
      const auto sae, session.Call(session.concept_store(), &ConceptStore::Stub::GetSae, request));
  return Show(session, sae);
}

absl::Status TrainSweep(Session& session, const trainer::v1::TrainSaesRequest& request,
                        const JobFlags& flags) {
  return FinishJob<trainer::v1::TrainSaesResult>(
      session, session.trainer_jobs(),
      session.Call(session.trainer(), &trainer::v1::Trainer::Stub::TrainSaes, request),
      absl::StrCat("training ", request.variants_size(), " SAEs"), flags,
      [&](const trainer::v1::TrainSaesResult& result) {
        session.console().Print(SweepTable(result));
        for (const concept_store::v1::Sae& sae : result.saes()) {
          for (const std::string& warning : sae.report().warnings()) {
            session.console().Say(absl::StrCat(ShortName(sae.name()), ": ", warning));
          }
        }
        return absl::OkStatus();
      });
}

absl::Status Train(Session& session, const TrainFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.sae, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(const std::string capture, FullName(flags.capture, kCapturePattern));
  RECSAE_ASSIGN_OR_RETURN(trainer::v1::TrainSaesRequest sweep,
                          MakeSweep(LastId(name), capture, flags.training, flags.seeds));
  const std::string request_id = flags.request_id.empty() ? NewRequestId() : flags.request_id;
  if (sweep.variants_size() > 1) {
    sweep.set_request_id(request_id);
    return TrainSweep(session, sweep, flags.job);
  }
  trainer::v1::TrainSaeRequest request;
  request.set_sae_id(sweep.variants(0).sae_id());
  request.set_capture(capture);
  *request.mutable_config() = sweep.variants(0).config();
  request.set_request_id(request_id);
  return FinishJob<trainer::v1::TrainSaeResult>(
      session, session.trainer_jobs(),
      session.Call(session.trainer(), &trainer::v1::Trainer::Stub::TrainSae, request),
      "training the SAE", flags.job,
      [&](const trainer::v1::TrainSaeResult& result) { return Show(session, result.sae()); });
}

absl::Status Delete(Session& session, const NameFlags& flags) {
  concept_store::v1::DeleteSaeRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(flags.sae, kSaePattern));
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(const auto empty, session.Call(session.concept_store(),
                                                         &ConceptStore::Stub::DeleteSae, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say("deleted " + request.name() + " and its concepts");
  return absl::OkStatus();
}

}  // namespace

void AddSaeCommands(CommandLine& line) {
  Command group = line.AddGroup("saes", "Sparse autoencoders",
                                "  recsae saes train movies --capture movies/train\n"
                                "  recsae saes list");
  line.Add<NameFlags>(
      group, "list", "List the SAEs", "  recsae saes list", [](Command&, NameFlags&) {}, List);
  line.Add<NameFlags>(
      group, "get", "Show an SAE and how its training went", "  recsae saes get movies",
      [](Command& command, NameFlags& flags) { AddName(command, flags.sae); }, Get);
  line.Add<TrainFlags>(
      group, "train", "Train an SAE on a capture and publish it, or several at a time",
      "  recsae saes train movies --capture movies/train\n"
      "  recsae saes train as-paper --capture movies/train --preset paper --k 8\n"
      "  recsae saes train best --capture movies/train --epochs 100 --early-stop dev\n"
      "  recsae saes train movies --capture movies/train --k 4,8,16 --seed 1,2\n"
      "      # movies-k4-seed1, movies-k4-seed2, ... in one pass over the capture\n"
      "Several values, separated by commas, of --architecture, --latents, --k, --learning-rate\n"
      "and --seed train an SAE for each combination, at most 64.",
      [](Command& command, TrainFlags& flags) {
        AddName(command, flags.sae);
        command.Add("--capture", flags.capture, "Activations to train on: RECOMMENDER/CAPTURE")
            .Required();
        command.Add("--seed", flags.seeds, "Seed [default: 0]")
            .Type("N")
            .SeparatedBy(',')
            .OneArgumentEach();
        AddRequestId(command, flags.request_id);
        AddJobFlags(command, flags.job);
        AddSaeFlags(command, "", Values::kLists, flags.training);
      },
      Train);
  line.Add<NameFlags>(
      group, "delete", "Remove an SAE with all its concepts", "  recsae saes delete movies",
      [](Command& command, NameFlags& flags) {
        AddName(command, flags.sae);
        AddRequestId(command, flags.request_id);
      },
      Delete);
  AddSaeComparison(line, group);
  AddSaeExchange(line, group);
}

}  // namespace recsae::cli
