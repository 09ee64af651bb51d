#include "services/probe/torch/protocol/training_messages.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "services/probe/torch/protocol/frames.h"

namespace recsae::probe {
namespace {

using torch_host::v1::DatasetPart;

// Collects until it is about a part's size.
class Parts {
 public:
  explicit Parts(absl::FunctionRef<absl::Status(const DatasetPart& part)> send) : send_(send) {}

  DatasetPart& Next(size_t about_bytes) {
    bytes_ += about_bytes;
    return part_;
  }
  absl::Status SendIfFull() { return bytes_ < kPartBytes ? absl::OkStatus() : Send(); }
  absl::Status Send() {
    RECSAE_RETURN_IF_ERROR(send_(part_));
    part_.Clear();
    bytes_ = 0;
    return absl::OkStatus();
  }

 private:
  absl::FunctionRef<absl::Status(const DatasetPart& part)> send_;
  DatasetPart part_;
  size_t bytes_ = 0;
};

absl::Status Invalid(absl::string_view what) {
  return Error(absl::StatusCode::kInvalidArgument, "DATASET_INVALID", what);
}

}  // namespace

absl::Status SendDataset(const Dataset& dataset,
                         absl::FunctionRef<absl::Status(const DatasetPart& part)> send) {
  Parts parts(send);
  for (const Item& item : dataset.items) {
    DatasetPart::Item* message = parts.Next(2).add_items();
    for (const Attribute& attribute : item.attributes) {
      parts.Next(attribute.key.size() + attribute.value.size() + 4);
      message->add_attribute_keys(attribute.key);
      message->add_attribute_values(attribute.value);
    }
    RECSAE_RETURN_IF_ERROR(parts.SendIfFull());
  }
  for (size_t user = 0; user < dataset.users.size(); ++user) {
    const std::vector<int32_t>& items = dataset.sequences[user];
    DatasetPart::User* message = parts.Next(8 + 3 * items.size()).add_users();
    message->mutable_items()->Add(items.begin(), items.end());
    message->set_train_length(dataset.train_length[user]);
    RECSAE_RETURN_IF_ERROR(parts.SendIfFull());
  }
  for (const Case& one : dataset.dev) {
    DatasetPart& part = parts.Next(6);
    part.add_dev_users(one.user);
    part.add_dev_positions(one.position);
    RECSAE_RETURN_IF_ERROR(parts.SendIfFull());
  }
  return parts.Send();
}

absl::Status AddPart(const DatasetPart& part, Dataset* dataset) {
  for (const DatasetPart::Item& message : part.items()) {
    if (message.attribute_keys_size() != message.attribute_values_size()) {
      return Invalid("an item has other numbers of attribute keys and values");
    }
    Item& item = dataset->items.emplace_back();
    for (int i = 0; i < message.attribute_keys_size(); ++i) {
      item.attributes.push_back({message.attribute_keys(i), message.attribute_values(i)});
    }
  }
  for (const DatasetPart::User& message : part.users()) {
    dataset->users.emplace_back();
    dataset->sequences.emplace_back(message.items().begin(), message.items().end());
    dataset->train_length.push_back(message.train_length());
  }
  if (part.dev_users_size() != part.dev_positions_size()) return Invalid("cases are cut off");
  for (int i = 0; i < part.dev_users_size(); ++i) {
    dataset->dev.push_back({part.dev_users(i), part.dev_positions(i)});
  }
  return absl::OkStatus();
}

absl::Status CheckComplete(const Dataset& dataset) {
  const auto items = static_cast<int32_t>(dataset.items.size());
  const auto users = static_cast<int32_t>(dataset.users.size());
  for (int32_t user = 0; user < users; ++user) {
    const auto length = static_cast<int32_t>(dataset.sequences[user].size());
    if (dataset.train_length[user] < 0 || dataset.train_length[user] > length) {
      return Invalid(absl::StrCat("user ", user, " has a train_length beyond the sequence"));
    }
    for (const int32_t item : dataset.sequences[user]) {
      if (item < 0 || item >= items) return Invalid(absl::StrCat("there is no item ", item));
    }
  }
  for (const Case& one : dataset.dev) {
    if (one.user < 0 || one.user >= users || one.position < 0 ||
        one.position >= static_cast<int32_t>(dataset.sequences[one.user].size())) {
      return Invalid(absl::StrCat("there is no case at ", one.position, " of user ", one.user));
    }
  }
  return absl::OkStatus();
}

torch_host::v1::Progress ToMessage(const TrainProgress& progress) {
  torch_host::v1::Progress message;
  message.set_epoch(progress.epoch);
  message.set_max_epochs(progress.max_epochs);
  message.set_epoch_fraction(progress.epoch_fraction);
  message.set_epoch_done(progress.epoch_done);
  message.set_loss(progress.loss);
  message.set_dev_ndcg(progress.dev_ndcg);
  message.set_best_epoch(progress.best_epoch);
  message.set_best_dev_ndcg(progress.best_dev_ndcg);
  return message;
}

TrainProgress FromMessage(const torch_host::v1::Progress& message) {
  return {.epoch = message.epoch(),
          .max_epochs = message.max_epochs(),
          .epoch_fraction = message.epoch_fraction(),
          .epoch_done = message.epoch_done(),
          .loss = message.loss(),
          .dev_ndcg = message.dev_ndcg(),
          .best_epoch = message.best_epoch(),
          .best_dev_ndcg = message.best_dev_ndcg()};
}

}  // namespace recsae::probe
