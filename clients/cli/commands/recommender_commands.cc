// recsae recommenders: train and import hosted ones, register those that live elsewhere.

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/dataset_flags.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/flags/recommender_subcommands.h"
#include "clients/cli/formats/json_lines.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "common/files/npy.h"
#include "common/messages/tensor.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using probe::v1::Probe;
using probe::v1::Recommender;

constexpr size_t kUploadBytes = 1 << 20;
constexpr double kUploadTimeout = 600;

struct NameFlags {
  std::string recommender;
  bool force = false;
  std::string request_id;
};

struct TrainFlags {
  std::string recommender;
  std::string kind = "sasrec";
  std::string dataset;
  uint64_t seed = 0;
  DatasetFlags dataset_flags;
  RecommenderFlags training;
  JobFlags job;
  std::string request_id;
};

struct CreateFlags {
  std::string recommender;
  std::string catalog;
  int dim = 0;
  std::string request_id;
};

struct HeadFlags {
  std::string recommender;
  std::string vectors;
  std::string biases;
  std::string item_ids;
};

void AddName(Command& command, std::string& name) {
  command.Add("RECOMMENDER", name, "Name, for example ml-1m or recommenders/ml-1m").Required();
}

absl::Status Show(Session& session, const Recommender& recommender) {
  if (session.json()) return session.PrintJson(recommender);
  session.console().Print(RecommenderDetails(recommender));
  return absl::OkStatus();
}

absl::Status List(Session& session, const NameFlags&) {
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(session.probe(), &Probe::Stub::ListRecommenders,
                                       probe::v1::ListRecommendersRequest(),
                                       &probe::v1::ListRecommendersResponse::recommenders_size, 0));
  if (session.json()) return session.PrintJson(all);
  Table table({{"RECOMMENDER"},
               {"KIND"},
               {"DIM", true},
               {"TEST HR@10", true},
               {"TEST NDCG@10", true},
               {"CREATED"},
               {"DATA SET", false, true}});
  for (const Recommender& recommender : all.recommenders()) {
    const auto metric = [&](const char* name) {
      const auto found = recommender.metrics().find(name);
      return found == recommender.metrics().end() ? "" : FormatFixed(found->second, 4);
    };
    table.Add({ShortName(recommender.name()), KindName(recommender.kind()),
               absl::StrCat(recommender.activation_dim()), metric("test_hr@10"),
               metric("test_ndcg@10"), FormatTime(recommender.create_time()),
               recommender.dataset().name()});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

absl::Status Get(Session& session, const NameFlags& flags) {
  probe::v1::GetRecommenderRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(),
                          FullName(flags.recommender, kRecommenderPattern));
  RECSAE_ASSIGN_OR_RETURN(const auto recommender,
                          session.Call(session.probe(), &Probe::Stub::GetRecommender, request));
  return Show(session, recommender);
}

absl::Status Train(Session& session, const TrainFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.recommender, kRecommenderPattern));
  probe::v1::TrainRecommenderRequest request;
  request.set_recommender_id(LastId(name));
  request.set_kind(ParseKind(flags.kind));
  *request.mutable_dataset() = MakeDatasetRef(flags.dataset, flags.dataset_flags);
  *request.mutable_hyper_parameters() = MakeHyperParameters(flags.training, flags.seed);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  return FinishJob<Recommender>(
      session, session.probe_jobs(),
      session.Call(session.probe(), &Probe::Stub::TrainRecommender, request, kDatasetTimeout),
      "training the recommender", flags.job,
      [&](const Recommender& recommender) { return Show(session, recommender); });
}

absl::Status Create(Session& session, const CreateFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.recommender, kRecommenderPattern));
  probe::v1::CreateRecommenderRequest request;
  request.set_recommender_id(LastId(name));
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_catalog(), FullName(flags.catalog, kCatalogPattern));
  request.set_activation_dim(flags.dim);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(const auto recommender,
                          session.Call(session.probe(), &Probe::Stub::CreateRecommender, request));
  return Show(session, recommender);
}

