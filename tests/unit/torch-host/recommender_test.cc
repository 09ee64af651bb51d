// The recommenders on generated data: they learn, repeat, stop, refuse, and survive being stored.
#include "services/probe/recommenders/model/recommender.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "common/base/status.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/recommenders/factory.h"
#include "services/probe/recommenders/model/evaluation.h"
#include "services/torch-host/kinds/in_process.h"

namespace recsae::probe {
namespace {

const Dataset& Planted() {
  static const Dataset dataset =
      *GeneratePlanted({.users = 200, .items = 120, .concepts = 4, .max_length = 30});
  return dataset;
}

RecommenderOptions SmallOptions(RecommenderKind kind) {
  RecommenderOptions options = DefaultOptions(kind);
  options.dim = 16;
  options.history = 8;
  options.max_epochs = 10;
  options.pretrain_epochs = 2;
  options.batch_size = 64;
  options.learning_rate = 5e-3;
  options.threads = 1;
  options.clusters = 8;  // ECF: 2 members of 8 have activations of 16
  options.members = 2;
  return options;
}

std::unique_ptr<Recommender> Trained(const RecommenderOptions& options) {
  auto model = NewRecommender(options, InProcessTorch());
  EXPECT_TRUE(model.ok()) << model.status();
  const auto report = (*model)->Train(Planted(), {});
  EXPECT_TRUE(report.ok()) << report.status();
  return std::move(*model);
}

std::vector<float> TestActivations(const Recommender& model) {
  const auto cases = AnswerableCases(model, Planted(), Planted().test);
  const auto activations = model.Activations(QueriesOf(Planted(), cases, model.options().history));
  EXPECT_TRUE(activations.ok()) << activations.status();
  return *activations;
}

// Epochs of TiMiRec's first stage, which come before those that are chosen from.
int EpochsBefore(const RecommenderOptions& options) {
  return options.kind == RecommenderKind::kTimirec ? options.pretrain_epochs : 0;
}

struct KindCase {
  RecommenderKind kind;
  Loss loss;
  const char* name;
};

class RecommenderTest : public testing::TestWithParam<KindCase> {
 protected:
  static RecommenderOptions Options() {
    RecommenderOptions options = SmallOptions(GetParam().kind);
    options.loss = GetParam().loss;
    return options;
  }
};

TEST_P(RecommenderTest, LearnsWhatIsPlanted) {
  RecommenderOptions options = Options();
  // Of whose positions a fifth are targets at a time.
  if (options.kind == RecommenderKind::kBert4rec) options.max_epochs *= 5;
  const auto model = Trained(options);
  const auto metrics = EvaluateRecommender(*model, Planted(), Planted().test);
  ASSERT_TRUE(metrics.ok()) << metrics.status();
  EXPECT_EQ(metrics->cases(), 200);
  // A guess among the about 100 items that are not masked hits the top 10 one time in ten.
  EXPECT_GT(metrics->hr(10), 0.2);
}

TEST_P(RecommenderTest, SameSeedSameWeightsOtherSeedOthers) {
  RecommenderOptions options = Options();
  options.max_epochs = 2;
  const std::string first = Trained(options)->Save();
  EXPECT_EQ(Trained(options)->Save(), first);
  options.seed = 1;
  EXPECT_NE(Trained(options)->Save(), first);
}

TEST_P(RecommenderTest, ThreadsChangeNothing) {
  RecommenderOptions options = Options();
  options.max_epochs = 1;
  const auto one = Trained(options);
  options.threads = 3;
  const auto three = Trained(options);
  EXPECT_EQ(one->item_vectors(), three->item_vectors());
  EXPECT_EQ(TestActivations(*one), TestActivations(*three));
}

TEST_P(RecommenderTest, StoredAndLoadedIsTheSame) {
  RecommenderOptions options = Options();
  options.max_epochs = 1;
  const auto model = Trained(options);
  const std::string bytes = model->Save();
  const auto loaded = LoadRecommender(bytes, InProcessTorch());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->kind(), model->kind());
  EXPECT_EQ((*loaded)->item_vectors(), model->item_vectors());
  EXPECT_EQ(TestActivations(**loaded), TestActivations(*model));
  EXPECT_EQ((*loaded)->Save(), bytes);
}

TEST_P(RecommenderTest, DamagedBytesAreRefused) {
  RecommenderOptions options = Options();
  options.max_epochs = 1;
  const std::string bytes = Trained(options)->Save();
  std::vector<std::string> damaged = {"",
                                      "nonsense",
                                      bytes.substr(0, 10),
                                      bytes + "x",
                                      bytes.substr(0, bytes.size() - 1),
                                      bytes.substr(0, 200)};
  damaged.push_back(bytes);
  damaged.back()[20] = '\x01';
  for (const std::string& b : damaged) {
    const auto loaded = LoadRecommender(b, InProcessTorch());
    EXPECT_EQ(loaded.status().code(), absl::StatusCode::kDataLoss);
    EXPECT_EQ(Reason(loaded.status()), "RECOMMENDER_CORRUPT");
  }
}

TEST_P(RecommenderTest, CallbackCancelsAtOnce) {
  auto model = NewRecommender(Options(), InProcessTorch());
  ASSERT_TRUE(model.ok()) << model.status();
  int calls = 0;
  const auto report = (*model)->Train(Planted(), [&](const TrainProgress&) { return ++calls < 3; });
  EXPECT_EQ(report.status().code(), absl::StatusCode::kCancelled);
  EXPECT_EQ(calls, 3);
}

TEST_P(RecommenderTest, KeepsTheBestEpochAndStopsWithoutBetter) {
  RecommenderOptions options = Options();
  options.max_epochs = 40;
  options.patience = 3;
  auto model = NewRecommender(options, InProcessTorch());
  ASSERT_TRUE(model.ok()) << model.status();
  double best = 0;
  int best_epoch = 0, epochs = 0;
  const auto report = (*model)->Train(Planted(), [&](const TrainProgress& p) {
    if (!p.epoch_done) return true;
    ++epochs;
    EXPECT_GT(p.loss, 0);
    if (p.epoch <= EpochsBefore(options)) return true;
    if (p.dev_ndcg > best) best = p.dev_ndcg, best_epoch = p.epoch;
    return true;
  });
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->best_epoch, best_epoch);
  EXPECT_EQ(report->epochs, epochs);
  EXPECT_EQ(epochs, std::min(EpochsBefore(options) + 40, best_epoch + 3));
  const auto dev = EvaluateRecommender(**model, Planted(), Planted().dev);
  ASSERT_TRUE(dev.ok()) << dev.status();
  EXPECT_DOUBLE_EQ(dev->ndcg(10), best);
}

