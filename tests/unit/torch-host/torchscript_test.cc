// Hosted TorchScript modules: what is accepted, what is said of the rest, sites, and storing.
#include "services/torch-host/modules/torchscript.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <thread>

#include "common/base/status.h"
#include "services/probe/recommenders/factory.h"
#include "services/torch-host/kinds/in_process.h"
#include "services/torch-host/modules/newer_operators.h"
#include "tests/unit/torch-host/torchscript_modules.h"

namespace recsae::probe {
namespace {

using testing::HasSubstr;

constexpr int kItems = 11;
constexpr int kDim = 3;
constexpr int kHistory = 5;

constexpr int kUsers = 2;

StoredModule ModuleOf(std::string bytes, const std::vector<std::string>& sites = {},
                      Padding padding = Padding::kUnknown) {
  StoredModule module;
  module.options = DefaultOptions(RecommenderKind::kTorchscript);
  module.options.dim = kDim;
  module.options.history = kHistory;
  module.item_vectors.assign(kItems * kDim, 1);
  module.module = std::move(bytes);
  for (const std::string& site : sites) module.sites.push_back({{site, 0, false}, padding});
  return module;
}

std::unique_ptr<Recommender> MustImport(std::string module,
                                        const std::vector<std::string>& sites = {}) {
  auto model = Torchscript::Import(ModuleOf(std::move(module), sites), kUsers);
  EXPECT_TRUE(model.ok()) << model.status();
  return std::move(*model);
}

// Refused with this reason, and these words in the message.
void ExpectRefused(std::string module, absl::string_view reason,
                   const std::vector<std::string>& mentions,
                   const std::vector<std::string>& sites = {}) {
  const auto model = Torchscript::Import(ModuleOf(std::move(module), sites), kUsers);
  EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Reason(model.status()), reason) << model.status();
  for (const std::string& words : mentions) {
    EXPECT_THAT(std::string(model.status().message()), HasSubstr(words));
  }
}

std::string Forward(const std::string& body) {
  return Bytes(Scripted(
      "def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:\n    " + body +
          "\n",
      kItems, kDim));
}

TEST(TorchscriptTest, GivesTheModuleItemsAndUsersFromOne) {
  const auto model = MustImport(Forward(
      "return torch.stack([history.sum(1), lengths * 100 + history[:, 0], user], 1).float()"));
  const std::vector<int32_t> longer = {9, 8, 1, 2, 3, 4, 5}, one = {10};
  const auto activations = model->Activations({{-1, longer}, {1, one}});
  ASSERT_TRUE(activations.ok()) << activations.status();
  // The last five of the first, numbered from 1: 2 3 4 5 6; the second padded behind its item.
  EXPECT_THAT(*activations, testing::ElementsAre(20, 502, 0, 11, 111, 2));
}

TEST(TorchscriptTest, ManyQueriesOnManyThreadsAsOneByOne) {
  const auto model = MustImport(Bytes(Layered(kItems, kDim)));
  std::vector<std::vector<int32_t>> histories;
  for (int i = 0; i < 300; ++i) {
    histories.emplace_back(1 + i % 7, i % kItems);
    histories.back()[0] = (i / 7) % kItems;
  }
  std::vector<Query> queries;
  for (const auto& history : histories) queries.push_back({-1, history});
  const auto all = model->Activations(queries);
  ASSERT_TRUE(all.ok()) << all.status();
  for (size_t i = 0; i < queries.size(); i += 37) {
    const auto one = model->Activations(absl::MakeConstSpan(queries).subspan(i, 1));
    ASSERT_TRUE(one.ok());
    for (int j = 0; j < kDim; ++j) EXPECT_NEAR((*one)[j], (*all)[i * kDim + j], 1e-5);
  }
}

TEST(TorchscriptTest, QueriesAreChecked) {
  const auto model = MustImport(Bytes(Scripted(kSum, kItems, kDim)));
  EXPECT_EQ(Reason(model->Activations({{0, {}}}).status()), "HISTORY_EMPTY");
  const std::vector<int32_t> unknown = {kItems};
  EXPECT_EQ(Reason(model->Activations({{0, unknown}}).status()), "ITEM_UNKNOWN");
  EXPECT_EQ(Reason(model->Train({}, {}).status()), "RECOMMENDER_KIND_INVALID");
}

TEST(TorchscriptTest, RefusesWhatItCannotRead) {
  const std::string good = Bytes(Scripted(kSum, kItems, kDim));
  ExpectRefused("", "MODULE_UNREADABLE", {"torch.jit.save"});
  ExpectRefused("no zip at all", "MODULE_UNREADABLE", {"13 bytes"});
  ExpectRefused(good.substr(0, good.size() / 2), "MODULE_UNREADABLE", {});
}

TEST(TorchscriptTest, RefusesOtherSignatures) {
  const auto with = [](const std::string& source) { return Bytes(Scripted(source, kItems, kDim)); };
  ExpectRefused(with("def other(self, x: Tensor) -> Tensor:\n    return x\n"), "MODULE_SIGNATURE",
                {"no method forward"});
  ExpectRefused(with("def forward(self, history: Tensor, lengths: Tensor) -> Tensor:\n"
                     "    return self.items[history].sum(1)\n"),
                "MODULE_SIGNATURE", {"lengths", "user: Tensor) -> Tensor"});
  ExpectRefused(with("def forward(self, history: Tensor, lengths: int, user: Tensor) -> Tensor:\n"
                     "    return self.items[history].sum(1)\n"),
                "MODULE_SIGNATURE", {"int lengths"});
  ExpectRefused(with("def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> "
                     "Tuple[Tensor, Tensor]:\n    return history, lengths\n"),
                "MODULE_SIGNATURE", {});
  // One more argument with a default is fine.
  MustImport(
      with("def forward(self, history: Tensor, lengths: Tensor, user: Tensor, scale: float "
           "= 2.0) -> Tensor:\n    return self.items[history].sum(1) * scale\n"));
}

TEST(TorchscriptTest, RefusesOtherOutputs) {
  ExpectRefused(Forward("return self.items[history]"), "MODULE_OUTPUT",
                {"Float [4, 5, 3]", "wanted Float [4, 3]"});
  ExpectRefused(Forward("return self.items[history].sum(1)[:, :2]"), "MODULE_OUTPUT",
                {"Float [4, 2]"});
  ExpectRefused(Forward("return self.items[history].sum(1).double()"), "MODULE_OUTPUT",
                {"Double [4, 3]"});
  ExpectRefused(Forward("return self.items[history].sum(1) / 0.0"), "MODULE_OUTPUT",
                {"not finite"});
  ExpectRefused(Forward("x = self.items[history].sum(1)\n    return x - x.mean(0)"),
                "MODULE_OUTPUT", {"run alone"});
  ExpectRefused(Forward("return torch.dropout(self.items[history].sum(1) + 1.0, 0.5, True)"),
                "MODULE_OUTPUT", {"eval()"});
}

TEST(TorchscriptTest, RefusesAModuleThatThrowsWithItsOwnMessage) {
  ExpectRefused(Forward("return torch.matmul(self.items[history], torch.ones(7))"), "MODULE_FAILED",
                {"size"});
  ExpectRefused(Forward("assert False, 'no such luck'\n    return self.items[history].sum(1)"),
                "MODULE_FAILED", {"no such luck"});
  // The vectors are for more items than the module has.
  ExpectRefused(Bytes(Scripted(kSum, kItems - 1, kDim)), "MODULE_FAILED", {"out of"});
}

TEST(TorchscriptTest, AFailureLaterIsThatCallsAlone) {
  const auto model =
      MustImport(Forward("assert bool((history[:, 0] != 8).any()), 'item 8 first'\n"
                         "    return self.items[history].sum(1)"));
  const std::vector<int32_t> bad = {7}, good = {5};
  const absl::Status failed = model->Activations({{-1, bad}}).status();
  EXPECT_EQ(failed.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(Reason(failed), "MODULE_FAILED");
  EXPECT_THAT(std::string(failed.message()), HasSubstr("item 8 first"));
  EXPECT_TRUE(model->Activations({{-1, good}}).ok());
  const auto not_finite = MustImport(
      Forward("return self.items[history].sum(1) / ((history[:, 0] != 8).float().unsqueeze(1))"));
  EXPECT_EQ(Reason(not_finite->Activations({{-1, bad}}).status()), "MODULE_OUTPUT");
}

TEST(TorchscriptTest, AModuleThatKeepsStateRunsOnManyThreads) {
  torch::jit::Module module = Scripted(kSum, kItems, kDim);
  torch::jit::Module counting("Counting");
  counting.register_parameter("items", module.attr("items").toTensor(), false);
  counting.register_attribute("last", c10::TensorType::get(), torch::zeros({1}));
  counting.define(
      "def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:\n"
      "    self.last = self.items[history].sum(1)\n"
      "    return self.last\n");
  const auto model = MustImport(Bytes(counting));
  const std::vector<std::vector<int32_t>> histories = {{1, 2}, {3}, {4, 5, 6}};
  std::vector<std::thread> threads;
  for (const auto& history : histories) {
    threads.emplace_back([&] {
      const auto expected = model->Activations({{-1, history}});
      for (int i = 0; i < 200; ++i) EXPECT_EQ(*model->Activations({{-1, history}}), *expected);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class TorchscriptSitesTest : public testing::Test {
 protected:
  const std::unique_ptr<Recommender> model_ =
      MustImport(Bytes(Layered(kItems, kDim)), {"blocks.0", "blocks.1", "pool"});
  const std::vector<int32_t> first_ = {1, 4, 7}, second_ = {2}, third_ = {9, 8, 7, 6, 5, 4, 3};
  const std::vector<Query> queries_ = {{-1, first_}, {-1, second_}, {-1, third_}};
};

TEST_F(TorchscriptSitesTest, AreDescribed) {
  const std::vector<ProbeSite> expected = {{"blocks.0", kDim, true},
                                           {"blocks.1", kDim, true},
                                           {"pool", kDim, false},
                                           {kUserSite, kDim, false}};
  EXPECT_EQ(model_->ProbeSites(), expected);
}

TEST_F(TorchscriptSitesTest, BlocksOfOneTypeAreToldApart) {
  // By hand, for a history of one item: x0 = e, blocks.0: tanh(e / 2) + e.
  const auto activations = *model_->ActivationsAt("blocks.0", Positions::kLast, queries_);
  const torch::Tensor item =
      torch::sin(torch::arange(float(kItems + 1) * kDim).pow(2)).view({kItems + 1, kDim})[3];
  const torch::Tensor block0 = torch::tanh(item * 0.5) + item;
  const torch::Tensor block1 =
      torch::tanh(torch::matmul(block0, torch::roll(torch::eye(kDim), 1) * -0.25)) + block0;
  const auto after = *model_->ActivationsAt("blocks.1", Positions::kLast, queries_);
  for (int j = 0; j < kDim; ++j) {
    EXPECT_NEAR(activations[kDim + j], block0[j].item<float>(), 1e-5);
    EXPECT_NEAR(after[kDim + j], block1[j].item<float>(), 1e-5);
  }
}

TEST_F(TorchscriptSitesTest, AllPositionsEndWithTheLast) {
  const auto all = *model_->ActivationsAt("blocks.0", Positions::kAll, queries_);
  const auto last = *model_->ActivationsAt("blocks.0", Positions::kLast, queries_);
  ASSERT_EQ(all.size(), (3 + 1 + kHistory) * kDim);
  for (const auto& [row, query] : {std::pair(2, 0), {3, 1}, {3 + kHistory, 2}}) {
    for (int j = 0; j < kDim; ++j) EXPECT_EQ(all[row * kDim + j], last[query * kDim + j]);
  }
  // Each position is what a history that ends there gives.
  const auto prefix = *model_->ActivationsAt("blocks.0", Positions::kLast,
                                             {{-1, absl::MakeConstSpan(first_).first(2)}});
  for (int j = 0; j < kDim; ++j) EXPECT_NEAR(all[kDim + j], prefix[j], 1e-5);
  EXPECT_EQ(Reason(model_->ActivationsAt("pool", Positions::kAll, queries_).status()),
            "POSITIONS_UNSUPPORTED");
}

TEST_F(TorchscriptSitesTest, ResumingFromItsOwnActivationsChangesNothing) {
  const auto expected = *model_->Activations(queries_);
  for (const ProbeSite& site : model_->ProbeSites()) {
    const auto own = *model_->ActivationsAt(site.name, Positions::kLast, queries_);
    const auto resumed = model_->Resume(site.name, queries_, own);
    ASSERT_TRUE(resumed.ok()) << resumed.status();
    for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR((*resumed)[i], expected[i], 1e-5);
  }
}

TEST_F(TorchscriptSitesTest, ResumingFromOthersFollowsTheRest) {
  // What another history has at the site, where nothing but the last position matters later.
  const std::vector<Query> reversed(queries_.rbegin(), queries_.rend());
  const auto others = *model_->ActivationsAt("blocks.0", Positions::kLast, reversed);
  const auto resumed = *model_->Resume("blocks.0", queries_, others);
  const auto expected = *model_->Activations(reversed);
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(resumed[i], expected[i], 1e-5);
}

TEST_F(TorchscriptSitesTest, UnknownOnesAreAnsweredWithThoseThereAre) {
  const auto status = model_->ActivationsAt("blocks.7", Positions::kLast, queries_).status();
  EXPECT_EQ(Reason(status), "PROBE_SITE_UNKNOWN");
  EXPECT_THAT(std::string(status.message()), HasSubstr("blocks.0, blocks.1, pool, user"));
}

TEST_F(TorchscriptSitesTest, SitesThatCannotBeAreRefused) {
  const std::string module = Bytes(Layered(kItems, kDim));
  ExpectRefused(module, "PROBE_SITE_UNKNOWN", {"blocks.2", "blocks.0, blocks.1"}, {"blocks.2"});
  ExpectRefused(module, "PROBE_SITE_INVALID", {"calls it 0 times"}, {"idle"});
  ExpectRefused(module, "PROBE_SITE_INVALID", {"calls it 2 times"}, {"twice"});
  ExpectRefused(module, "PROBE_SITE_INVALID", {"condition"}, {"sometimes"});
  // A container that is not called itself.
  ExpectRefused(module, "PROBE_SITE_INVALID", {"calls it 0 times"}, {"blocks"});
}

TEST_F(TorchscriptSitesTest, AreStoredWithTheModule) {
  const std::string bytes = model_->Save();
  const auto loaded = LoadRecommender(bytes, InProcessTorch());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ((*loaded)->kind(), RecommenderKind::kTorchscript);
  EXPECT_EQ((*loaded)->options().history, kHistory);
  EXPECT_EQ((*loaded)->item_vectors(), model_->item_vectors());
  EXPECT_EQ((*loaded)->ProbeSites(), model_->ProbeSites());
  EXPECT_EQ(*(*loaded)->Activations(queries_), *model_->Activations(queries_));
  EXPECT_EQ((*loaded)->Save(), bytes);
  for (const std::string& damaged :
       {bytes.substr(0, bytes.size() - 1), bytes + "x", bytes.substr(0, bytes.size() / 2)}) {
    EXPECT_EQ(Reason(LoadRecommender(damaged, InProcessTorch()).status()), "RECOMMENDER_CORRUPT");
  }
}

// A module whose histories are padded in front, inside: "block" [B, L, dim].
torch::jit::Module LeftPadded(const std::string& block_source) {
  torch::jit::Module block("Block");
  block.define(block_source);
  torch::jit::Module module =
      Scripted("def unused(self, x: Tensor) -> Tensor:\n    return x\n", kItems, kDim);
  module.register_module("block", block);
  module.define(R"(
def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:
    n = history.size(1)
    at = torch.arange(n).unsqueeze(0) - (n - lengths).unsqueeze(1)
    left = torch.where(at >= 0, history.gather(1, at.clamp(0)), torch.zeros_like(history))
    x = self.items[left]
    return self.block.forward(x / (left != 0).float().unsqueeze(2))[:, -1]
)");
  return module;
}

constexpr char kTanh[] = "def forward(self, x: Tensor) -> Tensor:\n    return torch.tanh(x) + x\n";

TEST(TorchscriptPaddingTest, IsFoundOutAndRowsOfPaddingMayBeAnything) {
  const auto model = MustImport(Bytes(LeftPadded(kTanh)), {"block"});
  EXPECT_EQ(static_cast<Torchscript&>(*model).stored().sites[0].padding, Padding::kLeft);
  const std::vector<int32_t> first = {1, 4, 7}, second = {2};
  const std::vector<Query> queries = {{-1, first}, {-1, second}};
  const auto last = *model->ActivationsAt("block", Positions::kLast, queries);
  EXPECT_EQ(last, *model->Activations(queries));
  const auto all = *model->ActivationsAt("block", Positions::kAll, queries);
  ASSERT_EQ(all.size(), 4 * kDim);
  for (int j = 0; j < kDim; ++j) EXPECT_EQ(all[2 * kDim + j], last[j]);
  const std::vector<float> other(2 * kDim, 0.25F);
  EXPECT_EQ(*model->Resume("block", queries, other), other);
  const auto loaded = Torchscript::FromStored(model->Save());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_EQ(*(*loaded)->ActivationsAt("block", Positions::kLast, queries), last);
}

TEST(TorchscriptPaddingTest, TheSideThatIsSaidMustBeTheRightOne) {
  const std::string module = Bytes(LeftPadded(kTanh));
  EXPECT_TRUE(Torchscript::Import(ModuleOf(module, {"block"}, Padding::kLeft), kUsers).ok());
  const absl::Status wrong =
      Torchscript::Import(ModuleOf(module, {"block"}, Padding::kRight), kUsers).status();
  EXPECT_EQ(Reason(wrong), "PROBE_SITE_INVALID") << wrong;
  EXPECT_THAT(std::string(wrong.message()), HasSubstr("padded on the right"));
}

TEST(TorchscriptPaddingTest, WhereNobodyCanTellItMustBeSaid) {
  torch::jit::Module block("Block");
  block.define("def forward(self, x: Tensor) -> Tensor:\n    return x + x.sum(1, True)\n");
  torch::jit::Module module =
      Scripted("def unused(self, x: Tensor) -> Tensor:\n    return x\n", kItems, kDim);
  module.register_module("block", block);
  module.define(
      "def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:\n"
      "    return self.block.forward(self.items[history]).sum(1)\n");
  const std::string bytes = Bytes(module);
  ExpectRefused(bytes, "PROBE_SITE_INVALID", {"cannot be told", "padding"}, {"block"});
  EXPECT_TRUE(Torchscript::Import(ModuleOf(bytes, {"block"}, Padding::kRight), kUsers).ok());
}

TEST(TorchscriptPaddingTest, ASiteThatChangesNothingIsRefused) {
  torch::jit::Module block("Block");
  block.define("def forward(self, x: Tensor) -> Tensor:\n    return x + 1.0\n");
  torch::jit::Module module =
      Scripted("def unused(self, x: Tensor) -> Tensor:\n    return x\n", kItems, kDim);
  module.register_module("block", block);
  module.define(
      "def forward(self, history: Tensor, lengths: Tensor, user: Tensor) -> Tensor:\n"
      "    x = self.items[history]\n"
      "    return x.sum(1) + self.block.forward(x).sum(1) * 0.0\n");
  ExpectRefused(Bytes(module), "PROBE_SITE_INVALID", {"changes nothing"}, {"block"});
}

TEST(TorchscriptTest, ItemsMayHaveOtherNumbersInTheModule) {
  StoredModule stored = ModuleOf(Forward(
      "return torch.stack([history.sum(1), lengths * 100 + history[:, 0], user], 1).float()"));
  for (int i = 0; i < kItems; ++i) stored.numbers.push_back(kItems - 1 - i);
  const auto model = Torchscript::Import(std::move(stored), kUsers);
  ASSERT_TRUE(model.ok()) << model.status();
  const std::vector<int32_t> history = {0, 10};
  EXPECT_THAT(*(*model)->Activations({{-1, history}}, {}), testing::ElementsAre(12, 211, 0));
  const auto loaded = Torchscript::FromStored((*model)->Save());
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  EXPECT_THAT(*(*loaded)->Activations({{-1, history}}, {}), testing::ElementsAre(12, 211, 0));
}

// Of PyTorch 2: every variant against what it stands for.
TEST(TorchscriptTest, LaterOperatorsAreKnown) {
  RegisterNewerOperators();
  torch::jit::Module module("Module");
  module.define(R"(
def attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Optional[Tensor], causal: bool, scale: Optional[float], gqa: bool) -> Tensor:
    return torch.scaled_dot_product_attention(q, k, v, mask, 0.0, causal, scale=scale, enable_gqa=gqa)
def short(self, q: Tensor) -> Tensor:
    return torch.scaled_dot_product_attention(q, q, q)
def norm(self, x: Tensor, w: Optional[Tensor], eps: Optional[float]) -> Tensor:
    return torch.rms_norm(x, [4], w, eps)
)");
  const torch::Tensor q = torch::sin(torch::arange(48.0F)).view({2, 2, 3, 4});
  const c10::IValue none;
  const auto attend = [&](const torch::Tensor& k, const c10::IValue& mask, bool causal,
                          const c10::IValue& scale, bool gqa) {
    return module.get_method("attend")({q, k, k, mask, causal, scale, gqa}).toTensor();
  };
  const auto by_hand = [&](const torch::Tensor& scores) { return scores.softmax(-1).matmul(q); };
  const torch::Tensor scores = q.matmul(q.transpose(-2, -1)) / 2;
  const auto near = [](const torch::Tensor& a, const torch::Tensor& b) {
    return torch::allclose(a, b, 1e-5, 1e-6);
  };
  EXPECT_TRUE(near(attend(q, none, false, none, false), by_hand(scores)));
  EXPECT_TRUE(near(module.get_method("short")({q}).toTensor(), by_hand(scores)));
  EXPECT_TRUE(near(attend(q, none, false, 1.0, false), by_hand(scores * 2)));
  const torch::Tensor added = torch::cos(torch::arange(9.0F)).view({3, 3});
  EXPECT_TRUE(near(attend(q, added, false, none, false), by_hand(scores + added)));
  const torch::Tensor seen = torch::ones({3, 3}, torch::kBool).tril();
  const torch::Tensor causal = by_hand(scores.masked_fill(seen.logical_not(), -1e30));
  EXPECT_TRUE(near(attend(q, none, true, none, false), causal));
  EXPECT_TRUE(near(attend(q, seen, false, none, false), causal));
  EXPECT_TRUE(near(attend(q, torch::zeros({3, 3}, torch::kBool), false, none, false),
                   torch::zeros_like(q)));
  const torch::Tensor one_head = q.slice(1, 0, 1);
  EXPECT_TRUE(near(attend(one_head, none, false, none, true),
                   attend(one_head.expand({2, 2, 3, 4}).contiguous(), none, false, none, false)));
  const torch::Tensor weight = torch::arange(4.0F);
  const auto norm = [&](const c10::IValue& w, const c10::IValue& eps) {
    return module.get_method("norm")({q, w, eps}).toTensor();
  };
  const torch::Tensor squares = q.pow(2).mean(-1, true);
  EXPECT_TRUE(near(norm(none, 0.5), q / (squares + 0.5).sqrt()));
  EXPECT_TRUE(near(norm(weight, none), q / squares.sqrt() * weight));
}

TEST(TorchscriptTest, SaysWhatAnotherFileIs) {
  const auto is = [](absl::string_view bytes, const char* words) {
    ExpectRefused(std::string(bytes), "MODULE_UNREADABLE", {words, "docs/hosts.md"});
  };
  using std::string_literals::operator""s;
  is("PK\x03\x04\x00...m/data.pkl..\x80\x02"
     "ccollections\nOrderedDict\nq..m/data.pkl"s,
     "state_dict");
  is("PK\x03\x04\x00...m/data.pkl..\x80\x02"
     "cmodels\nNet\nq..m/data.pkl"s,
     "pickled model");
  is("PK\x03\x04\x00...archive/archive_format"s, ".pt2");
  is("\x02\x00\x00\x00\x00\x00\x00\x00{}"s, "safetensors");
  is("\x08\x07\x12\x07pytorch"s + std::string(40, '\0'), "ONNX");
  is("\x80\x04\x95"s, "Python pickle");
}

TEST(TorchscriptTest, NamesTheOperatorThatItLacks) {
  // Known while the archive is written, as to the release that it comes from.
  torch::jit::Operator later(
      "aten::of_a_later_release(Tensor x) -> Tensor", [](torch::jit::Stack&) {},
      c10::AliasAnalysisKind::FROM_SCHEMA);
  const c10::FunctionSchema schema = later.schema();
  torch::jit::registerOperator(std::move(later));
  std::string bytes = Forward("return torch.of_a_later_release(self.items[history]).sum(1)");
  torch::jit::deregisterOperator(schema);
  ExpectRefused(std::move(bytes), "MODULE_UNREADABLE",
                {"aten::of_a_later_release", "of format", "docs/hosts.md"});
}

}  // namespace
}  // namespace recsae::probe
