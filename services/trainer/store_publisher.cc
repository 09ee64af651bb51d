#include "services/trainer/store_publisher.h"

#include <grpcpp/client_context.h>
#include <grpcpp/support/sync_stream.h>

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/strip.h"
#include "common/client/peer.h"
#include "common/client/retry.h"
#include "common/jobs/job_runner.h"
#include "common/status/status.h"
#include "common/tensor/tensor.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "services/trainer/peer_retry.h"

namespace recsae::trainer {
namespace {

using concept_store::v1::PublishSaeRequest;
using concept_store::v1::Sae;
using Writer = grpc::ClientWriter<PublishSaeRequest>;

constexpr int64_t kValuesPerMessage = 1 << 18;

// Writes an array of `rows` rows of `cols` values (cols 0: a vector). False when the stream is
// broken.
bool WriteArray(Writer& writer, concept_store::v1::SaeWeights::Array array, const float* values,
                int64_t rows, int64_t cols) {
  const int64_t width = std::max<int64_t>(cols, 1);
  const int64_t step = std::max<int64_t>(kValuesPerMessage / width, 1);
  for (int64_t row = 0; row < rows; row += step) {
    const int64_t count = std::min(step, rows - row);
    PublishSaeRequest message;
    auto& chunk = *message.mutable_weights();
    chunk.set_array(array);
    chunk.set_start_row(row);
    if (cols == 0) {
      WriteVector({values + row, static_cast<size_t>(count)}, chunk.mutable_values());
    } else {
      WriteMatrix({values + row * cols, count, cols}, chunk.mutable_values());
    }
    if (!writer.Write(message)) return false;
  }
  return true;
}

// A model without encoder bias has one of zeros.
bool WriteWeights(Writer& writer, const sae::SaeWeights& weights) {
  using W = concept_store::v1::SaeWeights;
  std::vector<float> bias = weights.encoder_bias;
  bias.resize(static_cast<size_t>(weights.latents));
  return WriteArray(writer, W::W_ENC, weights.encoder.data(), weights.latents, weights.dim) &&
         WriteArray(writer, W::B_ENC, bias.data(), weights.latents, 0) &&
         WriteArray(writer, W::W_DEC, weights.decoder.data(), weights.latents, weights.dim) &&
         WriteArray(writer, W::B_PRE, weights.pre_bias.data(), weights.dim, 0);
}

class StorePublisher : public SaePublisher {
 public:
  explicit StorePublisher(std::shared_ptr<Peer> store) : store_(std::move(store)) {}

  absl::StatusOr<Sae> Publish(const Sae& sae, const sae::SaeWeights& weights,
                              const std::string& request_id, const JobContext& job) override {
    PublishSaeRequest header;
    header.mutable_header()->set_sae_id(std::string(absl::StripPrefix(sae.name(), "saes/")));
    *header.mutable_header()->mutable_sae() = sae;
    header.mutable_header()->set_request_id(request_id);
    Sae published;
    RECSAE_RETURN_IF_ERROR(
        Retry(PeerRetry(job), [&] { return PublishOnce(header, weights, job, published); }));
    return published;
  }

 private:
  absl::Status PublishOnce(const PublishSaeRequest& header, const sae::SaeWeights& weights,
                           const JobContext& job, Sae& published) {
    grpc::ClientContext context;
    const auto on_cancel = job.OnCancel([&context] { context.TryCancel(); });
    const std::unique_ptr<Writer> writer = store_->PublishSae(&context, &published);
    // When writing fails, Finish knows why.
    if (writer->Write(header) && WriteWeights(*writer, weights)) writer->WritesDone();
    return store_.peer().FromGrpc(writer->Finish());
  }

  PeerStub<concept_store::v1::ConceptStore> store_;
};

}  // namespace

std::unique_ptr<SaePublisher> MakeStorePublisher(std::shared_ptr<Peer> store) {
  return std::make_unique<StorePublisher>(std::move(store));
}

}  // namespace recsae::trainer
