#include "tests/contract/power-loss/power_loss.h"

#include <gtest/gtest.h>
#include <rocksdb/env.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"
#include "tests/support/faulty_fs.h"
#include "tests/support/power_loss_fs.h"

namespace recsae {
namespace {

namespace fs = std::filesystem;

constexpr int kCiCuts = 150;
// Cuts in a row on one directory: it grows, and opening takes longer.
constexpr int kCutsOfADirectory = 25;
constexpr int kOperationsBeforeCut = 120;
// After a write that fails none succeeds until the store is opened again.
constexpr int kFaultyRounds = 20;

// In memory where that is possible: what a sync costs is not of interest.
std::string NewDirectory() {
  const std::string root = fs::is_directory("/dev/shm") ? "/dev/shm" : testing::TempDir();
  std::string path = absl::StrCat(root, "/recsae-power-XXXXXX");
  EXPECT_NE(mkdtemp(path.data()), nullptr);
  return path;
}

class Folder {
 public:
  Folder() : root_(NewDirectory()) {}
  ~Folder() { fs::remove_all(root_); }
  // Not there yet.
  std::string Next() {
    fs::remove_all(absl::StrCat(root_, "/", number_));
    return absl::StrCat(root_, "/", ++number_);
  }

 private:
  const std::string root_;
  int number_ = 0;
};

}  // namespace

int PowerCuts() {
  const char* cuts = std::getenv("RECSAE_POWER_CUTS");
  return cuts == nullptr ? kCiCuts : std::atoi(cuts);
}

Losses CutPowerOften(const MakeSubject& make, int cuts, bool sync) {
  Losses losses;
  Folder folder;
  Random random(1);
  const auto files = std::make_shared<PowerLossFileSystem>(2);
  const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
  const Environment environment{.env = env.get(), .sync = sync};
  std::unique_ptr<Subject> subject;
  std::string directory;
  const auto lost = [&](int cut, const std::string& what) {
    if (losses.lost++ == 0) losses.first = absl::StrCat("cut ", cut, ": ", what);
    subject = nullptr;
  };
  const auto counts = [&] { return files->powered(); };
  for (int cut = 0; cut < cuts; ++cut) {
    if (subject == nullptr || cut % kCutsOfADirectory == 0) {
      if (subject != nullptr) subject->Close();
      subject = make();
      directory = folder.Next();
      files->CutPowerAfter(static_cast<int64_t>(random.Below(4 * kOperationsBeforeCut)));
      if (!subject->Open(directory, environment).ok()) return lost(cut, "no first start"), losses;
    } else if (random.Below(2) == 0) {
      // The power goes while the store opens, or soon after.
      subject->Close();
      files->CutPowerAfter(static_cast<int64_t>(random.Below(kOperationsBeforeCut)));
      const absl::Status opened = subject->Open(directory, environment);
      if (!opened.ok()) return lost(cut, opened.ToString()), losses;
    } else {
      files->CutPowerAfter(static_cast<int64_t>(random.Below(kOperationsBeforeCut)));
    }
    while (files->powered()) subject->Work(random, counts);
    subject->Close();
    files->LoseUnsynced();
    losses.files_hurt += files->files_hurt();
    const absl::Status opened = subject->Open(directory, environment);
    if (!opened.ok()) {
      lost(cut, absl::StrCat("does not open: ", opened.ToString()));
    } else if (const std::string what = subject->FindLost(); !what.empty()) {
      subject->Close();
      lost(cut, what);
    }
  }
  if (subject != nullptr) subject->Close();
  return losses;
}

void ExpectNothingIsLost(const MakeSubject& make) {
  const Losses losses = CutPowerOften(make, PowerCuts(), /*sync=*/true);
  EXPECT_EQ(losses.lost, 0) << losses.first;
  EXPECT_GT(losses.files_hurt, 0);
  std::cout << PowerCuts() << " cuts, which hurt " << losses.files_hurt << " files\n";
}

void ExpectLossesWithoutSyncs(const MakeSubject& make) {
  EXPECT_GT(CutPowerOften(make, 2 * kCutsOfADirectory, /*sync=*/false).lost, 0);
}

void ExpectFaultsAreErrors(const MakeSubject& make) {
  Folder folder;
  int64_t faults = 0;
  for (int seed = 0; seed < 6; ++seed) {
    Random random(static_cast<uint64_t>(seed));
    const auto files = std::make_shared<FaultyFileSystem>(seed);
    const std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(files);
    const std::unique_ptr<Subject> subject = make();
    const std::string directory = folder.Next();
    ASSERT_TRUE(subject->Open(directory, {.env = env.get()}).ok());
    for (int round = 0; round < kFaultyRounds; ++round) {
      files->FailWith(0.005 * (1 + seed), /*no_space=*/seed % 2 == 1);
      for (int i = 0; i < 8; ++i) subject->Work(random, [] { return true; });
      files->FailWith(0, false);
      subject->Close();
      const absl::Status opened = subject->Open(directory, {.env = env.get()});
      ASSERT_TRUE(opened.ok()) << "seed " << seed << ": " << opened;
      ASSERT_EQ(subject->FindLost(), "") << "seed " << seed << " round " << round;
    }
    subject->Close();
    faults += files->faults();
  }
  EXPECT_GT(faults, 0);
}

}  // namespace recsae
