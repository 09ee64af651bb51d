#include "clients/cli/pipeline/showcase.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "clients/cli/render/explanation.h"
#include "clients/cli/text/edit.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Concept;
using concept_store::v1::ConceptStore;
using explainer::v1::Explainer;
using explainer::v1::Explanation;

constexpr int kItems = 3;
constexpr int kContributions = 3;
constexpr size_t kHistory = 5;
// Items of the history weighed as reasons, the newest.
constexpr int kReasons = 20;
// Concepts that steering is tried with.
constexpr size_t kTried = 8;
// In standard deviations.
constexpr int kSteering[] = {4, 8, 16};
// New items that make a change visible.
constexpr int kVisible = 3;
constexpr int kCandidates = 1000;

// Words of a description, to tell whether two mean the same. What follows a semicolon are examples.
std::set<std::string> Words(absl::string_view description) {
  const absl::string_view terms = description.substr(0, description.find(';'));
  return absl::StrSplit(terms, absl::ByAnyChar(" ,()\""), absl::SkipEmpty());
}

bool Overlap(const std::set<std::string>& a, const std::set<std::string>& b) {
  return std::any_of(a.begin(), a.end(),
                     [&](const std::string& word) { return b.count(word) > 0; });
}

absl::StatusOr<std::vector<probe::v1::Case>> Users(Session& session, const std::string& capture,
                                                   int users) {
  probe::v1::GetCaptureRequest get;
  get.set_name(capture);
  RECSAE_ASSIGN_OR_RETURN(const auto found,
                          session.Call(session.probe(), &probe::v1::Probe::Stub::GetCapture, get));
  probe::v1::BatchGetCasesRequest request;
  request.set_capture(capture);
  for (const int64_t row : SpreadRows(found.row_count(), users)) request.add_rows(row);
  std::vector<probe::v1::Case> cases;
  if (request.rows().empty()) return cases;
  RECSAE_ASSIGN_OR_RETURN(
      const auto response,
      session.Call(session.probe(), &probe::v1::Probe::Stub::BatchGetCases, request));
  cases.assign(response.cases().begin(), response.cases().end());
  return cases;
}

// Explains one user; the items of the history are asked for too, for their titles.
absl::StatusOr<Explanation> ExplainCase(Session& session, const std::string& sae,
                                        const std::string& capture, const probe::v1::Case& value,
                                        const std::vector<std::string>& history) {
  explainer::v1::ExplainRequest request;
  request.set_sae(sae);
  auto& user = *request.mutable_subject()->mutable_captured_user();
  user.set_capture(capture);
  user.set_user_id(value.user_id());
  request.set_top_item_count(kItems);
  request.set_reason_count(kReasons);
  for (const std::string& id : history) request.add_item_ids(id);
  RECSAE_ASSIGN_OR_RETURN(auto response,
                          session.Call(session.explainer(), &Explainer::Stub::Explain, request));
  if (response.explanations().empty()) return Explanation();
  return std::move(*response.mutable_explanations(0));
}

// Why each item is there, in words and then in numbers; without a baseline, the exact sum.
void PrintWhy(Console& console, const Explanation& explanation,
              const std::set<std::string>& left_out) {
  if (const Table sentences = ReasonSentences(explanation, left_out); !sentences.empty()) {
    console.Print(sentences);
    console.Print("\n");
  }
  const Table personal = PersonalItems(explanation, left_out, kContributions);
  console.Print(personal.empty() ? ExplainedItems(explanation, left_out, kContributions)
                                 : personal);
}

absl::StatusOr<std::vector<Concept>> Candidates(Session& session, const std::string& sae) {
  concept_store::v1::ListConceptsRequest request;
  request.set_parent(sae);
  request.set_order(concept_store::v1::ListConceptsRequest::ORDER_CORRELATION);
  RECSAE_ASSIGN_OR_RETURN(
      auto all, session.List(session.concept_store(), &ConceptStore::Stub::ListConcepts, request,
                             &concept_store::v1::ListConceptsResponse::concepts_size, kCandidates));
  return std::vector<Concept>(all.concepts().begin(), all.concepts().end());
}

// Items of the list after steering that were not in the list before.
int Newcomers(const explainer::v1::SteerResponse& response) {
  return static_cast<int>(
      std::count_if(response.after().begin(), response.after().end(), [&](const auto& item) {
        return item.other_rank() == 0 || item.other_rank() > response.before_size();
      }));
}

