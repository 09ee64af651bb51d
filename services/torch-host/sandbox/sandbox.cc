#include "services/torch-host/sandbox/sandbox.h"

#include <fcntl.h>
#include <malloc.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <initializer_list>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/status.h"

namespace recsae::probe {
namespace {

constexpr int kOpenFiles = 16;  // more than are open

// What libc and libtorch use when they compute: memory, threads of this process, time, what is
// open.
constexpr int kAllowed[] = {
    // memory
    SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(mremap), SCMP_SYS(munmap), SCMP_SYS(mprotect),
    // what is open
    SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(recvfrom), SCMP_SYS(sendto), SCMP_SYS(close),
    SCMP_SYS(fstat), SCMP_SYS(poll), SCMP_SYS(ppoll),
    // threads
    SCMP_SYS(exit), SCMP_SYS(exit_group), SCMP_SYS(futex), SCMP_SYS(get_robust_list),
    SCMP_SYS(set_robust_list), SCMP_SYS(set_tid_address), SCMP_SYS(rseq), SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity), SCMP_SYS(membarrier), SCMP_SYS(gettid), SCMP_SYS(getpid),
    SCMP_SYS(getcpu),
    // signals to itself
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    // time and random numbers
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(clock_nanosleep), SCMP_SYS(nanosleep),
    SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(getrandom),
    // what it is told about itself
    SCMP_SYS(sysinfo), SCMP_SYS(uname), SCMP_SYS(getrusage)};

absl::Status Unavailable(absl::string_view what, int error) {
  return Error(absl::StatusCode::kInternal, "SANDBOX_UNAVAILABLE",
               absl::StrCat("modules cannot be run here, as they could not be confined: ", what,
                            ": ", std::strerror(error)));
}

// Bytes of address space of this process.
int64_t AddressSpace() {
  long pages = 0;
  if (std::FILE* file = std::fopen("/proc/self/statm", "re"); file != nullptr) {
    if (std::fscanf(file, "%ld", &pages) != 1) pages = 0;
    std::fclose(file);
  }
  return int64_t{pages} * sysconf(_SC_PAGESIZE);
}

absl::Status LimitResources(int64_t memory) {
  const int64_t held = AddressSpace();
  if (held == 0) return Unavailable("/proc/self/statm", ENOENT);
  // A thread of its own has no arena of its own: each reserves 64 MiB of addresses.
  mallopt(M_ARENA_MAX, 1);
  const struct {
    __rlimit_resource_t resource;
    int64_t limit;
    const char* name;
  } limits[] = {{RLIMIT_AS, held + memory, "RLIMIT_AS"},
                {RLIMIT_CORE, 0, "RLIMIT_CORE"},
                {RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"},
                {RLIMIT_NOFILE, kOpenFiles, "RLIMIT_NOFILE"}};
  for (const auto& [resource, limit, name] : limits) {
    const rlimit both = {static_cast<rlim_t>(limit), static_cast<rlim_t>(limit)};
    if (setrlimit(resource, &both) != 0) return Unavailable(name, errno);
  }
  return absl::OkStatus();
}

// A module's output would stand in the server's log as if it were the server's.
absl::Status DropOutput() {
  const int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  if (null < 0) return Unavailable("/dev/null", errno);
  for (const int output : {0, 1, 2}) dup2(null, output);
  close(null);
  return absl::OkStatus();
}

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;

// 0, or what went wrong.
int AddRules(scmp_filter_ctx filter) {
  for (const int call : kAllowed) {
    if (const int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0); error != 0) {
      return error;
    }
  }
  const auto add = [&](int call, std::initializer_list<scmp_arg_cmp> arguments) {
    return seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, call,
                                  static_cast<unsigned>(arguments.size()), arguments.begin());
  };
  const auto own = static_cast<scmp_datum_t>(getpid());
  for (const int error :
       {// Threads, not processes. glibc asks for clone where there is no clone3.
        add(SCMP_SYS(clone), {SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD)}),
        seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0),
        // Nothing that is shared: that would not count as this process's memory.
        add(SCMP_SYS(mmap), {SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0)}),
        // abort()
        add(SCMP_SYS(tgkill), {SCMP_A0(SCMP_CMP_EQ, own)}),
        // Of itself, and only asking.
        add(SCMP_SYS(prlimit64), {SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0)})}) {
    if (error != 0) return error;
  }
  return 0;
}

absl::Status InstallFilter() {
  const Filter filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)), seccomp_release);
  if (filter == nullptr) return Unavailable("seccomp_init", ENOMEM);
  if (const int error = AddRules(filter.get()); error != 0) {
    return Unavailable("seccomp_rule_add", -error);
  }
  // With no_new_privs, and for all threads.
  if (const int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); error != 0) {
    return Unavailable("SECCOMP_FILTER_FLAG_TSYNC", -error);
  }
  if (const int error = seccomp_load(filter.get()); error != 0) {
    return Unavailable("seccomp_load", -error);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status EnterSandbox(int64_t memory) {
  RECSAE_RETURN_IF_ERROR(DropOutput());
  RECSAE_RETURN_IF_ERROR(LimitResources(memory));
  // Nor may others of the same user look into it.
  if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return Unavailable("PR_SET_DUMPABLE", errno);
  return InstallFilter();
}

}  // namespace recsae::probe
