#include "tests/unit/common/process/child.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>
#include <thread>

extern char** environ;

namespace recsae::testing {
namespace {

// Removes what the test program made, at its end.
struct TempDirs {
  ~TempDirs() {
    std::error_code ignored;
    for (const std::string& path : paths) std::filesystem::remove_all(path, ignored);
  }
  std::vector<std::string> paths;
};

std::string ReadAll(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Environment(const std::map<std::string, std::string>& added) {
  std::vector<std::string> result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    if (text.rfind("RECSAE_", 0) != 0) result.push_back(text);
  }
  for (const auto& [name, value] : added) result.push_back(name + "=" + value);
  return result;
}

std::vector<char*> Pointers(std::vector<std::string>& texts) {
  std::vector<char*> result;
  for (std::string& text : texts) result.push_back(text.data());
  result.push_back(nullptr);
  return result;
}

void Redirect(const std::string& path, int fd) {
  dup2(open(path.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_APPEND, 0600), fd);
}

}  // namespace

std::string NewTempDir() {
  std::string path = ::testing::TempDir() + "/recsae.XXXXXX";
  if (mkdtemp(path.data()) == nullptr) return "";
  static TempDirs made;
  made.paths.push_back(path);
  return path;
}

Child::Child(const std::string& program, const std::vector<std::string>& args,
             const std::map<std::string, std::string>& environment)
    : dir_(NewTempDir()) {
  std::vector<std::string> argv = {program};
  argv.insert(argv.end(), args.begin(), args.end());
  std::vector<std::string> envp = Environment(environment);
  const std::vector<char*> argv_pointers = Pointers(argv);
  const std::vector<char*> envp_pointers = Pointers(envp);
  const std::string out_path = dir_ + "/out";
  const std::string err_path = dir_ + "/err";
  pid_ = fork();
  if (pid_ == 0) {
    Redirect(out_path, STDOUT_FILENO);
    Redirect(err_path, STDERR_FILENO);
    execve(program.c_str(), argv_pointers.data(), envp_pointers.data());
    _exit(127);
  }
}

Child::~Child() {
  if (!running()) return;
  Signal(SIGKILL);
  Wait();
}

void Child::Signal(int number) const { kill(pid_, number); }

int Child::Wait() {
  int status = 0;
  if (status_ < 0 && waitpid(pid_, &status, 0) == pid_) {
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return status_;
}

bool Child::running() {
  int status = 0;
  if (status_ < 0 && waitpid(pid_, &status, WNOHANG) == pid_) {
    status_ = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  return status_ < 0;
}

std::string Child::out() const { return ReadAll(dir_ + "/out"); }
std::string Child::err() const { return ReadAll(dir_ + "/err"); }

int WaitForPort(Child& child, const std::string& port_file) {
  while (child.running()) {
    std::ifstream in(port_file);
    int port = 0;
    if (in >> port) return port;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return 0;
}

std::string HttpGet(int port, const std::string& path) {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  std::string response;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) {
    const std::string request = "GET " + path + (path.empty() ? "" : " ") + "HTTP/1.0\r\n\r\n";
    if (send(fd, request.data(), request.size(), 0) == static_cast<ssize_t>(request.size())) {
      char buffer[4096];
      for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer), 0)) > 0;) {
        response.append(buffer, static_cast<size_t>(n));
      }
    }
  }
  close(fd);
  const size_t body = response.find("\r\n\r\n");
  return body == std::string::npos ? "" : response.substr(body + 4);
}

}  // namespace recsae::testing
