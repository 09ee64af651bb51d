#include "clients/cli/reproduce/language.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"

namespace recsae::cli {
namespace {

using nlohmann::ordered_json;

// The explainer's protocol (services/explainer/language/protocol.cc) with the paper's N = 5: one
// call describes, 2 N judge a description: the model's, the statistical one, and one dealt from
// another latent; of every eight latents one is judged again.
constexpr int64_t kJudging = 10;
constexpr int64_t kCallsEach = 1 + 3 * kJudging;
constexpr int64_t kJudgedAgainEvery = 8;
// What the explainer takes for 0.
constexpr int64_t kDefaultCalls = 100'000;
// The recommenders' own default, and the trainer's bounds of what it chooses by itself.
constexpr int64_t kDim = 64;
constexpr int64_t kLatentsPerDim = 8;
constexpr int64_t kLeastLatents = 32;

// At most, before anything is trained; 0 for what builds no concepts.
int64_t LatentsOf(const CellId& cell, const ReproduceFlags& flags) {
  const int64_t dim = flags.recommender_flags.embedding_dim.value_or(kDim);
  if (cell.method == kRawMethod) return dim;
  if (const auto point = ParseSweep(cell.method)) return point->expansion * dim;
  if (cell.method != kRandomMethod && cell.method != kTrainedMethod) return 0;
  const SaeFlags& sae = flags.sae_flags;
  if (!sae.latents.empty()) return sae.latents[0];
  if (sae.expansion) return *sae.expansion * dim;
  return sae.preset == "paper" ? kPaperExpansion * dim
                               : std::max(kLeastLatents, kLatentsPerDim * dim);
}

// {"", ""} where it was judged by none.
std::pair<std::string, std::string> ModelOf(const ordered_json& cell) {
  const ordered_json::json_pointer at("/concepts/language_model");
  if (!cell.contains(at)) return {};
  return {cell.at(at).at("model"), cell.at(at).at("prompt_hash")};
}

std::string Named(const std::pair<std::string, std::string>& model) {
  return absl::StrCat(model.first, " with the prompts ", model.second.substr(0, 12));
}

}  // namespace

explainer::v1::LanguageModelOptions LanguageOptions(const ReproduceFlags& flags) {
  explainer::v1::LanguageModelOptions options;
  options.set_judge(explainer::v1::LanguageModelOptions::JUDGE_LEVELS);
  options.set_max_calls(flags.llm_calls);
  options.set_max_tokens(flags.llm_tokens);
  return options;
}

absl::Status CheckLanguageModel(Session& session) {
  // Nobody's SAE: who has a model looks for it in vain, before anything is started.
  explainer::v1::BuildConceptsRequest request;
  request.set_sae("saes/paper-has-a-language-model");
  request.set_capture("recommenders/paper-has-a-language-model/captures/test");
  request.mutable_language_model();
  const absl::Status status =
      session.Call(session.explainer(), &explainer::v1::Explainer::Stub::BuildConcepts, request)
          .status();
  return absl::IsNotFound(status) ? absl::OkStatus() : status;
}

int64_t CallsOf(int64_t latents, const ReproduceFlags& flags) {
  const int64_t again = (latents + kJudgedAgainEvery - 1) / kJudgedAgainEvery;
  return std::min(latents * kCallsEach + again * kJudging,
                  flags.llm_calls > 0 ? flags.llm_calls : kDefaultCalls);
}

std::string AnnounceCalls(const std::vector<CellId>& cells, const ReproduceFlags& flags) {
  int64_t saes = 0;
  int64_t latents = 0;
  int64_t calls = 0;
  for (const CellId& cell : cells) {
    const int64_t of_cell = LatentsOf(cell, flags);
    if (of_cell == 0) continue;
    ++saes;
    latents += of_cell;
    calls += CallsOf(of_cell, flags);
  }
  if (saes == 0) return "";
  return absl::StrCat("the language model is asked at most ", FormatCount(calls),
                      " times: ", FormatCount(latents), " latents of ", Plural(saes, "SAE"), ", ",
                      kCallsEach, " to ", kCallsEach + kJudging, " calls each, up to ",
                      FormatCount(flags.llm_calls > 0 ? flags.llm_calls : kDefaultCalls),
                      " an SAE (--llm-calls). What it has answered before costs nothing.");
}

absl::Status CheckSameModel(const std::vector<ordered_json>& cells, const ordered_json& measured) {
  const auto now = ModelOf(measured);
  for (const ordered_json& cell : cells) {
    const auto before = ModelOf(cell);
    if (before == now || before.first.empty() || now.first.empty()) continue;
    return Error(absl::StatusCode::kFailedPrecondition, "SETTINGS_DIFFER",
                 absl::StrCat(CellKey({cell.at("dataset"), cell.at("recommender"),
                                       cell.at("method"), cell.at("seed")}),
                              " was judged by ", Named(before), ", now the explainer has ",
                              Named(now), ": start it as it was, or give another --out"));
  }
  return absl::OkStatus();
}

}  // namespace recsae::cli
