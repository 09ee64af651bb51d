// The sandbox, from inside: what it lets through, and what fails in it. Each case in a process of
// its own, as it is for good.
#include "services/torch-host/sandbox/sandbox.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <new>
#include <thread>
#include <vector>

namespace recsae::probe {
namespace {

constexpr int64_t kMemory = int64_t{64} << 20;

// Runs `inside` in a process that is confined; true if it returned true.
bool Confined(const std::function<bool()>& inside) {
  const pid_t child = fork();
  if (child == 0) {
    if (!EnterSandbox(kMemory).ok()) _exit(3);
    _exit(inside() ? 0 : 1);
  }
  int status = 0;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status)) << "signal " << WTERMSIG(status);
  EXPECT_NE(WEXITSTATUS(status), 3) << "no sandbox here";
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

bool Refused(long result) { return result == -1 && errno == EPERM; }

TEST(SandboxTest, FilesAreOutOfReach) {
  EXPECT_TRUE(Confined([] { return Refused(open("/etc/passwd", O_RDONLY)); }));
  EXPECT_TRUE(Confined([] { return Refused(open("/tmp/written", O_WRONLY | O_CREAT, 0600)); }));
  EXPECT_TRUE(Confined([] { return Refused(syscall(SYS_openat2, AT_FDCWD, "/", nullptr, 0)); }));
  EXPECT_TRUE(Confined([] { return Refused(unlink("/tmp/written")); }));
  EXPECT_TRUE(Confined([] {
    struct stat about = {};
    return Refused(stat("/etc/passwd", &about));
  }));
}

TEST(SandboxTest, TheNetworkIsOutOfReach) {
  for (const int family : {AF_INET, AF_INET6, AF_UNIX, AF_NETLINK}) {
    EXPECT_TRUE(Confined([&] { return Refused(socket(family, SOCK_STREAM, 0)); })) << family;
  }
  const int before = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_TRUE(Confined([&] {
    sockaddr_in address = {};
    address.sin_family = AF_INET;
    return Refused(connect(before, reinterpret_cast<sockaddr*>(&address), sizeof(address)));
  }));
  close(before);
}

TEST(SandboxTest, OtherProcessesAreOutOfReach) {
  EXPECT_TRUE(Confined([] { return Refused(fork()); }));
  EXPECT_TRUE(Confined([] { return Refused(vfork()); }));
  EXPECT_TRUE(Confined([] {
    char program[] = "/bin/true";
    char* arguments[] = {program, nullptr};
    return Refused(execv(program, arguments));
  }));
  EXPECT_TRUE(Confined([] { return Refused(kill(getppid(), 0)); }));
  EXPECT_TRUE(Confined([] { return Refused(syscall(SYS_tgkill, getppid(), getppid(), 0)); }));
  EXPECT_TRUE(Confined([] { return Refused(ptrace(PTRACE_ATTACH, getppid(), nullptr, nullptr)); }));
  EXPECT_TRUE(Confined([] { return Refused(syscall(SYS_process_vm_readv, 1, 0, 0, 0, 0, 0)); }));
}

TEST(SandboxTest, CannotBeLeft) {
  EXPECT_TRUE(Confined([] { return Refused(setuid(0)); }));
  EXPECT_TRUE(Confined([] { return Refused(syscall(SYS_prctl, 4 /* dumpable */, 1)); }));
  EXPECT_TRUE(Confined([] { return Refused(syscall(SYS_seccomp, 0, 0, nullptr)); }));
  EXPECT_TRUE(Confined([] { return Refused(syscall(SYS_unshare, 0)); }));
}

TEST(SandboxTest, MemoryIsLimitedAndNotShared) {
  EXPECT_TRUE(Confined([] { return std::malloc(kMemory / 2) != nullptr; }));
  EXPECT_TRUE(Confined([] { return std::malloc(kMemory * 2) == nullptr; }));
  EXPECT_TRUE(Confined([] {
    return mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0) ==
           MAP_FAILED;
  }));
}

TEST(SandboxTest, ThreadsTimeAndWhatIsOpenStay) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  EXPECT_TRUE(Confined([&] {
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    char byte = 'x';
    return ran && write(ends[0], &byte, 1) == 1;
  }));
  char byte = 0;
  EXPECT_EQ(read(ends[1], &byte, 1), 1);
  EXPECT_EQ(byte, 'x');
}

}  // namespace
}  // namespace recsae::probe
