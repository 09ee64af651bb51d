#include "services/probe/torch/child_process.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

constexpr int kPollMilliseconds = 5;

absl::Status Away(absl::string_view why) {
  return Error(absl::StatusCode::kUnavailable, "HOST_AWAY", why);
}

std::string Describe(int status) {
  if (WIFSIGNALED(status)) {
    const int number = WTERMSIG(status);
    return absl::StrCat("was killed by signal ", number, " (", strsignal(number), ")");
  }
  return absl::StrCat("ended with exit status ", WEXITSTATUS(status));
}

}  // namespace

ChildProcess::ChildProcess(pid_t pid, int socket) : pid_(pid), socket_(socket), reader_(socket) {}

ChildProcess::~ChildProcess() {
  Ending();
  close(socket_);
}

absl::Status ChildProcess::Send(const torch_host::v1::ToHost& message) {
  absl::MutexLock lock(&write_mutex_);
  return WriteFrame(socket_, message);
}

absl::Status ChildProcess::Receive(torch_host::v1::FromHost* message) {
  RECSAE_ASSIGN_OR_RETURN(const bool got, reader_.Read(message));
  return got ? absl::OkStatus() : Away("recsae-torch-host is gone");
}

absl::Status ChildProcess::Receive(torch_host::v1::FromHost* message, absl::Time deadline,
                                   const std::function<bool()>& cancelled) {
  while (!reader_.Wait(kPollMilliseconds)) {
    if (cancelled && cancelled()) {
      return Error(absl::StatusCode::kCancelled, "CANCELLED", "the caller has gone");
    }
    if (absl::Now() >= deadline) {
      return Error(absl::StatusCode::kDeadlineExceeded, "HOST_SLOW",
                   "recsae-torch-host did not answer in time");
    }
  }
  return Receive(message);
}

void ChildProcess::Kill() {
  absl::MutexLock lock(&mutex_);
  if (reaped_) return;
  kill(pid_, SIGKILL);
  // Whatever else may have the other end.
  shutdown(socket_, SHUT_RDWR);
}

std::string ChildProcess::Ending() {
  Kill();
  absl::MutexLock lock(&mutex_);
  if (reaped_) return ending_;
  int status = 0;
  pid_t waited = 0;
  do {
    waited = waitpid(pid_, &status, 0);
  } while (waited < 0 && errno == EINTR);
  reaped_ = true;
  ending_ = waited == pid_ ? Describe(status) : "ended";
  return ending_;
}

int64_t ChildProcess::PrivateBytes() const {
  long size = 0, resident = 0, shared = 0;
  const std::string path = absl::StrCat("/proc/", pid_, "/statm");
  if (std::FILE* file = std::fopen(path.c_str(), "re"); file != nullptr) {
    if (std::fscanf(file, "%ld %ld %ld", &size, &resident, &shared) != 3) resident = shared = 0;
    std::fclose(file);
  }
  return std::max(0L, resident - shared) * int64_t{sysconf(_SC_PAGESIZE)};
}

}  // namespace recsae::probe
