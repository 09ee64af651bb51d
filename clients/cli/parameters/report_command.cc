// recsae report parameters.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/parameters/page.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/json.h"
#include "clients/cli/text/resource.h"
#include "common/base/random.h"
#include "common/base/status.h"
#include "common/client/retry.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/jobs/v1/jobs.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explainer;
using explainer::v1::Explanation;
using probe::v1::Probe;

// Items that every user's scores are split for.
constexpr size_t kItems = 100;
// Users whose histories are weighed, which costs runs of the recommender.
constexpr int kWeighedUsers = 30;
constexpr int kReasons = 20;
constexpr int kLooked = 200;
constexpr double kHeadTimeout = 600;

struct Flags {
  std::string recommender;
  std::string sae;
  std::string capture;
  int users = 200;
  std::string format = "text";
  std::string out;
};

// The SAE named, or the only one of the recommender.
absl::StatusOr<concept_store::v1::Sae> SaeOf(Session& session, const Flags& flags) {
  if (!flags.sae.empty() || flags.recommender.empty()) return ChooseSae(session, flags.sae);
  RECSAE_ASSIGN_OR_RETURN(const std::string recommender,
                          FullName(flags.recommender, kRecommenderPattern));
  RECSAE_ASSIGN_OR_RETURN(
      const auto all,
      session.List(session.concept_store(), &concept_store::v1::ConceptStore::Stub::ListSaes,
                   concept_store::v1::ListSaesRequest(),
                   &concept_store::v1::ListSaesResponse::saes_size, 0));
  std::vector<concept_store::v1::Sae> fitting;
  for (const auto& sae : all.saes()) {
    if (RecommenderOf(sae.capture()) == recommender) fitting.push_back(sae);
  }
  if (fitting.size() == 1) return fitting[0];
  return UsageError(absl::StrCat(recommender, " has ",
                                 fitting.empty() ? "no SAE: train one with recsae saes train"
                                                 : "several SAEs: choose one with --sae"));
}

// Ids and training counts of all items; no counts where they are not known.
struct Items {
  std::vector<std::string> ids;
  std::vector<int64_t> counts;
};

absl::StatusOr<Items> ReadItems(Session& session, const std::string& recommender) {
  Items items;
  grpc::ClientContext context;
  SetDeadline(context, absl::Seconds(session.Timeout(kHeadTimeout)));
  probe::v1::ReadPredictionHeadRequest request;
  request.set_recommender(recommender);
  const auto reader = session.probe()->ReadPredictionHead(&context, request);
  for (probe::v1::ReadPredictionHeadResponse part; reader->Read(&part);) {
    items.ids.insert(items.ids.end(), part.item_ids().begin(), part.item_ids().end());
    items.counts.insert(items.counts.end(), part.training_counts().begin(),
                        part.training_counts().end());
  }
  RECSAE_RETURN_IF_ERROR(session.probe().peer().FromGrpc(reader->Finish()));
  if (items.counts.size() != items.ids.size()) items.counts.clear();
  return items;
}