absl::Status Delete(Session& session, const NameFlags& flags) {
  probe::v1::DeleteRecommenderRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(),
                          FullName(flags.recommender, kRecommenderPattern));
  request.set_force(flags.force);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(const auto empty,
                          session.Call(session.probe(), &Probe::Stub::DeleteRecommender, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say("deleted " + request.name());
  return absl::OkStatus();
}

// Ids from the file, or else those of the catalogue, in its order.
absl::StatusOr<std::vector<std::string>> HeadItems(Session& session, const std::string& recommender,
                                                   const std::string& file) {
  std::vector<std::string> ids;
  if (!file.empty()) {
    RECSAE_RETURN_IF_ERROR(ReadLines(file, [&](int, const std::string& line) {
      ids.push_back(line);
      return absl::OkStatus();
    }));
    return ids;
  }
  probe::v1::GetRecommenderRequest get;
  get.set_name(recommender);
  RECSAE_ASSIGN_OR_RETURN(const auto found,
                          session.Call(session.probe(), &Probe::Stub::GetRecommender, get));
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(session.Timeout(kUploadTimeout)));
  probe::v1::ReadItemsRequest read;
  read.set_catalog(found.catalog());
  const auto reader = session.probe()->ReadItems(&context, read);
  for (probe::v1::ReadItemsResponse batch; reader->Read(&batch);) {
    for (const probe::v1::Item& item : batch.items()) ids.push_back(item.id());
  }
  RECSAE_RETURN_IF_ERROR(session.probe().peer().FromGrpc(reader->Finish()));
  return ids;
}

absl::Status CheckHead(const HeadFlags& flags, const NpyArray& vectors, const NpyArray& biases,
                       size_t items) {
  if (vectors.shape.size() != 2) {
    return UsageError(absl::StrCat(flags.vectors, ": must have two dimensions [items, dim]"));
  }
  if (static_cast<size_t>(vectors.shape[0]) != items) {
    return UsageError(absl::StrCat(flags.vectors, ": has ", vectors.shape[0], " rows, but there ",
                                   "are ", items, " items; name its rows with --item-ids"));
  }
  if (!flags.biases.empty() && biases.values.size() != items) {
    return UsageError(
        absl::StrCat(flags.biases, ": has ", biases.values.size(), " values, must have ", items));
  }
  return absl::OkStatus();
}

absl::Status UploadHead(Session& session, const HeadFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.recommender, kRecommenderPattern));
  RECSAE_ASSIGN_OR_RETURN(const NpyArray vectors, ReadNpy(flags.vectors));
  NpyArray biases;
  if (!flags.biases.empty()) {
    RECSAE_ASSIGN_OR_RETURN(biases, ReadNpy(flags.biases));
  }
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> ids,
                          HeadItems(session, name, flags.item_ids));
  RECSAE_RETURN_IF_ERROR(CheckHead(flags, vectors, biases, ids.size()));

  grpc::ClientContext context;
  const double timeout = session.Timeout(kUploadTimeout);
  SetDeadline(context, absl::Seconds(timeout));
  Recommender response;
  const auto writer = session.probe()->UploadPredictionHead(&context, &response);
  const int64_t dim = vectors.shape[1];
  const auto items = static_cast<int64_t>(ids.size());
  const int64_t batch_rows = std::max<int64_t>(1, kUploadBytes / (sizeof(float) * (dim + 1)));
  probe::v1::UploadPredictionHeadRequest request;
  request.mutable_header()->set_recommender(name);
  bool sent = writer->Write(request);
  for (int64_t start = 0; sent && start < items; start += batch_rows) {
    const int64_t rows = std::min(batch_rows, items - start);
    probe::v1::UploadPredictionHeadRequest::Batch& batch = *request.mutable_batch();
    batch.Clear();
    for (int64_t i = start; i < start + rows; ++i) batch.add_item_ids(ids[i]);
    WriteMatrix({vectors.values.data() + start * dim, rows, dim}, batch.mutable_vectors());
    if (!biases.values.empty()) {
      WriteVector({biases.values.data() + start, static_cast<size_t>(rows)},
                  batch.mutable_biases());
    }
    sent = writer->Write(request);
  }
  writer->WritesDone();
  RECSAE_RETURN_IF_ERROR(
      ExplainTimeout(session.probe().peer().FromGrpc(writer->Finish()), timeout));
  return Show(session, response);
}

