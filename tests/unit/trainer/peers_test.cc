// The clients of probe and concept-store against servers that fail in every way the real ones can.
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <atomic>
#include <limits>
#include <memory>
#include <mutex>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "common/client/peer.h"
#include "common/jobs/job_runner.h"
#include "common/messages/tensor.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"
#include "services/trainer/peers/probe_source.h"
#include "services/trainer/peers/store_publisher.h"
#include "tests/unit/common/sae/testing.h"
#include "tests/unit/trainer/in_job.h"

namespace recsae::trainer {
namespace {

constexpr char kCapture[] = "recommenders/r/captures/c";

// A gRPC server on a free port, and the peer that reaches it.
class PeerServer {
 public:
  explicit PeerServer(const std::string& name, grpc::Service& service) {
    grpc::ServerBuilder builder;
    int port = 0;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&service);
    server_ = builder.BuildAndStart();
    peer_ = std::make_shared<Peer>(name, "127.0.0.1:" + std::to_string(port));
  }
  ~PeerServer() { server_->Shutdown(std::chrono::system_clock::now()); }
  std::shared_ptr<Peer> peer() const { return peer_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<Peer> peer_;
};

// A probe with one capture of 10 rows (row i is (i, 2i)), three rows a message.
class ScriptedProbe : public probe::v1::Probe::Service {
 public:
  std::atomic<int> breaks_left = 0;  // streams that break off after one message
  grpc::StatusCode break_code = grpc::StatusCode::UNAVAILABLE;
  std::atomic<bool> hangs = false;       // sends one message, then waits for the caller to go
  std::atomic<bool> skips_rows = false;  // leaves a row out
  std::atomic<bool> sends_nan = false;
  std::atomic<int> dim = 2;
  std::atomic<int> head_breaks_left = 0;
  std::atomic<bool> has_no_head = false;

  // Items a, b, c along (1, 0), (0, 1), (1, 1), a message each.
  grpc::Status ReadPredictionHead(
      grpc::ServerContext*, const probe::v1::ReadPredictionHeadRequest* request,
      grpc::ServerWriter<probe::v1::ReadPredictionHeadResponse>* writer) override {
    EXPECT_EQ(request->recommender(), "recommenders/r");
    if (has_no_head) return {grpc::StatusCode::FAILED_PRECONDITION, "no prediction head"};
    const std::vector<std::vector<float>> vectors = {{1, 0}, {0, 1}, {1, 1}};
    for (size_t i = 0; i < vectors.size(); ++i) {
      probe::v1::ReadPredictionHeadResponse message;
      message.add_item_ids(std::string(1, static_cast<char>('a' + i)));
      WriteMatrix({vectors[i].data(), 1, 2}, message.mutable_vectors());
      writer->Write(message);
      if (head_breaks_left > 0) {
        --head_breaks_left;
        return {grpc::StatusCode::UNAVAILABLE, "going down"};
      }
    }
    return grpc::Status::OK;
  }