// Some of the items, drawn at random, the same each time.
Items Draw(Items items) {
  std::vector<size_t> order(items.ids.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  Random(11).Shuffle(&order);
  order.resize(std::min(order.size(), kItems));
  Items drawn;
  for (const size_t item : order) {
    drawn.ids.push_back(items.ids[item]);
    if (!items.counts.empty()) drawn.counts.push_back(items.counts[item]);
  }
  return drawn;
}

absl::StatusOr<std::vector<std::string>> Users(Session& session, const std::string& capture,
                                               int users) {
  probe::v1::GetCaptureRequest get;
  get.set_name(capture);
  RECSAE_ASSIGN_OR_RETURN(const auto found,
                          session.Call(session.probe(), &Probe::Stub::GetCapture, get));
  probe::v1::BatchGetCasesRequest request;
  request.set_capture(capture);
  const int64_t rows = std::min<int64_t>(found.row_count(), users);
  for (int64_t i = 0; i < rows; ++i) request.add_rows(i * found.row_count() / rows);
  std::vector<std::string> ids;
  if (rows == 0) return ids;
  RECSAE_ASSIGN_OR_RETURN(const auto cases,
                          session.Call(session.probe(), &Probe::Stub::BatchGetCases, request));
  for (const auto& one : cases.cases()) {
    const bool is_new = std::find(ids.begin(), ids.end(), one.user_id()) == ids.end();
    if (!one.user_id().empty() && is_new) ids.push_back(one.user_id());
  }
  return ids;
}

absl::StatusOr<Explanation> ExplainOne(Session& session, const Parameters& parameters,
                                       const std::string& user, const Items& items, int reasons) {
  explainer::v1::ExplainRequest request;
  request.set_sae(parameters.sae.name());
  request.mutable_subject()->mutable_captured_user()->set_capture(parameters.capture);
  request.mutable_subject()->mutable_captured_user()->set_user_id(user);
  request.set_top_item_count(reasons > 0 ? 10 : 1);
  request.set_reason_count(reasons);
  request.set_ignore_controls(true);
  for (const std::string& id : items.ids) request.add_item_ids(id);
  RECSAE_ASSIGN_OR_RETURN(auto response,
                          session.Call(session.explainer(), &Explainer::Stub::Explain, request));
  return response.explanations_size() == 1 ? response.explanations(0) : Explanation();
}

// The rows of the items in their order; none where a score is not split.
std::vector<ScoreParts> RowOf(const Explanation& explanation, const Items& items,
                              std::map<int32_t, std::string>& descriptions) {
  std::map<std::string, const explainer::v1::ExplainedItem*> by_id;
  for (const auto& item : explanation.items()) by_id[item.item_id()] = &item;
  std::vector<ScoreParts> row;
  for (const std::string& id : items.ids) {
    const auto found = by_id.find(id);
    if (found == by_id.end() || !found->second->has_personal()) return {};
    const explainer::v1::PersonalScore& personal = found->second->personal();
    ScoreParts& parts = row.emplace_back();
    parts.score = found->second->score();
    parts.everyone = personal.everyone();
    parts.absent = personal.absent();
    parts.unexplained = personal.unexplained();
    for (int g = 0; g < std::min(personal.groups_size(), explanation.groups_size()); ++g) {
      const explainer::v1::ActiveGroup& group = explanation.groups(g);
      parts.groups[group.lead_latent()] += personal.groups(g);
      descriptions[group.lead_latent()] = group.description();
    }
  }
  return row;
}

// Adds what the strongest history item does to each recommended item.
void AddHistory(const Explanation& explanation, HistoryWeight& weight) {
  for (const auto& item : explanation.items()) {
    if (item.reasons().empty() || !item.has_personal() || item.rank() > 10) continue;
    double strongest = 0;
    for (const auto& reason : item.reasons()) {
      strongest = std::max(strongest, std::abs(reason.effect()));
    }
    ++weight.items;
    weight.method = explanation.reason_method();
    weight.strongest += strongest;
    weight.personal += std::abs(item.score() - item.personal().everyone());
  }
}

absl::Status WeighHistories(Session& session, const std::vector<std::string>& users,
                            Parameters& parameters) {
  HistoryWeight& weight = parameters.history;
  for (size_t i = 0; i < std::min<size_t>(users.size(), kWeighedUsers); ++i) {
    const auto explanation = ExplainOne(session, parameters, users[i], {}, kReasons);
    // A history that is not known has no reasons.
    if (absl::IsFailedPrecondition(explanation.status())) return absl::OkStatus();
    RECSAE_RETURN_IF_ERROR(explanation.status());
    AddHistory(*explanation, weight);
  }
  if (weight.items > 0) {
    weight.strongest /= static_cast<double>(weight.items);
    weight.personal /= static_cast<double>(weight.items);
  }
  return absl::OkStatus();
}

// The newest result of a kind that is about the SAE.
template <typename Result>
absl::StatusOr<std::optional<Result>> Newest(Session& session, const std::string& kind,
                                             const std::string& sae) {
  jobs::v1::ListJobsRequest request;
  request.set_kind(kind);
  request.set_state(jobs::v1::Job::STATE_SUCCEEDED);
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(session.explainer_jobs(), &jobs::v1::Jobs::Stub::ListJobs,
                                       request, &jobs::v1::ListJobsResponse::jobs_size, kLooked));
  for (const jobs::v1::Job& listed : all.jobs()) {
    if (listed.target() != sae) continue;
    jobs::v1::GetJobRequest get;
    get.set_name(listed.name());
    RECSAE_ASSIGN_OR_RETURN(
        const auto job, session.Call(session.explainer_jobs(), &jobs::v1::Jobs::Stub::GetJob, get));
    Result result;
    if (job.result().UnpackTo(&result)) return std::optional<Result>(std::move(result));
  }
  return std::optional<Result>();
}

