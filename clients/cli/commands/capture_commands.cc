// recsae captures: recorded activations.

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/commands/record.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using probe::v1::Capture;
using probe::v1::Probe;

struct NameFlags {
  std::string capture;
  std::string request_id;
};

struct ListFlags {
  std::string recommender;
};

struct CreateFlags {
  std::string capture;
  std::string split;
  bool cases = false;
  int64_t max_rows = 0;
  uint64_t seed = 0;
  int ranked_items = 0;
  std::string site;
  std::string positions;
  JobFlags job;
  std::string request_id;
};

struct RecordFlags {
  RecordSource source;
};

struct CasesFlags {
  std::string capture;
  std::vector<int64_t> rows;
  std::vector<std::string> users;
};

void AddName(Command& command, std::string& name) {
  command.Add("CAPTURE", name, "Name, for example ml-1m/test or recommenders/ml-1m/captures/test")
      .Required();
}

absl::Status Show(Session& session, const Capture& capture) {
  if (session.json()) return session.PrintJson(capture);
  session.console().Print(CaptureDetails(capture));
  return absl::OkStatus();
}

absl::Status List(Session& session, const ListFlags& flags) {
  probe::v1::ListCapturesRequest request;
  request.set_parent("recommenders/-");
  if (!flags.recommender.empty()) {
    RECSAE_ASSIGN_OR_RETURN(*request.mutable_parent(),
                            FullName(flags.recommender, kRecommenderPattern));
  }
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(session.probe(), &Probe::Stub::ListCaptures, request,
                                       &probe::v1::ListCapturesResponse::captures_size, 0));
  if (session.json()) return session.PrintJson(all);
  Table table(
      {{"CAPTURE", false, true}, {"SPLIT"}, {"ROWS", true}, {"DIM", true}, {"CASES"}, {"CREATED"}});
  for (const Capture& capture : all.captures()) {
    table.Add({ShortName(capture.name()), SplitName(capture.split()),
               FormatCount(capture.row_count()), absl::StrCat(capture.dim()),
               capture.has_cases() ? "yes" : "no", FormatTime(capture.create_time())});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

absl::Status Get(Session& session, const NameFlags& flags) {
  probe::v1::GetCaptureRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(flags.capture, kCapturePattern));
  RECSAE_ASSIGN_OR_RETURN(const auto capture,
                          session.Call(session.probe(), &Probe::Stub::GetCapture, request));
  return Show(session, capture);
}

probe::v1::Split ParseSplit(const std::string& split) {
  probe::v1::Split parsed = probe::v1::SPLIT_UNSPECIFIED;
  probe::v1::Split_Parse(absl::StrCat("SPLIT_", absl::AsciiStrToUpper(split)), &parsed);
  return parsed;
}

// A hosted recommender is run over the split; for any other an empty capture waits for records.
absl::Status Create(Session& session, const CreateFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.capture, kCapturePattern));
  const std::string request_id = flags.request_id.empty() ? NewRequestId() : flags.request_id;
  probe::v1::GetRecommenderRequest get;
  get.set_name(RecommenderOf(name));
  RECSAE_ASSIGN_OR_RETURN(const auto recommender,
                          session.Call(session.probe(), &Probe::Stub::GetRecommender, get));
  if (!recommender.hosted()) {
    probe::v1::CreateCaptureRequest request;
    request.set_parent(recommender.name());
    request.set_capture_id(LastId(name));
    request.set_split(ParseSplit(flags.split));
    request.set_has_cases(flags.cases);
    request.set_request_id(request_id);
    RECSAE_ASSIGN_OR_RETURN(const auto capture,
                            session.Call(session.probe(), &Probe::Stub::CreateCapture, request));
    return Show(session, capture);
  }
  if (flags.split.empty()) {
    return UsageError("--split is required: " + recommender.name() +
                      " is hosted, its activations are taken from its data set");
  }
  probe::v1::CaptureActivationsRequest request;
  request.set_parent(recommender.name());
  request.set_capture_id(LastId(name));
  request.set_split(ParseSplit(flags.split));
  request.set_with_cases(flags.cases);
  request.set_max_rows(flags.max_rows);
  request.set_seed(flags.seed);
  request.set_ranked_item_count(flags.ranked_items);
  request.set_site(flags.site);
  if (flags.positions == "all") request.set_positions(probe::v1::POSITIONS_ALL);
  request.set_request_id(request_id);
  return FinishJob<Capture>(
      session, session.probe_jobs(),
      session.Call(session.probe(), &Probe::Stub::CaptureActivations, request),
      "capturing activations", flags.job,
      [&](const Capture& capture) { return Show(session, capture); });
}

absl::Status RecordFiles(Session& session, const RecordFlags& flags) {
  RecordSource source = flags.source;
  RECSAE_ASSIGN_OR_RETURN(source.capture, FullName(flags.source.capture, kCapturePattern));
  RECSAE_ASSIGN_OR_RETURN(const auto response, Record(session, source));
  if (session.json()) return session.PrintJson(response);
  session.console().Print(absl::StrCat(Plural(response.stored_row_count(), "row"), " stored, ",
                                       FormatCount(response.duplicate_row_count()),
                                       " were there before\n"));
  if (response.skipped_item_count() > 0) {
    session.console().Say(
        absl::StrCat("passed over: ", Plural(response.skipped_item_count(), "item"),
                     " of histories and exclusions that the catalogue does not have: ",
                     absl::StrJoin(response.unknown_item_ids(), ", ")));
  }
  return absl::OkStatus();
}

