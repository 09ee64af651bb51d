// recsae concepts: what the latents of an SAE mean.

#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "clients/cli/flags/command_line.h"
#include "clients/cli/flags/job_flags.h"
#include "clients/cli/render/concepts.h"
#include "clients/cli/render/render.h"
#include "clients/cli/render/result_text.h"
#include "clients/cli/session/defaults.h"
#include "clients/cli/text/json.h"
#include "clients/cli/text/resource.h"
#include "clients/cli/text/text.h"
#include "common/base/status.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/probe/v1/probe.pb.h"

namespace recsae::cli {
namespace {

using concept_store::v1::ConceptChange;
using concept_store::v1::ConceptStore;

struct BuildFlags {
  std::string sae;
  std::string capture;
  std::vector<std::string> evidence;
  std::vector<std::string> references;
  int paper_cases = 0;
  uint64_t seed = 0;
  bool llm = false;
  bool llm_judge_only = false;
  std::string llm_judge = "detection";
  int64_t llm_calls = 0;
  int64_t llm_tokens = 0;
  bool embedding_judge = false;
  int64_t embedding_texts = 0;
  JobFlags job;
  std::string request_id;
};

struct ListFlags {
  std::string sae;
  std::string order = "correlation";
  double min_correlation = 0;
  double min_paper_confidence = 0;
  bool verified = false;
  bool latents = false;
  int limit = 50;
};

struct SearchFlags {
  std::string sae;
  std::vector<std::string> words;
  int limit = 10;
  bool words_only = false;
};

struct OneFlags {
  std::string sae;
  std::string name;
  std::string description;
  std::string etag;
  std::string request_id;
};

struct WatchFlags {
  std::string sae;
  std::optional<int64_t> since;
  bool from_now = false;
};

void AddSae(Command& command, std::string& sae) {
  command.Add("--sae", sae, "SAE [default: the only one]");
}

void AddName(Command& command, OneFlags& flags) {
  command.Add("CONCEPT", flags.name, "Latent number (17 or #17), or SAE/LATENT, or the whole name")
      .Required();
  AddSae(command, flags.sae);
}

absl::Status Show(Session& session, const concept_store::v1::Concept& value) {
  if (session.json()) return session.PrintJson(value);
  session.console().Print(ConceptDetails(value));
  return absl::OkStatus();
}

void AskForLanguageModel(const BuildFlags& flags, explainer::v1::BuildConceptsRequest& request) {
  if (!flags.llm) return;
  explainer::v1::LanguageModelOptions& options = *request.mutable_language_model();
  options.set_judge(flags.llm_judge == "levels"
                        ? explainer::v1::LanguageModelOptions::JUDGE_LEVELS
                        : explainer::v1::LanguageModelOptions::JUDGE_DETECTION);
  options.set_judge_only(flags.llm_judge_only);
  options.set_max_calls(flags.llm_calls);
  options.set_max_tokens(flags.llm_tokens);
}

absl::Status Build(Session& session, const BuildFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  explainer::v1::BuildConceptsRequest request;
  request.set_sae(sae.name());
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_capture(), ChooseCapture(session, sae, flags.capture));
  RECSAE_RETURN_IF_ERROR(AddEvidence(session, sae, flags.evidence, request.capture(),
                                     *request.mutable_evidence_captures()));
  for (const std::string& reference : flags.references) {
    RECSAE_ASSIGN_OR_RETURN(*request.add_reference_saes(), FullName(reference, kSaePattern));
  }
  request.set_paper_case_count(flags.paper_cases);
  request.set_seed(flags.seed);
  AskForLanguageModel(flags, request);
  if (flags.embedding_judge) {
    request.mutable_embedding_judge()->set_max_texts(flags.embedding_texts);
  }
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  return FinishJob<explainer::v1::ConceptReport>(
      session, session.explainer_jobs(),
      session.Call(session.explainer(), &explainer::v1::Explainer::Stub::BuildConcepts, request),
      "building concepts", flags.job, [&](const explainer::v1::ConceptReport& report) {
        if (const Table tests = TestTable(report); !tests.empty()) {
          session.console().Print(tests);
          session.console().Print("\n");
        }
        session.console().Print(ConceptCounts(report));
        session.console().Print("\n");
        session.console().Print(PaperTable(report));
        if (report.has_language_model()) {
          session.console().Print("\n");
          session.console().Print(LanguageTable(report.language_model()));
          session.console().Print("\n");
          session.console().Print(LanguageCounts(report.language_model()));
        }
        if (report.has_embedding_judge()) {
          session.console().Print("\n");
          session.console().Print(EmbeddingTable(report.embedding_judge()));
          session.console().Print("\n");
          session.console().Print(EmbeddingCounts(report.embedding_judge()));
        }
        return absl::OkStatus();
      });
}

absl::Status List(Session& session, const ListFlags& flags) {
  using concept_store::v1::ListConceptsRequest;
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  ListConceptsRequest request;
  request.set_parent(sae.name());
  if (flags.order == "correlation") request.set_order(ListConceptsRequest::ORDER_CORRELATION);
  if (flags.order == "paper") request.set_order(ListConceptsRequest::ORDER_PAPER_CONFIDENCE);
  if (flags.order == "active") request.set_order(ListConceptsRequest::ORDER_ACTIVE_ROWS);
  request.set_min_correlation(flags.min_correlation);
  request.set_min_paper_confidence(flags.min_paper_confidence);
  request.set_verified_only(flags.verified);
  request.set_groups_only(!flags.latents);
  RECSAE_ASSIGN_OR_RETURN(
      const auto all,
      session.List(session.concept_store(), &ConceptStore::Stub::ListConcepts, request,
                   &concept_store::v1::ListConceptsResponse::concepts_size, flags.limit));
  if (session.json()) return session.PrintJson(all);
  Table table = NewConceptTable();
  for (const auto& value : all.concepts()) AddConcept(value, table);
  session.console().Print(table);
  if (all.concepts_size() < all.total_size()) {
    session.console().Say(
        absl::StrCat(all.concepts_size(), " of ", FormatCount(all.total_size()), "; see --limit"));
  }
  return absl::OkStatus();
}

absl::Status Search(Session& session, const SearchFlags& flags) {
  RECSAE_ASSIGN_OR_RETURN(const auto sae, ChooseSae(session, flags.sae));
  concept_store::v1::SearchConceptsRequest request;
  request.set_parent(sae.name());
  request.set_query(absl::StrJoin(flags.words, " "));
  request.set_max_results(flags.limit);
  request.set_words_only(flags.words_only);
  RECSAE_ASSIGN_OR_RETURN(
      const auto response,
      session.Call(session.concept_store(), &ConceptStore::Stub::SearchConcepts, request));
  if (session.json()) return session.PrintJson(response);
  const Table table = SearchTable(response);
  if (table.empty()) {
    session.console().Say(
        absl::StrCat("no concept of ", sae.name(), " matches '", request.query(), "'"));
  } else {
    session.console().Print(table);
  }
  if (const std::string gap = MeaningGap(response.meaning()); !gap.empty()) {
    session.console().Say(gap);
  }
  return absl::OkStatus();
}

absl::Status Get(Session& session, const OneFlags& flags) {
  concept_store::v1::GetConceptRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), ChooseConcept(session, flags.name, flags.sae));
  RECSAE_ASSIGN_OR_RETURN(const auto value, session.Call(session.concept_store(),
                                                         &ConceptStore::Stub::GetConcept, request));
  return Show(session, value);
}

