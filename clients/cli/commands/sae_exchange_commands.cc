// recsae saes export and import: SAEs in the file formats of other libraries.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/flags/sae_subcommands.h"
#include "clients/cli/formats/sae_formats.h"
#include "clients/cli/formats/sae_transfer.h"
#include "clients/cli/render/render.h"
#include "clients/cli/text/errors.h"
#include "clients/cli/text/resource.h"
#include "common/base/status.h"
#include "common/base/version.h"
#include "common/messages/sae_messages.h"
#include "recsae/concept_store/v1/concept_store.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::Sae;

struct ExportFlags {
  std::string sae;
  std::string format;
  std::string folder;
  bool force = false;
};

struct ImportFlags {
  std::string folder;
  std::string format;
  std::string id;
  std::string capture;
  double input_scale = 0;
  int k = 0;
  int64_t measure_rows = 100'000;
  std::string request_id;
};

// Rows to compare on where a format changes the rule.
constexpr int64_t kComparedRows = 10'000;

// ---- export

nlohmann::ordered_json About(const Sae& sae) {
  return {{"sae", sae.name()},
          {"capture", sae.capture()},
          {"architecture", Sae::Architecture_Name(sae.architecture())},
          {"k", sae.k()},
          {"input_scale", sae.scale()},
          {"weights_sha256", sae.weights_sha256()},
          {"version", std::string(Version())}};
}

std::string HowToLoad(SaeFormat format, const std::string& folder) {
  if (format == SaeFormat::kSaeLens) {
    return absl::StrCat("sae_lens.SAE.load_from_disk(\"", folder, "\")");
  }
  if (format == SaeFormat::kDictionaryLearning) {
    return absl::StrCat("dictionary_learning.utils.load_dictionary(\"", folder, "\", \"cpu\")");
  }
  return absl::StrCat("sparsify.SparseCoder.load_from_disk(\"", folder,
                      "\")  (without a GPU: set SPARSIFY_DISABLE_TRITON=1 before Python starts)");
}

// On how many rows of the SAE's own capture the same latents are active by the format's rule.
absl::StatusOr<double> CompareRules(Session& session, const StoredSae& stored,
                                    const ExportedSae& exported) {
  probe::v1::GetCaptureRequest request;
  request.set_name(stored.sae.capture());
  RECSAE_ASSIGN_OR_RETURN(
      const auto capture,
      session.Call(session.probe(), &probe::v1::Probe::Stub::GetCapture, request));
  if (capture.row_count() == 0) {
    return Error(absl::StatusCode::kFailedPrecondition, "CAPTURE_EMPTY",
                 absl::StrCat(capture.name(), " has no rows"));
  }
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel ours, sae::SaeModel::Create(stored.weights));
  RECSAE_ASSIGN_OR_RETURN(const sae::SaeModel theirs, sae::SaeModel::Create(exported.computes));
  return ShareOfSameLatents(session, capture, kComparedRows, ours, theirs);
}

// Adds to the notes what the change of rule does; returns the share, or nothing.
std::optional<double> TellChangeOfRule(Session& session, const StoredSae& stored,
                                       ExportedSae& exported) {
  if (!exported.changes_rule) return std::nullopt;
  const absl::StatusOr<double> share = CompareRules(session, stored, exported);
  if (share.ok()) {
    exported.notes.push_back(
        absl::StrFormat("the same latents are active on %.1f %% of the rows of %s", 100 * *share,
                        stored.sae.capture()));
    return *share;
  }
  exported.notes.push_back(
      absl::StrCat("on how many rows the same latents are active could not be "
                   "measured: ",
                   std::string(share.status().message())));
  return std::nullopt;
}

absl::Status PrintExport(Session& session, const ExportFlags& flags, SaeFormat format,
                         const StoredSae& stored, const ExportedSae& exported,
                         std::optional<double> same_latents) {
  const std::string& name = stored.sae.name();
  for (const std::string& note : exported.notes) session.console().Say("note: " + note);
  if (session.json()) {
    nlohmann::ordered_json json = {{"sae", name},
                                   {"format", SaeFormatName(format)},
                                   {"folder", flags.folder},
                                   {"files", {ConfigName(format), WeightsName(format)}},
                                   {"weightsSha256", stored.sae.weights_sha256()},
                                   {"changesRule", exported.changes_rule},
                                   {"notes", exported.notes}};
    if (same_latents) json["sameLatentsShare"] = *same_latents;
    session.console().Print(json.dump(2) + "\n");
    return absl::OkStatus();
  }
  session.console().Print(Details(
      {{"sae", name},
       {"format", SaeFormatName(format)},
       {"files", absl::StrCat(flags.folder, ": ", ConfigName(format), ", ", WeightsName(format))},
       {"load it with", HowToLoad(format, flags.folder)}}));
  return absl::OkStatus();
}