void AddTrain(CommandLine& line, Command& group) {
  line.Add<TrainFlags>(
      group, "train", "Train a recommender on a data set, in the server",
      "  recsae recommenders train movies --dataset ml-1m\n"
      "  recsae recommenders train small --dataset planted --kind bprmf --epochs 20 --no-wait",
      [](Command& command, TrainFlags& flags) {
        AddName(command, flags.recommender);
        command.Add("--dataset", flags.dataset, "Data set, as recsae datasets get names it")
            .Required()
            .Must(Check::Dataset());
        command.Add("--kind", flags.kind, "Which recommender")
            .Must(Check::OneOf(std::vector<std::string>(std::begin(kKinds), std::end(kKinds))))
            .ShowDefault();
        command.Add("--seed", flags.seed, "Seed [default: 0]").Type("N");
        AddRequestId(command, flags.request_id);
        AddJobFlags(command, flags.job);
        AddDatasetFlags(command, flags.dataset_flags);
        AddRecommenderFlags(command, "", flags.training);
      },
      Train);
}

void AddExternal(CommandLine& line, Command& group) {
  line.Add<CreateFlags>(
      group, "create", "Register a recommender that lives elsewhere",
      "  recsae recommenders create shop --catalog shop --dim 64",
      [](Command& command, CreateFlags& flags) {
        AddName(command, flags.recommender);
        command.Add("--catalog", flags.catalog, "What it recommends").Required();
        command.Add("--dim", flags.dim, "Length of an activation").Required();
        AddRequestId(command, flags.request_id);
      },
      Create);
  line.Add<HeadFlags>(
      group, "upload-head", "Set its item vectors: score = activation x vector + bias",
      "  recsae recommenders upload-head shop --vectors items.npy\n"
      "  recsae recommenders upload-head shop --vectors items.npy --item-ids ids.txt",
      [](Command& command, HeadFlags& flags) {
        AddName(command, flags.recommender);
        command.Add("--vectors", flags.vectors, ".npy file, float [items, dim]")
            .Required()
            .Must(Check::ExistingFile());
        command.Add("--biases", flags.biases, ".npy file, float [items]")
            .Must(Check::ExistingFile());
        command
            .Add("--item-ids", flags.item_ids,
                 "The rows' item ids, one a line [default: the catalogue's order]")
            .Must(Check::ExistingFile());
      },
      UploadHead);
}

}  // namespace

void AddRecommenderCommands(CommandLine& line) {
  Command group = line.AddGroup("recommenders", "Recommenders, hosted here or elsewhere",
                                "  recsae recommenders train movies --dataset ml-1m\n"
                                "  recsae recommenders list");
  line.Add<NameFlags>(
      group, "list", "List the recommenders", "  recsae recommenders list --json",
      [](Command&, NameFlags&) {}, List);
  line.Add<NameFlags>(
      group, "get", "Show a recommender", "  recsae recommenders get movies",
      [](Command& command, NameFlags& flags) { AddName(command, flags.recommender); }, Get);
  AddTrain(line, group);
  AddRecommenderImport(line, group);
  AddExternal(line, group);
  line.Add<NameFlags>(
      group, "delete", "Remove a recommender", "  recsae recommenders delete movies --force",
      [](Command& command, NameFlags& flags) {
        AddName(command, flags.recommender);
        command.AddSwitch("--force", flags.force, "Remove its captures too");
        AddRequestId(command, flags.request_id);
      },
      Delete);
}

}  // namespace recsae::cli
