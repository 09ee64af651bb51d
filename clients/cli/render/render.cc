#include "clients/cli/render/render.h"

#include <cstdint>
#include <map>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/jobs/job_display.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"

namespace recsae::cli {
namespace {

std::string Lower(absl::string_view value, absl::string_view prefix) {
  absl::ConsumePrefix(&value, prefix);
  return absl::AsciiStrToLower(value);
}

std::string Dataset(const probe::v1::DatasetRef& dataset) {
  const probe::v1::DatasetOptions& options = dataset.options();
  std::vector<std::string> parts;
  if (dataset.has_planted()) parts.push_back(absl::StrCat("seed ", dataset.planted().seed()));
  if (options.has_core()) parts.push_back(absl::StrCat("core ", options.core()));
  if (options.has_positive_threshold()) {
    parts.push_back(absl::StrCat("from ", options.positive_threshold(), " on"));
  }
  if (options.split() == probe::v1::DatasetOptions::SPLIT_MODE_LEAVE_ONE_OUT)
    parts.push_back("leave-one-out");
  if (options.split() == probe::v1::DatasetOptions::SPLIT_MODE_GIVEN)
    parts.push_back("split given");
  if (options.seed() != 0) parts.push_back(absl::StrCat("split seed ", options.seed()));
  if (parts.empty()) return dataset.name();
  return absl::StrCat(dataset.name(), " (", absl::StrJoin(parts, ", "), ")");
}

template <typename Map>
std::string Metrics(const Map& metrics) {
  std::vector<std::string> parts;
  for (const auto& [name, value] : std::map<std::string, double>(metrics.begin(), metrics.end())) {
    parts.push_back(absl::StrCat(name, " ", FormatNumber(value)));
  }
  return absl::StrJoin(parts, ", ");
}

std::string ProbeSites(const probe::v1::Recommender& recommender) {
  return absl::StrJoin(recommender.probe_sites(), ", ",
                       [](std::string* out, const probe::v1::ProbeSite& site) {
                         absl::StrAppend(out, site.name(), " (", Plural(site.dim(), "value"),
                                         site.per_position() ? " for each position)" : ")");
                       });
}

std::string CapturedSite(const probe::v1::Capture& capture) {
  return absl::StrCat(capture.site(), capture.positions() == probe::v1::POSITIONS_ALL
                                          ? ", all positions"
                                          : ", last position");
}

}  // namespace

std::string FormatTime(const google::protobuf::Timestamp& time) {
  if (time.seconds() == 0) return "";
  return absl::FormatTime("%Y-%m-%d %H:%M:%S", absl::FromUnixSeconds(time.seconds()),
                          absl::LocalTimeZone());
}

Table Details(const std::vector<std::pair<std::string, std::string>>& entries) {
  Table table({{""}, {"", false, true}});
  for (const auto& [key, value] : entries) {
    if (!value.empty()) table.Add({{key, Color::kDim}, value});
  }
  return table;
}

std::string KindName(probe::v1::Recommender::Kind kind) {
  return Lower(probe::v1::Recommender::Kind_Name(kind), "KIND_");
}

std::string SplitName(probe::v1::Split split) {
  return split == probe::v1::SPLIT_UNSPECIFIED ? "" : Lower(probe::v1::Split_Name(split), "SPLIT_");
}

std::string FormatName(probe::v1::DatasetFormat format) {
  return Lower(probe::v1::DatasetFormat_Name(format), "DATASET_FORMAT_");
}

std::string StateName(jobs::v1::Job::State state) {
  return Lower(jobs::v1::Job::State_Name(state), "STATE_");
}

Color StateColor(jobs::v1::Job::State state) {
  switch (state) {
    case jobs::v1::Job::STATE_SUCCEEDED:
      return Color::kGreen;
    case jobs::v1::Job::STATE_FAILED:
      return Color::kRed;
    case jobs::v1::Job::STATE_RUNNING:
      return Color::kCyan;
    default:
      return Color::kPlain;
  }
}

std::string RemarkLabel(const probe::v1::DatasetRemark& remark) {
  return remark.severity() == probe::v1::DatasetRemark::SEVERITY_WARNING ? "warning" : "note";
}

std::string RemarkText(const probe::v1::DatasetRemark& remark) {
  return absl::StrCat(remark.text(), remark.examples().empty() ? "" : " — ",
                      absl::StrJoin(remark.examples(), "; "));
}

Table DatasetDetails(const probe::v1::Dataset& dataset) {
  std::vector<std::pair<std::string, std::string>> rows = {
      {"data set", dataset.name()},
      {"format", FormatName(dataset.format())},
      {"location", dataset.location()},
      {"users", FormatCount(dataset.user_count())},
      {"items", FormatCount(dataset.item_count())},
      {"train", Plural(dataset.train_interaction_count(), "interaction")},
      {"dev", Plural(dataset.dev_row_count(), "row")},
      {"test", Plural(dataset.test_row_count(), "row")},
      {"left out", dataset.malformed_line_count() == 0
                       ? ""
                       : Plural(dataset.malformed_line_count(), "malformed line")}};
  for (const std::string& line : dataset.malformed()) rows.emplace_back("malformed", line);
  if (dataset.test_row_count() > 0) {
    rows.emplace_back("seen", absl::StrCat(FormatCount(dataset.test_seen_row_count()), " of ",
                                           FormatCount(dataset.test_row_count()),
                                           " test rows ask for an item of the user's training"));
  }
  for (const probe::v1::DatasetRemark& remark : dataset.remarks()) {
    rows.emplace_back(RemarkLabel(remark), RemarkText(remark));
  }
  return Details(rows);
}

Table CatalogDetails(const probe::v1::Catalog& catalog) {
  return Details({{"catalog", catalog.name()},
                  {"title", catalog.display_name()},
                  {"items", FormatCount(catalog.item_count())},
                  {"created", FormatTime(catalog.create_time())}});
}

std::string Hosted(const probe::v1::Recommender& recommender) {
  if (recommender.kind() == probe::v1::Recommender::KIND_HOSTED) {
    return recommender.host_count() == 0
               ? "by hosts that dial in, none is connected"
               : absl::StrCat("by ", Plural(recommender.host_count(), "connected host"));
  }
  return recommender.hosted() ? "yes" : "no";
}

Table RecommenderDetails(const probe::v1::Recommender& recommender) {
  std::vector<std::pair<std::string, std::string>> rows = {
      {"recommender", recommender.name()},
      {"kind", KindName(recommender.kind())},
      {"catalog", recommender.catalog()},
      {"data set", Dataset(recommender.dataset())},
      {"activation", Plural(recommender.activation_dim(), "value")},
      {"item vectors", recommender.has_prediction_head() ? "known" : "not known"},
      {"hosted", Hosted(recommender)},
      {"probe sites", ProbeSites(recommender)},
      {"quality", Metrics(recommender.metrics())},
      {"created", FormatTime(recommender.create_time())}};
  for (const probe::v1::DatasetRemark& remark : recommender.dataset_remarks()) {
    rows.emplace_back(RemarkLabel(remark), RemarkText(remark));
  }
  return Details(rows);
}

Table CaptureDetails(const probe::v1::Capture& capture) {
  std::vector<std::string> producers;
  for (const probe::v1::Producer& producer : capture.producers()) {
    producers.push_back(absl::StrCat(producer.producer(), " (", Plural(producer.row_count(), "row"),
                                     ", last sequence ", producer.last_sequence(), ")"));
  }
  if (capture.producer_count() > capture.producers_size()) {
    producers.push_back(
        absl::StrCat("and ", capture.producer_count() - capture.producers_size(), " more"));
  }
  return Details({{"capture", capture.name()},
                  {"split", SplitName(capture.split())},
                  {"rows", FormatCount(capture.row_count())},
                  {"activation", Plural(capture.dim(), "value")},
                  {"probe site", capture.site().empty() ? "" : CapturedSite(capture)},
                  {"cases", capture.has_cases() ? "yes" : "no"},
                  {"producers", absl::StrJoin(producers, ", ")},
                  {"created", FormatTime(capture.create_time())}});
}

std::string TrainedRows(const concept_store::v1::TrainingReport& report) {
  const int64_t distinct = report.distinct_row_count();
  const bool repeated = distinct > 0 && distinct < report.row_count();
  return absl::StrCat(
      FormatCount(report.row_count()),
      repeated ? absl::StrCat(", ", FormatCount(distinct), " of them distinct") : "");
}

Table SaeDetails(const concept_store::v1::Sae& sae) {
  const concept_store::v1::TrainingReport& report = sae.report();
  const std::map<std::string, std::string> used(report.hyper_parameters().begin(),
                                                report.hyper_parameters().end());
  return Details(
      {{"sae", sae.name()},
       {"size", absl::StrCat(FormatCount(sae.latent_count()), " latents over ",
                             sae.activation_dim(), " values, ", sae.k(), " active")},
       {"architecture", ArchitectureName(sae.architecture())},
       {"trained on", sae.capture()},
       {"probe site", sae.probe_site()},
       {"rows", TrainedRows(report)},
       // An imported one was trained elsewhere.
       {"epochs", report.epoch_count() == 0
                      ? ""
                      : absl::StrCat(report.epoch_count(), " (", FormatCount(report.step_count()),
                                     " steps, ", FormatDuration(report.seconds()), ")")},
       {"FVU", FormatNumber(report.fvu())},
       {"L0", FormatNumber(report.l0())},
       {"dead latents", FormatPercent(report.dead_fraction())},
       {"warnings", absl::StrJoin(report.warnings(), "; ")},
       {"settings", absl::StrJoin(used, ", ", absl::PairFormatter(" "))},
       {"weights", sae.weights_sha256().empty() ? "" : "sha256 " + sae.weights_sha256()},
       {"created", FormatTime(sae.create_time())}});
}

Table JobDetails(const jobs::v1::Job& job) {
  const jobs::v1::Progress& progress = job.progress();
  std::string done;
  if (progress.done() > 0 || progress.total() > 0) {
    done = absl::StrCat(FormatCount(progress.done()),
                        progress.total() > 0 ? " of " + FormatCount(progress.total()) : "", " ",
                        progress.unit());
  }
  return Details(
      {{"job", job.name()},
       {"kind", job.kind()},
       {"state", StateName(job.state())},
       {"target", job.target()},
       {"stage", progress.stage()},
       {"done", done},
       {"measured", Metrics(job.metrics())},
       {"error", job.has_error() ? job.error().message() : ""},
       {"resumed", job.resume_count() == 0 ? "" : absl::StrCat(job.resume_count(), " times")},
       {"created", FormatTime(job.create_time())},
       {"started", FormatTime(job.start_time())},
       {"ended", FormatTime(job.end_time())},
       {"ran", job.has_start_time() ? FormatDuration(JobSeconds(job)) : ""}});
}

}  // namespace recsae::cli
