#include "clients/cli/reproduce/steering.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/formats/sae_transfer.h"
#include "clients/cli/pipeline/showcase.h"
#include "clients/cli/text/progress.h"
#include "common/base/status.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explainer;
using explainer::v1::SteerRequest;
using nlohmann::ordered_json;
using probe::v1::Probe;

constexpr char kPaperAttribute[] = "Horror";
constexpr int kSearched = 20;
constexpr int64_t kCasesPerCall = 100;
constexpr double kScale = 10;

using ItemSet = std::set<std::string>;

ItemSet ItemsWith(const SteeredConcept& target, const Items& items) {
  ItemSet with;
  for (const auto& [id, item] : items) {
    for (const auto& attribute : item.attributes()) {
      if (attribute.key() == target.key && attribute.value() == target.value) with.insert(id);
    }
  }
  return with;
}

template <typename List>
bool Shows(const List& items, const ItemSet& with) {
  return std::any_of(items.begin(), items.end(),
                     [&](const auto& item) { return with.count(item.item_id()) > 0; });
}

struct SteerableCase {
  tensor::v1::Tensor activation;
  std::vector<std::string> excluded;
};

// The cases in which the latent is active.
absl::StatusOr<std::vector<SteerableCase>> ActiveCases(Session& session,
                                                       const probe::v1::Capture& capture,
                                                       const sae::SaeModel& model, int latent) {
  std::vector<SteerableCase> active;
  for (int64_t start = 0; start < capture.row_count(); start += kCasesPerCall) {
    probe::v1::BatchGetCasesRequest request;
    request.set_capture(capture.name());
    for (int64_t row = start; row < std::min(start + kCasesPerCall, capture.row_count()); ++row) {
      request.add_rows(row);
    }
    RECSAE_ASSIGN_OR_RETURN(const auto response,
                            session.Call(session.probe(), &Probe::Stub::BatchGetCases, request));
    RECSAE_ASSIGN_OR_RETURN(const MatrixView view, ReadMatrix(response.activations(), "activations",
                                                              response.cases_size(), model.dim()));
    for (int i = 0; i < response.cases_size(); ++i) {
      const float* x = view.data + static_cast<int64_t>(i) * model.dim();
      const auto code = model.Encode(x);
      if (std::none_of(code.begin(), code.end(),
                       [&](const auto& entry) { return entry.latent == latent; })) {
        continue;
      }
      const probe::v1::Case& value = response.cases(i);
      SteerableCase added;
      WriteMatrix({x, 1, model.dim()}, &added.activation);
      added.excluded.assign(value.history_item_ids().begin(), value.history_item_ids().end());
      added.excluded.insert(added.excluded.end(), value.excluded_item_ids().begin(),
                            value.excluded_item_ids().end());
      active.push_back(std::move(added));
    }
  }
  return active;
}

// Hits over the cases: scaled down, as they are, scaled up.
struct Hits {
  int down = 0;
  int unchanged = 0;
  int up = 0;
};

absl::Status SteerCase(Session& session, const std::string& sae, int latent,
                       const SteerableCase& value, const ItemSet& with, Hits& hits) {
  SteerRequest request;
  request.set_sae(sae);
  *request.mutable_subject()->mutable_activations() = value.activation;
  request.mutable_exclude_item_ids()->Add(value.excluded.begin(), value.excluded.end());
  request.set_max_change(0);  // the paper has no bound
  auto& edit = *request.add_edits();
  edit.set_latent(latent);
  edit.set_scale(-kScale);
  RECSAE_ASSIGN_OR_RETURN(const auto down,
                          session.Call(session.explainer(), &Explainer::Stub::Steer, request));
  edit.set_scale(kScale);
  RECSAE_ASSIGN_OR_RETURN(const auto up,
                          session.Call(session.explainer(), &Explainer::Stub::Steer, request));
  hits.down += Shows(down.after(), with);
  hits.unchanged += Shows(up.before(), with);
  hits.up += Shows(up.after(), with);
  return absl::OkStatus();
}

}  // namespace

std::optional<SteeredConcept> PickAttribute(const ordered_json& trained,
                                            const std::string& wanted) {
  const ordered_json* best = nullptr;
  for (const ordered_json& score : trained.at("attributes")) {
    const std::string value = score.at("value");
    if (absl::EqualsIgnoreCase(value, wanted.empty() ? kPaperAttribute : wanted)) {
      best = &score;
      break;
    }
    if (!wanted.empty()) continue;
    if (best == nullptr || score.at("auc") > best->at("auc")) best = &score;
  }
  if (best == nullptr) return std::nullopt;
  return SteeredConcept{best->at("key"), best->at("value"), best->at("latent"), ""};
}

absl::StatusOr<SteeredConcept> PickConcept(Session& session, const std::string& sae,
                                           const ordered_json& trained, const std::string& wanted) {
  std::optional<SteeredConcept> target = PickAttribute(trained, wanted);
  if (!target) {
    return Error(absl::StatusCode::kNotFound, "ATTRIBUTE_NOT_FOUND",
                 absl::StrCat("no attribute ", wanted.empty() ? "" : "'" + wanted + "' ",
                              "is the recommended item's in enough test cases of ", sae,
                              "; name another with --attribute"));
  }
  concept_store::v1::SearchConceptsRequest request;
  request.set_parent(sae);
  request.set_query(target->value);
  request.set_max_results(kSearched);
  request.set_words_only(true);
  RECSAE_ASSIGN_OR_RETURN(
      const auto found,
      session.Call(session.concept_store(), &concept_store::v1::ConceptStore::Stub::SearchConcepts,
                   request));
  for (const auto& match : found.matches()) {
    if (!match.latent_concept().tests().verified()) continue;
    target->latent = match.latent_concept().latent();
    target->description = match.latent_concept().description();
    break;
  }
  return *target;
}

absl::StatusOr<ordered_json> SteerCases(Session& session, const std::string& sae,
                                        const probe::v1::Capture& capture,
                                        const SteeredConcept& target, const Items& items,
                                        int most) {
  RECSAE_ASSIGN_OR_RETURN(const StoredSae stored, DownloadSae(session, sae));
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel model, sae::SaeModel::Create(stored.weights));
  RECSAE_ASSIGN_OR_RETURN(const std::vector<SteerableCase> active,
                          ActiveCases(session, capture, model, target.latent));
  const ItemSet with = ItemsWith(target, items);
  const std::vector<int64_t> chosen = SpreadRows(static_cast<int64_t>(active.size()), most);
  const auto total = static_cast<int64_t>(chosen.size());
  Hits hits;
  ProgressMeter meter;
  for (int64_t i = 0; i < total; ++i) {
    RECSAE_RETURN_IF_ERROR(SteerCase(session, sae, target.latent, active[chosen[i]], with, hits));
    meter.Update(absl::ToDoubleSeconds(absl::Now() - absl::UnixEpoch()), i + 1, total);
    session.console().ShowProgress("steering  " + DescribeProgress(meter, "cases"));
  }
  session.console().ClearProgress();
  ordered_json json = {{"key", target.key},       {"value", target.value},
                       {"latent", target.latent}, {"description", target.description},
                       {"items", with.size()},    {"rows", capture.row_count()},
                       {"active", active.size()}, {"cases", total}};
  if (total == 0) return json;
  const auto share = [&](int count) { return static_cast<double>(count) / total; };
  json["share"] = {{"-10", share(hits.down)}, {"1", share(hits.unchanged)}, {"10", share(hits.up)}};
  return json;
}

}  // namespace recsae::cli
