#include "services/concept-store/embedding/embedder.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/caller.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/endpoint/embeddings.h"
#include "common/messages/tensor.h"
#include "common/rpc/guard.h"
#include "common/rpc/log.h"

namespace recsae::concept_store {
namespace {

constexpr absl::Duration kBatchTimeout = absl::Minutes(1);
constexpr absl::Duration kFirstPause = absl::Seconds(1);
constexpr absl::Duration kLongestPause = absl::Minutes(1);

absl::StatusOr<std::unique_ptr<Endpoint>> MakeEndpoint(const EmbedderOptions& options,
                                                       absl::Duration timeout) {
  EndpointOptions endpoint;
  endpoint.url = options.url;
  endpoint.model = options.model;
  endpoint.key_file = options.key_file;
  endpoint.timeout = timeout;
  endpoint.attempts = 1;  // who asks decides when to ask again
  return Endpoint::Create(endpoint);
}

}  // namespace

Embedder::Metrics::Metrics(MetricsRegistry& metrics)
    : known(metrics.GetGauge("recsae_concept_store_embeddings",
                             "Different texts of concepts whose embedding is known.")),
      wanted(metrics.GetGauge("recsae_concept_store_embeddings_wanted",
                              "Different texts of concepts that are not embedded yet.")),
      concepts_ok(metrics.GetCounter("recsae_concept_store_embedding_requests_total",
                                     "Requests to the embeddings endpoint.",
                                     {{"of", "concepts"}, {"outcome", "ok"}})),
      concepts_failed(metrics.GetCounter("recsae_concept_store_embedding_requests_total",
                                         "Requests to the embeddings endpoint.",
                                         {{"of", "concepts"}, {"outcome", "error"}})),
      queries_ok(metrics.GetCounter("recsae_concept_store_embedding_requests_total",
                                    "Requests to the embeddings endpoint.",
                                    {{"of", "queries"}, {"outcome", "ok"}})),
      queries_failed(metrics.GetCounter("recsae_concept_store_embedding_requests_total",
                                        "Requests to the embeddings endpoint.",
                                        {{"of", "queries"}, {"outcome", "error"}})) {}

absl::StatusOr<std::unique_ptr<Embedder>> Embedder::Create(const EmbedderOptions& options,
                                                           MetricsRegistry& metrics) {
  RECSAE_ASSIGN_OR_RETURN(auto background, MakeEndpoint(options, kBatchTimeout));
  RECSAE_ASSIGN_OR_RETURN(auto foreground, MakeEndpoint(options, kQueryDeadline));
  return std::unique_ptr<Embedder>(
      new Embedder(std::move(background), std::move(foreground), metrics));
}

Embedder::Embedder(std::unique_ptr<Endpoint> background, std::unique_ptr<Endpoint> foreground,
                   MetricsRegistry& metrics)
    : background_(std::move(background)), foreground_(std::move(foreground)), metrics_(metrics) {}

Embedder::~Embedder() { Stop(); }

void Embedder::Start(Store& store) {
  thread_ = std::thread([this, &store] { Run(store); });
}

void Embedder::Stop() {
  texts_.Stop();
  if (thread_.joinable()) thread_.join();
}

void Embedder::ShowMetrics() const {
  const MeaningTexts::Counts counts = texts_.counts();
  metrics_.known.Set(static_cast<double>(counts.known));
  metrics_.wanted.Set(static_cast<double>(counts.wanted));
}

std::string Embedder::KeyOf(const std::string& text) const {
  return Sha256Hex(absl::StrCat(background_->model(), absl::string_view("\0", 1), text));
}

void Embedder::Run(Store& store) {
  const CallerScope scope([this] {
    return texts_.stopped()
               ? Error(absl::StatusCode::kCancelled, "CALL_CANCELLED", "the concept-store stops")
               : absl::OkStatus();
  });
  Tell(Contain("embedding concepts", [&] { return DropUnused(store); }));
  absl::Duration pause = kFirstPause;
  size_t most = kEmbeddingBatch;
  while (!texts_.stopped()) {
    std::vector<std::string> texts = texts_.WaitForWanted(most);
    const absl::Status done = Contain("embedding concepts", [&]() -> absl::Status {
      RECSAE_ASSIGN_OR_RETURN(texts, TakeKept(store, texts));
      return texts.empty() ? absl::OkStatus() : EmbedTexts(store, texts);
    });
    if (texts_.stopped()) return;
    Tell(done);
    ShowMetrics();
    if (done.ok()) {
      pause = kFirstPause;
      most = std::min(2 * most, kEmbeddingBatch);
      continue;
    }
    // Fewer may be done in time, and leave out the one text that is refused.
    most = std::max<size_t>(texts.size() / 2, 1);
    texts_.WantAgain(texts);
    texts_.Pause(pause);
    pause = std::min(2 * pause, kLongestPause);
  }
}

std::vector<std::string> Embedder::KeysOf(const std::vector<std::string>& texts) const {
  std::vector<std::string> keys;
  keys.reserve(texts.size());
  for (const std::string& text : texts) keys.push_back(KeyOf(text));
  return keys;
}

absl::Status Embedder::DropUnused(Store& store) const {
  std::vector<std::string> keys = KeysOf(texts_.All());
  std::sort(keys.begin(), keys.end());
  return store.DropEmbeddingsBut(keys);
}

absl::StatusOr<std::vector<std::string>> Embedder::TakeKept(const Store& store,
                                                            const std::vector<std::string>& texts) {
  const auto kept = store.ReadEmbeddings(KeysOf(texts));
  if (!kept.ok()) return texts;  // they can be had again
  std::vector<std::string> missing;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::optional<std::string>& bytes = (*kept)[i];
    // None, or not whole numbers: they are asked for.
    const auto values = FloatsFromBytes(bytes.value_or(""));
    if (bytes.has_value() && values.ok()) {
      texts_.Set(texts[i], *values);
    } else {
      missing.push_back(texts[i]);
    }
  }
  return missing;
}

