// The probe loses nothing that it acknowledged: recorded rows, items, resources.
#include <gtest/gtest.h>

#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "common/budget/memory_budget.h"
#include "recsae/probe/v1/probe.pb.h"
#include "services/probe/resources/resources.h"
#include "tests/contract/power-loss/power_loss.h"

namespace recsae::probe {
namespace {

constexpr int kDim = 8;
constexpr char kRecommender[] = "recommenders/r";
constexpr char kCapture[] = "recommenders/r/captures/live";
constexpr char kCatalog[] = "catalogs/c";

class ProbeSubject : public Subject {
 public:
  absl::Status Open(const std::string& directory, const Environment& environment) override {
    RECSAE_ASSIGN_OR_RETURN(resources_,
                            Resources::Open(directory, MemoryBudget::Unlimited(), environment));
    return absl::OkStatus();
  }
  void Close() override { resources_.reset(); }

  void Work(Random& random, const std::function<bool()>& counts) override {
    if (!set_up_) set_up_ = SetUp() && counts();
    if (!set_up_) return;
    const int round = ++rounds_;
    const bool remove = random.Below(3) == 0;
    std::vector<std::thread> threads;
    for (const char* producer : {"p", "q"}) {
      threads.emplace_back([=, this] { Record(producer, counts); });
    }
    threads.emplace_back([=, this] { Upload(round, counts); });
    threads.emplace_back([=, this] {
      const std::string id = absl::StrCat("x", round);
      if (CreateCapture(id) && counts()) Keep(&captures_, id);
      if (remove && DeleteCapture(id) && counts()) Keep(&deleted_, id);
    });
    for (std::thread& thread : threads) thread.join();
  }

  std::string FindLost() override {
    if (!set_up_) return "";
    const auto capture = resources_->captures().Get(kCapture);
    if (!capture.ok()) return capture.status().ToString();
    if (std::string lost = FindLostRows(*capture); !lost.empty()) return lost;
    for (const std::string& id : captures_) {
      const bool there = resources_->captures().Get(CaptureName(id)).ok();
      // A deletion that was not acknowledged may have taken it.
      if (!there && tried_.count(id) == 0) return "capture " + id;
    }
    for (const std::string& id : deleted_) {
      if (resources_->captures().Get(CaptureName(id)).ok()) return "the deletion of " + id;
    }
    return FindLostItems();
  }

 private:
  static std::string CaptureName(const std::string& id) {
    return absl::StrCat(kRecommender, "/captures/", id);
  }
  void Keep(std::set<std::string>* kept, const std::string& id) {
    const std::lock_guard<std::mutex> lock(mutex_);
    kept->insert(id);
  }

  bool SetUp() {
    v1::Catalog response;
    const absl::Status catalog = resources_->store().Mutate(
        "CreateCatalog", "c", v1::CreateCatalogRequest(), &response, [&](WriteBatch& batch) {
          response.set_name(kCatalog);
          StoredCatalog stored;
          stored.message = response;
          return resources_->catalogs().Create(std::move(stored), batch);
        });
    v1::Recommender recommender;
    const absl::Status made =
        resources_->store().Mutate("CreateRecommender", "r", v1::CreateRecommenderRequest(),
                                   &recommender, [&](WriteBatch& batch) {
                                     recommender.set_name(kRecommender);
                                     recommender.set_catalog(kCatalog);
                                     recommender.set_activation_dim(kDim);
                                     return resources_->CreateRecommender(recommender, batch);
                                   });
    return catalog.ok() && made.ok() && CreateCapture("live");
  }

  bool CreateCapture(const std::string& id) {
    v1::Capture capture;
    return resources_->store()
        .Mutate("CreateCapture", id, v1::CreateCaptureRequest(), &capture,
                [&](WriteBatch& batch) {
                  capture.set_name(CaptureName(id));
                  return resources_->CreateCapture(kRecommender, capture, batch);
                })
        .ok();
  }
  bool DeleteCapture(const std::string& id) {
    Keep(&tried_, id);
    v1::Capture ignored;
    return resources_->store()
        .Mutate(
            "DeleteCapture", "", v1::DeleteCaptureRequest(), &ignored,
            [&](WriteBatch& batch) { return resources_->DeleteCapture(CaptureName(id), batch); })
        .ok();
  }

