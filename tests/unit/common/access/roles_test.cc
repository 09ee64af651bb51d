#include "common/access/roles.h"

#include <google/protobuf/descriptor.h>
#include <gtest/gtest.h>

#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "grpc/health/v1/health.pb.h"
#include "recsae/backups/v1/backups.pb.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/explainer/v1/explainer.pb.h"
#include "recsae/hosts/v1/hosts.pb.h"
#include "recsae/jobs/v1/jobs.pb.h"
#include "recsae/probe/v1/probe.pb.h"
#include "recsae/trainer/v1/trainer.pb.h"

namespace recsae {
namespace {

// Every method of the suite's contract, from the descriptors.
std::set<std::string> Methods() {
  const google::protobuf::FileDescriptor* files[] = {
      grpc::health::v1::HealthCheckRequest::descriptor()->file(),
      backups::v1::Backup::descriptor()->file(),
      concept_store::v1::Sae::descriptor()->file(),
      explainer::v1::ExplainRequest::descriptor()->file(),
      hosts::v1::HostRecommenderRequest::descriptor()->file(),
      jobs::v1::Job::descriptor()->file(),
      probe::v1::Catalog::descriptor()->file(),
      trainer::v1::TrainSaeRequest::descriptor()->file()};
  std::set<std::string> paths;
  for (const auto* file : files) {
    for (int s = 0; s < file->service_count(); ++s) {
      for (int m = 0; m < file->service(s)->method_count(); ++m) {
        paths.insert(absl::StrCat("/", file->service(s)->full_name(), "/",
                                  file->service(s)->method(m)->name()));
      }
    }
  }
  return paths;
}

TEST(Roles, EveryMethodIsInTheTableAndNothingElse) {
  const std::set<std::string> methods = Methods();
  ASSERT_GT(methods.size(), 50U);
  std::set<std::string> table;
  for (const std::string& path : PathsWithRoles()) {
    EXPECT_TRUE(table.insert(path).second) << path << " stands twice";
    if (!absl::StartsWith(path, "/grpc.reflection.")) {
      EXPECT_EQ(methods.count(path), 1U) << path << " is no method";
    }
  }
  for (const std::string& path : methods) EXPECT_EQ(table.count(path), 1U) << path;
}

// By the first word of their names, so that one that is added gets what its kind has.
TEST(Roles, FollowTheNamesOfMethods) {
  const auto begins = [](const std::string& path, std::initializer_list<const char*> words) {
    const std::string name = path.substr(path.rfind('/') + 1);
    for (const char* word : words) {
      if (absl::StartsWith(name, word)) return true;
    }
    return false;
  };
  for (const std::string& path : PathsWithRoles()) {
    const Role role = *NeededRole(path);
    if (absl::StartsWith(path, "/grpc.health.")) {
      EXPECT_EQ(role, Role::kAnyone) << path;
    } else if (begins(path, {"DeleteControl", "UndeleteControl"})) {
      EXPECT_EQ(role, Role::kWriter) << path;  // who may set a control may take it back
    } else if (begins(path, {"Delete", "Import"}) || absl::StrContains(path, ".Backups/")) {
      EXPECT_EQ(role, Role::kAdmin) << path;
    } else if (begins(path, {"Create", "Upload", "Record", "Host", "Train", "Build", "Evaluate",
                             "Update", "Publish", "Cancel", "BatchUpsert", "Capture", "Set"})) {
      EXPECT_GE(role, Role::kWriter) << path;
    } else {
      EXPECT_TRUE(
          begins(path, {"Get", "List", "Read", "Watch", "Search", "Explain", "Steer", "Find",
                        "Compute", "Resume", "Resolve", "BatchGet", "ServerReflection"}))
          << path;
    }
  }
}

TEST(Roles, AnUnknownPathHasNone) {
  EXPECT_EQ(NeededRole("/recsae.probe.v1.Probe/NoSuch"), std::nullopt);
  EXPECT_EQ(NeededRole(""), std::nullopt);
}

TEST(Roles, NamesAreReadAsTheyAreWritten) {
  for (const Role role : {Role::kReader, Role::kWriter, Role::kAdmin}) {
    EXPECT_EQ(ParseRole(RoleName(role)), role);
  }
  EXPECT_EQ(ParseRole("anyone"), std::nullopt);
  EXPECT_EQ(ParseRole("Admin"), std::nullopt);
}

TEST(Roles, StandInUrisOfOneForm) {
  EXPECT_EQ(RoleOfUri("recsae:role/writer"), Role::kWriter);
  for (const char* other : {"", "writer", "recsae:role/", "recsae:role/boss", "recsae:role/anyone",
                            "Recsae:role/admin", "recsae:role/admin/", "x recsae:role/admin"}) {
    EXPECT_EQ(RoleOfUri(other), std::nullopt) << other;
  }
}

}  // namespace
}  // namespace recsae