absl::Status Embedder::EmbedTexts(Store& store, const std::vector<std::string>& texts) {
  const absl::StatusOr<Embeddings> embeddings = Embed(*background_, texts);
  if (!embeddings.ok()) {
    metrics_.concepts_failed.Increment();
    return embeddings.status();
  }
  metrics_.concepts_ok.Increment();
  std::vector<std::pair<std::string, std::string>> kept;
  int64_t bytes = 0;
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::span<const float> row = embeddings->Row(i);
    texts_.Set(texts[i], row);
    kept.emplace_back(KeyOf(texts[i]), std::string(FloatsAsBytes({row.data(), row.size()})));
    bytes += static_cast<int64_t>(kept.back().first.size() + kept.back().second.size());
  }
  // What was embedded counts, whether it could be kept or not: a full disk is told by the store.
  if (store.embedding_bytes() + bytes > kMaxMeaningBytes) {
    RECSAE_RETURN_IF_ERROR(DropUnused(store));
  }
  if (const absl::Status stored = store.KeepEmbeddings(kept, kMaxMeaningBytes); !stored.ok()) {
    Log(Severity::kWarning, "embeddings not kept", {{"status", stored}});
  }
  return absl::OkStatus();
}

void Embedder::Tell(const absl::Status& status) {
  const absl::MutexLock lock(&mutex_);
  if (!status.ok() && problem_.ok()) {
    Log(Severity::kWarning, "concepts are not embedded",
        {{"endpoint", background_->url()}, {"status", status}});
  } else if (status.ok() && !problem_.ok()) {
    Log(Severity::kInfo, "concepts are embedded again", {{"endpoint", background_->url()}});
  }
  problem_ = status;
}

QueryMeaning Embedder::BeforeAsking(const std::string& query) {
  const absl::MutexLock lock(&mutex_);
  QueryMeaning meaning;
  meaning.model = foreground_->model();
  meaning.pending_reason = Reason(problem_);
  meaning.pending_message = std::string(problem_.message());
  if (const auto found = by_query_.find(query); found != by_query_.end()) {
    queries_.splice(queries_.begin(), queries_, found->second);
    meaning.embedding = queries_.front().second;
  } else if (absl::Now() < ask_again_) {
    meaning.reason = Reason(query_problem_);
    meaning.message = std::string(query_problem_.message());
  } else if (asked_ >= kMaxQueriesAsked) {
    meaning.reason = "EMBEDDINGS_BUSY";
    meaning.message = absl::StrCat(asked_, " other queries are being embedded; try again");
  } else {
    ++asked_;
  }
  return meaning;
}

absl::StatusOr<Embedder::Value> Embedder::EmbedQuery(const std::string& query) const {
  RECSAE_ASSIGN_OR_RETURN(const Embeddings embeddings, Embed(*foreground_, {&query, 1}));
  Value value = Normalized(embeddings.Row(0));
  if (value == nullptr) {
    return Error(
        absl::StatusCode::kDataLoss, "QUERY_NOT_EMBEDDED",
        absl::StrCat(foreground_->url(), " gave an embedding of zeros for \"", query, "\""));
  }
  return value;
}

void Embedder::AfterAsking(const std::string& query, const absl::StatusOr<Value>& answer) {
  const absl::MutexLock lock(&mutex_);
  --asked_;
  if (!answer.ok()) {
    metrics_.queries_failed.Increment();
    // A caller who went, or words without a meaning, say nothing of the endpoint.
    if (!CheckCaller().ok() || Reason(answer.status()) == "QUERY_NOT_EMBEDDED") return;
    query_problem_ = answer.status();
    ask_again_ = absl::Now() + kQueryPause;
    return;
  }
  metrics_.queries_ok.Increment();
  if (by_query_.contains(query)) return;
  queries_.emplace_front(query, *answer);
  by_query_[query] = queries_.begin();
  if (queries_.size() <= kCachedQueries) return;
  by_query_.erase(queries_.back().first);
  queries_.pop_back();
}

QueryMeaning Embedder::Ask(const std::string& query) {
  QueryMeaning meaning = BeforeAsking(query);
  if (meaning.embedding != nullptr || !meaning.reason.empty()) return meaning;
  const absl::StatusOr<Value> answer = EmbedQuery(query);
  AfterAsking(query, answer);
  if (answer.ok()) {
    meaning.embedding = *answer;
  } else {
    meaning.reason = Reason(answer.status());
    meaning.message = std::string(answer.status().message());
  }
  return meaning;
}

}  // namespace recsae::concept_store