absl::StatusOr<Parameters> Measure(Session& session, const Flags& flags) {
  Parameters parameters;
  RECSAE_ASSIGN_OR_RETURN(parameters.sae, SaeOf(session, flags));
  RECSAE_ASSIGN_OR_RETURN(parameters.capture,
                          ChooseCapture(session, parameters.sae, flags.capture));
  probe::v1::GetRecommenderRequest get;
  get.set_name(RecommenderOf(parameters.sae.capture()));
  RECSAE_ASSIGN_OR_RETURN(parameters.recommender,
                          session.Call(session.probe(), &Probe::Stub::GetRecommender, get));
  parameters.command =
      absl::StrCat("recsae report parameters --recommender ", LastId(parameters.recommender.name()),
                   " --sae ", LastId(parameters.sae.name()), " --users ", flags.users);
  RECSAE_ASSIGN_OR_RETURN(Items all, ReadItems(session, parameters.recommender.name()));
  const Items items = Draw(std::move(all));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<std::string> users,
                          Users(session, parameters.capture, flags.users));
  ScoreTable table;
  for (const std::string& user : users) {
    RECSAE_ASSIGN_OR_RETURN(const Explanation explanation,
                            ExplainOne(session, parameters, user, items, 0));
    std::vector<ScoreParts> row = RowOf(explanation, items, parameters.descriptions);
    if (!row.empty()) table.push_back(std::move(row));
  }
  parameters.shares = SharesOf(table);
  if (!items.counts.empty() && !table.empty()) {
    parameters.popularity = PopularityShareOf(table, items.counts);
  }
  RECSAE_RETURN_IF_ERROR(WeighHistories(session, users, parameters));
  RECSAE_ASSIGN_OR_RETURN(
      parameters.evaluation,
      Newest<explainer::v1::Evaluation>(session, "evaluate-sae", parameters.sae.name()));
  RECSAE_ASSIGN_OR_RETURN(
      parameters.concepts,
      Newest<explainer::v1::ConceptReport>(session, "build-concepts", parameters.sae.name()));
  return parameters;
}

absl::Status Write(const std::string& path, const std::string& page) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << page;
  file.close();
  if (file) return absl::OkStatus();
  return Error(absl::StatusCode::kInternal, "FILE_NOT_WRITABLE",
               absl::StrCat("cannot write ", path, "; choose another --out"), {{"file", path}});
}

absl::Status Report(Session& session, const Flags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const Parameters parameters, Measure(session, flags));
  std::string page;
  if (session.json()) {
    page = absl::StrCat(ParametersJson(parameters).dump(1), "\n");
  } else if (flags.format == "html") {
    page = ParametersHtml(parameters);
  } else {
    page = flags.format == "markdown" ? ParametersMarkdown(parameters) : ParametersText(parameters);
  }
  if (!flags.out.empty()) return Write(flags.out, page);
  session.console().Print(page);
  return absl::OkStatus();
}

}  // namespace

void AddReportCommands(CommandLine& line) {
  Command group = line.AddGroup("report", "Pages for people who have to know",
                                "  recsae report parameters --recommender movies");
  line.Add<Flags>(
      group, "parameters", "Say what weighs most in a recommender, and what its users can change",
      "  recsae report parameters --recommender movies\n"
      "  recsae report parameters --recommender movies --format html --out parameters.html\n"
      "Main parameters, why they matter and the options to change them, as article 27 of the\n"
      "Digital Services Act asks for. Figures are measured when the command runs, but for those\n"
      "of the newest evaluation and concept report of the SAE.",
      [](Command& command, Flags& flags) {
        command.Add("--recommender", flags.recommender, "Recommender [default: that of the SAE]");
        command.Add("--sae", flags.sae, "SAE [default: the only one of the recommender]");
        command.Add("--capture", flags.capture, "Capture with cases of users [default: test]");
        command.Add("--users", flags.users, "Users whose scores are split, at most")
            .ShowDefault()
            .Must(Check::Range(2, 1000));
        command.Add("--format", flags.format, "How the page is written")
            .Must(Check::OneOf({"text", "markdown", "html"}))
            .ShowDefault();
        command.Add("--out", flags.out, "Write the page to this file");
      },
      Report);
}

}  // namespace recsae::cli
