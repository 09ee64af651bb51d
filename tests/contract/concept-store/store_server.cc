#include "tests/contract/concept-store/store_server.h"

#include <grpc/grpc.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/budget/limits.h"

namespace recsae::concept_store {

StoreServer::StoreServer(std::string directory, Transport transport)
    : directory_(std::move(directory)), transport_(transport) {
  // Keeps gRPC from shutting down whole between two servers: that can wait 10 s for a poller.
  grpc_init();
  Start();
}

StoreServer::~StoreServer() { Stop(); }

void StoreServer::Reopen() {
  Stop();
  Start();
}

void StoreServer::Start() {
  auto store = Store::Open(directory_);
  if (!store.ok()) {
    ADD_FAILURE() << store.status();
    std::abort();
  }
  store_ = *std::move(store);
  service_ = std::make_unique<ConceptStoreService>(*store_, metrics_, memory_);
  grpc::ServerBuilder builder;
  int port = 0;
  if (transport_ == Transport::kTcp) {
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  }
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.SetMaxSendMessageSize(kMaxMessageBytes);
  builder.RegisterService(service_->grpc_service());
  server_ = builder.BuildAndStart();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMaxMessageBytes);
  stub_ = v1::ConceptStore::NewStub(
      transport_ == Transport::kInProcess
          ? server_->InProcessChannel(arguments)
          : grpc::CreateCustomChannel(absl::StrCat("127.0.0.1:", port),
                                      grpc::InsecureChannelCredentials(), arguments));
}

void StoreServer::Stop() {
  service_->Drain();
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(30));
  server_->Wait();
  stub_.reset();
  server_.reset();
  service_.reset();
  store_.reset();
}

std::string FreshDirectory(const std::string& which) {
  const auto* const test = testing::UnitTest::GetInstance()->current_test_info();
  const std::string name = absl::StrReplaceAll(
      absl::StrCat(test->test_suite_name(), ".", test->name(), ".", getpid(), which), {{"/", "_"}});
  const std::filesystem::path path = std::filesystem::path(testing::TempDir()) / name;
  std::filesystem::remove_all(path);
  return path.string();
}

absl::StatusOr<v1::Sae> Publish(StoreServer& server, const v1::PublishSaeRequest::Header& header,
                                const std::vector<v1::SaeWeights>& weights) {
  grpc::ClientContext context;
  v1::Sae sae;
  const auto stream = server.stub().PublishSae(&context, &sae);
  v1::PublishSaeRequest message;
  *message.mutable_header() = header;
  bool open = stream->Write(message);
  for (const v1::SaeWeights& chunk : weights) {
    *message.mutable_weights() = chunk;
    open = open && stream->Write(message);
  }
  stream->WritesDone();
  const grpc::Status status = stream->Finish();
  if (!status.ok()) return FromGrpc(status);
  return sae;
}

}  // namespace recsae::concept_store
