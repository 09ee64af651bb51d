// Estimates of memory: never less than what is really held, not absurdly more, and no overflow.
#include "services/probe/recommenders/train/estimate.h"

#include <gtest/gtest.h>
#include <malloc.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <new>

#include "common/budget/bytes.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "tests/unit/probe/recommenders/no_torch.h"

// Bytes of this process on the heap, and the most there were.
namespace {
std::atomic<int64_t> held = 0;
std::atomic<int64_t> most = 0;
}  // namespace

void* operator new(std::size_t bytes) {
  void* memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  const int64_t now = held += static_cast<int64_t>(malloc_usable_size(memory));
  for (int64_t seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
  }
  return memory;
}
void operator delete(void* memory) noexcept {
  if (memory != nullptr) held -= static_cast<int64_t>(malloc_usable_size(memory));
  std::free(memory);
}
void operator delete(void* memory, std::size_t) noexcept { operator delete(memory); }

namespace recsae::probe {
namespace {

// The most that `work` held at a time.
template <typename Work>
int64_t MostHeld(const Work& work) {
  const int64_t before = held;
  most = before;
  work();
  return most - before;
}

TEST(PlantedBytes, HoldsForWhatIsGenerated) {
  for (const PlantedOptions& options :
       {PlantedOptions{.users = 5000, .items = 600}, PlantedOptions{.users = 10, .items = 20'000},
        PlantedOptions{.users = 20'000, .items = 400, .max_length = 100}}) {
    const int64_t estimate = PlantedBytes(options);
    const int64_t real = MostHeld([&] {
      const auto dataset = GeneratePlanted(options);
      ASSERT_TRUE(dataset.ok()) << dataset.status();
      EXPECT_LE(BytesOf(*dataset), estimate);
      EXPECT_GE(BytesOf(*dataset), estimate / 5);
    });
    EXPECT_LE(real, estimate + kMib) << options.users;
    EXPECT_GE(real, estimate / 5) << options.users;
  }
}

TEST(PlantedBytes, LargeProductsDoNotWrapAround) {
  __extension__ typedef __int128 Wide;
  for (const int users : {1, 1000, 1'000'000, 1 << 30}) {
    for (const int length : {1, 10'000, 1 << 30}) {
      const Wide sequences = Wide{users} * length * 4;
      const int64_t bytes =
          PlantedBytes({.users = users, .items = 0, .min_length = 1, .max_length = length});
      EXPECT_GE(Wide{bytes}, std::min(sequences, Wide{kMostBytes}));
      EXPECT_LE(Wide{bytes}, sequences + Wide{users} * 1000);
    }
  }
}

RecommenderOptions SmallOptions(RecommenderKind kind) {
  RecommenderOptions options = DefaultOptions(kind);
  options.dim = 32;
  options.max_epochs = 2;
  options.pretrain_epochs = std::min(options.pretrain_epochs, 1);
  options.threads = 2;
  return options;
}

// libtorch's tensors are not allocated by operator new: only what trains without it is measured.
TEST(TrainingBytes, HoldsForWhatIsTrained) {
  const Dataset dataset =
      *GeneratePlanted({.users = 3000, .items = 2000, .concepts = 10, .max_length = 60});
  for (const RecommenderKind kind : {RecommenderKind::kBprmf, RecommenderKind::kLightgcn}) {
    for (const Loss loss : {Loss::kBpr, Loss::kSoftmax}) {
      RecommenderOptions options = SmallOptions(kind);
      options.loss = loss;
      const int64_t estimate = TrainingBytes(options, SizeOf(dataset));
      const int64_t real = MostHeld([&] {
        const auto model = NewRecommender(options, NoTorch());
        ASSERT_TRUE(model.ok()) << model.status();
        const auto report = (*model)->Train(dataset, [](const TrainProgress&) { return true; });
        ASSERT_TRUE(report.ok()) << report.status();
        EXPECT_FALSE((*model)->Save().empty());
      });
      EXPECT_LE(real, estimate) << static_cast<int>(kind) << " " << static_cast<int>(loss);
      EXPECT_GE(real, estimate / 20) << static_cast<int>(kind) << " " << static_cast<int>(loss);
    }
  }
}

TEST(TrainingBytes, GrowWithEverySizeAndNeverOverflow) {
  const DatasetSize size{10'000, 5000, 500'000};
  for (const RecommenderKind kind :
       {RecommenderKind::kBprmf, RecommenderKind::kSasrec, RecommenderKind::kLightgcn,
        RecommenderKind::kTimirec, RecommenderKind::kEcf, RecommenderKind::kDistillemb,
        RecommenderKind::kGpt, RecommenderKind::kBert4rec}) {
    const RecommenderOptions options = DefaultOptions(kind);
    const int64_t bytes = TrainingBytes(options, size);
    EXPECT_GT(bytes, 4 * kMib) << static_cast<int>(kind);
    EXPECT_LT(bytes, 3 * kGib) << static_cast<int>(kind) << ": trains on a machine of 4 GiB";
    EXPECT_GT(TrainingBytes(options, {10'000, 500'000, 500'000}), bytes);
    EXPECT_GT(TrainingBytes(options, {10'000, 5000, 5'000'000}), bytes);
    RecommenderOptions wide = options;
    wide.dim = wide.clusters = 4096;
    EXPECT_GT(TrainingBytes(wide, size), bytes);
    EXPECT_GE(TrainingBytes(wide, {int64_t{1} << 60, int64_t{1} << 60, int64_t{1} << 60}),
              kMostBytes / 2);
  }
}

}  // namespace
}  // namespace recsae::probe