TEST_P(RecommenderTest, WithoutDevCasesAllEpochsRun) {
  Dataset dataset = Planted();
  dataset.dev.clear();
  RecommenderOptions options = Options();
  options.max_epochs = 2;
  auto model = NewRecommender(options, InProcessTorch());
  ASSERT_TRUE(model.ok()) << model.status();
  const auto report = (*model)->Train(dataset, {});
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->epochs, EpochsBefore(options) + 2);
  EXPECT_EQ((*model)->items(), 120);
}

TEST_P(RecommenderTest, OneActivationForEachTrainingRow) {
  RecommenderOptions options = Options();
  options.max_epochs = 1;
  const auto model = Trained(options);
  const auto rows = TrainRows(*model, Planted());
  const auto activations = model->Activations(QueriesOf(Planted(), rows, options.history));
  ASSERT_TRUE(activations.ok()) << activations.status();
  int64_t expected = 0;
  for (const int32_t length : Planted().train_length) {
    expected += length - (model->reads_history() ? 1 : 0);
  }
  EXPECT_EQ(rows.size(), expected);
  EXPECT_EQ(activations->size(), expected * 16);
  for (const float value : *activations) ASSERT_TRUE(std::isfinite(value));
}

INSTANTIATE_TEST_SUITE_P(
    Kinds, RecommenderTest,
    testing::Values(KindCase{RecommenderKind::kBprmf, Loss::kBpr, "BprmfBpr"},
                    KindCase{RecommenderKind::kBprmf, Loss::kSoftmax, "BprmfSoftmax"},
                    KindCase{RecommenderKind::kLightgcn, Loss::kBpr, "LightgcnBpr"},
                    KindCase{RecommenderKind::kLightgcn, Loss::kSoftmax, "LightgcnSoftmax"},
                    KindCase{RecommenderKind::kEcf, Loss::kBpr, "Ecf"},
                    KindCase{RecommenderKind::kDistillemb, Loss::kBpr, "Distillemb"},
                    KindCase{RecommenderKind::kSasrec, Loss::kSoftmax, "SasrecSoftmax"},
                    KindCase{RecommenderKind::kSasrec, Loss::kBpr, "SasrecBpr"},
                    KindCase{RecommenderKind::kTimirec, Loss::kSoftmax, "TimirecSoftmax"},
                    KindCase{RecommenderKind::kTimirec, Loss::kBpr, "TimirecBpr"},
                    KindCase{RecommenderKind::kGpt, Loss::kSoftmax, "GptSoftmax"},
                    KindCase{RecommenderKind::kGpt, Loss::kBpr, "GptBpr"},
                    KindCase{RecommenderKind::kBert4rec, Loss::kSoftmax, "Bert4recSoftmax"},
                    KindCase{RecommenderKind::kBert4rec, Loss::kBpr, "Bert4recBpr"}),
    [](const auto& test) { return std::string(test.param.name); });