absl::Status Update(Session& session, const OneFlags& flags) {
  concept_store::v1::UpdateConceptRequest request;
  auto& value = *request.mutable_latent_concept();
  RECSAE_ASSIGN_OR_RETURN(*value.mutable_name(), ChooseConcept(session, flags.name, flags.sae));
  value.set_description(flags.description);
  value.set_etag(flags.etag);
  request.mutable_update_mask()->add_paths("description");
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(
      const auto updated,
      session.Call(session.concept_store(), &ConceptStore::Stub::UpdateConcept, request));
  return Show(session, updated);
}

absl::Status Delete(Session& session, const OneFlags& flags) {
  concept_store::v1::DeleteConceptRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), ChooseConcept(session, flags.name, flags.sae));
  request.set_etag(flags.etag);
  request.set_request_id(flags.request_id.empty() ? NewRequestId() : flags.request_id);
  RECSAE_ASSIGN_OR_RETURN(
      const auto empty,
      session.Call(session.concept_store(), &ConceptStore::Stub::DeleteConcept, request));
  if (session.json()) return session.PrintJson(empty);
  session.console().Say("deleted " + request.name());
  return absl::OkStatus();
}

std::string ChangeText(const ConceptChange& change) {
  std::string name = change.has_sae() ? change.sae().name() : change.latent_concept().name();
  std::string text = Clean(change.latent_concept().description());
  if (change.type() == ConceptChange::TYPE_SAE_PUBLISHED) text = "published";
  if (change.type() == ConceptChange::TYPE_DELETED ||
      change.type() == ConceptChange::TYPE_SAE_DELETED) {
    text = "deleted";
  }
  if (change.type() == ConceptChange::TYPE_BASELINE_SET) {
    name = change.baseline().sae();
    text = absl::StrCat("baseline of ", FormatCount(change.baseline().row_count()), " rows");
  }
  // What was there before the watch has no revision.
  const std::string revision = change.revision() == 0 ? "" : FormatCount(change.revision());
  return absl::StrCat(PadLeft(revision, 8), "  ", PadRight(ShortName(name), 24), "  ", text, "\n");
}

