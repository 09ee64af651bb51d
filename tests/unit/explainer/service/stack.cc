// Servers and world of the explainer's RPC tests.
#include "tests/unit/explainer/service/stack.h"

#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/messages/tensor.h"
#include "services/concept-store/module.h"
#include "services/explainer/module.h"
#include "services/probe/module.h"

namespace recsae::explainer {
namespace {

template <typename Module>
std::unique_ptr<ServiceModule> Make() {
  return std::make_unique<Module>();
}

void ExpectOk(const grpc::Status& status) {
  ASSERT_TRUE(status.ok()) << status.error_code() << ": " << status.error_message();
}

}  // namespace

ModuleServer::ModuleServer(Factory factory, std::string directory,
                           std::vector<std::shared_ptr<Peer>> peers)
    : factory_(factory), directory_(std::move(directory)), peers_(std::move(peers)) {
  Start();
}

ModuleServer::~ModuleServer() { Stop(); }

void ModuleServer::Start() {
  metrics_ = std::make_unique<MetricsRegistry>();
  module_ = factory_();
  JobRunnerOptions options;
  options.service = std::string(module_->name());
  auto jobs = JobRunner::Open(directory_ + "/jobs", options);
  ASSERT_TRUE(jobs.ok()) << jobs.status();
  jobs_ = std::move(*jobs);
  ModuleContext context;
  context.data_dir = directory_ + "/data";
  std::filesystem::create_directories(context.data_dir);
  context.jobs = jobs_.get();
  context.metrics = metrics_.get();
  context.peers = peers_;
  const absl::Status opened = module_->Open(context);
  ASSERT_TRUE(opened.ok()) << opened;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddListeningPort(address_, grpc::InsecureServerCredentials(), &port);
  for (grpc::Service* service : module_->services()) builder.RegisterService(service);
  server_ = builder.BuildAndStart();
  ASSERT_NE(server_, nullptr);
  address_ = absl::StrCat("127.0.0.1:", port);
  const absl::Status started = module_->Start();
  ASSERT_TRUE(started.ok()) << started;
  const absl::Status jobs_started = jobs_->Start();
  ASSERT_TRUE(jobs_started.ok()) << jobs_started;
}

void ModuleServer::Stop() {
  if (server_ == nullptr) return;
  module_->Drain();
  EXPECT_TRUE(jobs_->Stop(absl::Seconds(20)).ok());
  server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(5));
  server_.reset();
  EXPECT_TRUE(module_->Stop(absl::InfiniteFuture()).ok());
  module_.reset();
  jobs_.reset();
}

void ModuleServer::Wipe() {
  ASSERT_EQ(server_, nullptr);
  std::filesystem::remove_all(directory_ + "/data");
}
void ModuleServer::LoseJobs() { std::filesystem::remove_all(directory_ + "/jobs"); }

