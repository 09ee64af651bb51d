// A recommender that hosts serve which dialled in.
#ifndef RECSAE_SERVICES_PROBE_HOSTS_HOSTED_MODEL_H_
#define RECSAE_SERVICES_PROBE_HOSTS_HOSTED_MODEL_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "recsae/hosts/v1/hosts.pb.h"
#include "services/probe/datasets/dataset.h"
#include "services/probe/hosts/remote_model.h"

namespace recsae::probe {

class HostedModel final : public RemoteModel {
 public:
  HostedModel(const hosts::v1::Description& description, std::shared_ptr<const HostLink> link);

  const hosts::v1::Description& description() const { return description_; }

  // The description, from which DescriptionOf makes it again.
  std::string Save() const override;

  // Adds what the users did to a data set that has all of them: sequences and splits.
  // INVALID_ARGUMENT (HOST_OUTPUT) for what is none; FAILED_PRECONDITION (NO_INTERACTIONS) where
  // the host has none. Errors: HostLink::Call.
  absl::Status ReadInteractions(const std::function<bool()>& cancelled, Dataset& dataset) const;

 private:
  const hosts::v1::Description description_;
};

// INVALID_ARGUMENT listing all that is wrong with it.
absl::Status CheckDescription(const hosts::v1::Description& description);

// Of what HostedModel::Save wrote. DATA_LOSS (RECOMMENDER_CORRUPT).
absl::StatusOr<hosts::v1::Description> DescriptionOf(absl::string_view stored);

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_HOSTS_HOSTED_MODEL_H_