absl::Status History(Session& session, const OneFlags& flags) {
  concept_store::v1::ListConceptRevisionsRequest request;
  RECSAE_ASSIGN_OR_RETURN(*request.mutable_name(), ChooseConcept(session, flags.name, flags.sae));
  RECSAE_ASSIGN_OR_RETURN(
      const auto all,
      session.List(session.concept_store(), &ConceptStore::Stub::ListConceptRevisions, request,
                   &concept_store::v1::ListConceptRevisionsResponse::changes_size, 0));
  if (session.json()) return session.PrintJson(all);
  for (const ConceptChange& change : all.changes()) session.console().Print(ChangeText(change));
  return absl::OkStatus();
}

absl::Status Watch(Session& session, const WatchFlags& flags) {
  concept_store::v1::WatchConceptsRequest request;
  if (!flags.sae.empty()) {
    RECSAE_ASSIGN_OR_RETURN(*request.mutable_parent(), FullName(flags.sae, kSaePattern));
  }
  if (flags.since.has_value()) request.set_since_revision(*flags.since);
  request.set_skip_snapshot(flags.from_now);
  grpc::ClientContext context;
  const auto reader = session.concept_store()->WatchConcepts(&context, request);
  for (ConceptChange change; reader->Read(&change);) {
    if (change.type() == ConceptChange::TYPE_CAUGHT_UP) {
      session.console().Say(absl::StrCat("that is all up to revision ", change.revision(),
                                         "; waiting for more (Ctrl-C ends)"));
    } else if (session.json()) {
      RECSAE_ASSIGN_OR_RETURN(const nlohmann::ordered_json json, AsJson(change));
      session.console().Print(json.dump() + "\n");
    } else {
      session.console().Print(ChangeText(change));
    }
  }
  return session.concept_store().peer().FromGrpc(reader->Finish());
}

void AddReading(CommandLine& line, Command& group) {
  line.Add<ListFlags>(
      group, "list", "List concepts, the surest first: of latents that say the same, one",
      "  recsae concepts list --verified --limit 20\n"
      "  recsae concepts list --latents --limit 0\n"
      "  recsae concepts list --order paper --min-paper-confidence 0.8 --limit 0",
      [](Command& command, ListFlags& flags) {
        AddSae(command, flags.sae);
        command
            .Add("--order", flags.order,
                 "By the correlation that the description reaches on held-out users, the paper's "
                 "confidence, how often active")
            .Must(Check::OneOf({"correlation", "paper", "active", "latent"}))
            .ShowDefault();
        command.Add("--min-correlation", flags.min_correlation, "Only from this one on");
        command.Add("--min-paper-confidence", flags.min_paper_confidence,
                    "Only from this one on, by the paper's protocol");
        command.AddSwitch("--verified", flags.verified, "Only those that passed every test");
        command.AddSwitch("--latents", flags.latents,
                          "All latents, those too that say the same as another");
        command.Add("--limit", flags.limit, "At most so many; 0 = all [default: 50]")
            .Must(Check::NonNegative());
      },
      List);
  line.Add<SearchFlags>(
      group, "search", "Find concepts by words and, where the server has embeddings, by meaning",
      "  recsae concepts search science fiction\n"
      "  recsae concepts search soldiers in battle",
      [](Command& command, SearchFlags& flags) {
        command.Add("WORDS", flags.words, "A concept matches when its words begin with each")
            .Required();
        AddSae(command, flags.sae);
        command.Add("--limit", flags.limit, "At most so many [default: 10]")
            .Must(Check::Positive());
        command.AddSwitch("--words-only", flags.words_only, "Nothing that only means the same");
      },
      Search);
  line.Add<OneFlags>(group, "get", "Show a concept with its scores and evidence",
                     "  recsae concepts get 17\n  recsae concepts get movies/17 --json", AddName,
                     Get);
  line.Add<OneFlags>(group, "history", "Show the states that a concept had, newest first",
                     "  recsae concepts history 17", AddName, History);
  line.Add<WatchFlags>(
      group, "watch", "Print what there is, then changes as they happen, until Ctrl-C",
      "  recsae concepts watch --from-now\n"
      "With --json: one JSON object a line.",
      [](Command& command, WatchFlags& flags) {
        command.Add("--sae", flags.sae, "Only of this SAE [default: all]");
        command.Add("--since", flags.since, "Only changes after this revision [default: all]")
            .Must(Check::NonNegative());
        command.AddSwitch("--from-now", flags.from_now, "Only changes that are still to come");
      },
      Watch);
}

