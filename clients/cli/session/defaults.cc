#include "clients/cli/session/defaults.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptStore;
using concept_store::v1::Sae;
using probe::v1::Capture;
using probe::v1::Probe;

// Lower = shown first.
int Order(const Capture& capture) {
  if (capture.split() == probe::v1::SPLIT_TEST) return 0;
  return capture.split() == probe::v1::SPLIT_DEV ? 1 : 2;
}

}  // namespace

absl::StatusOr<Sae> ChooseSae(Session& session, const std::string& name) {
  if (!name.empty()) {
    concept_store::v1::GetSaeRequest request;
    RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), FullName(name, kSaePattern));
    return session.Call(session.concept_store(), &ConceptStore::Stub::GetSae, request);
  }
  RECSAE_ASSIGN_OR_RETURN(auto all,
                          session.List(session.concept_store(), &ConceptStore::Stub::ListSaes,
                                       concept_store::v1::ListSaesRequest(),
                                       &concept_store::v1::ListSaesResponse::saes_size, 0));
  if (all.saes_size() == 1) return std::move(*all.mutable_saes(0));
  if (all.saes().empty()) {
    return UsageError(
        "there is no SAE yet; make one with recsae pipeline, or recsae saes train NAME --capture "
        "RECOMMENDER/CAPTURE");
  }
  std::vector<std::string> names;
  for (const Sae& sae : all.saes()) names.push_back(ShortName(sae.name()));
  return UsageError(absl::StrCat("there are ", names.size(),
                                 " SAEs; choose one with --sae: ", absl::StrJoin(names, ", ")));
}

absl::StatusOr<std::string> ChooseConcept(Session& session, const std::string& text,
                                          const std::string& sae) {
  absl::string_view latent = text;
  absl::ConsumePrefix(&latent, "#");
  const bool number = !latent.empty() && std::all_of(latent.begin(), latent.end(),
                                                     [](char c) { return absl::ascii_isdigit(c); });
  if (!number) return FullName(text, kConceptPattern);
  if (!sae.empty()) {
    RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(sae, kSaePattern));
    return absl::StrCat(name, "/concepts/", latent);
  }
  RECSAE_ASSIGN_OR_RETURN(const Sae only, ChooseSae(session, ""));
  return absl::StrCat(only.name(), "/concepts/", latent);
}

absl::StatusOr<std::vector<Capture>> CapturesWithCases(Session& session, const Sae& sae) {
  probe::v1::ListCapturesRequest request;
  request.set_parent(RecommenderOf(sae.capture()));
  RECSAE_ASSIGN_OR_RETURN(const auto all,
                          session.List(session.probe(), &Probe::Stub::ListCaptures, request,
                                       &probe::v1::ListCapturesResponse::captures_size, 0));
  std::vector<Capture> captures;
  for (const Capture& capture : all.captures()) {
    // One that nothing was recorded into yet is of no use to anyone.
    if (capture.has_cases() && capture.row_count() > 0) captures.push_back(capture);
  }
  std::stable_sort(captures.begin(), captures.end(),
                   [](const Capture& a, const Capture& b) { return Order(a) < Order(b); });
  return captures;
}

absl::Status AddEvidence(Session& session, const concept_store::v1::Sae& sae,
                         const std::vector<std::string>& names, const std::string& capture,
                         google::protobuf::RepeatedPtrField<std::string>& evidence) {
  for (const std::string& name : names) {
    RECSAE_ASSIGN_OR_RETURN(*evidence.Add(), ChooseCapture(session, sae, name));
  }
  if (!names.empty()) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const auto captures, CapturesWithCases(session, sae));
  for (const probe::v1::Capture& other : captures) {
    if (other.name() != capture) *evidence.Add() = other.name();
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ChooseCapture(Session& session, const Sae& sae,
                                          const std::string& name) {
  if (!name.empty()) return CaptureName(name, RecommenderOf(sae.capture()));
  RECSAE_ASSIGN_OR_RETURN(const auto captures, CapturesWithCases(session, sae));
  if (captures.empty()) {
    const std::string recommender = ShortName(RecommenderOf(sae.capture()));
    return UsageError(absl::StrCat(
        recommender, " has no capture with cases; make one with: ", "recsae captures create ",
        recommender, "/test --split test --cases"));
  }
  return captures.front().name();
}

}  // namespace recsae::cli