absl::Status Export(Session& session, const ExportFlags& flags) {
  const SaeFormat format = ParseSaeFormat(flags.format);
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.sae, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(const StoredSae stored, DownloadSae(session, name));
  absl::StatusOr<ExportedSae> exported = ExportSae(format, stored.weights, About(stored.sae));
  if (!exported.ok()) return Annotate(exported.status(), name);
  RECSAE_RETURN_IF_ERROR(WriteSae(exported->files, format, flags.folder, flags.force));
  const std::optional<double> share = TellChangeOfRule(session, stored, *exported);
  return PrintExport(session, flags, format, stored, *exported, share);
}

void AddExport(CommandLine& line, Command& group) {
  line.Add<ExportFlags>(
      group, "export", "Write an SAE to files that other libraries load",
      "  recsae saes export movies --format safetensors-saelens --out movies-sae\n"
      "  python3 -c 'import sae_lens; print(sae_lens.SAE.load_from_disk(\"movies-sae\"))'\n\n"
      "Run by that library, the SAE has the latents and reconstructions that it has here, of\n"
      "activations in the recommender's own units: its input scale is folded into the weights.\n"
      "import restores the SAE from the files to the bit.\n"
      "  safetensors-saelens   topk, batch-topk and jump-relu (both as jumprelu), relu (standard)\n"
      "  safetensors-sparsify  topk\n"
      "  dictionary-learning   topk, batch-topk, jump-relu, relu (with decoder rows of length 1)\n"
      "A pursuit SAE goes into each as topk: no library encodes by pursuit, and other latents are\n"
      "active; the command says on how many rows. import restores the pursuit. (docs/sae-files.md)",
      [](Command& command, ExportFlags& flags) {
        command.Add("SAE", flags.sae, "Name, for example ml-1m or saes/ml-1m").Required();
        command.Add("--format", flags.format, "What to write")
            .Required()
            .Must(Check::OneOf(WritableFormats()));
        command.Add("--out", flags.folder, "Folder to write the settings and weights to")
            .Required()
            .Type("DIR")
            .Must(Check::Path());
        command.AddSwitch("--force", flags.force, "Replace files that are there");
      },
      Export);
}

// ---- import

// Measures the SAE on its capture for the report; gives k where the files did not.
absl::Status Measure(Session& session, const ImportFlags& flags, const sae::SaeModel& model,
                     Sae& sae) {
  probe::v1::GetCaptureRequest request;
  request.set_name(sae.capture());
  RECSAE_ASSIGN_OR_RETURN(
      const auto capture,
      session.Call(session.probe(), &probe::v1::Probe::Stub::GetCapture, request));
  sae.set_probe_site(capture.site());
  if (capture.row_count() == 0) {
    session.console().Say(capture.name() + " has no rows yet: the SAE's quality is not known");
    return absl::OkStatus();
  }
  RECSAE_ASSIGN_OR_RETURN(const sae::ReconstructionMetrics metrics,
                          MeasureSae(session, capture, flags.measure_rows, model));
  auto& report = *sae.mutable_report();
  report.set_row_count(metrics.rows);
  // Rows that are all the same have no variance to explain.
  report.set_fvu(std::isfinite(metrics.fvu) ? metrics.fvu : 1.0);
  report.set_l0(metrics.l0);
  report.set_dead_fraction(metrics.dead_fraction);
  if (sae.k() == 0) {
    sae.set_k(std::clamp(static_cast<int>(std::lround(metrics.l0)), 1, model.latents()));
  }
  return absl::OkStatus();
}

// k of the files, or --k where they have none.
absl::Status ChooseK(const ImportFlags& flags, sae::SaeWeights& weights) {
  if (flags.k == 0) return absl::OkStatus();
  if (flags.k > weights.latents || (weights.k > 0 && flags.k != weights.k)) {
    return UsageError(
        weights.k > 0
            ? absl::StrCat("--k is ", flags.k, ", but the files say ", weights.k, "; leave --k out")
            : absl::StrCat("--k is ", flags.k, ", but the SAE has ", weights.latents, " latents"));
  }
  weights.k = flags.k;
  return absl::OkStatus();
}

