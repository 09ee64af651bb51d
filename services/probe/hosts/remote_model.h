// A recommender whose computations another process does.
#ifndef RECSAE_SERVICES_PROBE_HOSTS_REMOTE_MODEL_H_
#define RECSAE_SERVICES_PROBE_HOSTS_REMOTE_MODEL_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "services/probe/hosts/host_link.h"
#include "services/probe/recommenders/model/recommender.h"

namespace recsae::probe {

// What is known of it on this side.
struct RemoteDescription {
  std::vector<ProbeSite> inner_sites;
  int64_t items = 0;
  int max_queries = 256;  // in one call
};

// Beside the errors of every Recommender: those of HostLink::Call; FAILED_PRECONDITION
// (HOST_OUTPUT) for an answer of another shape, or with values that are not finite.
class RemoteModel : public Recommender {
 public:
  RemoteModel(const RecommenderOptions& options, RemoteDescription description,
              std::shared_ptr<const HostLink> link);

  // FAILED_PRECONDITION (RECOMMENDER_KIND_INVALID): it comes trained.
  absl::StatusOr<TrainReport> Train(const Dataset& dataset, const TrainCallback& callback) override;
  absl::StatusOr<std::vector<float>> Activations(
      absl::Span<const Query> queries, const std::function<bool()>& cancelled) const override;
  // The model's own scores of `items` for each query: [queries, items].
  absl::StatusOr<std::vector<float>> Score(absl::Span<const Query> queries,
                                           absl::Span<const int32_t> items) const;

  // Empty unless SetHead gave them: who only runs it needs none.
  const std::vector<float>& item_vectors() const override { return item_vectors_; }
  absl::Span<const float> item_biases() const override { return item_biases_; }
  absl::Span<const int32_t> withheld() const override { return withheld_; }
  int64_t items() const override { return description_.items; }
  void SetHead(std::vector<float> vectors, std::vector<float> biases,
               std::vector<int32_t> withheld = {});

  // Of what is kept here: the options alone.
  std::string Save() const override;
  absl::Status Load(const NamedTensors& tensors) override;

 protected:
  std::vector<ProbeSite> InnerSites() const override { return description_.inner_sites; }
  absl::StatusOr<std::vector<float>> InnerActivations(
      size_t site, Positions positions, absl::Span<const Query> queries,
      const std::function<bool()>& cancelled) const override;
  absl::StatusOr<std::vector<float>> ResumeInner(
      size_t site, absl::Span<const Query> queries, absl::Span<const float> activations,
      const std::function<bool()>& cancelled) const override;

  void Describe(RemoteDescription description, std::shared_ptr<const HostLink> link);
  const std::shared_ptr<const HostLink>& link() const { return link_; }

 private:
  // INVALID_ARGUMENT (USER_UNKNOWN, HISTORY_EMPTY, ITEM_UNKNOWN).
  absl::Status CheckQueries(absl::Span<const Query> queries) const;
  hosts::v1::Queries MessageOf(absl::Span<const Query> queries) const;
  // Calls with parts of the queries, several at a time; row i of the result begins at starts[i] *
  // dim. `fill` makes a call of a part of the queries, which begins at the first one given.
  absl::StatusOr<std::vector<float>> InCalls(
      absl::Span<const Query> queries, const std::vector<size_t>& starts, int dim,
      const std::function<bool()>& cancelled,
      const std::function<void(size_t first, size_t count, hosts::v1::Call* call)>& fill) const;

  RemoteDescription description_;
  std::shared_ptr<const HostLink> link_;
  std::vector<float> item_vectors_, item_biases_;
  std::vector<int32_t> withheld_;
};

}  // namespace recsae::probe

#endif  // RECSAE_SERVICES_PROBE_HOSTS_REMOTE_MODEL_H_