Stack::Stack() {
  const std::string directory =
      absl::StrCat(::testing::TempDir(), "/explainer_stack_",
                   ::testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::remove_all(directory);
  probe_server = std::make_unique<ModuleServer>(&Make<probe::ProbeModule>, directory + "/probe",
                                                std::vector<std::shared_ptr<Peer>>());
  concept_store_server = std::make_unique<ModuleServer>(&Make<concept_store::ConceptStoreModule>,
                                                        directory + "/concept-store",
                                                        std::vector<std::shared_ptr<Peer>>());
  explainer_server = std::make_unique<ModuleServer>(
      &Make<ExplainerModule>, directory + "/explainer",
      std::vector<std::shared_ptr<Peer>>{
          std::make_shared<Peer>("probe", probe_server->address()),
          std::make_shared<Peer>("concept-store", concept_store_server->address())});
  probe = probe::v1::Probe::NewStub(NewChannel(probe_server->address()));
  concept_store =
      concept_store::v1::ConceptStore::NewStub(NewChannel(concept_store_server->address()));
  explainer = v1::Explainer::NewStub(NewChannel(explainer_server->address()));
  MakeWorld();
}

std::string Stack::Genre(int genre) {
  static constexpr const char* kNames[] = {"Comedy", "Horror", "Western", "Musical"};
  return kNames[genre];
}

void Stack::MakeWorld() {
  std::normal_distribution<float> noise(0, 0.1f);
  std::uniform_real_distribution<float> strength(0.5f, 3);
  head_.dim = kDim;
  for (int item = 0; item < kItems; ++item) {
    for (int i = 0; i < kDim; ++i) head_.vectors.push_back((i == GenreOf(item)) + noise(random_));
    head_.biases.push_back(noise(random_));
  }
  for (int user = 0; user < kUsers; ++user) {
    const int genre = user % kGenres;
    const float liking = strength(random_);
    std::vector<float>& x = activations_.emplace_back();
    for (int i = 0; i < kDim; ++i) x.push_back(liking * (i == genre) + noise(random_));
    const auto item = [&](int g) {
      return ItemId(g * kItemsPerGenre + static_cast<int>(random_() % kItemsPerGenre));
    };
    probe::v1::Case& captured = cases_.emplace_back();
    captured.set_user_id(UserId(user));
    for (int i = 0; i < 4; ++i) captured.add_history_item_ids(item(genre));
    captured.set_target_item_id(item(genre));
    captured.add_excluded_item_ids(item(static_cast<int>(random_() % kGenres)));
  }
}

void Stack::Fill(bool users_have_names) {
  UploadCatalog();
  UploadRecommender();
  Record(users_have_names);
  Publish();
}

void Stack::UploadCatalog() {
  {
    grpc::ClientContext context;
    probe::v1::CreateCatalogRequest request;
    probe::v1::Catalog response;
    request.set_catalog_id("items");
    ExpectOk(probe->CreateCatalog(&context, request, &response));
  }
  UploadItems("Film");
}

void Stack::UploadItems(const std::string& title) {
  grpc::ClientContext context;
  probe::v1::UploadItemsResponse response;
  const auto writer = probe->UploadItems(&context, &response);
  probe::v1::UploadItemsRequest request;
  request.mutable_header()->set_catalog("catalogs/items");
  writer->Write(request);
  for (int i = 0; i < kItems; ++i) {
    probe::v1::Item* item = request.mutable_batch()->add_items();
    item->set_id(ItemId(i));
    item->set_title(absl::StrCat(title, " ", i));
    probe::v1::Attribute* attribute = item->add_attributes();
    attribute->set_key("genre");
    attribute->set_value(Genre(GenreOf(i)));
  }
  writer->Write(request);
  writer->WritesDone();
  ExpectOk(writer->Finish());
}

void Stack::UploadRecommender() {
  {
    grpc::ClientContext context;
    probe::v1::CreateRecommenderRequest request;
    probe::v1::Recommender response;
    request.set_recommender_id("outside");
    request.set_catalog("catalogs/items");
    request.set_activation_dim(kDim);
    ExpectOk(probe->CreateRecommender(&context, request, &response));
  }
  grpc::ClientContext context;
  probe::v1::Recommender response;
  const auto writer = probe->UploadPredictionHead(&context, &response);
  probe::v1::UploadPredictionHeadRequest request;
  request.mutable_header()->set_recommender(kRecommender);
  writer->Write(request);
  // Not in catalogue order: ids decide which row is whose.
  std::vector<float> vectors;
  std::vector<float> biases;
  for (int item = kItems - 1; item >= 0; --item) {
    request.mutable_batch()->add_item_ids(ItemId(item));
    vectors.insert(vectors.end(), head_.Vector(item).begin(), head_.Vector(item).end());
    biases.push_back(head_.Bias(item));
  }
  WriteMatrix({vectors.data(), kItems, kDim}, request.mutable_batch()->mutable_vectors());
  WriteVector(biases, request.mutable_batch()->mutable_biases());
  writer->Write(request);
  writer->WritesDone();
  ExpectOk(writer->Finish());
}

void Stack::Record(bool users_have_names) { RecordAs("test", kUsers, users_have_names); }

std::string Stack::RecordFew(const std::string& capture_id, int users) {
  RecordAs(capture_id, users, true);
  return absl::StrCat(kRecommender, "/captures/", capture_id);
}

void Stack::RecordAs(const std::string& capture_id, int users, bool users_have_names) {
  {
    grpc::ClientContext context;
    probe::v1::CreateCaptureRequest request;
    probe::v1::Capture response;
    request.set_parent(kRecommender);
    request.set_capture_id(capture_id);
    request.set_split(probe::v1::SPLIT_TEST);
    request.set_has_cases(true);
    ExpectOk(probe->CreateCapture(&context, request, &response));
  }
  grpc::ClientContext context;
  probe::v1::RecordActivationsResponse response;
  const auto writer = probe->RecordActivations(&context, &response);
  probe::v1::RecordActivationsRequest request;
  request.mutable_header()->set_capture(absl::StrCat(kRecommender, "/captures/", capture_id));
  request.mutable_header()->set_producer("test");
  writer->Write(request);
  request.mutable_batch()->set_sequence(1);
  std::vector<float> rows;
  for (int user = 0; user < users; ++user) {
    rows.insert(rows.end(), activations_[user].begin(), activations_[user].end());
    *request.mutable_batch()->add_cases() = cases_[user];
    if (!users_have_names) request.mutable_batch()->mutable_cases(user)->clear_user_id();
  }
  WriteMatrix({rows.data(), users, kDim}, request.mutable_batch()->mutable_activations());
  writer->Write(request);
  writer->WritesDone();
  ExpectOk(writer->Finish());
  ASSERT_EQ(response.stored_row_count(), users);
}

void Stack::PublishKnowingTheRecommender(const std::string& sae_id) {
  grpc::ClientContext context;
  probe::v1::GetCaptureRequest request;
  probe::v1::Capture capture;
  request.set_name(kCapture);
  ExpectOk(probe->GetCapture(&context, request, &capture));
  ASSERT_FALSE(capture.recommender_uid().empty());
  PublishAs(sae_id, capture.recommender_uid());
}

void Stack::PublishOther(const std::string& sae_id, const std::string& capture, int dim) {
  PublishAs(sae_id, "", capture, dim);
}

void Stack::PublishAs(const std::string& sae_id, const std::string& recommender_uid,
                      const std::string& capture, int dim) {
  std::vector<float> directions;
  std::normal_distribution<float> normal(0, 0.3f);
  for (int latent = 0; latent < kLatents; ++latent) {
    for (int i = 0; i < dim; ++i) {
      directions.push_back(latent < kGenres ? static_cast<float>(i == latent) : normal(random_));
    }
  }
  grpc::ClientContext context;
  concept_store::v1::Sae response;
  const auto writer = concept_store->PublishSae(&context, &response);
  concept_store::v1::PublishSaeRequest request;
  request.mutable_header()->set_sae_id(sae_id);
  concept_store::v1::Sae* sae = request.mutable_header()->mutable_sae();
  sae->set_activation_dim(dim);
  sae->set_latent_count(kLatents);
  sae->set_k(kActive);
  sae->set_architecture(concept_store::v1::Sae::ARCHITECTURE_TOPK);
  sae->set_scale(kScale);
  sae->set_capture(capture);
  sae->set_recommender_uid(recommender_uid);
  writer->Write(request);
  const auto write = [&](concept_store::v1::SaeWeights::Array array, int64_t rows, int64_t cols,
                         const std::vector<float>& values) {
    concept_store::v1::SaeWeights* weights = request.mutable_weights();
    weights->set_array(array);
    weights->set_start_row(0);
    if (cols > 0) {
      WriteMatrix({values.data(), rows, cols}, weights->mutable_values());
    } else {
      WriteVector(values, weights->mutable_values());
    }
    writer->Write(request);
  };
  using Weights = concept_store::v1::SaeWeights;
  write(Weights::ARRAY_W_ENC, kLatents, dim, directions);
  write(Weights::ARRAY_B_ENC, kLatents, 0, std::vector<float>(kLatents, 0.05f));
  write(Weights::ARRAY_W_DEC, kLatents, dim, directions);
  write(Weights::ARRAY_B_PRE, dim, 0, std::vector<float>(dim, 0.1f));
  writer->WritesDone();
  ExpectOk(writer->Finish());
}

jobs::v1::Job Stack::Finish(const jobs::v1::Job& job) {
  jobs::v1::Job now = job;
  uint64_t seen = 0;
  while (now.state() == jobs::v1::Job::STATE_PENDING ||
         now.state() == jobs::v1::Job::STATE_RUNNING) {
    const auto revision = explainer_server->jobs().Watch(job.name(), seen, absl::Seconds(1), &now);
    if (!revision.ok()) {
      ADD_FAILURE() << revision.status();
      return now;
    }
    seen = *revision;
  }
  return now;
}

}  // namespace recsae::explainer
