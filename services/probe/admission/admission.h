// From a host's description to a recommender that it serves.
#ifndef RECSAE_SERVICES_PROBE_ADMISSION_ADMISSION_H_
#define RECSAE_SERVICES_PROBE_ADMISSION_ADMISSION_H_

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/budget/memory_budget.h"
#include "recsae/hosts/v1/hosts.pb.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/hosts/host_session.h"
#include "services/probe/hosts/hosted_model.h"
#include "services/probe/resources/resources.h"

namespace recsae::probe {

// One host that is being admitted. Used by one thread.
class Admission {
 public:
  // Waits for the host's next message that is no answer. An error once the host is gone.
  using NextPart = std::function<absl::StatusOr<hosts::v1::HostRecommenderRequest>()>;

  Admission(Resources& resources, MemoryBudget& memory, hosts::v1::Description description,
            std::shared_ptr<const HostSession> session, HostSession::Send send, NextPart next);

  // Welcomes the host, takes its items and users where the recommender is new, tries the model, and
  // registers it. The recommender as it is stored. Errors: see ModelHosts.HostRecommender.
  absl::StatusOr<v1::Recommender> Run();

  // What was seen and is no fault.
  const std::vector<std::string>& remarks() const { return remarks_; }

 private:
  absl::StatusOr<v1::Recommender> AdmitKnown(const StoredRecommender& stored);
  absl::StatusOr<v1::Recommender> AdmitNew();
  // OK if the recommender was registered by a host with the same fingerprint.
  absl::Status CheckSame(const StoredRecommender& stored);
  void Welcome(bool send_items);
  absl::Status TakeItems();
  absl::Status TakeUsers();
  absl::Status AddItems(const hosts::v1::ItemRows& rows);
  // Before so many more bytes are kept.
  absl::Status TakeMemory(int64_t bytes);
  absl::Status Measure(v1::Recommender& message);
  absl::StatusOr<v1::Recommender> Register(v1::Recommender message);

  Resources& resources_;
  const hosts::v1::Description description_;
  const std::string name_;
  const std::shared_ptr<const HostSession> session_;
  const HostSession::Send send_;
  const NextPart next_;
  HostedModel model_;
  Permit permit_;
  MemoryBudget& memory_;
  int64_t bytes_ = 0;
  Dataset dataset_;  // items and users, and what these touched where the host tells it
  std::vector<float> vectors_, biases_;
  std::vector<int32_t> withheld_;
  std::vector<std::string> remarks_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_ADMISSION_ADMISSION_H_
