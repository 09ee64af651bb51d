// A server as a child process, for tests of what only a whole process shows.
#ifndef RECSAE_TESTS_UNIT_COMMON_PROCESS_CHILD_H_
#define RECSAE_TESTS_UNIT_COMMON_PROCESS_CHILD_H_

#include <sys/types.h>

#include <map>
#include <string>
#include <vector>

namespace recsae::testing {

// A new empty directory for the running test.
std::string NewTempDir();

// Starts `program` with `args` and `environment` (added to the test's own, without RECSAE_*). The
// destructor kills it.
class Child {
 public:
  Child(const std::string& program, const std::vector<std::string>& args,
        const std::map<std::string, std::string>& environment = {});
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  pid_t pid() const { return pid_; }
  void Signal(int number) const;
  // Exit status, or 128 + signal.
  int Wait();
  bool running();
  // What it has written so far.
  std::string out() const;
  std::string err() const;

 private:
  std::string dir_;
  pid_t pid_ = -1;
  int status_ = -1;
};

// Waits for a server to write its --port-file; 0 if the child ends first.
int WaitForPort(Child& child, const std::string& port_file);

// Body of GET http://127.0.0.1:port/path; "" on failure.
std::string HttpGet(int port, const std::string& path);

}  // namespace recsae::testing

#endif  // RECSAE_TESTS_UNIT_COMMON_PROCESS_CHILD_H_
