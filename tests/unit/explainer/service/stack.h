// The explainer with its real peers, each on a port of its own: what the tests of its RPCs talk to.
#ifndef RECSAE_TESTS_UNIT_EXPLAINER_SERVICE_STACK_H_
#define RECSAE_TESTS_UNIT_EXPLAINER_SERVICE_STACK_H_

#include <grpcpp/server.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "common/client/peer.h"
#include "common/jobs/job_runner.h"
#include "common/process/module.h"
#include "common/ranking/prediction_head.h"
#include "common/rpc/metrics.h"
#include "recsae/concept_store/v1/concept_store.grpc.pb.h"
#include "recsae/explainer/v1/explainer.grpc.pb.h"
#include "recsae/probe/v1/probe.grpc.pb.h"

namespace recsae::explainer {

// One module behind a gRPC server on loopback, which can be stopped and started again on its port.
class ModuleServer {
 public:
  using Factory = std::unique_ptr<ServiceModule> (*)();
  ModuleServer(Factory factory, std::string directory, std::vector<std::shared_ptr<Peer>> peers);
  ~ModuleServer();

  void Start();
  void Stop();
  // The process is about to stop; calls are still answered.
  void Drain() { module_->Drain(); }
  // Removes what is stored, while stopped.
  void Wipe();
  // Forgets all jobs, as a server without a lasting disk does. While it is stopped.
  void LoseJobs();
  const std::string& address() const { return address_; }
  JobRunner& jobs() { return *jobs_; }

 private:
  const Factory factory_;
  const std::string directory_;
  const std::vector<std::shared_ptr<Peer>> peers_;
  std::string address_ = "127.0.0.1:0";
  std::unique_ptr<MetricsRegistry> metrics_;
  std::unique_ptr<JobRunner> jobs_;
  std::unique_ptr<ServiceModule> module_;
  std::unique_ptr<grpc::Server> server_;
};

// A planted world: items of four genres lie along four axes of the activation, users like one genre
// each, and latents 0 to 3 of the SAE are those axes. Everything is stored through the RPCs.
class Stack {
 public:
  static constexpr int kDim = 8;
  static constexpr int kGenres = 4;
  static constexpr int kItemsPerGenre = 15;
  static constexpr int kItems = kGenres * kItemsPerGenre;
  static constexpr int kUsers = 400;
  static constexpr int kLatents = 12;
  static constexpr int kActive = 2;
  static constexpr float kScale = 2.0f;

  static constexpr char kSae[] = "saes/planted";
  static constexpr char kRecommender[] = "recommenders/outside";
  static constexpr char kCapture[] = "recommenders/outside/captures/test";

  Stack();

  // Uploads the world; the cases without their user_id unless users have names.
  void Fill(bool users_have_names = true);
  // Parts of it, again: the items, as "<title> 0", "<title> 1", ...; a recommender with head; its
  // capture; an SAE of other random directions.
  void UploadItems(const std::string& title);
  void UploadRecommender();
  void Record(bool users_have_names = true);
  void Publish() { PublishAs("planted", ""); }
  // The SAE under another id, bound to the recommender that there is now.
  void PublishKnowingTheRecommender(const std::string& sae_id);
  // An SAE under another id of other random directions, trained on `capture`, of `dim` values.
  void PublishOther(const std::string& sae_id, const std::string& capture, int dim);
  // The rows of the first users as another capture; returns its name.
  std::string RecordFew(const std::string& capture_id, int users);

  static std::string Genre(int genre);
  static std::string ItemId(int item) { return "item" + std::to_string(item); }
  static std::string UserId(int user) { return "user" + std::to_string(user); }
  static int GenreOf(int item) { return item / kItemsPerGenre; }

  // Waits for a job of the explainer.
  jobs::v1::Job Finish(const jobs::v1::Job& job);

  // As they were recorded.
  const std::vector<float>& Activation(int user) const { return activations_[user]; }
  const probe::v1::Case& CaseOf(int user) const { return cases_[user]; }
  const PredictionHead& head() const { return head_; }

  std::unique_ptr<ModuleServer> probe_server;
  std::unique_ptr<ModuleServer> concept_store_server;
  std::unique_ptr<ModuleServer> explainer_server;
  std::unique_ptr<probe::v1::Probe::Stub> probe;
  std::unique_ptr<concept_store::v1::ConceptStore::Stub> concept_store;
  std::unique_ptr<v1::Explainer::Stub> explainer;

 private:
  void MakeWorld();
  void UploadCatalog();
  void RecordAs(const std::string& capture_id, int users, bool users_have_names);
  void PublishAs(const std::string& sae_id, const std::string& recommender_uid,
                 const std::string& capture = kCapture, int dim = kDim);

  std::mt19937_64 random_{11};
  PredictionHead head_;
  std::vector<std::vector<float>> activations_;
  std::vector<probe::v1::Case> cases_;
};

}  // namespace recsae::explainer

#endif  // RECSAE_TESTS_UNIT_EXPLAINER_SERVICE_STACK_H_
