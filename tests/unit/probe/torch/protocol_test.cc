// What a probe and a recsae-torch-host say to each other: frames on a socket, data sets in parts.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "common/base/status.h"
#include "recsae/torch_host/v1/torch_host.pb.h"
#include "services/probe/datasets/readers.h"
#include "services/probe/torch/protocol/frames.h"
#include "services/probe/torch/protocol/training_messages.h"
#include "services/probe/torch/protocol/version.h"

namespace recsae::probe {
namespace {

using torch_host::v1::FromHost;

class FramesTest : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends_), 0); }
  void TearDown() override {
    for (const int end : ends_) {
      if (end >= 0) close(end);
    }
  }
  void CloseFirst() {
    close(ends_[0]);
    ends_[0] = -1;
  }
  int ends_[2] = {-1, -1};
};

TEST_F(FramesTest, ArriveInOrderWhateverTheirSize) {
  std::thread writer([&] {
    for (const size_t size : {size_t{0}, size_t{5}, 3 * kPartBytes, size_t{1}}) {
      FromHost message;
      message.set_model_part(std::string(size, 'x'));
      EXPECT_TRUE(WriteFrame(ends_[0], message).ok());
    }
    CloseFirst();
  });
  FrameReader reader(ends_[1]);
  FromHost message;
  for (const size_t size : {size_t{0}, size_t{5}, 3 * kPartBytes, size_t{1}}) {
    EXPECT_EQ(*reader.Read(&message), true);
    EXPECT_EQ(message.model_part().size(), size);
  }
  EXPECT_EQ(*reader.Read(&message), false);
  writer.join();
}

TEST_F(FramesTest, WaitingEndsWithAMessage) {
  FrameReader reader(ends_[1]);
  EXPECT_FALSE(reader.Wait(1));
  ASSERT_TRUE(WriteFrame(ends_[0], FromHost()).ok());
  ASSERT_TRUE(WriteFrame(ends_[0], FromHost()).ok());
  FromHost message;
  for (int i = 0; i < 2; ++i) {
    EXPECT_TRUE(reader.Wait(1));
    EXPECT_TRUE(*reader.Read(&message));
  }
  EXPECT_FALSE(reader.Wait(1));
}

TEST_F(FramesTest, WhatIsNoMessageIsRefused) {
  const std::string huge = "\xff\xff\xff\xff", garbage("\x02\x00\x00\x00\xff\xff", 6);
  FromHost message;
  ASSERT_EQ(write(ends_[0], garbage.data(), garbage.size()), 6);
  FrameReader reader(ends_[1]);
  EXPECT_EQ(Reason(reader.Read(&message).status()), "FRAME_INVALID");
  ASSERT_EQ(write(ends_[0], huge.data(), huge.size()), 4);
  EXPECT_EQ(Reason(reader.Read(&message).status()), "FRAME_INVALID");
}

TEST_F(FramesTest, AMessageThatIsCutOffIsTheEnd) {
  const std::string half("\x05\x00\x00\x00\x08", 5);
  ASSERT_EQ(write(ends_[0], half.data(), half.size()), 5);
  CloseFirst();
  FrameReader reader(ends_[1]);
  FromHost message;
  EXPECT_EQ(*reader.Read(&message), false);
  EXPECT_EQ(Reason(WriteFrame(ends_[1], message)), "HOST_AWAY");
}

TEST(TrainingMessagesTest, ADatasetArrivesInPartsWithAllThatTrainingReads) {
  const Dataset sent = *GeneratePlanted({.users = 20'000, .items = 400, .concepts = 4});
  Dataset received;
  int parts = 0;
  ASSERT_TRUE(SendDataset(sent, [&](const torch_host::v1::DatasetPart& part) {
                EXPECT_LT(part.ByteSizeLong(), 2 * kPartBytes);
                ++parts;
                return AddPart(part, &received);
              }).ok());
  EXPECT_GT(parts, 1);
  EXPECT_TRUE(CheckComplete(received).ok());
  EXPECT_EQ(received.sequences, sent.sequences);
  EXPECT_EQ(received.train_length, sent.train_length);
  EXPECT_EQ(received.dev, sent.dev);
  EXPECT_EQ(received.users.size(), sent.users.size());
  ASSERT_EQ(received.items.size(), sent.items.size());
  for (size_t i = 0; i < sent.items.size(); ++i) {
    EXPECT_EQ(received.items[i].attributes, sent.items[i].attributes);
  }
}

TEST(TrainingMessagesTest, NumbersThatAreNoneAreRefused) {
  const auto broken = [](void (*breaks)(Dataset&)) {
    Dataset dataset =
        *GeneratePlanted({.users = 40, .items = 200, .concepts = 4, .max_length = 30});
    breaks(dataset);
    return Reason(CheckComplete(dataset));
  };
  EXPECT_EQ(broken([](Dataset&) {}), "");
  EXPECT_EQ(broken([](Dataset& d) { d.sequences[3][0] = 200; }), "DATASET_INVALID");
  EXPECT_EQ(broken([](Dataset& d) { d.sequences[3][0] = -1; }), "DATASET_INVALID");
  EXPECT_EQ(broken([](Dataset& d) { d.train_length[3] = 10'000; }), "DATASET_INVALID");
  EXPECT_EQ(broken([](Dataset& d) { d.dev[0].position = 10'000; }), "DATASET_INVALID");
  EXPECT_EQ(broken([](Dataset& d) { d.dev[0].user = -1; }), "DATASET_INVALID");
}

TEST(TrainingMessagesTest, ProgressIsTheSameOnBothSides) {
  const TrainProgress sent = {.epoch = 3,
                              .max_epochs = 9,
                              .epoch_fraction = 0.25,
                              .epoch_done = true,
                              .loss = 1.5,
                              .dev_ndcg = 0.125,
                              .best_epoch = 2,
                              .best_dev_ndcg = 0.5};
  const TrainProgress received = FromMessage(ToMessage(sent));
  EXPECT_EQ(received.epoch, 3);
  EXPECT_EQ(received.max_epochs, 9);
  EXPECT_EQ(received.epoch_fraction, 0.25);
  EXPECT_TRUE(received.epoch_done);
  EXPECT_EQ(received.loss, 1.5);
  EXPECT_EQ(received.dev_ndcg, 0.125);
  EXPECT_EQ(received.best_epoch, 2);
  EXPECT_EQ(received.best_dev_ndcg, 0.5);
}

TEST(ProtocolVersionTest, NamesTheReleaseAndTheMessages) {
  EXPECT_THAT(ProtocolVersion(), testing::MatchesRegex("[0-9.]+ \\(messages [0-9a-f]+\\)"));
  EXPECT_EQ(ProtocolVersion(), ProtocolVersion());
}

}  // namespace
}  // namespace recsae::probe
