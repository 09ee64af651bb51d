// The suite's messages as text: details of one, rows of many.
#ifndef RECSAE_CLIENTS_CLI_RENDER_RENDER_H_
#define RECSAE_CLIENTS_CLI_RENDER_RENDER_H_

#include <google/protobuf/timestamp.pb.h>

#include <string>
#include <utility>
#include <vector>

#include "clients/cli/text/table.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {

// "2024-05-01 12:30:05", local time; empty if it is not set.
std::string FormatTime(const google::protobuf::Timestamp& time);

// "key  value" lines; those with an empty value are left out.
Table Details(const std::vector<std::pair<std::string, std::string>>& entries);

// Names of enum values as people type them: "sasrec", "test", "running".
std::string KindName(probe::v1::Recommender::Kind kind);
std::string SplitName(probe::v1::Split split);
std::string FormatName(probe::v1::DatasetFormat format);
std::string StateName(jobs::v1::Job::State state);
Color StateColor(jobs::v1::Job::State state);

// "warning" or "note", and what it says with its examples.
std::string RemarkLabel(const probe::v1::DatasetRemark& remark);
std::string RemarkText(const probe::v1::DatasetRemark& remark);

Table DatasetDetails(const probe::v1::Dataset& dataset);
Table CatalogDetails(const probe::v1::Catalog& catalog);
Table RecommenderDetails(const probe::v1::Recommender& recommender);
Table CaptureDetails(const probe::v1::Capture& capture);
Table SaeDetails(const concept_store::v1::Sae& sae);
// "1,480,000, 14,000 of them distinct".
std::string TrainedRows(const concept_store::v1::TrainingReport& report);
Table JobDetails(const jobs::v1::Job& job);

}  // namespace recsae::cli

#endif  // RECSAE_CLIENTS_CLI_RENDER_RENDER_H_
