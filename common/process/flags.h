// Flags of a program: command line over environment over config file over default.
#ifndef RECSAE_COMMON_PROCESS_FLAGS_H_
#define RECSAE_COMMON_PROCESS_FLAGS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace recsae {

// Value of an address flag for something that is not wanted.
inline constexpr char kOff[] = "off";

// "RECSAE_LOG_LEVEL" for "log-level".
std::string EnvironmentName(absl::string_view flag);

// A set of named values. Each Add* takes the name without dashes, where to put the value (which
// holds the default when it is added, and must outlive Parse) and a help text that states the unit.
// A text or a path of a name that is there already is the same flag: both values are set.
// Not thread-safe.
class FlagSet {
 public:
  // `program` and `description` open --help and `examples` closes it. Adds --help, --version (which
  // prints `version`) and --config FILE.
  FlagSet(const std::string& program, const std::string& description, const std::string& examples,
          const std::string& version);
  ~FlagSet();
  FlagSet(const FlagSet&) = delete;
  FlagSet& operator=(const FlagSet&) = delete;

  // Heading in --help of the flags added from here on.
  void Group(std::string title);

  void Add(absl::string_view name, std::string* value, absl::string_view help);
  void Add(absl::string_view name, bool* value, absl::string_view help);
  // A file or folder; ~ and ~/… are the home directory.
  void AddPath(absl::string_view name, std::string* value, absl::string_view help);
  // Several, separated by colons.
  void AddPaths(absl::string_view name, std::string* value, absl::string_view help);
  // Refuses values outside [low, high].
  void Add(absl::string_view name, int64_t* value, absl::string_view help, int64_t low,
           int64_t high);
  void Add(absl::string_view name, double* value, absl::string_view help, double low, double high);
  // A size above 0, or also 0: "1073741824", "1024MiB", "1GiB" (see ParseBytes).
  void AddBytes(absl::string_view name, int64_t* bytes, absl::string_view help,
                bool allow_zero = false);
  // Refuses values that are not among `choices`, which are lower-case; capitals are taken for
  // these.
  void AddChoice(absl::string_view name, std::string* value, absl::string_view help,
                 const std::vector<std::string>& choices);
  // Host and port, "127.0.0.1:7401" or "[::1]:7401", as ReadAddress takes them: to listen on, where
  // port 0 is any free port, if `allow_any`, else to dial. kOff is accepted where `allow_off`, and
  // so are "none" and an empty value, which become kOff.
  void AddAddress(absl::string_view name, std::string* value, absl::string_view help,
                  bool allow_any, bool allow_off);

  // Reads `flag` (added before) from `variable` instead of from EnvironmentName(flag).
  void ReadFrom(absl::string_view flag, const std::string& variable);

  // Sets all values; where a flag is given twice the last one counts. Returns -1 if the program
  // should go on, else its exit status: 0 after --help or --version (printed to standard output), 2
  // after one line on standard error.
  int Parse(int argc, const char* const* argv);

  // After Parse: whether command line, environment or config file gave the flag.
  bool Given(absl::string_view name) const;

  // After Parse, a sentence each: flags that were given twice, and variables of the environment
  // that are nearly one of a flag's.
  const std::vector<std::string>& warnings() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace recsae

#endif  // RECSAE_COMMON_PROCESS_FLAGS_H_