void AddWriting(CommandLine& line, Command& group) {
  line.Add<OneFlags>(
      group, "update", "Give a concept another description",
      "  recsae concepts update 17 --description 'slasher films of the 1980s'",
      [](Command& command, OneFlags& flags) {
        AddName(command, flags);
        command.Add("--description", flags.description, "For people").Required();
        command.Add("--etag", flags.etag, "Write only if it is still the one you saw");
        AddRequestId(command, flags.request_id);
      },
      Update);
  line.Add<OneFlags>(
      group, "delete", "Remove a concept; the latent stays", "  recsae concepts delete 17",
      [](Command& command, OneFlags& flags) {
        AddName(command, flags);
        command.Add("--etag", flags.etag, "Only if it is still the one you saw");
        AddRequestId(command, flags.request_id);
      },
      Delete);
}

}  // namespace

void AddConceptCommands(CommandLine& line) {
  Command group = line.AddGroup("concepts", "What the latents of an SAE mean",
                                "  recsae concepts build\n"
                                "  recsae concepts search horror\n"
                                "  recsae concepts get 17");
  line.Add<BuildFlags>(
      group, "build", "Describe every latent and test the descriptions on other users",
      "  recsae concepts build --sae movies\n"
      "  recsae concepts build --sae movies --capture test --evidence dev --evidence context\n"
      "  recsae concepts build --sae movies --reference-sae movies-2 --reference-sae movies-3",
      [](Command& command, BuildFlags& flags) {
        AddSae(command, flags.sae);
        command.Add("--capture", flags.capture,
                    "Cases of the paper's protocol [default: the test capture]");
        command.Add("--evidence", flags.evidence,
                    "Captures that descriptions are made of and tested on as well; may be repeated "
                    "[default: all with cases]");
        command.Add("--reference-sae", flags.references,
                    "SAE of another seed in which latents are looked for again; may be repeated, "
                    "at most 4");
        command.Add("--paper-cases", flags.paper_cases, "N of the paper [default: 5]");
        command.Add("--seed", flags.seed, "[default: 0]");
        command.AddSwitch(
            "--llm", flags.llm,
            "Have the explainer's language model (its --llm-url) describe latents and judge "
            "the descriptions");
        command
            .Add("--llm-judge", flags.llm_judge,
                 "detection: all cases in one call; levels: a call a case, as in the paper")
            .Must(Check::OneOf({"detection", "levels"}));
        command.AddSwitch("--llm-judge-only", flags.llm_judge_only,
                          "It judges the statistical descriptions and writes none");
        command.Add("--llm-calls", flags.llm_calls,
                    "Calls that the job may pay for [default: 100,000]");
        command.Add("--llm-tokens", flags.llm_tokens,
                    "Tokens after which it makes no more [default: 100 million]");
        command.AddSwitch("--embedding-judge", flags.embedding_judge,
                          "Have the descriptions judged by embeddings as well, of the explainer's "
                          "--embeddings-url");
        command.Add("--embedding-texts", flags.embedding_texts,
                    "Different texts that it may need [default: 100,000]");
        AddRequestId(command, flags.request_id);
        AddJobFlags(command, flags.job);
      },
      Build);
  AddReading(line, group);
  AddWriting(line, group);
}

}  // namespace recsae::cli
