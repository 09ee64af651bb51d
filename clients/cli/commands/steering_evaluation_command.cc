// recsae evaluate-steering.

#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/render/steering_evaluation.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using explainer::v1::Explainer;
using explainer::v1::SteeringEvaluation;

struct Flags {
  std::string sae;
  std::string capture;
  std::vector<std::string> evidence;
  std::vector<std::string> attributes;
  std::vector<double> doses;
  std::string unit = "spread";
  double share_factor = 0;
  bool no_matched = false;
  bool no_leak = false;
  bool curves = false;
  uint64_t seed = 0;
  JobFlags job;
  std::string request_id;
};

// KEY or KEY:VALUE.
absl::Status AddAttribute(const std::string& text,
                          explainer::v1::EvaluateSteeringRequest& request) {
  const size_t colon = text.find(':');
  const std::string key(absl::StripAsciiWhitespace(text.substr(0, colon)));
  if (key.empty()) {
    return UsageError(absl::StrCat("--attribute ", text,
                                   " has no key; write KEY (genre) or KEY:VALUE (genre:Horror)"));
  }
  explainer::v1::CatalogAttribute* attribute = request.add_attributes();
  attribute->set_key(key);
  if (colon != std::string::npos) {
    attribute->set_value(std::string(absl::StripAsciiWhitespace(text.substr(colon + 1))));
  }
  return absl::OkStatus();
}

void PrintCurves(Console& console, const SteeringEvaluation& evaluation) {
  for (const explainer::v1::AttributeSteering& attribute : evaluation.attributes()) {
    for (const explainer::v1::SteeringCurve& curve : attribute.curves()) {
      if (curve.points().empty()) continue;
      console.Print(absl::StrCat("\n", attribute.attribute().key(), ":",
                                 attribute.attribute().value(), ", ", MethodName(curve.method()),
                                 ":\n"));
      console.Print(DoseTable(evaluation, attribute, curve.method()));
    }
  }
}

void Print(Console& console, const SteeringEvaluation& evaluation, const Flags& flags) {
  for (const std::string& warning : evaluation.warnings()) console.Say("warning: " + warning);
  console.Print(SteeringDetails(evaluation));
  if (const Table matched = MatchedTable(evaluation); !matched.empty()) {
    console.Print(
        "\nNDCG@10 kept where each method brings the attribute's share to the aim (or the share "
        "that it comes to):\n");
    console.Print(matched);
    console.Print("\n");
    console.Print(SteeringVerdictTable(evaluation));
  }
  if (const Table leaks = LeakTable(evaluation); !leaks.empty()) {
    console.Print("\nAUC of a linear probe for the attribute, after its removal by Steer:\n");
    console.Print(leaks);
  }
  // A few attributes have been asked for by name to be looked at closely.
  if (flags.curves || evaluation.attributes_size() == 1) PrintCurves(console, evaluation);
}

absl::Status EvaluateSteering(Session& session, const Flags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  explainer::v1::EvaluateSteeringRequest request;
  request.set_sae(sae.name());
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_capture(), ChooseCapture(session, sae, flags.capture));
  RECSAE_RETURN_IF_ERROR(AddEvidence(session, sae, flags.evidence, request.capture(),
                                     *request.mutable_evidence_captures()));
  for (const std::string& attribute : flags.attributes) {
    RECSAE_RETURN_IF_ERROR(AddAttribute(attribute, request));
  }
  for (const double dose : flags.doses) request.add_doses(dose);
  request.set_dose_unit(flags.unit == "activation" ? explainer::v1::DOSE_UNIT_ACTIVATION
                                                   : explainer::v1::DOSE_UNIT_SPREAD);
  request.set_share_factor(flags.share_factor);
  request.set_skip_matched(flags.no_matched);
  request.set_skip_leak(flags.no_leak);
  request.set_seed(flags.seed);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  return FinishJob<SteeringEvaluation>(
      session, session.explainer_jobs(),
      session.Call(session.explainer(), &Explainer::Stub::EvaluateSteering, request),
      "evaluating steering", flags.job, [&](const SteeringEvaluation& evaluation) {
        Print(session.console(), evaluation, flags);
        return absl::OkStatus();
      });
}

void Declare(Command& command, Flags& flags) {
  command.Add("--sae", flags.sae, "SAE [default: the only one]");
  command.Add("--capture", flags.capture,
              "Cases with held-out items, whose users are measured [default: the test capture]");
  command.Add("--evidence", flags.evidence,
              "Captures on whose other users latents and directions are chosen; may be repeated "
              "[default: all with cases]");
  command
      .Add("--attribute", flags.attributes,
           "Steer towards this value, or towards all values of a key; may be repeated [default: "
           "all with enough items, at most 32]")
      .Type("KEY[:VALUE]")
      .OneArgumentEach();
  command
      .Add("--dose", flags.doses,
           "How far, below 0 away from the attribute [default: -1,-0.5,0.25,0.5,1,1.5,2]")
      .SeparatedBy(',');
  command
      .Add("--unit", flags.unit,
           "What doses count: the spread of the users' activations, or the best latent's "
           "activation")
      .Must(Check::OneOf({"spread", "activation"}))
      .ShowDefault();
  command.Add("--share-factor", flags.share_factor,
              "Compare methods where the attribute's share is so many times what it was, but no "
              "more than halfway to 1 [default: 3.3]");
  command.AddSwitch("--no-matched", flags.no_matched,
                    "Leave out the comparison at the same effect");
  command.AddSwitch("--no-leak", flags.no_leak, "Leave out the probes after removal");
  command.AddSwitch("--curves", flags.curves, "Print all doses of all methods");
  command.Add("--seed", flags.seed, "Of users' roles and of random controls [default: 0]");
  AddRequestId(command, flags.request_id);
  AddJobFlags(command, flags.job);
}

}  // namespace

void AddSteeringEvaluationCommand(CommandLine& line) {
  line.Add<Flags>(
      line.root(), "evaluate-steering",
      "Measure what steering brings, what it costs, and what removal leaves behind",
      "  recsae evaluate-steering --sae movies --attribute genre\n"
      "  recsae evaluate-steering --sae movies --attribute genre:Sci-Fi --dose 0.25,0.5",
      Declare, EvaluateSteering);
}

}  // namespace recsae::cli
