// A small model as its host answers for it: exact, and with one fault at a time where a test wants
// one.
#ifndef RECSAE_TESTS_UNIT_PROBE_HOSTS_SMALL_HOST_H_
#define RECSAE_TESTS_UNIT_PROBE_HOSTS_SMALL_HOST_H_

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/messages/tensor.h"
#include "recsae/hosts/v1/hosts.pb.h"

namespace recsae::probe {

// Reads histories: at site "rows" a row for each item, mixed with the rows before it; the vector
// just before scoring is tanh of the last row. Ten users touched four items each.
class SmallHost {
 public:
  enum class Fault {
    kNone,
    kFirstRow,     // the site's row is the first one, as if padded on the other side
    kDeafResume,   // resuming changes nothing
    kOtherResume,  // resuming from its own row gives something else
    kNewestFirst,  // rows of all positions are newest first
    kBatch,        // rows depend on each other
    kDeaf,         // the last item does not matter
    kNotFinite,
    kScores,       // the model's scores are not those of its vectors
    kTrainLength,  // a user has fewer interactions than were trained on
    kHeldOut,      // a held-out position is in the training part
  };
  static constexpr int kItems = 20, kUsers = 10, kHistory = 5, kDim = 4;

  explicit SmallHost(Fault fault = Fault::kNone) : fault_(fault) {}

  static hosts::v1::Description Describe(const std::string& id = "small") {
    hosts::v1::Description description;
    description.set_recommender_id(id);
    description.set_fingerprint("one");
    description.set_display_name("small");
    description.set_activation_dim(kDim);
    description.set_history_length(kHistory);
    description.set_item_count(kItems);
    description.set_user_count(kUsers);
    description.set_has_interactions(true);
    description.set_scores(true);
    auto* site = description.add_probe_sites();
    site->set_name("rows");
    site->set_dim(kDim);
    site->set_per_position(true);
    return description;
  }

  static std::vector<float> Vectors() {
    std::vector<float> vectors;
    for (int item = 0; item < kItems; ++item) {
      for (int j = 0; j < kDim; ++j) vectors.push_back(Vector(item, j));
    }
    return vectors;
  }

  static hosts::v1::ItemRows Items() {
    hosts::v1::ItemRows rows;
    for (int item = 0; item < kItems; ++item) {
      auto* message = rows.add_items();
      message->set_id(absl::StrCat("item-", item));
      message->set_title(absl::StrCat("Item ", item));
    }
    WriteMatrix({Vectors().data(), kItems, kDim}, rows.mutable_vectors());
    return rows;
  }

  static hosts::v1::UserRows Users() {
    hosts::v1::UserRows rows;
    for (int user = 0; user < kUsers; ++user) rows.add_user_ids(absl::StrCat("user-", user));
    return rows;
  }

  hosts::v1::Answer Answer(const hosts::v1::Call& call) const {
    hosts::v1::Answer answer;
    answer.set_id(call.id());
    if (call.has_compute_activations()) {
      Compute(call.compute_activations(), &answer);
    } else if (call.has_resume_from_site()) {
      Resume(call.resume_from_site(), &answer);
    } else if (call.has_score()) {
      Score(call.score(), &answer);
    } else {
      Interactions(call.read_interactions().start_user(), &answer);
    }
    return answer;
  }

 private:
  using Row = std::vector<float>;

  static float Vector(int item, int j) {
    return static_cast<float>(std::sin(item * 1.3 + j * 0.7 + item * j * 0.11));
  }

  static std::vector<std::vector<int>> Histories(const hosts::v1::Queries& queries) {
    std::vector<std::vector<int>> histories;
    int at = 0;
    for (const int length : queries.lengths()) {
      histories.emplace_back(queries.items().begin() + at, queries.items().begin() + at + length);
      at += length;
    }
    return histories;
  }

  std::vector<Row> Rows(std::vector<int> history) const {
    if (fault_ == Fault::kDeaf) history.back() = history.front() = 0;
    std::vector<Row> rows;
    for (const int item : history) {
      Row row(kDim);
      for (int j = 0; j < kDim; ++j) {
        row[j] = Vector(item, j) + (rows.empty() ? 0 : 0.5f * rows.back()[j]);
      }
      rows.push_back(row);
    }
    return rows;
  }

  static Row Last(const Row& row) {
    Row user;
    for (const float value : row) user.push_back(std::tanh(value));
    return user;
  }

  static void Write(const std::vector<Row>& rows, hosts::v1::Answer* answer) {
    std::vector<float> values;
    for (const Row& row : rows) values.insert(values.end(), row.begin(), row.end());
    const auto width = static_cast<int64_t>(rows.empty() ? 0 : rows[0].size());
    WriteMatrix({values.data(), static_cast<int64_t>(rows.size()), width},
                answer->mutable_values());
  }

  void Compute(const hosts::v1::Call::ComputeActivations& call, hosts::v1::Answer* answer) const {
    std::vector<Row> found;
    for (const auto& history : Histories(call.queries())) {
      std::vector<Row> rows = Rows(history);
      if (call.site() != "rows") {
        found.push_back(Last(rows.back()));
      } else if (call.all_positions()) {
        if (fault_ == Fault::kNewestFirst) rows = {rows.rbegin(), rows.rend()};
        found.insert(found.end(), rows.begin(), rows.end());
      } else {
        found.push_back(fault_ == Fault::kFirstRow ? rows.front() : rows.back());
      }
    }
    if (fault_ == Fault::kBatch) found[0][0] += static_cast<float>(found.size());
    if (fault_ == Fault::kNotFinite) found[0][0] = std::numeric_limits<float>::quiet_NaN();
    Write(found, answer);
  }

  void Resume(const hosts::v1::Call::ResumeFromSite& call, hosts::v1::Answer* answer) const {
    const auto given = ReadMatrix(call.activations(), "activations", kAnySize, kDim);
    std::vector<Row> found;
    for (const auto& history : Histories(call.queries())) {
      const auto row = given->row(static_cast<int64_t>(found.size()));
      Row from(row.begin(), row.end());
      if (fault_ == Fault::kDeafResume) from = Rows(history).back();
      if (fault_ == Fault::kOtherResume) from[1] += 1;
      found.push_back(Last(from));
    }
    Write(found, answer);
  }

  void Score(const hosts::v1::Call::Score& call, hosts::v1::Answer* answer) const {
    std::vector<Row> found;
    for (const auto& history : Histories(call.queries())) {
      const Row user = Last(Rows(history).back());
      Row scores;
      for (const int item : call.items()) {
        scores.push_back(fault_ == Fault::kScores && item == 3 ? 1.0f : 0.0f);
        for (int j = 0; j < kDim; ++j) scores.back() += user[j] * Vector(item, j);
      }
      found.push_back(scores);
    }
    Write(found, answer);
  }

  void Interactions(int64_t start, hosts::v1::Answer* answer) const {
    for (int64_t user = start; user < kUsers && user < start + 3; ++user) {
      auto* one = answer->mutable_interactions()->add_users();
      for (int i = 0; i < 4; ++i) one->add_items(static_cast<int>((user * 3 + i * 5) % kItems));
      one->set_train_length(fault_ == Fault::kTrainLength ? 5 : 2);
      one->add_dev(fault_ == Fault::kHeldOut ? 1 : 2);
      one->add_test(3);
    }
  }

  const Fault fault_;
};

}  // namespace recsae::probe

#endif  // RECSAE_TESTS_UNIT_PROBE_HOSTS_SMALL_HOST_H_