class TransformerTest : public testing::TestWithParam<RecommenderKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, TransformerTest,
                         testing::Values(RecommenderKind::kSasrec, RecommenderKind::kGpt,
                                         RecommenderKind::kBert4rec));

TEST_P(TransformerTest, ReadsOnlyTheLastOfTheHistory) {
  RecommenderOptions options = SmallOptions(GetParam());
  options.max_epochs = 1;
  const auto model = Trained(options);
  const std::vector<int32_t> longer = {90, 91, 1, 2, 3, 4, 5, 6, 7, 8};
  const std::vector<int32_t> last(longer.end() - 8, longer.end());
  const auto a = model->Activations({{-1, longer}}), b = model->Activations({{-1, last}});
  ASSERT_TRUE(a.ok() && b.ok());
  EXPECT_EQ(*a, *b);
}

// A row's activation does not depend on what else is in the batch.
TEST_P(TransformerTest, RowsAreIndependent) {
  RecommenderOptions options = SmallOptions(GetParam());
  options.max_epochs = 1;
  const auto model = Trained(options);
  const std::vector<int32_t> a = {1}, b = {5, 6, 7}, c = {1, 2, 3, 4, 5, 6, 7, 8};
  const auto all = model->Activations({{-1, a}, {-1, b}, {-1, c}});
  const auto alone = model->Activations({{-1, b}});
  ASSERT_TRUE(all.ok() && alone.ok());
  for (int i = 0; i < 16; ++i) EXPECT_NEAR((*all)[16 + i], (*alone)[i], 1e-5);
}

TEST_P(TransformerTest, TheSameHistoryGivesTheSameAgain) {
  for (const int history : {1, 8}) {
    RecommenderOptions options = SmallOptions(GetParam());
    options.max_epochs = 1;
    options.history = history;
    const auto model = Trained(options);
    const std::vector<int32_t> one = {5};
    const auto first = model->Activations({{-1, one}}), again = model->Activations({{-1, one}});
    ASSERT_TRUE(first.ok() && again.ok());
    EXPECT_EQ(*first, *again) << history;
  }
}

TEST(QueryTest, WhatAKindCannotAnswerIsRefused) {
  RecommenderOptions options = SmallOptions(RecommenderKind::kSasrec);
  options.max_epochs = 1;
  const auto sasrec = Trained(options);
  options = SmallOptions(RecommenderKind::kBprmf);
  options.max_epochs = 1;
  const auto bprmf = Trained(options);
  const std::vector<int32_t> good = {1}, beyond = {120}, negative = {-1};
  EXPECT_EQ(Reason(sasrec->Activations({{0, {}}}).status()), "HISTORY_EMPTY");
  EXPECT_EQ(Reason(sasrec->Activations({{0, good}, {0, beyond}}).status()), "ITEM_UNKNOWN");
  EXPECT_EQ(Reason(sasrec->Activations({{0, negative}}).status()), "ITEM_UNKNOWN");
  EXPECT_EQ(Reason(bprmf->Activations({{-1, good}}).status()), "USER_UNKNOWN");
  EXPECT_EQ(Reason(bprmf->Activations({{200, good}}).status()), "USER_UNKNOWN");
  const auto none = sasrec->Activations({});
  ASSERT_TRUE(none.ok());
  EXPECT_TRUE(none->empty());
}

