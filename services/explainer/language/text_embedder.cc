#include "services/explainer/language/text_embedder.h"

#include <algorithm>
#include <cmath>
#include <optional>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/caller.h"
#include "common/base/sha256.h"
#include "common/base/status.h"
#include "common/endpoint/embeddings.h"
#include "common/messages/tensor.h"
#include "services/explainer/language/refusals.h"

namespace recsae::explainer {
namespace {

constexpr absl::Duration kWaitPoll = absl::Milliseconds(50);

Counter Texts(MetricsRegistry& metrics, const char* how) {
  return metrics.GetCounter("recsae_explainer_embeddings_total",
                            "Texts for the judge by embeddings: paid, remembered, failed.",
                            {{"how", how}});
}

// `values` made of length 1; empty for zeros.
UnitVector Unit(std::span<const float> values) {
  double squares = 0;
  for (const float value : values) squares += static_cast<double>(value) * value;
  if (squares == 0) return {};
  const double scale = 1 / std::sqrt(squares);
  UnitVector unit;
  unit.reserve(values.size());
  for (const float value : values) unit.push_back(static_cast<float>(value * scale));
  return unit;
}

}  // namespace

absl::StatusOr<std::unique_ptr<TextEmbedder>> TextEmbedder::Open(TextEmbedderSettings settings,
                                                                 MetricsRegistry& metrics) {
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<Endpoint> endpoint,
                          Endpoint::Create(std::move(settings.endpoint)));
  RECSAE_ASSIGN_OR_RETURN(std::unique_ptr<PaidStore> store,
                          PaidStore::Open(settings.store, "explainer-embeddings",
                                          settings.store_bytes, settings.environment));
  return std::unique_ptr<TextEmbedder>(
      new TextEmbedder(std::move(endpoint), std::move(store), metrics));
}

TextEmbedder::TextEmbedder(std::unique_ptr<Endpoint> endpoint, std::unique_ptr<PaidStore> store,
                           MetricsRegistry& metrics)
    : endpoint_(std::move(endpoint)),
      store_(std::move(store)),
      paid_(Texts(metrics, "paid")),
      remembered_(Texts(metrics, "remembered")),
      failed_(Texts(metrics, "failed")) {}

std::string TextEmbedder::KeyOf(const std::string& text) const {
  return Sha256Hex(absl::StrCat(model(), absl::string_view("\0", 1), text));
}

absl::Status TextEmbedder::Enter() {
  const absl::MutexLock lock(&mutex_);
  const auto free = [&]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) { return !busy_; };
  while (!mutex_.AwaitWithTimeout(absl::Condition(&free), kWaitPoll)) {
    RECSAE_RETURN_IF_ERROR(CheckCaller());
  }
  busy_ = true;
  return absl::OkStatus();
}

void TextEmbedder::Leave() {
  const absl::MutexLock lock(&mutex_);
  busy_ = false;
}

absl::StatusOr<std::vector<size_t>> TextEmbedder::TakeStored(
    std::span<const std::string> texts, std::vector<UnitVector>& vectors) const {
  std::vector<size_t> missing;
  for (size_t i = 0; i < texts.size(); ++i) {
    RECSAE_ASSIGN_OR_RETURN(const std::optional<std::string> bytes, store_->Find(KeyOf(texts[i])));
    if (!bytes) {
      missing.push_back(i);
      continue;
    }
    RECSAE_ASSIGN_OR_RETURN(const std::vector<float> values, FloatsFromBytes(*bytes));
    vectors[i] = Unit(values);
  }
  remembered_.Increment(static_cast<double>(texts.size() - missing.size()));
  return missing;
}

absl::Status TextEmbedder::EmbedBatch(std::span<const std::string> texts,
                                      std::span<const size_t> places,
                                      const std::function<absl::Status()>& paid,
                                      std::vector<UnitVector>& vectors, EmbeddingUse& use) {
  std::vector<std::string> batch;
  batch.reserve(places.size());
  for (const size_t place : places) batch.push_back(texts[place]);
  const absl::StatusOr<Embeddings> embeddings = recsae::Embed(*endpoint_, batch);
  if (IsRefusal(embeddings.status()) && places.size() > 1) {
    const size_t half = places.size() / 2;
    RECSAE_RETURN_IF_ERROR(EmbedBatch(texts, places.first(half), paid, vectors, use));
    return EmbedBatch(texts, places.subspan(half), paid, vectors, use);
  }
  if (!embeddings.ok()) {
    failed_.Increment(static_cast<double>(places.size()));
    const bool one_text = IsRefusal(embeddings.status()) && ++use.refused_in_a_row < kMaxRefused;
    return one_text ? absl::OkStatus() : embeddings.status();
  }
  use.refused_in_a_row = 0;
  std::vector<std::pair<std::string, std::string>> entries;
  entries.reserve(places.size());
  for (size_t i = 0; i < places.size(); ++i) {
    const std::span<const float> row = embeddings->Row(i);
    entries.emplace_back(KeyOf(batch[i]), FloatsAsBytes({row.data(), row.size()}));
    vectors[places[i]] = Unit(row);
  }
  paid_.Increment(static_cast<double>(places.size()));
  use.paid += static_cast<int64_t>(places.size());
  RECSAE_RETURN_IF_ERROR(store_->Add(entries));
  return paid();
}

absl::StatusOr<std::vector<UnitVector>> TextEmbedder::Embed(
    std::span<const std::string> texts, const std::function<absl::Status()>& paid,
    EmbeddingUse& use) {
  RECSAE_RETURN_IF_ERROR(Enter());
  const absl::Cleanup leave = [&] { Leave(); };
  std::vector<UnitVector> vectors(texts.size());
  RECSAE_ASSIGN_OR_RETURN(const std::vector<size_t> missing, TakeStored(texts, vectors));
  for (size_t begin = 0; begin < missing.size(); begin += kEmbeddingBatch) {
    const size_t count = std::min(kEmbeddingBatch, missing.size() - begin);
    RECSAE_RETURN_IF_ERROR(
        EmbedBatch(texts, std::span(missing).subspan(begin, count), paid, vectors, use));
  }
  size_t dim = 0;
  for (const UnitVector& vector : vectors) {
    if (vector.empty() || vector.size() == dim) continue;
    if (dim != 0) {
      return Error(absl::StatusCode::kFailedPrecondition, "EMBEDDINGS_MIXED",
                   absl::StrCat("embeddings of ", model(), " have ", dim, " and ", vector.size(),
                                " numbers: the endpoint serves another model under that name than "
                                "before; give it another --embeddings-model, or remove the "
                                "explainer's folder 'embeddings'"));
    }
    dim = vector.size();
  }
  return vectors;
}

}  // namespace recsae::explainer
