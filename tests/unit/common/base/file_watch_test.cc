#include "common/base/file_watch.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>
#include <thread>

namespace recsae {
namespace {

// Whether a change is seen within three seconds.
bool Seen(FileWatch& watch) {
  for (int i = 0; i < 300; ++i) {
    if (watch.Changed()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

TEST(FileWatchTest, TellsEachChangeOnce) {
  const std::string path = ::testing::TempDir() + "/watched-" + std::to_string(getpid());
  std::ofstream(path) << "one";
  FileWatch watch(path);
  EXPECT_TRUE(watch.Changed()) << "the first look";
  EXPECT_FALSE(watch.Changed());

  std::ofstream(path) << "two";  // in place, of the same size
  EXPECT_TRUE(Seen(watch));
  std::ofstream(path + ".new") << "two";
  std::rename((path + ".new").c_str(), path.c_str());
  EXPECT_TRUE(Seen(watch));
  chmod(path.c_str(), 0600);  // it may be readable from now on
  EXPECT_TRUE(Seen(watch));
  std::remove(path.c_str());
  EXPECT_TRUE(Seen(watch));
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));
  EXPECT_FALSE(watch.Changed()) << "nothing happened since";
}

TEST(FileWatchTest, AFileThatIsNotThereYetIsSeenWhenItComes) {
  const std::string path = ::testing::TempDir() + "/late-" + std::to_string(getpid());
  FileWatch watch(path);
  EXPECT_TRUE(watch.Changed());
  std::ofstream(path) << "here";
  EXPECT_TRUE(Seen(watch));
  std::remove(path.c_str());
}

}  // namespace
}  // namespace recsae