  grpc::Status ReadActivations(grpc::ServerContext* context,
                               const probe::v1::ReadActivationsRequest* request,
                               grpc::ServerWriter<probe::v1::ActivationBatch>* writer) override {
    for (int64_t row = request->start_row(); row < request->row_limit(); row += 3) {
      std::vector<float> values;
      const int64_t end = std::min(row + 3, request->row_limit());
      for (int64_t i = row; i < end; ++i) {
        for (int c = 1; c <= dim; ++c) values.push_back(static_cast<float>(c * i));
      }
      if (sends_nan) values[1] = std::numeric_limits<float>::quiet_NaN();
      probe::v1::ActivationBatch batch;
      batch.set_start_row(row);
      if (request->read_mask().paths(0) == "cases") {
        // Row i holds out item i % 4, of which the last is not known.
        for (int64_t i = row; i < end; ++i) {
          probe::v1::Case& captured = *batch.add_cases();
          captured.set_target_item_id(std::string(1, static_cast<char>('a' + i % 4)));
          captured.add_history_item_ids("b");
        }
      } else {
        WriteMatrix({values.data(), end - row, dim}, batch.mutable_activations());
      }
      writer->Write(batch);
      if (breaks_left > 0) {
        --breaks_left;
        return {break_code, "going down"};
      }
      if (skips_rows) ++row;
      while (hangs && !context->IsCancelled()) std::this_thread::yield();
    }
    return grpc::Status::OK;
  }
};

ReadOrder TenRows() {
  ReadOrder order;
  order.row_limit = 10;
  return order;
}

// The first values of all rows, or the error.
absl::StatusOr<std::vector<int>> ReadAll(const PeerServer& server, int64_t start_row = 0) {
  const std::unique_ptr<ActivationSource> source = MakeProbeSource(server.peer());
  ReadOrder order = TenRows();
  order.start_row = start_row;
  const std::unique_ptr<ActivationReader> reader = source->Read(kCapture, 2, order);
  std::vector<int> rows;
  while (true) {
    RECSAE_ASSIGN_OR_RETURN(const RowChunk chunk, reader->Next(2));
    if (chunk.rows.rows == 0) return rows;
    for (int64_t r = 0; r < chunk.rows.rows; ++r) {
      EXPECT_EQ(chunk.rows.row(r)[1], 2 * chunk.rows.row(r)[0]);
      rows.push_back(static_cast<int>(chunk.rows.row(r)[0]));
    }
  }
}

std::vector<int> Numbers(int from, int to) {
  std::vector<int> numbers(static_cast<size_t>(to - from));
  std::iota(numbers.begin(), numbers.end(), from);
  return numbers;
}

TEST(ProbeSourceTest, ReadsAllRows) {
  ScriptedProbe probe;
  const PeerServer server("probe", probe);
  EXPECT_EQ(*ReadAll(server), Numbers(0, 10));
  EXPECT_EQ(*ReadAll(server, 4), Numbers(4, 10));
  EXPECT_EQ(*ReadAll(server, 10), Numbers(10, 10));
}

TEST(ProbeSourceTest, GoesOnWhereAStreamBrokeOff) {
  ScriptedProbe probe;
  const PeerServer server("probe", probe);
  // The second is what a server that stops does to its open streams.
  for (const auto code : {grpc::StatusCode::UNAVAILABLE, grpc::StatusCode::CANCELLED}) {
    probe.break_code = code;
    probe.breaks_left = 3;
    EXPECT_EQ(*ReadAll(server), Numbers(0, 10));
    EXPECT_EQ(probe.breaks_left, 0);
  }
}

TEST(ProbeSourceTest, RefusesWhatIsNotTheRowsAskedFor) {
  ScriptedProbe probe;
  const PeerServer server("probe", probe);
  probe.skips_rows = true;
  EXPECT_EQ(Reason(ReadAll(server).status()), "ROWS_OUT_OF_ORDER");
  probe.skips_rows = false;
  probe.sends_nan = true;
  EXPECT_EQ(Reason(ReadAll(server).status()), "TENSOR_NOT_FINITE");
  probe.sends_nan = false;
  probe.dim = 3;
  EXPECT_EQ(Reason(ReadAll(server).status()), "TENSOR_SHAPE_MISMATCH");
}

TEST(ProbeSourceTest, CancelEndsAWaitingRead) {
  ScriptedProbe probe;
  const PeerServer server("probe", probe);
  probe.hangs = true;
  const std::unique_ptr<ActivationSource> source = MakeProbeSource(server.peer());
  const std::unique_ptr<ActivationReader> reader = source->Read(kCapture, 2, TenRows());
  EXPECT_EQ(reader->Next(2)->rows.rows, 3);
  std::thread canceller([&] { reader->Cancel(); });
  EXPECT_EQ(reader->Next(2).status().code(), absl::StatusCode::kCancelled);
  canceller.join();
  EXPECT_EQ(reader->Next(2).status().code(), absl::StatusCode::kCancelled);
}

TEST(ProbeSourceTest, ReadsPredictionHeadAndHeldOutItems) {
  ScriptedProbe probe;
  const PeerServer server("probe", probe);
  probe.head_breaks_left = 1;
  probe.breaks_left = 1;
  absl::StatusOr<RankingData> data;
  const auto read = [&](JobContext& job) {
    data = MakeProbeSource(server.peer())->ReadRankingData(kCapture, 9, 2, job);
  };
  InJob(read);
  ASSERT_TRUE(data.ok()) << data.status();
  EXPECT_EQ(data->head.vectors, (std::vector<float>{1, 0, 0, 1, 1, 1}));
  ASSERT_EQ(data->cases.size(), 9u);
  for (int i = 0; i < 9; ++i) {
    EXPECT_EQ(data->cases[i].target, i % 4 == 3 ? -1 : i % 4);
    EXPECT_EQ(data->cases[i].excluded, std::vector<int32_t>{1});
  }
  probe.has_no_head = true;
  InJob(read);
  EXPECT_EQ(data.status().code(), absl::StatusCode::kFailedPrecondition);
}

// A concept-store that keeps what it is sent.
class ScriptedStore : public concept_store::v1::ConceptStore::Service {
 public:
  std::atomic<int> failures_left = 0;  // calls that break off in mid-stream
  std::mutex mutex;                    // of what follows; held by a call
  concept_store::v1::PublishSaeRequest::Header header;
  std::vector<float> arrays[6];  // by SaeWeights::Array
  size_t largest_message = 0;

