// recsae saes export and import: SAEs in the file formats of other libraries.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
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

Check IsFormat() { return Check::OneOf({kSaeLensFormat, kSparsifyFormat}); }

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
  return format == SaeFormat::kSaeLens
             ? absl::StrCat("sae_lens.SAE.load_from_disk(\"", folder, "\")")
             : absl::StrCat("sparsify.SparseCoder.load_from_disk(\"", folder, "\")");
}

absl::Status Export(Session& session, const ExportFlags& flags) {
  const SaeFormat format = ParseSaeFormat(flags.format);
  RECSAE_ASSIGN_OR_RETURN(const std::string name, FullName(flags.sae, kSaePattern));
  RECSAE_ASSIGN_OR_RETURN(const StoredSae stored, DownloadSae(session, name));
  absl::StatusOr<SaeFiles> files = ExportSae(format, stored.weights, About(stored.sae));
  if (!files.ok()) return Annotate(files.status(), name);
  RECSAE_RETURN_IF_ERROR(WriteSaeFiles(*files, flags.folder, WeightsName(format), flags.force));
  if (session.json()) {
    const nlohmann::ordered_json json = {{"sae", name},
                                         {"format", SaeFormatName(format)},
                                         {"folder", flags.folder},
                                         {"files", {"cfg.json", WeightsName(format)}},
                                         {"weightsSha256", stored.sae.weights_sha256()}};
    session.console().Print(json.dump(2) + "\n");
    return absl::OkStatus();
  }
  session.console().Print(
      Details({{"sae", name},
               {"format", SaeFormatName(format)},
               {"files", absl::StrCat(flags.folder, ": cfg.json, ", WeightsName(format))},
               {"load it with", HowToLoad(format, flags.folder)}}));
  return absl::OkStatus();
}

void AddExport(CommandLine& line, Command& group) {
  line.Add<ExportFlags>(
      group, "export", "Write an SAE to files that SAELens or sparsify load",
      "  recsae saes export movies --format safetensors-saelens --out movies-sae\n"
      "  python3 -c 'import sae_lens; print(sae_lens.SAE.load_from_disk(\"movies-sae\"))'\n\n"
      "Run by that library, the SAE reconstructs activations in the recommender's own units as it\n"
      "does here; its latents' activations are divided by the SAE's input scale. import restores\n"
      "the SAE from the files to the bit.\n"
      "  safetensors-saelens   topk, batch-topk and jump-relu (both as jumprelu), relu (standard)\n"
      "  safetensors-sparsify  topk\n"
      "A pursuit SAE goes into both as topk: those libraries encode by its encoder, and "
      "reconstruct\n"
      "less well; import restores the pursuit.",
      [](Command& command, ExportFlags& flags) {
        command.Add("SAE", flags.sae, "Name, for example ml-1m or saes/ml-1m").Required();
        command.Add("--format", flags.format, "What to write").Required().Must(IsFormat());
        command.Add("--out", flags.folder, "Folder to write cfg.json and the weights to")
            .Required()
            .Type("DIR");
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
  SaeFormat format = ParseSaeFormat(flags.format);
  if (flags.format.empty()) {
    RECSAE_ASSIGN_OR_RETURN(format, GuessSaeFormat(flags.folder));
  }
  RECSAE_ASSIGN_OR_RETURN(const SaeFiles files, ReadSaeFiles(flags.folder, WeightsName(format)));
  absl::StatusOr<ImportedSae> imported =
      ImportSae(format, files, static_cast<float>(flags.input_scale));
  if (!imported.ok()) return Annotate(imported.status(), flags.folder);
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
      group, "import", "Publish an SAE from files that SAELens, sparsify or export wrote",
      "  recsae saes import movies-sae --id movies-2 --capture movies/train\n"
      "  recsae saes import trained --id ext --capture shop/live --input-scale 0.37\n\n"
      "DIR has cfg.json beside sae_weights.safetensors (SAELens: topk, jumprelu, standard) or\n"
      "sae.safetensors (sparsify: topk). What the SAE cannot take over is refused with the "
      "reason.\n"
      "Its quality is measured on rows of the capture. Then:\n"
      "  recsae concepts build movies-2 --capture movies/test",
      [](Command& command, ImportFlags& flags) {
        command.Add("DIR", flags.folder, "Folder with the files")
            .Required()
            .Must(Check::ExistingDirectory());
        command.Add("--id", flags.id, "Name of the SAE to publish").Required();
        command.Add("--capture", flags.capture, "Activations that it reads: RECOMMENDER/CAPTURE")
            .Required();
        command.Add("--format", flags.format, "What DIR holds [default: by its files]")
            .Must(IsFormat());
        command
            .Add("--input-scale", flags.input_scale,
                 "What activations were multiplied by before they came to the SAE, where "
                 "that is not in the files [default: 1]")
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