  // The rows of a batch hold who sent them and which batch it is: numbers below 2^24.
  static std::vector<float> Rows(const std::string& producer, int64_t sequence) {
    return std::vector<float>(3 * kDim, static_cast<float>(producer[0] * 10'000 + sequence));
  }

  void Record(const std::string& producer, const std::function<bool()>& counts) {
    for (int i = 0; i < 3; ++i) {
      int64_t sequence = 0;
      {
        const std::lock_guard<std::mutex> lock(mutex_);
        sequence = recorded_[producer] + 1;
      }
      const std::vector<float> rows = Rows(producer, sequence);
      const auto appended =
          resources_->captures().Append(kCapture, {producer, sequence, {rows.data(), 3, kDim}, {}});
      if (!appended.ok() || !counts()) return;
      const std::lock_guard<std::mutex> lock(mutex_);
      recorded_[producer] = sequence;
    }
  }

  std::string FindLostRows(const StoredCapture& capture) {
    std::vector<int64_t> all(capture.message.row_count());
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
    const auto values = resources_->captures().ReadRows(capture, all);
    if (!values.ok()) return values.status().ToString();
    std::map<float, int> rows;
    for (size_t i = 0; i < values->size(); ++i) {
      if ((*values)[i] != (*values)[i / kDim * kDim]) return absl::StrCat("half of row ", i / kDim);
      if (i % kDim == 0) ++rows[(*values)[i]];
    }
    for (const auto& [producer, last] : recorded_) {
      for (int64_t sequence = 1; sequence <= last; ++sequence) {
        // Each once.
        if (rows[Rows(producer, sequence)[0]] != 3) {
          return absl::StrCat("batch ", sequence, " of producer ", producer);
        }
      }
    }
    return "";
  }

  void Upload(int round, const std::function<bool()>& counts) {
    Items items;
    for (int i = 0; i < 5; ++i) {
      v1::Item* item = items.Add();
      item->set_id(absl::StrCat("item-", (round + i) % 40));
      item->set_title(absl::StrCat(round));
    }
    if (!resources_->catalogs().Upload(kCatalog, items).ok() || !counts()) return;
    const std::lock_guard<std::mutex> lock(mutex_);
    for (const v1::Item& item : items) titles_[item.id()] = round;
  }

  std::string FindLostItems() {
    const auto catalog = resources_->catalogs().Get(kCatalog);
    if (!catalog.ok()) return catalog.status().ToString();
    std::map<std::string, int> found;
    const absl::Status read =
        resources_->catalogs().ReadItems(*catalog, 0, [&](int64_t /*position*/, v1::Item& item) {
          found[item.id()] = std::stoi(item.title());
          return true;
        });
    if (!read.ok()) return read.ToString();
    for (const auto& [id, round] : titles_) {
      if (found.count(id) == 0 || found[id] < round) return "the title of " + id;
    }
    return static_cast<int64_t>(found.size()) == catalog->message.item_count()
               ? ""
               : "half of an upload";
  }

  std::unique_ptr<Resources> resources_;
  bool set_up_ = false;
  int rounds_ = 0;
  std::mutex mutex_;
  std::map<std::string, int64_t> recorded_;  // last batch, by producer
  std::map<std::string, int> titles_;        // by item
  std::set<std::string> captures_;
  std::set<std::string> tried_;  // to delete
  std::set<std::string> deleted_;
};

std::unique_ptr<Subject> Make() { return std::make_unique<ProbeSubject>(); }

TEST(ProbePowerLossTest, NothingAcknowledgedIsLost) { ExpectNothingIsLost(Make); }
TEST(ProbePowerLossTest, WithoutSyncsThingsAreLost) { ExpectLossesWithoutSyncs(Make); }
TEST(ProbePowerLossTest, WritesThatFailAreErrors) { ExpectFaultsAreErrors(Make); }

}  // namespace
}  // namespace recsae::probe
