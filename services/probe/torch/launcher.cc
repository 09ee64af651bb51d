#include "services/probe/torch/launcher.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

constexpr char kProgram[] = "recsae-torch-host";
// In the child; in this process they are above, so that neither takes the other's place.
constexpr int kSocket = 3, kModel = 4, kAbove = 10;

// What of the environment it gets: how to load and to run its libraries. Not what may be secret.
constexpr const char* kPassedOn[] = {"PATH=", "LD_",    "LANG",    "LC_",       "TZ=",   "OMP_",
                                     "GOMP_", "KMP_",   "MKL_",    "OPENBLAS_", "DNNL_", "ONEDNN_",
                                     "ATEN_", "TORCH_", "MALLOC_", "GLIBC_"};

bool CanRun(const std::string& path) { return access(path.c_str(), X_OK) == 0; }

// Where it is looked for where nobody says where it is.
std::vector<std::string> Places() {
  std::vector<std::string> places;
  char own[PATH_MAX];
  if (const ssize_t length = readlink("/proc/self/exe", own, sizeof(own)); length > 0) {
    const std::string path(own, static_cast<size_t>(length));
    places.push_back(absl::StrCat(path.substr(0, path.rfind('/')), "/", kProgram));
  }
  const char* path = std::getenv("PATH");
  for (const absl::string_view folder : absl::StrSplit(path == nullptr ? "" : path, ':')) {
    if (!folder.empty()) places.push_back(absl::StrCat(folder, "/", kProgram));
  }
  return places;
}

std::vector<char*> Environment() {
  std::vector<char*> passed;
  for (char** one = environ; *one != nullptr; ++one) {
    for (const char* prefix : kPassedOn) {
      if (absl::StartsWith(*one, prefix)) {
        passed.push_back(*one);
        break;
      }
    }
  }
  passed.push_back(nullptr);
  return passed;
}

absl::Status NotStarted(const std::string& program, int error) {
  return Error(absl::StatusCode::kUnavailable, "HOST_AWAY",
               absl::StrCat(program, " could not be started: ", std::strerror(error)));
}

class OwnedFile {
 public:
  explicit OwnedFile(int file) : file_(file) {}
  ~OwnedFile() {
    if (file_ >= 0) close(file_);
  }
  OwnedFile(const OwnedFile&) = delete;
  OwnedFile& operator=(const OwnedFile&) = delete;
  int get() const { return file_; }
  int Release() { return std::exchange(file_, -1); }

 private:
  int file_;
};

// 0, or what went wrong.
int Spawn(const std::string& program, int socket, int model, pid_t* pid) {
  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&files);
  posix_spawnattr_init(&attributes);
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&files, socket, kSocket);
  if (model >= 0) posix_spawn_file_actions_adddup2(&files, model, kModel);
  posix_spawn_file_actions_addclosefrom_np(&files, model >= 0 ? kModel + 1 : kSocket + 1);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> words = {program, absl::StrCat(kSocket),
                                    absl::StrCat(model >= 0 ? kModel : -1), absl::StrCat(getpid())};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  const int error = posix_spawn(pid, program.c_str(), &files, &attributes, arguments.data(),
                                Environment().data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  return error;
}

absl::StatusOr<std::unique_ptr<ChildProcess>> StartHere(const std::string& program, int model) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return NotStarted(program, errno);
  }
  OwnedFile own(ends[0]), low(ends[1]);
  const OwnedFile given(fcntl(low.get(), F_DUPFD_CLOEXEC, kAbove));
  const OwnedFile file(model < 0 ? -1 : fcntl(model, F_DUPFD_CLOEXEC, kAbove));
  if (given.get() < 0 || (model >= 0 && file.get() < 0)) return NotStarted(program, errno);
  pid_t pid = 0;
  if (const int error = Spawn(program, given.get(), file.get(), &pid); error != 0) {
    return NotStarted(program, error);
  }
  return std::make_unique<ChildProcess>(pid, own.Release());
}

}  // namespace

Launcher::Launcher(std::string program)
    : program_(std::move(program)), thread_([this] { Work(); }) {}

Launcher::~Launcher() {
  {
    absl::MutexLock lock(&mutex_);
    ending_ = true;
  }
  thread_.join();
}

absl::StatusOr<std::string> Launcher::Find() const {
  const std::vector<std::string> places =
      program_.empty() ? Places() : std::vector<std::string>{program_};
  for (const std::string& place : places) {
    if (CanRun(place)) return place;
  }
  return Error(absl::StatusCode::kNotFound, "TORCH_HOST_MISSING",
               absl::StrCat("there is no program ", absl::StrJoin(places, ", ")));
}

absl::StatusOr<std::unique_ptr<ChildProcess>> Launcher::Start(int model) {
  RECSAE_ASSIGN_OR_RETURN(const std::string program, Find());
  absl::StatusOr<std::unique_ptr<ChildProcess>> started;
  bool done = false;
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](std::function<void()>* task) { return *task == nullptr; }, &task_));
  task_ = [&] {
    started = StartHere(program, model);
    done = true;
  };
  mutex_.Await(absl::Condition(&done));
  return started;
}

void Launcher::Work() {
  absl::MutexLock lock(&mutex_);
  const auto wanted = [this]() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return ending_ || task_ != nullptr;
  };
  while (true) {
    mutex_.Await(absl::Condition(&wanted));
    if (task_ == nullptr) return;
    std::exchange(task_, nullptr)();
  }
}

}  // namespace recsae::probe