  grpc::Status PublishSae(grpc::ServerContext*,
                          grpc::ServerReader<concept_store::v1::PublishSaeRequest>* reader,
                          concept_store::v1::Sae* response) override {
    const std::lock_guard lock(mutex);
    for (std::vector<float>& array : arrays) array.clear();
    concept_store::v1::PublishSaeRequest message;
    while (reader->Read(&message)) {
      largest_message = std::max(largest_message, message.ByteSizeLong());
      if (message.has_header()) {
        header = message.header();
        continue;
      }
      if (failures_left > 0) {
        --failures_left;
        return {grpc::StatusCode::UNAVAILABLE, "going down"};
      }
      std::vector<float>& array = arrays[message.weights().array()];
      const tensor::v1::Tensor& tensor = message.weights().values();
      int64_t width = 1;
      for (int i = 1; i < tensor.shape_size(); ++i) width *= tensor.shape(i);
      EXPECT_EQ(message.weights().start_row() * width, static_cast<int64_t>(array.size()));
      const std::vector<float> values = *FloatsFromBytes(tensor.data());
      array.insert(array.end(), values.begin(), values.end());
    }
    *response = header.sae();
    response->set_weights_sha256("set by the store");
    return grpc::Status::OK;
  }
};

concept_store::v1::Sae Described(const sae::SaeWeights& weights) {
  concept_store::v1::Sae sae;
  sae.set_name("saes/mine");
  sae.set_activation_dim(weights.dim);
  sae.set_latent_count(weights.latents);
  return sae;
}

TEST(StorePublisherTest, SendsEveryWeightInMessagesOfModestSize) {
  ScriptedStore store;
  const PeerServer server("concept-store", store);
  sae::SaeWeights weights = sae::RandomWeights(100, 7000, 8, sae::Architecture::kJumpRelu, 1);
  weights.threshold = sae::RandomValues(7000, 3);
  InJob([&](JobContext& job) {
    const absl::StatusOr<concept_store::v1::Sae> published =
        MakeStorePublisher(server.peer())->Publish(Described(weights), weights, "id-1", job);
    ASSERT_TRUE(published.ok()) << published.status();
    EXPECT_EQ(published->weights_sha256(), "set by the store");
  });
  using W = concept_store::v1::SaeWeights;
  const std::lock_guard lock(store.mutex);
  EXPECT_EQ(store.arrays[W::ARRAY_W_ENC], weights.encoder);
  EXPECT_EQ(store.arrays[W::ARRAY_B_ENC], weights.encoder_bias);
  EXPECT_EQ(store.arrays[W::ARRAY_W_DEC], weights.decoder);
  EXPECT_EQ(store.arrays[W::ARRAY_B_PRE], weights.pre_bias);
  EXPECT_EQ(store.arrays[W::ARRAY_THRESHOLD], weights.threshold);
  EXPECT_EQ(store.header.sae_id(), "mine");
  EXPECT_EQ(store.header.request_id(), "id-1");
  EXPECT_LT(store.largest_message, size_t{2} << 20);
}

TEST(StorePublisherTest, StartsAgainAfterABreakAndSendsZerosForNoBias) {
  ScriptedStore store;
  const PeerServer server("concept-store", store);
  store.failures_left = 2;
  sae::SaeWeights weights = sae::RandomWeights(4, 30, 3, sae::Architecture::kTopKSigned, 2);
  weights.encoder_bias.clear();
  InJob([&](JobContext& job) {
    const absl::Status status = MakeStorePublisher(server.peer())
                                    ->Publish(Described(weights), weights, "id-1", job)
                                    .status();
    EXPECT_TRUE(status.ok()) << status;
  });
  EXPECT_EQ(store.failures_left, 0);
  const std::lock_guard lock(store.mutex);
  EXPECT_EQ(store.arrays[concept_store::v1::SaeWeights::ARRAY_W_ENC], weights.encoder);
  EXPECT_EQ(store.arrays[concept_store::v1::SaeWeights::ARRAY_B_ENC], std::vector<float>(30));
}

}  // namespace
}  // namespace recsae::trainer
