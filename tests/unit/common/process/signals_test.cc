#include "common/process/signals.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace recsae {
namespace {

// A thread that blocks nothing and was there before: a library's, such as OpenBLAS's.
class EarlierThread {
 public:
  EarlierThread() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, nullptr, &before_);
    thread_ = std::thread([this, all] {
      pthread_sigmask(SIG_UNBLOCK, &all, nullptr);
      started_ = true;
      while (!ending_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    });
    while (!started_) std::this_thread::yield();
  }
  ~EarlierThread() {
    ending_ = true;
    thread_.join();
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_;
  std::atomic<bool> started_ = false;
  std::atomic<bool> ending_ = false;
  std::thread thread_;
};

TEST(StopSignalTest, TakesWhatAThreadGetsThatWasThereBefore) {
  for (const int number : {SIGTERM, SIGINT}) {
    const EarlierThread earlier;
    StopSignal stop(std::chrono::seconds(60));
    EXPECT_FALSE(stop.received());
    kill(getpid(), number);
    EXPECT_EQ(stop.Wait(), number);
    EXPECT_TRUE(stop.received());
  }
}

}  // namespace
}  // namespace recsae
