#include "services/probe/hosts/hosted_model.h"

#include <set>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/names.h"
#include "common/base/status.h"
#include "common/budget/limits.h"
#include "services/probe/recommenders/model/weights.h"

namespace recsae::probe {
namespace {

using hosts::v1::Description;

constexpr int kDefaultQueries = 256, kMaxQueries = 4096;
constexpr int kMaxCalls = 64;
constexpr int kMaxSites = 64;
constexpr int kMaxDim = 65'536;
constexpr size_t kMaxFingerprintBytes = 128;
constexpr int64_t kMaxCount = int64_t{1} << 31;

constexpr char kDescriptionFile[] = "description";

RecommenderOptions OptionsOf(const Description& description) {
  RecommenderOptions options = DefaultOptions(RecommenderKind::kHosted);
  options.dim = description.activation_dim();
  options.history = description.history_length();
  return options;
}

RemoteDescription RemoteOf(const Description& description) {
  RemoteDescription remote;
  for (const auto& site : description.probe_sites()) {
    remote.inner_sites.push_back({site.name(), site.dim(), site.per_position()});
  }
  remote.items = description.item_count();
  remote.max_queries = description.max_queries() == 0 ? kDefaultQueries : description.max_queries();
  return remote;
}

void CheckBetween(const char* field, int64_t value, int64_t low, int64_t high, BadRequest& bad) {
  if (value >= low && value <= high) return;
  bad.Add(field, absl::StrCat("must be ", low, " to ", high, ", is ", value));
}

void CheckSites(const Description& description, BadRequest& bad) {
  constexpr char kField[] = "description.probe_sites";
  CheckBetween(kField, description.probe_sites_size(), 0, kMaxSites, bad);
  std::set<std::string> seen = {kUserSite};
  for (const auto& site : description.probe_sites()) {
    if (site.name().empty()) bad.Add(kField, "a name must not be empty");
    bad.Add(kField, CheckTextSize(site.name(), kMaxDisplayNameBytes));
    CheckBetween("description.probe_sites.dim", site.dim(), 1, kMaxDim, bad);
    if (site.per_position() && description.history_length() == 0) {
      bad.Add(kField, absl::StrCat("\"", site.name(),
                                   "\" is per_position, but the recommender reads no history"));
    }
    if (seen.insert(site.name()).second) continue;
    bad.Add(kField, site.name() == kUserSite
                        ? absl::StrCat("\"", kUserSite,
                                       "\" always stands for the vector just before scoring")
                        : absl::StrCat("\"", site.name(), "\" is named twice"));
  }
}

absl::Status Wrong(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "HOST_OUTPUT",
               absl::StrCat("the host's interactions: ", what));
}

absl::Status AddUser(const hosts::v1::Interactions::User& from, int64_t items, Dataset& dataset) {
  const auto user = static_cast<int32_t>(dataset.sequences.size());
  if (user == static_cast<int32_t>(dataset.users.size())) {
    return Wrong(absl::StrCat("more than the ", user, " users that there are"));
  }
  for (const int32_t item : from.items()) {
    if (item >= 0 && item < items) continue;
    return Wrong(absl::StrCat("user ", user, " has item number ", item, "; there are ", items));
  }
  if (from.train_length() < 0 || from.train_length() > from.items_size()) {
    return Wrong(absl::StrCat("user ", user, " has ", from.items_size(),
                              " items and a train_length of ", from.train_length()));
  }
  for (const auto& [positions, split] :
       {std::pair(&from.dev(), &dataset.dev), {&from.test(), &dataset.test}}) {
    for (const int32_t position : *positions) {
      if (position < from.train_length() || position >= from.items_size()) {
        return Wrong(absl::StrCat("user ", user, " has a held-out position ", position,
                                  "; those held out are ", from.train_length(), " to ",
                                  from.items_size() - 1));
      }
      split->push_back({user, position});
    }
  }
  dataset.sequences.emplace_back(from.items().begin(), from.items().end());
  dataset.train_length.push_back(from.train_length());
  return absl::OkStatus();
}

}  // namespace

HostedModel::HostedModel(const Description& description, std::shared_ptr<const HostLink> link)
    : RemoteModel(OptionsOf(description), RemoteOf(description), std::move(link)),
      description_(description) {}

std::string HostedModel::Save() const {
  return PackWeights(options(), {}, {{kDescriptionFile, description_.SerializeAsString()}});
}

absl::Status HostedModel::ReadInteractions(const std::function<bool()>& cancelled,
                                           Dataset& dataset) const {
  if (!description_.has_interactions()) {
    return Error(
        absl::StatusCode::kFailedPrecondition, "NO_INTERACTIONS",
        absl::StrCat("the host of recommenders/", description_.recommender_id(),
                     " has no interactions: give it those that the model was trained on, or "
                     "record activations with RecordActivations"));
  }
  while (dataset.sequences.size() < dataset.users.size()) {
    hosts::v1::Call call;
    call.mutable_read_interactions()->set_start_user(
        static_cast<int64_t>(dataset.sequences.size()));
    RECSAE_ASSIGN_OR_RETURN(const hosts::v1::Answer answer,
                            link()->Call(std::move(call), cancelled));
    if (answer.interactions().users().empty()) {
      return Wrong(absl::StrCat("none of user ", dataset.sequences.size(),
                                " and those after; there are ", dataset.users.size(), " users"));
    }
    for (const auto& user : answer.interactions().users()) {
      RECSAE_RETURN_IF_ERROR(AddUser(user, items(), dataset));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckDescription(const Description& description) {
  BadRequest bad;
  bad.Add("description.recommender_id", ValidateId(description.recommender_id(), "recommender_id"));
  if (description.fingerprint().empty()) bad.Add("description.fingerprint", "must not be empty");
  bad.Add("description.fingerprint",
          CheckTextSize(description.fingerprint(), kMaxFingerprintBytes));
  bad.Add("description.display_name",
          CheckTextSize(description.display_name(), kMaxDisplayNameBytes));
  CheckBetween("description.activation_dim", description.activation_dim(), 1, kMaxDim, bad);
  CheckBetween("description.history_length", description.history_length(), 0, kMaxLength, bad);
  CheckBetween("description.item_count", description.item_count(), 1, kMaxCount, bad);
  const bool knows_users = description.history_length() == 0;
  CheckBetween("description.user_count", description.user_count(), knows_users ? 1 : 0, kMaxCount,
               bad);
  CheckBetween("description.max_queries", description.max_queries(), 0, kMaxQueries, bad);
  CheckBetween("description.concurrent_calls", description.concurrent_calls(), 0, kMaxCalls, bad);
  CheckSites(description, bad);
  return bad.ToStatus();
}

absl::StatusOr<Description> DescriptionOf(absl::string_view stored) {
  RecommenderOptions options;
  NamedTensors tensors;
  NamedFiles files;
  RECSAE_RETURN_IF_ERROR(UnpackWeights(stored, &options, &tensors, &files));
  Description description;
  if (description.ParseFromString(files[kDescriptionFile]) && CheckDescription(description).ok()) {
    return description;
  }
  return Error(
      absl::StatusCode::kDataLoss, "RECOMMENDER_CORRUPT",
      "stored recommender: its host's description is damaged; delete it and host it again");
}

}  // namespace recsae::probe