absl::Status Cases(Session& session, const CasesFlags& flags) {
  if (flags.rows.empty() && flags.users.empty()) {
    return UsageError("say which cases: --row N or --user ID");
  }
  probe::v1::BatchGetCasesRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_capture(), FullName(flags.capture, kCapturePattern));
  request.mutable_rows()->Add(flags.rows.begin(), flags.rows.end());
  for (const std::string& user : flags.users) request.add_user_ids(user);
  RECSAE_ASSIGN_OR_RETURN(const auto response,
                          session.Call(session.probe(), &Probe::Stub::BatchGetCases, request));
  if (session.json()) return session.PrintJson(response);
  Table table(
      {{"ROW", true}, {"USER"}, {"TARGET"}, {"HISTORY", false, true}, {"RANKED", false, true}});
  for (const probe::v1::Case& value : response.cases()) {
    std::vector<std::string> ranked;
    for (const auto& item : value.ranked_items()) ranked.push_back(item.item_id());
    table.Add({absl::StrCat(value.row()), value.user_id(), value.target_item_id(),
               absl::StrJoin(value.history_item_ids(), " "), absl::StrJoin(ranked, " ")});
  }
  session.console().Print(table);
  return absl::OkStatus();
}

absl::Status Delete(Session& session, const NameFlags& flags) {
  probe::v1::DeleteCaptureRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(flags.capture, kCapturePattern));
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(const auto empty,
                          session.Call(session.probe(), &Probe::Stub::DeleteCapture, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say("deleted " + request.name());
  return absl::OkStatus();
}

void AddMaking(CommandLine& line, Command& group) {
  line.Add<CreateFlags>(
      group, "create",
      "Capture a hosted recommender's activations, or make an empty capture for another",
      "  recsae captures create movies/train --split train          # to train an SAE on\n"
      "  recsae captures create movies/test --split test --cases    # to explain\n"
      "  recsae captures create movies/first --split train --site layers.0 --positions all\n"
      "  recsae captures create shop/live --cases                   # then: captures record",
      [](Command& command, CreateFlags& flags) {
        AddName(command, flags.capture);
        command.Add("--split", flags.split, "Part of the data set")
            .Must(Check::OneOf({"train", "dev", "test"}));
        command.AddSwitch("--cases", flags.cases,
                          "Keep each row's context (user, history, ranked items): for concepts and "
                          "explanations");
        command.Add("--max-rows", flags.max_rows, "So many rows, drawn by --seed; 0 = all")
            .Must(Check::NonNegative());
        command.Add("--seed", flags.seed, "[default: 0]");
        command.Add("--ranked-items", flags.ranked_items,
                    "Ranked items kept with a case [default: 10]");
        command.Add("--site", flags.site,
                    "Probe site, as recsae recommenders get lists them [default: user, the "
                    "vector just before scoring]");
        command.Add("--positions", flags.positions, "History positions to capture [default: last]")
            .Must(Check::OneOf({"last", "all"}));
        AddRequestId(command, flags.request_id);
        AddJobFlags(command, flags.job);
      },
      Create);
  line.Add<RecordFlags>(
      group, "record", "Record activations of a recommender that lives elsewhere, from files",
      "  recsae captures record shop/live --activations x.npy --cases cases.jsonl\n"
      "Each line of the cases: {\"userId\": \"42\", \"historyItemIds\": [\"7\", \"9\"]}\n"
      "The same files again are stored once; other files are added to what is there.",
      [](Command& command, RecordFlags& flags) {
        AddName(command, flags.source.capture);
        command.Add("--activations", flags.source.activations, ".npy file, float [rows, dim]")
            .Required()
            .Must(Check::ExistingFile());
        command.Add("--cases", flags.source.cases, "Context of the rows, one JSON object each")
            .Must(Check::ExistingFile());
        command.Add(
            "--producer", flags.source.producer,
            "Who records; each has sequence numbers of its own [default: named after the file "
            "and its content]");
        command
            .Add("--batch-rows", flags.source.batch_rows,
                 "Rows a message [default: half a megabyte of them]")
            .Must(Check::NonNegative());
      },
      RecordFiles);
}

}  // namespace

void AddCaptureCommands(CommandLine& line) {
  Command group = line.AddGroup("captures", "Recorded activations",
                                "  recsae captures create movies/test --split test --cases\n"
                                "  recsae captures list");
  line.Add<ListFlags>(
      group, "list", "List captures", "  recsae captures list --recommender movies",
      [](Command& command, ListFlags& flags) {
        command.Add("--recommender", flags.recommender, "Only of this one");
      },
      List);
  line.Add<NameFlags>(
      group, "get", "Show a capture", "  recsae captures get movies/test",
      [](Command& command, NameFlags& flags) { AddName(command, flags.capture); }, Get);
  AddMaking(line, group);
  line.Add<CasesFlags>(
      group, "cases", "Show rows: users, histories and what was ranked highest",
      "  recsae captures cases movies/test --row 0 --row 1\n"
      "  recsae captures cases movies/test --user 42 --json",
      [](Command& command, CasesFlags& flags) {
        AddName(command, flags.capture);
        command.Add("--row", flags.rows, "Row number; may be repeated").Type("N");
        command.Add("--user", flags.users, "The user's last row; may be repeated");
      },
      Cases);
  line.Add<NameFlags>(
      group, "delete", "Remove a capture", "  recsae captures delete movies/train",
      [](Command& command, NameFlags& flags) {
        AddName(command, flags.capture);
        AddRequestId(command, flags.request_id);
      },
      Delete);
}

}  // namespace recsae::cli