TEST(QueryTest, CancelIsHonoured) {
  RecommenderOptions options = SmallOptions(RecommenderKind::kSasrec);
  options.max_epochs = 1;
  const auto model = Trained(options);
  const std::vector<int32_t> history = {1};
  const auto result = model->Activations({{-1, history}}, [] { return true; });
  EXPECT_EQ(result.status().code(), absl::StatusCode::kCancelled);
}

TEST(OptionsTest, OutOfRangeIsNamed) {
  const RecommenderOptions good = DefaultOptions(RecommenderKind::kSasrec);
  std::vector<std::pair<RecommenderOptions, std::string>> cases;
  const auto add = [&](const std::string& name, auto change) {
    cases.emplace_back(good, name);
    change(&cases.back().first);
  };
  add("embedding_dim", [](auto* o) { o->dim = 0; });
  add("learning_rate", [](auto* o) { o->learning_rate = std::nan(""); });
  add("l2", [](auto* o) { o->l2 = -1; });
  add("history_length", [](auto* o) { o->history = 0; });
  add("layer_count", [](auto* o) { o->layers = 0; });
  add("head_count", [](auto* o) { o->heads = 3; });
  add("dropout", [](auto* o) { o->dropout = 1; });
  add("epoch_count", [](auto* o) { o->max_epochs = 0; });
  add("patience", [](auto* o) { o->patience = 0; });
  add("batch_size", [](auto* o) { o->batch_size = -1; });
  for (const auto& [options, name] : cases) {
    const auto model = NewRecommender(options, InProcessTorch());
    EXPECT_EQ(Reason(model.status()), "HYPER_PARAMETER_OUT_OF_RANGE") << name;
    EXPECT_THAT(Metadata(model.status()), testing::Contains(testing::Pair("name", name)));
  }
  RecommenderOptions ecf = DefaultOptions(RecommenderKind::kEcf);
  ecf.loss = Loss::kSoftmax;
  EXPECT_EQ(Reason(NewRecommender(ecf, InProcessTorch()).status()), "HYPER_PARAMETER_OUT_OF_RANGE");
  RecommenderOptions lightgcn = DefaultOptions(RecommenderKind::kLightgcn);
  lightgcn.layers = -1;
  EXPECT_EQ(Reason(NewRecommender(lightgcn, InProcessTorch()).status()),
            "HYPER_PARAMETER_OUT_OF_RANGE");
}

TEST(OptionsTest, BatchSizeSuitsTheData) {
  RecommenderOptions options = DefaultOptions(RecommenderKind::kSasrec);
  EXPECT_EQ(BatchSize(options, 10), 32);
  EXPECT_EQ(BatchSize(options, 1000000), 32);
  options.batch_size = 7;
  EXPECT_EQ(BatchSize(options, 1000000), 7);
  EXPECT_EQ(BatchSize(DefaultOptions(RecommenderKind::kBprmf), 1000000), 2048);
  EXPECT_EQ(BatchSize(DefaultOptions(RecommenderKind::kBprmf, Loss::kSoftmax), 1000000), 8192);
  EXPECT_EQ(BatchSize(DefaultOptions(RecommenderKind::kLightgcn), 1000000), 8192);
  EXPECT_EQ(BatchSize(DefaultOptions(RecommenderKind::kLightgcn, Loss::kSoftmax), 1000000), 65536);
  EXPECT_EQ(BatchSize(DefaultOptions(RecommenderKind::kLightgcn), 10), 256);
}

TEST(EvaluationTest, MasksWhatTheUserTouchedAndNothingElse) {
  Dataset dataset;
  dataset.items.resize(4);
  dataset.users = {"u"};
  dataset.sequences = {{0, 1, 2}};
  dataset.train_length = {1};
  dataset.test = {{0, 2}};
  // Scores 4, 3, 2, 1: items 0 and 1 are the user's own, so the target (2) ranks first.
  const std::vector<float> activation = {1}, items = {4, 3, 2, 1};
  const RankingMetrics metrics = Evaluate(dataset, dataset.test, activation, items);
  EXPECT_EQ(metrics.cases(), 1);
  EXPECT_EQ(metrics.ndcg(5), 1);
  // Item 3 with the same score pushes it to the second place.
  const RankingMetrics tied = Evaluate(dataset, dataset.test, activation, {4, 3, 2, 2});
  EXPECT_NEAR(tied.ndcg(5), 1 / std::log2(3.0), 1e-12);
}

}  // namespace
}  // namespace recsae::probe
