// An operator new that refuses now and then, for a server of tests: linked into it, and into
// nothing else. Nothing is refused before the process is sent SIGUSR1.
//
// RECSAE_REFUSE_ALLOCATIONS = "seed,one_in,least_bytes" says how many: one in `one_in` (by chance,
// from the seed) of those of at least `least_bytes` bytes that this program's own code asks for,
// the containers that it uses among it. What RocksDB, gRPC, protobuf and libtorch ask for in their
// shared libraries is never refused: they end the process then, and that is not what this is about.
#include <execinfo.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

// Where this program's own code begins and ends, by the linker.
extern "C" const char __executable_start;
extern "C" const char etext;

namespace {

std::atomic<bool> armed = false;
std::atomic<uint64_t> asked = 0;
uint64_t seed = 0;
uint64_t one_in = 0;
uint64_t least_bytes = 0;

const bool installed = [] {
  const char* text = std::getenv("RECSAE_REFUSE_ALLOCATIONS");
  unsigned long long a = 0, b = 0, c = 0;
  if (text == nullptr || std::sscanf(text, "%llu,%llu,%llu", &a, &b, &c) != 3 || b == 0) {
    return false;
  }
  seed = a, one_in = b, least_bytes = c;
  std::array<void*, 1> frame;
  backtrace(frame.data(), 1);  // its first call allocates
  std::signal(SIGUSR1, [](int) { armed = true; });
  return true;
}();

// SplitMix64 (Steele et al. 2014).
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// Whether this program's own code asks. Strings and containers of a shared library may be
// instantiated here, too: it is who called them that counts.
[[gnu::noinline]] bool IsOurs() {
  constexpr int kSkipped = 3;  // this function, Refused, operator new
  constexpr int kLooked = 5;
  std::array<void*, kSkipped + kLooked> frames;
  const int count = backtrace(frames.data(), static_cast<int>(frames.size()));
  for (int i = kSkipped; i < count; ++i) {
    if (frames[i] < &__executable_start || frames[i] >= &etext) return false;
  }
  return true;
}

[[gnu::noinline]] bool Refused(std::size_t bytes) {
  if (!armed || bytes < least_bytes) return false;
  if (Mix(Mix(seed) + asked++) % one_in != 0 || !IsOurs()) return false;
  constexpr char kLine[] = "{\"message\":\"allocation refused\"}\n";
  return write(STDERR_FILENO, kLine, sizeof(kLine) - 1) > 0;
}

}  // namespace

void* operator new(std::size_t bytes) {
  if (!Refused(bytes)) {
    if (void* memory = std::malloc(bytes == 0 ? 1 : bytes); memory != nullptr) return memory;
  }
  throw std::bad_alloc();
}

void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
