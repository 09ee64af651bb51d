// recsae saes compare: whether two dictionaries have the same latents.

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "clients/cli/flags/hyper_parameter_flags.h"
#include "clients/cli/flags/sae_subcommands.h"
#include "clients/cli/formats/sae_transfer.h"
#include "clients/cli/text/progress.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/table.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "common/sae/matching.h"
#include "recsae/concept_store/v1/concept_store.pb.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

struct CompareFlags {
  std::string a;
  std::string b;
};

// All cosines are in memory at once, 4 bytes each.
constexpr int64_t kMostPairs = int64_t{1} << 30;

absl::Status CheckComparable(const StoredSae& a, const StoredSae& b) {
  if (a.weights.dim != b.weights.dim) {
    return Error(absl::StatusCode::kInvalidArgument, "DIMENSION_MISMATCH",
                 absl::StrCat(a.sae.name(), " reads activations of ", a.weights.dim, " values, ",
                              b.sae.name(), " of ", b.weights.dim,
                              "; directions can be compared in one space only"));
  }
  const int64_t pairs = int64_t{a.weights.latents} * b.weights.latents;
  if (pairs <= kMostPairs) return absl::OkStatus();
  return Error(
      absl::StatusCode::kInvalidArgument, "SAES_TOO_LARGE",
      absl::StrCat(a.weights.latents, " x ", b.weights.latents, " latents are more pairs than the ",
                   kMostPairs, " that can be compared"));
}

absl::StatusOr<sae::Matching> Match(Session& session, const StoredSae& a, const StoredSae& b) {
  ProgressMeter meter;
  absl::Time next;
  const auto show = [&](int64_t done, int64_t total) {
    const absl::Time now = absl::Now();
    if (now < next) return absl::OkStatus();
    next = now + absl::Milliseconds(100);
    meter.Update(absl::ToDoubleSeconds(now - absl::UnixEpoch()), done, total);
    session.console().ShowProgress(absl::StrCat("matching  ", DescribeProgress(meter, "latents")));
    return absl::OkStatus();
  };
  absl::StatusOr<sae::Matching> matching =
      sae::MatchDirections(a.weights.decoder, b.weights.decoder, a.weights.dim, show);
  session.console().ClearProgress();
  return matching;
}

ordered_json SaeJson(const concept_store::v1::Sae& sae) {
  return {{"sae", sae.name()},
          {"capture", sae.capture()},
          {"architecture", concept_store::v1::Sae::Architecture_Name(sae.architecture())},
          {"latents", sae.latent_count()},
          {"k", sae.k()},
          {"fvu", sae.report().fvu()},
          {"l0", sae.report().l0()},
          {"deadFraction", sae.report().dead_fraction()}};
}

ordered_json Json(const StoredSae& a, const StoredSae& b, const sae::Matching& matching,
                  const sae::MatchingSummary& summary) {
  ordered_json pairs = ordered_json::array();
  for (size_t i = 0; i < matching.partner.size(); ++i) {
    if (matching.partner[i] < 0) continue;
    pairs.push_back({{"a", i}, {"b", matching.partner[i]}, {"cosine", matching.cosine[i]}});
  }
  return {{"a", SaeJson(a.sae)},
          {"b", SaeJson(b.sae)},
          {"pairs", summary.pairs},
          {"meanCosine", summary.mean_cosine},
          {"medianCosine", summary.median_cosine},
          {"above0.7", summary.above_7},
          {"above0.9", summary.above_9},
          {"matches", pairs}};
}

void PrintTables(Session& session, const StoredSae& a, const StoredSae& b,
                 const sae::MatchingSummary& summary) {
  Table saes({{""}, {"A", true}, {"B", true}});
  const auto row = [&](const char* name, auto value) {
    saes.Add({name, value(a.sae), value(b.sae)});
  };
  using concept_store::v1::Sae;
  row("sae", [](const Sae& sae) { return ShortName(sae.name()); });
  row("capture", [](const Sae& sae) { return ShortName(sae.capture()); });
  row("architecture", [](const Sae& sae) { return ArchitectureName(sae.architecture()); });
  row("latents", [](const Sae& sae) { return FormatCount(sae.latent_count()); });
  row("k", [](const Sae& sae) { return absl::StrCat(sae.k()); });
  row("FVU", [](const Sae& sae) { return FormatFixed(sae.report().fvu(), 4); });
  row("L0", [](const Sae& sae) { return FormatNumber(sae.report().l0()); });
  row("dead latents", [](const Sae& sae) { return FormatPercent(sae.report().dead_fraction()); });
  session.console().Print(saes);
  session.console().Print("\n");
  Table match({{""}, {"", true}});
  match.Add({"matched latents", FormatCount(summary.pairs)});
  match.Add({"mean cosine", FormatFixed(summary.mean_cosine, 3)});
  match.Add({"median cosine", FormatFixed(summary.median_cosine, 3)});
  match.Add({"cosine above 0.7", FormatPercent(summary.above_7)});
  match.Add({"cosine above 0.9", FormatPercent(summary.above_9)});
  session.console().Print(match);
}

absl::Status Compare(Session& session, const CompareFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const std::string name_a, FullName(flags.a, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(const std::string name_b, FullName(flags.b, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(const StoredSae a, DownloadSae(session, name_a));
  RECSAE_ASSIGN_OR_RETURN(const StoredSae b, DownloadSae(session, name_b));
  RECSAE_RETURN_IF_ERROR(CheckComparable(a, b));
  RECSAE_ASSIGN_OR_RETURN(const sae::Matching matching, Match(session, a, b));
  const sae::MatchingSummary summary = sae::Summarise(matching);
  if (session.json()) {
    session.console().Print(Json(a, b, matching, summary).dump(2) + "\n");
  } else {
    PrintTables(session, a, b, summary);
  }
  return absl::OkStatus();
}

}  // namespace

void AddSaeComparison(CommandLine& line, Command& group) {
  line.Add<CompareFlags>(
      group, "compare", "Tell how much of one dictionary is in another",
      "  recsae saes train movies --capture movies/train --seed 1,2\n"
      "  recsae saes compare movies-seed1 movies-seed2\n\n"
      "Pairs the latents so that the sum of their decoder directions' cosines is largest. Two\n"
      "trainings that found the same dictionary have cosines near 1. --json lists the pairs.",
      [](Command& command, CompareFlags& flags) {
        command.Add("A", flags.a, "SAE, for example movies-seed1").Required();
        command.Add("B", flags.b, "SAE with activations of the same recommender").Required();
      },
      Compare);
}

}  // namespace recsae::cli