// The SAE with its report, ready to be published.
absl::StatusOr<Sae> Describe(Session& session, const ImportFlags& flags,
                             const ImportedSae& imported) {
  Sae sae;
  DescribeWeights(imported.weights, &sae);
  RECSAE_ASSIGN_OR_RETURN(*sae.mutable_name(), FullName(flags.id, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(*sae.mutable_capture(), FullName(flags.capture, kCapturePattern));
  sae.mutable_report()->set_version(std::string(Version()));
  sae.mutable_report()->mutable_hyper_parameters()->insert(imported.facts.begin(),
                                                           imported.facts.end());
  if (flags.measure_rows > 0) {
    sae::SaeWeights weights = imported.weights;
    // Where k is not known thresholds encode, and any k will do.
    weights.k = std::max(weights.k, 1);
    absl::StatusOr<sae::SaeModel> model = sae::SaeModel::Create(std::move(weights));
    if (!model.ok()) return FilesMalformed(std::string(model.status().message()));
    RECSAE_RETURN_IF_ERROR(Measure(session, flags, *model, sae));
  }
  if (sae.k() == 0) {
    return UsageError(
        "the files do not say how many latents are active at a time; say it with --k, or let it be "
        "measured on a capture that has rows (--measure-rows)");
  }
  return sae;
}

absl::Status Import(Session& session, const ImportFlags& flags) {
  std::optional<SaeFormat> asked;
  if (!flags.format.empty()) asked = ParseSaeFormat(flags.format);
  RECSAE_ASSIGN_OR_RETURN(const SaeLocation location, FindSae(flags.folder, asked));
  RECSAE_ASSIGN_OR_RETURN(const SaeFiles files, ReadSae(location));
  absl::StatusOr<ImportedSae> imported =
      ImportSae(location.format, files, static_cast<float>(flags.input_scale));
  if (!imported.ok()) return Annotate(imported.status(), location.weights);
  RECSAE_RETURN_IF_ERROR(ChooseK(flags, imported->weights));
  RECSAE_ASSIGN_OR_RETURN(const Sae sae, Describe(session, flags, *imported));
  imported->weights.k = sae.k();
  RECSAE_ASSIGN_OR_RETURN(const Sae published,
                          UploadSae(session, sae, imported->weights,
                                    flags.request_id.empty() ? NewRequestId() : flags.request_id));
  for (const std::string& note : imported->notes) session.console().Say("note: " + note);
  if (session.json()) return session.PrintJson(published);
  session.console().Print(SaeDetails(published));
  return absl::OkStatus();
}

void AddImport(CommandLine& line, Command& group) {
  line.Add<ImportFlags>(
      group, "import", "Publish an SAE from files that other libraries or export wrote",
      "  recsae saes import movies-sae --id movies-2 --capture movies/train\n"
      "  recsae saes import trained --id ext --capture shop/live --input-scale 0.37\n\n"
      "PATH is a folder, a folder of folders with one SAE, or the file of the weights:\n"
      "  safetensors-saelens   cfg.json, sae_weights.safetensors: topk, abstopk, jumprelu, gated,\n"
      "                        standard\n"
      "  safetensors-sparsify  cfg.json, sae.safetensors: topk\n"
      "  dictionary-learning   config.json, ae.pt: its AutoEncoder, GatedAutoEncoder, BatchTopKSAE "
      "…\n"
      "  gemma-scope           params.npz: jumprelu\n"
      "  openai                another .pt, of sparse_autoencoder: TopK, ReLU\n"
      "What the SAE cannot take over is refused with the reason. Its quality is measured on rows "
      "of\n"
      "the capture. (docs/sae-files.md) Then:\n"
      "  recsae concepts build movies-2 --capture movies/test",
      [](Command& command, ImportFlags& flags) {
        command.Add("PATH", flags.folder, "Folder with the files, or the file of the weights")
            .Required()
            .Must(Check::ExistingPath());
        command.Add("--id", flags.id, "Name of the SAE to publish").Required();
        command.Add("--capture", flags.capture, "Activations that it reads: RECOMMENDER/CAPTURE")
            .Required();
        command.Add("--format", flags.format, "What PATH holds [default: by its files]")
            .Must(Check::OneOf(ReadableFormats()));
        command
            .Add("--input-scale", flags.input_scale,
                 "What activations were multiplied by before they came to the SAE, where "
                 "that is not in the files [default: what they say, or 1]")
            .Type("FACTOR")
            .Must(Check::Positive());
        command
            .Add("--k", flags.k,
                 "Latents active at a time, where the files do not say it [default: as "
                 "measured]")
            .Type("N")
            .Must(Check::Positive());
        command
            .Add("--measure-rows", flags.measure_rows,
                 "Rows of the capture to measure FVU, L0 and dead latents on; 0 = none")
            .Type("N")
            .Must(Check::NonNegative())
            .ShowDefault();
        AddRequestId(command, flags.request_id);
      },
      Import);
}

}  // namespace

void AddSaeExchange(CommandLine& line, Command& group) {
  AddExport(line, group);
  AddImport(line, group);
}

}  // namespace recsae::cli
