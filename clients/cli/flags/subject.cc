#include "clients/cli/flags/subject.h"

#include "absl/strings/str_cat.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "common/files/npy.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

// A user by id alone, as the recommender was trained on them. `not_found` is returned where it was
// not.
absl::StatusOr<ChosenSubject> FromTraining(Session& session, const concept_store::v1::Sae& sae,
                                           const std::string& user, const absl::Status& not_found) {
  probe::v1::ComputeActivationsRequest request;
  request.set_recommender(sae.capture().substr(0, sae.capture().find("/captures/")));
  request.add_queries()->set_user_id(user);
  request.set_with_past(true);
  const auto computed =
      session.Call(session.probe(), &probe::v1::Probe::Stub::ComputeActivations, request);
  if (!computed.ok()) {
    return Error(absl::StatusCode::kNotFound, "USER_NOT_FOUND",
                 absl::StrCat(std::string(not_found.message()), ", and ", request.recommender(),
                              " cannot tell of this user by id either: ",
                              std::string(computed.status().message())),
                 {{"user", user}, {"recommender", request.recommender()}});
  }
  ChosenSubject chosen;
  chosen.subject.mutable_history()->set_user_id(user);
  chosen.title = absl::StrCat("user ", user, ", from what the recommender was trained on");
  if (!computed->pasts().empty()) {
    const auto& items = computed->pasts(0).item_ids();
    chosen.history.assign(items.begin(), items.end());
  }
  return chosen;
}

absl::StatusOr<ChosenSubject> FromCapture(Session& session, const concept_store::v1::Sae& sae,
                                          const SubjectFlags& flags) {
  ChosenSubject chosen;
  RECSAE_ASSIGN_OR_RETURN(const std::string capture, ChooseCapture(session, sae, flags.capture));
  auto& captured = *chosen.subject.mutable_captured_user();
  captured.set_capture(capture);
  captured.set_user_id(flags.user);
  chosen.title = absl::StrCat("user ", flags.user, " in ", ShortName(capture));
  probe::v1::BatchGetCasesRequest request;
  request.set_capture(capture);
  request.add_user_ids(flags.user);
  const auto found = session.Call(session.probe(), &probe::v1::Probe::Stub::BatchGetCases, request);
  // Users with few interactions have no test row, but the recommender knows them all the same.
  if (Reason(found.status()) == "CASE_NOT_FOUND" && flags.capture.empty()) {
    return FromTraining(session, sae, flags.user, found.status());
  }
  RECSAE_RETURN_IF_ERROR(found.status());
  if (!found->cases().empty()) {
    const auto& history = found->cases(0).history_item_ids();
    chosen.history.assign(history.begin(), history.end());
  }
  return chosen;
}

absl::StatusOr<ChosenSubject> FromActivations(const SubjectFlags& flags) {
  ChosenSubject chosen;
  RECSAE_ASSIGN_OR_RETURN(const NpyArray array, ReadNpy(flags.activations));
  recsae::tensor::v1::Tensor& tensor = *chosen.subject.mutable_activations();
  if (array.shape.size() == 2) {
    WriteMatrix({array.values.data(), array.shape[0], array.shape[1]}, &tensor);
  } else {
    WriteVector(array.values, &tensor);
  }
  chosen.title = flags.activations;
  return chosen;
}

}  // namespace

void AddSubjectFlags(Command& command, SubjectFlags& flags) {
  const std::string group = "Whose recommendations";
  command.Add("--sae", flags.sae, "SAE [default: the only one]").Group("SAE");
  command.Add("--user", flags.user, "A user of the capture, or of the data set")
      .Trimmed()
      .Group(group);
  command
      .Add("--capture", flags.capture,
           "Where the user is [default: the test capture of the SAE's recommender]")
      .Group(group);
  const Flag history =
      command
          .Add("--history", flags.history,
               "Item ids, oldest first, comma-separated: runs the recommender on them")
          .SeparatedBy(',')
          .Type("ID,...")
          .Group(group);
  command
      .Add("--activations", flags.activations, ".npy file of activations, float [dim] or [n, dim]")
      .Must(Check::ExistingFile())
      .Excludes(history)
      .Group(group);
}

absl::StatusOr<ChosenSubject> ChooseSubject(Session& session, const concept_store::v1::Sae& sae,
                                            const SubjectFlags& flags) {
  if (!flags.activations.empty()) {
    if (!flags.user.empty()) return UsageError("--activations and --user exclude each other");
    return FromActivations(flags);
  }
  if (!flags.history.empty()) {
    ChosenSubject chosen;
    auto& history = *chosen.subject.mutable_history();
    history.set_user_id(flags.user);
    for (const std::string& id : flags.history) history.add_item_ids(id);
    chosen.title = flags.user.empty() ? "this history" : absl::StrCat("user ", flags.user);
    chosen.history = flags.history;
    return chosen;
  }
  if (flags.user.empty()) {
    return UsageError(
        "say whose recommendations: --user ID, --history ID,... or --activations FILE");
  }
  return FromCapture(session, sae, flags);
}

void AddExcludeFlags(Command& command, std::vector<std::string>& exclude, bool& keep_seen) {
  command.Add("--exclude", exclude, "Item ids never to recommend, besides those of the user's past")
      .SeparatedBy(',')
      .Type("ID,...");
  command.AddSwitch("--keep-seen", keep_seen,
                    "Recommend what the user touched as well, in the data set or this history");
}

void AddIgnoreControls(Command& command, bool& ignore_controls) {
  command.AddSwitch("--ignore-controls", ignore_controls,
                    "Leave out what the user set by recsae controls");
}

}  // namespace recsae::cli