// Steers a little towards each of the concepts, and more while that changes too little to be seen.
absl::Status SteerCase(Session& session, const std::string& sae, const std::string& capture,
                       const std::string& user, const std::vector<Concept>& concepts) {
  explainer::v1::SteerRequest request;
  request.set_sae(sae);
  auto& captured = *request.mutable_subject()->mutable_captured_user();
  captured.set_capture(capture);
  captured.set_user_id(user);
  explainer::v1::Edit& edit = *request.add_edits();
  for (const int deviations : kSteering) {
    for (const Concept& towards : concepts) {
      edit.set_latent(towards.latent());
      edit.set_add(deviations);
      RECSAE_ASSIGN_OR_RETURN(const auto response,
                              session.Call(session.explainer(), &Explainer::Stub::Steer, request));
      const bool last = deviations == *std::rbegin(kSteering) && &towards == &concepts.back();
      if (Newcomers(response) < kVisible && !last) continue;
      Console& console = session.console();
      console.Print("\n");
      console.Heading(absl::StrCat("User ", user, " with more of ",
                                   LatentLabel(towards.latent(), towards.description())));
      console.Print(absl::StrCat("recsae steer --sae ", ShortName(sae), " --user ", user,
                                 " --edit '", FormatEdit(edit), "'\n"));
      console.Print(BeforeAfter(response));
      return absl::OkStatus();
    }
  }
  session.console().Say("no concept to steer towards");
  return absl::OkStatus();
}

}  // namespace

std::vector<int64_t> SpreadRows(int64_t rows, int count) {
  const int64_t chosen = std::min<int64_t>(rows, std::max(0, count));
  std::vector<int64_t> spread;
  for (int64_t i = 0; i < chosen; ++i) spread.push_back((2 * i + 1) * rows / (2 * chosen));
  return spread;
}

std::vector<Concept> ChooseSteering(const std::vector<Concept>& concepts,
                                    const Explanation& explanation, size_t count) {
  std::set<int> active;
  std::set<std::string> meanings;
  for (const explainer::v1::ActiveLatent& latent : explanation.latents()) {
    active.insert(latent.latent());
    meanings.merge(Words(latent.description()));
  }
  const auto allowed = [&](const Concept& value, bool verified, bool other_meaning) {
    return active.count(value.latent()) == 0 && !value.description().empty() &&
           (!verified || value.tests().verified()) &&
           (!other_meaning || !Overlap(Words(value.description()), meanings));
  };
  std::vector<Concept> good;
  for (const Concept& value : concepts) {
    if (allowed(value, true, true)) {
      good.push_back(value);
    }
  }
  std::stable_sort(good.begin(), good.end(), [](const Concept& a, const Concept& b) {
    return a.statistics().standard_deviation() > b.statistics().standard_deviation();
  });
  if (good.size() > count) good.resize(count);
  if (!good.empty()) return good;
  for (const auto& [verified, other_meaning] : {std::pair(false, true), std::pair(false, false)}) {
    for (const Concept& value : concepts) {
      if (allowed(value, verified, other_meaning)) return {value};
    }
  }
  return {};
}

absl::Status Showcase(Session& session, const std::string& sae, const std::string& capture,
                      int users) {
  Console& console = session.console();
  RECSAE_ASSIGN_OR_RETURN(const auto cases, Users(session, capture, users));
  std::optional<Explanation> first;
  for (const probe::v1::Case& value : cases) {
    const std::vector<std::string> history =
        Newest({value.history_item_ids().begin(), value.history_item_ids().end()}, kHistory);
    RECSAE_ASSIGN_OR_RETURN(const Explanation explanation,
                            ExplainCase(session, sae, capture, value, history));
    console.Print("\n");
    console.Heading(absl::StrCat("User ", value.user_id()));
    console.PrintLine("recently: " + Titles(explanation, history));
    PrintWhy(console, explanation, {history.begin(), history.end()});
    if (!first) first = explanation;
  }
  if (!first) return absl::OkStatus();
  RECSAE_ASSIGN_OR_RETURN(const auto concepts, Candidates(session, sae));
  return SteerCase(session, sae, capture, cases.front().user_id(),
                   ChooseSteering(concepts, *first, kTried));
}

}  // namespace recsae::cli
